"""Where a model runs at all, learned from where it failed.

A failed run has no likelihood, so the posterior is that of the parameters with which
the model runs. Failures strewn among good runs are accidents and say nothing. Where a
region in which the model does not work is clearly more likely than a probability that
is the same everywhere, its boundary is found by classification with a Gaussian process
(Rasmussen and Williams 2006, chapter 3). Runs are sought by the probability that one
succeeds; the posterior is cut where it is one half.

References
----------
Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian Processes for Machine
Learning, sections 3.4 and 3.5 (Laplace's approximation).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from masm.problem.problem import Runs
from masm.types import Array

_MOST_ITERATIONS = 30
# The cut is steep, but not so that a population could find no way into the region.
_STEEPNESS = 10.0
_N_ASKED = 2000
# Prior variance of the logit. The largest lets runs on the two sides of a boundary be
# near each other, and is not yet surer of what lies between than it can be.
_VARIANCES = 0.1, 1e4
# Starts of the fit: logs of factors on the variance, and on the lengths.
_STARTS = ((0.0, 0.0), (3.0, 0.0), (0.0, -1.0), (3.0, -1.0))


@dataclass(frozen=True)
class Settings:
    """When failures are taken to be of a region.

    Attributes
    ----------
    clear_evidence : a region has to raise the log evidence by so much. Accidents, 3 to
        20 % of the runs of a calibration, raised it by at most 2.3, regions by 9 and
        more
    fewest : failures, and good runs, that are needed
    level, n_nearest : where nothing hints at a region the evidence is not computed,
        which takes longer than all else: at this level failures would have to be
        elsewhere in the mean, or more frequent among the nearest runs of a failure
        than among all
    """

    clear_evidence: float = 5.0
    fewest: int = 3
    level: float = 0.1
    n_nearest: int = 3


def log_feasibility(
    runs: Runs, *, cut: bool = False, settings: Settings | None = None
) -> Callable[[Array], Array] | None:
    """Log probability of feasibility, or None where nothing speaks against it.

    Parameters
    ----------
    runs : all so far
    cut : whether a probability of more than one half counts as one, of less as none
    settings : when failures are taken to be of a region

    Returns
    -------
    callable or None
        (n_points, n_parameters) in the unit cube -> (n_points,), at most zero.
    """
    settings = settings or Settings()
    if not _hint_at_a_region(runs.u, runs.ok, settings):
        return None
    latent, gain = _classifier(runs.u.tobytes(), runs.ok.tobytes(), runs.n)
    if gain < settings.clear_evidence:
        return None
    steepness = _STEEPNESS if cut else 1.0
    return lambda u: np.asarray(special.log_expit(steepness * latent(u)))


def infeasible_mass(
    runs: Runs, draws: Array, settings: Settings | None = None
) -> float:
    """Fraction of posterior draws (n, n_parameters) expected where the model fails.

    0 where failures do not speak of a region.
    """
    log_probability = log_feasibility(runs, settings=settings)
    if log_probability is None:
        return 0.0
    some = draws[:: 1 + len(draws) // _N_ASKED]
    return float(np.mean(-np.expm1(log_probability(some))))


def _hint_at_a_region(u: Array, ok: NDArray[np.bool_], settings: Settings) -> bool:
    """Whether failures are elsewhere in the mean, or crowd together."""
    n, d = u.shape
    if min(int((~ok).sum()), int(ok.sum())) < settings.fewest:
        return False
    return (
        n <= d + 2
        or _elsewhere(u, ok) < settings.level
        or _crowded(u, ok, settings.n_nearest) < settings.level
    )


def _elsewhere(u: Array, ok: NDArray[np.bool_]) -> float:
    """Probability that failures are so far from good runs in the mean (Hotelling)."""
    n, d = u.shape
    n_failed, n_ok = int((~ok).sum()), int(ok.sum())
    apart = u[ok].mean(axis=0) - u[~ok].mean(axis=0)
    within = (n_ok - 1) * np.atleast_2d(np.cov(u[ok].T))
    within += (n_failed - 1) * np.atleast_2d(np.cov(u[~ok].T))
    within[np.diag_indices(d)] += 1e-9
    squared = n_failed * n_ok / n * float(apart @ np.linalg.solve(within, apart))
    return float(special.fdtrc(d, n - d - 1, squared * (n - d - 1) / d))


def _crowded(u: Array, ok: NDArray[np.bool_], n_nearest: int) -> float:
    """Probability that so many of the nearest runs of failures failed too."""
    failed = np.flatnonzero(~ok)
    gap = scipy.spatial.distance.cdist(u[failed], u)
    gap[np.arange(len(failed)), failed] = np.inf
    nearest = np.argsort(gap, axis=1, kind="stable")[:, :n_nearest]
    # Mutual nearest neighbours count once.
    frequency, n_counted = len(failed) / len(u), 0.5 * nearest.size
    excess = float(np.mean(~ok[nearest])) - frequency
    sd = np.sqrt(frequency * (1.0 - frequency) / n_counted)
    return float(special.ndtr(-excess / sd))


# The same runs are asked about several times while a batch is chosen.
@lru_cache(maxsize=4)
def _classifier(
    u_bytes: bytes, ok_bytes: bytes, n: int
) -> tuple[Callable[[Array], Array], float]:
    """Logit of feasibility, and its gain of log evidence over a single probability."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    u = np.frombuffer(u_bytes).reshape(n, -1)
    ok = np.frombuffer(ok_bytes, dtype=bool)
    lengths = np.full(u.shape[1], 0.5)
    kernel = ConstantKernel(10.0, _VARIANCES) * Matern(lengths, (0.1, 30.0), nu=2.5)
    with warnings.catch_warnings():
        # A parameter that does not matter has its length at the bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianProcessClassifier(kernel, optimizer=_climb).fit(u, ok)
    inside = fitted.base_estimator_
    known, weight = inside.X_train_, inside.y_train_ - inside.pi_

    def latent(points: Array) -> Array:
        # Its mode alone: the variance is large only where there are no runs, and there
        # the mode is zero, a probability of one half.
        return np.asarray(inside.kernel_(points, known) @ weight)

    n_ok = np.array([ok.sum(), n - ok.sum()])
    single = float(np.sum(special.xlogy(n_ok, n_ok / n)))
    return latent, float(fitted.log_marginal_likelihood_value_) - single


def _climb(objective: Any, start: Array, bounds: Array) -> tuple[Array, float]:
    """Best of several climbs: single ones may end far below the top."""
    best, lowest = start, np.inf
    for more_variance, longer in _STARTS:
        shift = np.full(len(start), longer)
        shift[0] = more_variance
        found = scipy.optimize.minimize(
            objective,
            np.clip(start + shift, *bounds.T),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _MOST_ITERATIONS},
        )
        if found.fun < lowest:
            best, lowest = found.x, float(found.fun)
    return best, lowest
