"""4DVar: the minimum by Gauss-Newton steps, and its Laplace posterior, checked.

Derivatives are finite differences of the model's series, one batch of runs for each
step. Draws of the normal distribution at the minimum are run and weighted by the true
posterior: the result is the weighted sample, and it is suspect where few draws carry
the weight.

References
----------
Tarantola, A. (2005). Inverse Problem Theory. SIAM, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from masm.errors import CalibrationFailed
from masm.methods.budget import check_counts
from masm.methods.method import Method
from masm.methods.normal_space import Residuals, to_cube
from masm.methods.outcomes import ensemble_outcome
from masm.problem.problem import Outcome, Problem
from masm.types import Array

_STEP = 1e-4  # of a prior standard deviation
_LEAST_FRACTION = 0.1  # effective fraction of the draws under which they are doubted
_WIDER = 1.2  # draws come from a distribution so much wider, with heavier tails
_FREEDOM = 8.0
_N_TRIALS = 5  # dampings tried in each step


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_starts: int = 4,
    n_iterations: int = 15,
    n_draws: int = 400,
) -> Outcome:
    """Find the minimum, and draw from its checked Laplace posterior.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_starts : int
        Starts: the prior's centre and random ones.
    n_iterations : int
        Most Gauss-Newton steps of a start.
    n_draws : int
        Draws that are run and weighted.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the weighted draws are worth less than a
        tenth of their number. ``attrs["effective_fraction"]`` says how many.
    """
    check_counts(n_starts=(n_starts, 1), n_iterations=(n_iterations, 1))
    check_counts(n_draws=(n_draws, 40))
    rng = np.random.default_rng(seed)
    d = problem.n_parameters
    budget = n_starts * _most_runs(n_iterations, d) + n_draws
    runs = Residuals(problem, budget, "4dvar")
    best: tuple[float, Array, Array] | None = None
    for start in range(n_starts):
        z = np.zeros(d) if start == 0 else 0.7 * rng.standard_normal(d)
        found = _descend(runs, z, n_iterations)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        raise CalibrationFailed("the model failed at every start", reason="model_nan")
    _, z, jacobian = best
    precision = jacobian.T @ jacobian + np.eye(d)
    root = np.linalg.cholesky(np.linalg.inv(precision))
    return _weighted(runs, z, root, n_draws, rng)


def _most_runs(n_iterations: int, n_parameters: int) -> int:
    """Runs of a start: itself, derivatives and trial steps, the last derivatives."""
    d = n_parameters
    return 1 + n_iterations * (d + _N_TRIALS) + d


def _descend(
    runs: Residuals, z: Array, n_iterations: int
) -> tuple[float, Array, Array] | None:
    """Levenberg-Marquardt in standard-normal space; None if the start fails."""
    damping, jacobian = 1e-3, None
    g = runs(z)[0]
    if not np.isfinite(g).all():
        return None
    cost = float(g @ g + z @ z)
    for _ in range(n_iterations):
        jacobian = _jacobian(runs, z, g)
        if jacobian is None:
            return None
        gradient = jacobian.T @ g + z
        hessian = jacobian.T @ jacobian + np.eye(len(z))
        scale = damping * np.array([1.0, 10.0, 100.0, 1e3])
        steps = [
            np.linalg.solve(hessian + s * np.diag(np.diag(hessian)), -gradient)
            for s in (0.0, *scale)
        ]
        trial = np.clip(z + np.array(steps), -5.0, 5.0)
        found = runs(trial)
        costs = np.sum(found**2, axis=1) + np.sum(trial**2, axis=1)
        costs = np.where(np.isfinite(costs), costs, np.inf)
        at = int(np.argmin(costs))
        if costs[at] >= cost:
            break
        gain = cost - float(costs[at])
        damping = max(1e-8, damping * (0.1 if at == 0 else 10.0 ** (at - 2)))
        z, g, cost = trial[at], found[at], float(costs[at])
        if gain < 1e-8 * (1.0 + cost):
            break
    final = _jacobian(runs, z, g)
    jacobian = jacobian if final is None else final
    return None if jacobian is None else (cost, z, jacobian)


def _jacobian(runs: Residuals, z: Array, g: Array) -> Array | None:
    """One-sided differences (n_obs, parameter), away from the nearer bound."""
    step = np.where(z > 0.0, -_STEP, _STEP)
    found = runs(z + np.diag(step))
    if not np.isfinite(found).all():
        return None
    return np.asarray(((found - g) / step[:, None]).T)


def _weighted(
    runs: Residuals, centre: Array, root: Array, n: int, rng: np.random.Generator
) -> Outcome:
    """Student-t draws about the minimum, weighted by the true posterior."""
    d = len(centre)
    chi = rng.chisquare(_FREEDOM, n) / _FREEDOM
    t = rng.standard_normal((n, d)) / np.sqrt(chi)[:, None]
    z = centre + _WIDER * (t @ root.T)
    residual = runs(z)
    cost = np.sum(residual**2, axis=1)
    target = -0.5 * (cost + np.sum(z**2, axis=1))
    proposal = -0.5 * (_FREEDOM + d) * np.log1p(np.sum(t**2, axis=1) / _FREEDOM)
    log_weight = np.where(np.isfinite(target), target - proposal, -np.inf)
    if not np.isfinite(log_weight).any():
        raise CalibrationFailed("all draws failed", reason="model_nan")
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    fraction = float(1.0 / np.sum(weight**2) / n)
    points = (rng.random() + np.arange(n)) / n
    at = np.minimum(np.searchsorted(np.cumsum(weight), points), n - 1)
    rng.shuffle(at)
    outcome = ensemble_outcome(to_cube(z[at]), cost[at], runs.runs)
    trusted = fraction >= _LEAST_FRACTION
    return Outcome(
        u=outcome.u,
        cost=outcome.cost,
        runs=outcome.runs,
        surrogate_rmse=math.nan,
        status="done" if trusted else "suspect",
        reason="" if trusted else "not_converged",
        attrs={
            "effective_fraction": fraction,
            "approximation": "Laplace draws at the minimum, weighted by the posterior",
        },
    )


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    starts, steps = int(options["n_starts"]), int(options["n_iterations"])
    # Starts converge in about a third of the steps allowed.
    return starts * math.ceil(steps / 3) * (n_parameters + 6) + int(options["n_draws"])


def _with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    # Half for draws; with few runs left a single start, and fewer steps of it.
    n_draws = max(40, n_runs // 2)
    left = n_runs - n_draws
    n_starts = min(4, max(1, left // _most_runs(15, n_parameters)))
    most = (left // n_starts - 1 - n_parameters) // (n_parameters + _N_TRIALS)
    n_iterations = min(15, most)
    used = n_starts * _most_runs(n_iterations, n_parameters)
    return {
        "n_starts": n_starts,
        "n_iterations": n_iterations,
        "n_draws": n_runs - used if most >= 1 else n_draws,
    }


METHOD = Method(
    name="4dvar",
    summary="Gauss-Newton minimum with finite differences; Laplace draws, weighted by "
    "the true posterior.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=_expected_runs,
    with_budget=_with_budget,
    source="Tarantola (2005)",
)
