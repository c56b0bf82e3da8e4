"""Where a model runs at all, learned from where it failed.

A failed run has no likelihood, so the posterior is that of the parameters with which
the model runs. Failures strewn among good runs are accidents and say nothing; where
failures have failures as neighbours there is a region in which the model does not
work, and its border is found by classification with a Gaussian process (Rasmussen and
Williams 2006, chapter 3). Runs are sought by the chance that one succeeds; the
posterior is cut where it is one half.

References
----------
Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian Processes for Machine
Learning, sections 3.4 and 3.5 (Laplace's approximation).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special
from scipy.spatial.distance import cdist

from masm.problem import Runs

Array = NDArray[np.float64]

# Failures are of a region when this share of their nearest runs failed too.
_N_NEAREST = 3
_SHARE_FAILED = 0.35
_FEWEST = 3
_MOST_ITERATIONS = 30
# The cut is steep, but not so that a population could find no way into the region.
_STEEPNESS = 10.0
_N_ASKED = 2000


def log_chance_to_run(
    runs: Runs, *, cut: bool = False
) -> Callable[[Array], Array] | None:
    """Log of the chance that the model runs, or None where nothing speaks against it.

    Parameters
    ----------
    runs : all so far
    cut : whether a chance of more than one half counts as one, of less as none

    Returns
    -------
    callable or None
        (n_points, n_parameters) in the unit cube -> (n_points,), at most zero.
    """
    if not in_a_region(runs.u, runs.ok):
        return None
    latent = _classifier(runs.u.tobytes(), runs.ok.tobytes(), runs.n)
    steepness = _STEEPNESS if cut else 1.0
    return lambda u: np.asarray(special.log_expit(steepness * latent(u)))


def share_beyond(runs: Runs, draws: Array) -> float:
    """Share of posterior draws (n, n_parameters) expected where the model does not run.

    0 where failures do not speak of a region.
    """
    log_chance = log_chance_to_run(runs)
    if log_chance is None:
        return 0.0
    some = draws[:: 1 + len(draws) // _N_ASKED]
    return float(np.mean(-np.expm1(log_chance(some))))


def in_a_region(u: Array, ok: NDArray[np.bool_]) -> bool:
    """Whether failures crowd together, more than accidents would.

    Parameters
    ----------
    u : (n_runs, n_parameters)
    ok : (n_runs,), which runs did not fail
    """
    failed = np.flatnonzero(~ok)
    if len(failed) < _FEWEST or ok.sum() < _FEWEST:
        return False
    gap = cdist(u[failed], u)
    gap[np.arange(len(failed)), failed] = np.inf
    nearest = np.argsort(gap, axis=1, kind="stable")[:, :_N_NEAREST]
    return bool(np.mean(~ok[nearest]) > _SHARE_FAILED)


# The same runs are asked about several times while a batch is chosen.
@lru_cache(maxsize=4)
def _classifier(u_bytes: bytes, ok_bytes: bytes, n: int) -> Callable[[Array], Array]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    u = np.frombuffer(u_bytes).reshape(n, -1)
    ok = np.frombuffer(ok_bytes, dtype=bool)
    lengths = np.full(u.shape[1], 0.5)
    kernel = ConstantKernel(10.0, (0.1, 1e3)) * Matern(lengths, (0.1, 30.0), nu=2.5)
    with warnings.catch_warnings():
        # A parameter that does not matter has its length at the bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianProcessClassifier(kernel, optimizer=_climb).fit(u, ok)
    inside = fitted.base_estimator_
    known, weight = inside.X_train_, inside.y_train_ - inside.pi_

    def latent(points: Array) -> Array:
        # Its mode alone: the variance is large only where there are no runs, and there
        # the mode is zero, a chance of one half.
        return np.asarray(inside.kernel_(points, known) @ weight)

    return latent


def _climb(objective: Any, start: Array, bounds: Array) -> tuple[Array, float]:
    found = optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": _MOST_ITERATIONS},
    )
    return found.x, found.fun
