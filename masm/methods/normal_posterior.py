"""The normal posterior at the minimum of the cost, checked: 4DVar and Laplace.

``4dvar`` draws from a distribution a little wider than the normal one at the minimum,
runs the draws and weights them by the true posterior: the result is the weighted
sample. ``laplace`` gives the normal distribution itself and uses the weights as a
check alone. Both say how far the check supports them.

References
----------
Tarantola, A. (2005). Inverse Problem Theory. SIAM, section 3.2.
Gelman, A. et al. (2013). Bayesian Data Analysis, section 10.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from masm.errors import CalibrationFailed
from masm.methods.budget import check_counts
from masm.methods.differentiable import DifferentiableProblem
from masm.methods.minimum import Found, minimise, most_runs
from masm.methods.normal_space import to_cube
from masm.methods.outcomes import ensemble_outcome
from masm.methods.variational.hessian import DOUBTFUL, RELIABLE
from masm.problem.problem import Outcome, Problem
from masm.types import Array

_WIDER = 0.2  # so much wider are the draws of few parameters, with heavier tails
_FEW = 5.0  # parameters; with more of them the draws must lie closer
_FREEDOM = 8.0
#: Reason of a result whose canopy, or the like, has died out at the minimum.
COLLAPSED = "collapsed"


def sample_normal_posterior(
    problem: Problem,
    seed: np.random.SeedSequence,
    method: str,
    n_starts: int,
    n_iterations: int,
    n_draws: int,
    derivatives: str,
) -> Outcome:
    """Find the minimum and draw about it; options are those of ``4dvar``.

    Raises
    ------
    InputError
        If an option cannot be used, or exact derivatives of a model that has none
        are asked for.
    CalibrationFailed
        If the model fails at every start or at every draw.
    """
    check_counts(n_starts=(n_starts, 1), n_iterations=(n_iterations, 1))
    check_counts(n_draws=(n_draws, 40))
    rng = np.random.default_rng(seed)
    cost = DifferentiableProblem(problem, method, derivatives=derivatives)
    found = minimise(cost, rng, n_starts=n_starts, n_iterations=n_iterations)
    wider = method == "4dvar"
    z, residual, weight = _weighted(cost, found, n_draws, rng, wider=wider)
    squares = np.sum(residual**2, axis=1)
    fraction = float(1.0 / np.sum(weight**2) / n_draws)
    if wider:
        points = (rng.random() + np.arange(n_draws)) / n_draws
        at = np.minimum(np.searchsorted(np.cumsum(weight), points), n_draws - 1)
        rng.shuffle(at)
    else:
        at = np.flatnonzero(np.isfinite(squares))
    outcome = ensemble_outcome(to_cube(z[at]), squares[at], cost.runs)
    reason = "" if fraction >= DOUBTFUL else "not_converged"
    if found.minimum.collapsed:
        reason = COLLAPSED
    kind = "weighted by the posterior" if wider else "as they are"
    return Outcome(
        u=outcome.u,
        cost=outcome.cost,
        runs=outcome.runs,
        surrogate_rmse=math.nan,
        status="suspect" if reason else "done",
        reason=reason,
        attrs={
            "effective_fraction": fraction,
            "reliability": reliability(fraction),
            "approximation": f"Laplace draws at the minimum, {kind}",
            **found.facts(cost),
        },
    )


def reliability(fraction: float) -> str:
    """Say in a word how far weights support a normal posterior.

    Examples
    --------
    >>> reliability(0.7), reliability(0.05)
    ('reliable', 'unreliable')
    """
    if fraction >= RELIABLE:
        return "reliable"
    return "doubtful" if fraction >= DOUBTFUL else "unreliable"


def _weighted(
    cost: DifferentiableProblem,
    found: Found,
    n: int,
    rng: np.random.Generator,
    *,
    wider: bool,
) -> tuple[Array, Array, Array]:
    """Draws about the minimum, their residuals, and weights by the true posterior."""
    centre, d = found.minimum.x, cost.n
    normal = rng.standard_normal((n, d))
    if wider:
        # Tails and width of the draws, per dimension, must shrink as dimensions grow.
        freedom = max(_FREEDOM, 2.0 * d)
        width = 1.0 + _WIDER * min(1.0, _FEW / d)
        t = normal / np.sqrt(rng.chisquare(freedom, n) / freedom)[:, None]
        log_proposal = -0.5 * (freedom + d) * np.log1p(np.sum(t**2, axis=1) / freedom)
    else:
        t, width = normal, 1.0
        log_proposal = -0.5 * np.sum(t**2, axis=1)
    z = centre + width * (t @ found.root.T)
    residual = cost.residuals(z)
    target = -0.5 * (np.sum(residual**2, axis=1) + np.sum(z**2, axis=1))
    log_weight = np.where(np.isfinite(target), target - log_proposal, -np.inf)
    if not np.isfinite(log_weight).any():
        raise CalibrationFailed("all draws failed", reason="model_nan")
    weight = np.exp(log_weight - log_weight.max())
    return z, residual, weight / weight.sum()


def expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    """Model runs of a search and its draws, about."""
    starts, steps = int(options["n_starts"]), int(options["n_iterations"])
    # Starts converge in about a third of the steps allowed.
    return starts * math.ceil(steps / 3) * (n_parameters + 6) + int(options["n_draws"])


def with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    """Options with which a search and its draws make at most so many runs."""
    # Half for draws; with few runs left a single start, and fewer steps of it. The
    # derivatives at the minimum take runs of their own, the last ones of `most_runs`.
    n_draws = max(40, n_runs // 2)
    left = n_runs - n_draws - n_parameters - 1
    n_starts = min(4, max(1, left // most_runs(15, n_parameters)))
    most = (left // n_starts - 1 - n_parameters) // (n_parameters + 5)
    n_iterations = min(15, most)
    used = n_starts * most_runs(n_iterations, n_parameters) + n_parameters + 1
    return {
        "n_starts": n_starts,
        "n_iterations": n_iterations,
        "n_draws": n_runs - used if most >= 1 else n_draws,
    }
