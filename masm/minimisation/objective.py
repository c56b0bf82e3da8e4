"""The cost function of variational assimilation, with its gradient.

``J(x) = 1/2 (H(x) - y)' R^-1 (H(x) - y) + 1/2 (x - b)' B^-1 (x - b)``
(Courtier et al. 1994). ``R`` and ``B`` are variances or full covariance matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from masm.errors import InputError

Array = NDArray[np.float64]

#: A cost and its gradient.
ValueAndGradient = Callable[[Array], tuple[float, Array]]


@runtime_checkable
class Differentiable(Protocol):
    """A model that simulates observations and has an adjoint."""

    def observe(self, x: Array) -> Array:
        """Simulated observations (observation,)."""

    def vjp(self, x: Array, w: Array) -> Array:
        """Gradient of ``w' observe(x)`` (n,)."""


def require(model: Any, names: Sequence[str], purpose: str) -> None:
    """Refuse a model that lacks a derivative.

    Raises
    ------
    InputError
        Naming the first of ``names`` that the model does not have.
    """
    for name in names:
        if not callable(getattr(model, name, None)):
            raise InputError(
                f"the model {type(model).__name__} has no derivatives",
                found=f"no method {name}",
                wanted=f"{name}, for {purpose}",
                hint="Use a method that needs no derivatives, such as 4DEnVar.",
            )


def factor(covariance: ArrayLike, n: int, name: str) -> Array:
    """Lower factor ``L`` of a covariance ``L L'``, from variances or a matrix.

    Parameters
    ----------
    covariance : array_like
        Variances (n,), one variance for all, or a matrix (n, n).
    n : int
    name : str
        What to call it in an error.

    Returns
    -------
    ndarray
        Standard deviations (n,) where variances were given, else a matrix (n, n).

    Raises
    ------
    InputError
        Where a variance is not positive, or the matrix is not symmetric and positive
        definite.

    Examples
    --------
    >>> factor([4.0, 9.0], 2, "R")
    array([2., 3.])
    """
    c = np.asarray(covariance, float)
    if c.ndim == 0:
        c = np.full(n, float(c))
    if c.shape not in ((n,), (n, n)):
        raise InputError(name, found=f"shape {c.shape}", wanted=f"({n},) or ({n}, {n})")
    variances = c if c.ndim == 1 else np.diag(c)
    bad = ~(np.isfinite(variances) & (variances > 0.0))
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{name}, variance {first}",
            found=f"{variances[first]:g}",
            wanted="a positive number",
        )
    if c.ndim == 1:
        return np.sqrt(c)
    if not np.allclose(c, c.T, rtol=1e-10, atol=0.0):
        raise InputError(name, found="an asymmetric matrix", wanted="a symmetric one")
    try:
        return np.linalg.cholesky(c)
    except np.linalg.LinAlgError as exc:
        lowest = float(np.linalg.eigvalsh(c)[0])
        raise InputError(
            f"{name} is not positive definite",
            found=f"a smallest eigenvalue of {lowest:g}",
            wanted="all eigenvalues above 0",
            hint="Correlations that contradict each other, or fewer samples than rows?",
        ) from exc


def whiten(lower: Array, values: Array) -> Array:
    """``L^-1 values``, for a factor that :func:`factor` gave."""
    if lower.ndim == 1:
        return values / (lower if values.ndim == 1 else lower[:, None])
    return np.asarray(solve_triangular(lower, values, lower=True))


def whiten_back(lower: Array, values: Array) -> Array:
    """``L'^-1 values``, the transpose of :func:`whiten`."""
    if lower.ndim == 1:
        return values / (lower if values.ndim == 1 else lower[:, None])
    return np.asarray(solve_triangular(lower, values, lower=True, trans="T"))


class Objective:
    """Misfit to observations plus distance from the background.

    Parameters
    ----------
    model : object
        With ``observe(x)`` and ``vjp(x, w)``; see :class:`Differentiable`.
    values : ndarray (observation,)
    observation_covariance : array_like
        Variances (observation,), or the full matrix R.
    background : ndarray (n,)
    background_covariance : array_like
        Variances (n,), or the full matrix B.

    Raises
    ------
    InputError
        A model without an adjoint, a variance that is not positive, a matrix that is
        not positive definite, or shapes that do not fit.

    Examples
    --------
    >>> class Line:
    ...     def observe(self, x): return 2.0 * x
    ...     def vjp(self, x, w): return 2.0 * w
    >>> cost = Objective(Line(), np.array([2.0]), [1.0], np.zeros(1), [1.0])
    >>> cost(np.array([0.0]))
    (2.0, array([-4.]))
    """

    def __init__(
        self,
        model: Any,
        values: ArrayLike,
        observation_covariance: ArrayLike,
        background: ArrayLike,
        background_covariance: ArrayLike,
    ) -> None:
        require(model, ("observe", "vjp"), "the exact gradient of the cost")
        self.model = model
        self.values = np.asarray(values, float)
        self.background = np.asarray(background, float)
        for name, array in (("values", self.values), ("background", self.background)):
            if array.ndim != 1 or not np.isfinite(array).all():
                raise InputError(
                    name,
                    found=f"shape {array.shape}, "
                    f"{int(np.sum(~np.isfinite(array)))} not finite",
                    wanted="one axis of finite numbers",
                )
        self.observation_factor = factor(
            observation_covariance, self.values.size, "observation covariance R"
        )
        self.background_factor = factor(
            background_covariance, self.background.size, "background covariance B"
        )

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Cost and gradient at ``x`` (n,)."""
        misfit = np.asarray(self.model.observe(x), float) - self.values
        r = whiten(self.observation_factor, misfit)
        b = whiten(self.background_factor, np.asarray(x, float) - self.background)
        value = 0.5 * float(r @ r) + 0.5 * float(b @ b)
        if not np.isfinite(value):
            return value, np.full(b.size, np.nan)
        weight = whiten_back(self.observation_factor, r)
        return value, self.model.vjp(x, weight) + whiten_back(self.background_factor, b)
