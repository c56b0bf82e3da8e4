"""The posterior from the Hessian at a minimum (Laplace), and whether to trust it.

The Gauss-Newton Hessian leaves out second derivatives of the model. Draws from the
normal posterior are weighed by the true cost: where few of them carry the weight, the
normal form is not reliable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from masm.errors import InputError
from masm.minimisation.objective import factor, whiten
from masm.minimisation.reliability import reliability

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Laplace:
    """A normal posterior with draws that were checked on the true cost.

    Attributes
    ----------
    mean : ndarray (n,)
    covariance : ndarray (n, n)
    draws : ndarray (draw, n)
    weights : ndarray (draw,)
        Importance weights of the draws, summing to 1; 0 where the cost is not finite.
    effective_share : float
        Effective number of draws over their number.
    n_not_finite : int
        Draws whose cost is not finite.
    status : {"reliable", "doubtful", "unreliable"}
    reasons : tuple of str
        Why the status is not "reliable".

    Examples
    --------
    >>> import numpy as np
    >>> from masm.methods.variational import laplace_posterior
    >>> found = laplace_posterior(
    ...     lambda x: 0.5 * float(x @ x), [0.0], [[1.0]], n_draws=50,
    ...     rng=np.random.default_rng(1),
    ... )
    >>> found.status
    'reliable'
    """

    mean: Array
    covariance: Array
    draws: Array
    weights: Array
    effective_share: float
    n_not_finite: int
    status: str
    reasons: tuple[str, ...]

    @property
    def sd(self) -> Array:
        """Standard deviation of each element (n,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def weighted_mean(self) -> Array:
        """Mean under the importance weights (n,)."""
        return self.weights @ self.draws

    @property
    def weighted_sd(self) -> Array:
        """Standard deviation under the importance weights (n,)."""
        deviation = self.draws - self.weighted_mean
        return np.sqrt(self.weights @ deviation**2)


def laplace_posterior(
    cost: Callable[[Array], float | tuple[float, Array]],
    x: ArrayLike,
    covariance: ArrayLike,
    *,
    n_draws: int = 200,
    rng: np.random.Generator,
    at_bound: Sequence[str] = (),
    collapsed: Sequence[str] = (),
) -> Laplace:
    """Draw from the normal posterior at a minimum, and weigh the draws.

    Parameters
    ----------
    cost : callable
        ``cost(x)`` is J, or (J, gradient); minus the log posterior.
    x : array_like (n,)
        The minimum.
    covariance : array_like (n, n)
        Inverse of the Hessian there.
    n_draws : int
    rng : numpy.random.Generator
    at_bound, collapsed : sequence of str
        What :func:`four_d_var` reports; either makes the status at most "doubtful".

    Returns
    -------
    Laplace

    Raises
    ------
    InputError
        Where the covariance is not positive definite, or the cost at ``x`` is not
        finite.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> cost = lambda x: 0.5 * float(x @ x)
    >>> laplace_posterior(cost, [0.0], [[1.0]], n_draws=50, rng=rng).status
    'reliable'
    """
    mean = np.atleast_1d(np.asarray(x, float))
    matrix = np.atleast_2d(np.asarray(covariance, float))
    lower = factor(matrix, mean.size, "posterior covariance")
    if n_draws < 1:
        raise InputError("n_draws", found=n_draws, wanted="at least 1")
    lowest = _value(cost, mean)
    if not np.isfinite(lowest):
        raise InputError("cost at the minimum", found=lowest, wanted="a finite number")
    normal = rng.standard_normal((n_draws, mean.size))
    draws = mean + normal @ lower.T
    values = np.array([_value(cost, draw) for draw in draws])
    log_weights = 0.5 * np.sum(normal**2, axis=1) - (values - lowest)
    finite = np.isfinite(values)
    weights = np.zeros(n_draws)
    if finite.any():
        weights[finite] = np.exp(log_weights[finite] - log_weights[finite].max())
        weights /= weights.sum()
    fraction = float(1.0 / np.sum(weights**2) / n_draws) if finite.any() else 0.0
    status, reasons = _status(fraction, int(np.sum(~finite)), at_bound, collapsed)
    return Laplace(
        mean, matrix, draws, weights, fraction, int(np.sum(~finite)), status, reasons
    )


def _value(cost: Callable[[Array], float | tuple[float, Array]], x: Array) -> float:
    result = cost(x)
    return float(result[0] if isinstance(result, tuple) else result)


def _status(
    fraction: float, n_bad: int, at_bound: Sequence[str], collapsed: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    reasons = []
    status = reliability(fraction)
    if status != "reliable":
        reasons.append(f"only {100.0 * fraction:.0f} % of the draws are effective")
    for what, names in (("at a bound", at_bound), ("collapsed", collapsed)):
        if names:
            status = "doubtful" if status == "reliable" else status
            reasons.append(f"{what}: {', '.join(names)}")
    if n_bad:
        status = "doubtful" if status == "reliable" else status
        reasons.append(f"the cost is not finite at {n_bad} draws")
    return status, tuple(reasons)


def low_rank_covariance(
    product: Callable[[Array], Array], n: int, rank: int, *, rng: np.random.Generator
) -> Array:
    """Posterior covariance from products with the data part of the Hessian.

    ``A = I - V diag(l / (1 + l)) V'`` with the ``rank`` largest eigenvalues ``l`` and
    eigenvectors of ``S'S``, found by Lanczos; for many controls (prior covariance I).

    Parameters
    ----------
    product : callable
        ``product(v)`` is ``S'S v``: the adjoint of the weighed tangent.
    n, rank : int
        Controls, and eigenvectors; ``rank`` is below ``n``.
    rng : numpy.random.Generator
        Draws the first vector.

    Returns
    -------
    ndarray (n, n)

    Examples
    --------
    >>> s = np.diag([3.0, 0.0, 0.0])
    >>> rng = np.random.default_rng(1)
    >>> np.diag(low_rank_covariance(lambda v: s @ s @ v, 3, 1, rng=rng)).round(12)
    array([0.1, 1. , 1. ])
    """
    if not 0 < rank < n:
        raise InputError("rank", found=rank, wanted=f"1 to {n - 1}")
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    values, vectors = eigsh(operator, k=rank, v0=rng.standard_normal(n))
    values = np.maximum(values, 0.0)
    result: Array = np.eye(n) - (vectors * (values / (1.0 + values))) @ vectors.T
    return result


def gauss_newton_covariance(
    jacobian: ArrayLike,
    observation_covariance: ArrayLike,
    background_covariance: ArrayLike,
) -> Array:
    """``(M' R^-1 M + B^-1)^-1``, the inverse of the Gauss-Newton Hessian (n, n).

    Parameters
    ----------
    jacobian : array_like (observation, n)
    observation_covariance, background_covariance : array_like
        Variances or full matrices R and B.

    Examples
    --------
    >>> gauss_newton_covariance([[2.0]], [1.0], [1.0])
    array([[0.2]])
    """
    m = np.atleast_2d(np.asarray(jacobian, float))
    lower_r = factor(observation_covariance, m.shape[0], "observation covariance R")
    lower_b = factor(background_covariance, m.shape[1], "background covariance B")
    if not np.isfinite(m).all():
        raise InputError("jacobian", found="numbers that are not finite", wanted="none")
    root = np.diag(lower_b) if lower_b.ndim == 1 else lower_b
    # In the coordinates where B is I the matrix to invert has no eigenvalue below 1.
    s = whiten(lower_r, m) @ root
    if s.shape[0] < s.shape[1]:  # fewer observations than controls
        small = np.linalg.solve(s @ s.T + np.eye(s.shape[0]), s)
        inner: Any = np.eye(s.shape[1]) - s.T @ small
    else:
        inner = np.linalg.inv(s.T @ s + np.eye(s.shape[1]))
    result: Array = root @ (0.5 * (inner + inner.T)) @ root.T
    return result
