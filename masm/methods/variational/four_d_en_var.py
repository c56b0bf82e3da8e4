"""Ensemble variational assimilation without an adjoint (4DEnVar).

The cost is minimised in the space of an ensemble of prior perturbations (Liu et al.
2008; for land models Pinnington et al. 2020, LAVENDAR). The model is only run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.minimisation.objective import factor, whiten

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EnsembleAnalysis:
    """What an ensemble analysis gives.

    Attributes
    ----------
    x : ndarray (n,)
        The analysis.
    cost : float
        True cost at ``x``; an analysis that does not lower it is no good.
    cost_at_background : float
    perturbations : ndarray (n, member)
        Square root of the posterior covariance.
    costs : tuple of float
        True cost after each round.
    n_model_runs : int
    n_failed : int
        Members whose run was not finite, and which were left out.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.methods.variational import four_d_en_var
    >>> found = four_d_en_var(
    ...     lambda x: 2.0 * x, [2.0], [1.0], [0.0], [1.0],
    ...     n_members=50, rng=np.random.default_rng(1),
    ... )
    >>> found.n_failed, found.cost < found.cost_at_background
    (0, True)
    """

    x: Array
    cost: float
    cost_at_background: float
    perturbations: Array
    costs: tuple[float, ...]
    n_model_runs: int
    n_failed: int

    @property
    def covariance(self) -> Array:
        """Posterior covariance (n, n)."""
        return self.perturbations @ self.perturbations.T

    @property
    def sd(self) -> Array:
        """Posterior standard deviation (n,)."""
        return np.sqrt(np.sum(self.perturbations**2, axis=1))


def four_d_en_var(
    observe: Callable[[Array], Array],
    values: ArrayLike,
    observation_covariance: ArrayLike,
    background: ArrayLike,
    background_covariance: ArrayLike,
    *,
    n_members: int,
    rng: np.random.Generator,
    n_rounds: int = 1,
    shrink: float = 0.1,
) -> EnsembleAnalysis:
    """Minimise the cost in the space of an ensemble.

    Parameters
    ----------
    observe : callable
        ``observe(x)`` (observation,).
    values : array_like (observation,)
    observation_covariance : array_like
        Variances, or the full matrix R.
    background : array_like (n,)
    background_covariance : array_like
        Variances, or the full matrix B.
    n_members : int
    rng : numpy.random.Generator
    n_rounds : int
        Later rounds linearise about the last analysis, with perturbations scaled by
        ``shrink``; the prior stays the same. A round that raises the true cost is
        halved towards the last point, up to five times.
    shrink : float

    Returns
    -------
    EnsembleAnalysis

    Raises
    ------
    InputError
        Where a covariance cannot be used, there are fewer than 2 members, or the
        model's run at the background is not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> done = four_d_en_var(lambda x: 2.0 * x, [2.0], [1.0], [0.0], [1.0],
    ...                      n_members=500, rng=rng)
    >>> bool(abs(done.x[0] - 0.8) < 0.05)
    True
    """
    y = np.atleast_1d(np.asarray(values, float))
    xb = np.atleast_1d(np.asarray(background, float))
    lower_r = factor(observation_covariance, y.size, "observation covariance R")
    lower_b = factor(background_covariance, xb.size, "background covariance B")
    if n_members < 2:
        raise InputError("n_members", found=n_members, wanted="at least 2")
    root = np.diag(lower_b) if lower_b.ndim == 1 else lower_b

    def run(x: Array) -> tuple[Array, float]:
        simulated = np.asarray(observe(x), float)
        r = whiten(lower_r, simulated - y)
        b = whiten(lower_b, x - xb)
        return simulated, 0.5 * float(r @ r) + 0.5 * float(b @ b)

    x = xb
    centre, cost = run(x)
    if not np.isfinite(cost):
        raise InputError("cost at the background", found=cost, wanted="finite")
    first, costs, n_runs, n_failed = cost, [], 1, 0
    perturbations = root
    for k in range(n_rounds):
        size = 1.0 if k == 0 else shrink
        members, simulated, failed = _ensemble(
            observe, x, size * root, n_members, y.size, rng
        )
        n_runs, n_failed = n_runs + n_members, n_failed + failed
        kept = members.shape[1]
        scale = size * np.sqrt(kept - 1.0)
        directions = (members - x[:, None]) / scale
        responses = whiten(lower_r, simulated - centre[:, None]) / scale
        # w = (I + Y'Y)^-1 Y' d, about a point that may be off the background.
        offset = np.linalg.lstsq(directions, x - xb, rcond=None)[0]
        innovation = whiten(lower_r, y - centre) + responses @ offset
        left, s, right = np.linalg.svd(responses, full_matrices=False)
        weights = right.T @ (s / (1.0 + s**2) * (left.T @ innovation))
        # directions (I + Y'Y)^-1/2, in the space of the singular vectors alone.
        along = directions @ right.T
        perturbations = directions + along * (1.0 / np.sqrt(1.0 + s**2) - 1.0) @ right
        step = xb + directions @ weights - x
        for _ in range(6):
            simulated_new, new = run(x + step)
            n_runs += 1
            if np.isfinite(new) and (new <= cost or n_rounds == 1):
                x, centre, cost = x + step, simulated_new, new
                break
            step = 0.5 * step
        costs.append(cost)
    return EnsembleAnalysis(
        x, cost, first, perturbations, tuple(costs), n_runs, n_failed
    )


def _ensemble(
    observe: Callable[[Array], Array],
    x: Array,
    root: Array,
    n_members: int,
    n_observations: int,
    rng: np.random.Generator,
) -> tuple[Array, Array, int]:
    """Members (n, member), their runs (observation, member), and how many failed."""
    members = x[:, None] + root @ rng.standard_normal((x.size, n_members))
    simulated = np.empty((n_observations, n_members))
    for j in range(n_members):
        simulated[:, j] = observe(members[:, j])
    good = np.isfinite(simulated).all(axis=0)
    if good.sum() < 2:
        raise InputError(
            "ensemble", found=f"{int(good.sum())} finite runs", wanted="at least 2"
        )
    return members[:, good], simulated[:, good], int(np.sum(~good))
