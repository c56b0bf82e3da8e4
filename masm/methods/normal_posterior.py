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

from masm.errors import CalibrationFailed, InputError
from masm.methods.budget import check_counts
from masm.methods.differentiable import DifferentiableProblem
from masm.methods.minimum import N_DESIGN, Found, minimise, most_runs
from masm.methods.normal_space import to_cube, to_normal
from masm.methods.outcomes import ensemble_outcome
from masm.methods.support import (
    LEAST_SUPPORT,
    MOST_CHANGE,
    fraction_of_weights,
    heavy_tails,
    marginal_change,
    runs_beside,
)
from masm.minimisation.reliability import RELIABLE, reliability
from masm.problem.exchanges import exchanges
from masm.problem.problem import Outcome, Problem
from masm.types import Array

_WIDER = 0.2  # so much wider are the draws of few parameters, with heavier tails
_FEW = 5.0  # parameters; with more of them the draws must lie closer
_FREEDOM = 8.0
_FEWEST_DRAWS = 40
_FIRST_STEPS = 3
_PLAIN_IMAGES, _TURNED_IMAGES = 6, 3
_FRACTION_FOR_IMAGES = 10  # times as many draws as images of the minimum
_LEAST_FRACTION, _LEAST_EACH = 0.3, 0.82
"""Least effective fraction of weighted draws: of few parameters, and for each of many.

With less the draws reach only a part of a posterior with long arms, whose width is then
too small by a third, though the weights of those that were drawn look sound.
"""
_FEW_EFFECTIVE = 100
"""Weighted draws worth fewer independent ones must be mostly effective."""
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
    max_runs: int | None = None,
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
    n_design, search = N_DESIGN, None
    if max_runs is not None:
        n_design, search = _divided(max_runs, problem.n_parameters)
    rng = np.random.default_rng(seed)
    cost = DifferentiableProblem(problem, method, derivatives=derivatives)
    found = minimise(
        cost, rng, n_starts=n_starts, n_iterations=n_iterations, n_design=n_design,
        max_runs=search,
    )  # fmt: skip
    left = n_draws if max_runs is None else max_runs - cost.n_runs - _FEWEST_DRAWS
    images = _images(problem, to_cube(found.minimum.x), left // _FRACTION_FOR_IMAGES)
    if len(images):
        cost.residuals(to_normal(images))
    n_searched = cost.n_runs
    if max_runs is not None:  # what the search has left over is for draws
        n_draws = max_runs - n_searched
    wider = method == "4dvar"
    z, residual, log_weight = _weighted(cost, found, n_draws, rng, wider=wider)
    squares = np.sum(residual**2, axis=1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    fraction, pareto_k = fraction_of_weights(log_weight)
    if wider:
        points = (rng.random() + np.arange(n_draws)) / n_draws
        at = np.minimum(np.searchsorted(np.cumsum(weight), points), n_draws - 1)
        rng.shuffle(at)
    else:
        at = np.flatnonzero(np.isfinite(squares))
    outcome = ensemble_outcome(to_cube(z[at]), squares[at], cost.runs)
    n_others = len(found.other_minima())
    n_beside = _beside(cost, z[at], squares[at], n_searched)
    change = marginal_change(to_cube(z), log_weight)
    good = not (heavy_tails(fraction, pareto_k) or n_others or n_beside)
    if wider:
        least = min(_LEAST_FRACTION, _LEAST_EACH**cost.n)
        if fraction * n_draws < _FEW_EFFECTIVE:
            least = RELIABLE
        good = good and fraction >= least
    else:  # draws that are not weighted must themselves be the posterior
        good = good and fraction >= LEAST_SUPPORT
        good = good and change <= MOST_CHANGE and found.off <= MOST_CHANGE
    reason = "" if good else "not_converged"
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
            "pareto_k": pareto_k,
            "n_other_minima": n_others,
            "n_fits_beside": n_beside,
            "n_images": len(images),
            "marginal_shift": change,
            "reliability": reliability(fraction if good else 0.0),
            "approximation": f"Laplace draws at the minimum, {kind}",
            **found.facts(cost),
        },
    )


def _images(problem: Problem, minimum: Array, most: int) -> Array:
    """Images of the minimum under exchanges of parameters alike, in the unit cube.

    Where parameters have the same prior the minimum may have a twin, with the two
    exchanged, that no start has met. A few are run as the search's own: one that fits
    where no draws are is proof of it.
    """
    every, n_plain, _ = exchanges(problem, minimum)
    plain = every[: min(n_plain, _PLAIN_IMAGES)]
    turned = every[n_plain:][:_TURNED_IMAGES]
    return np.vstack([plain, turned])[: max(most, 0)]


def _weighted(
    cost: DifferentiableProblem,
    found: Found,
    n: int,
    rng: np.random.Generator,
    *,
    wider: bool,
) -> tuple[Array, Array, Array]:
    """Draws about the minimum, residuals, log weights by the true posterior."""
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
    return z, residual, log_weight


def _beside(cost: DifferentiableProblem, z: Array, squares: Array, n: int) -> int:
    """How many of the first n runs fit as draws do, and lie beside all of them."""
    runs = cost.runs
    first = runs.u[:n][runs.ok[:n]]
    return runs_beside(z, squares, to_normal(first), runs.cost[:n][runs.ok[:n]])


def _divided(max_runs: int, d: int) -> tuple[int, int]:
    """Runs of the design, and of the whole search: half; the rest is for draws.

    Raises
    ------
    InputError
        If they are too few for one start of few steps.
    """
    search = max_runs - max(_FEWEST_DRAWS, max_runs // 2)
    # A design comes after the first steps of a start, and the derivatives at its end.
    beyond = search - most_runs(_FIRST_STEPS, d) - d - 1
    n_design = max(0, min(N_DESIGN, max_runs // 10, beyond))
    least = most_runs(1, d) + d + 1
    if search < least:
        raise InputError(
            "option max_runs",
            found=max_runs,
            wanted=f"at least {max(2 * least, least + _FEWEST_DRAWS)} for {d} "
            "parameters",
        )
    return n_design, search


def expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    """Model runs of a search and its draws, about."""
    if options.get("max_runs") is not None:
        return int(options["max_runs"])
    starts, steps = int(options["n_starts"]), int(options["n_iterations"])
    # Starts converge in about a third of the steps allowed.
    search = N_DESIGN + starts * math.ceil(steps / 3) * (n_parameters + 6)
    return search + int(options["n_draws"])
