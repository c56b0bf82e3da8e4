"""Ensemble Kalman inversion: iterated to the best fit.

Members contract on the point that fits best with the prior's span; their spread at the
end says nothing of uncertainty. The result is one point.

References
----------
Iglesias, M. A., Law, K. J. H. and Stuart, A. M. (2013). Ensemble Kalman methods for
inverse problems. Inverse Problems 29, 045001.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from masm.methods.budget import check_counts
from masm.methods.ensemble.update import (
    INFLATION,
    MOST_MEMBERS,
    check_ensemble,
    inflated,
    kalman_update,
    run_members,
)
from masm.methods.method import Method
from masm.methods.normal_space import Residuals
from masm.methods.outcomes import best_point, best_so_far
from masm.problem.problem import Outcome, Problem


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_members: int = 50,
    n_iterations: int = 10,
    inflation: float = 1.0,
    localisation: str = "none",
) -> Outcome:
    """Search the best point with an ensemble.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_members : int
        Members; model runs are this times ``n_iterations``, and one of their mean.
    n_iterations : int
        Updates.
    inflation : float
        Factor on the variance of the members before each update, 1 or above: above 1
        they contract more slowly.
    localisation : {"none", "correlation"}
        Whether correlations that may be noise of a small ensemble are damped.

    Returns
    -------
    Outcome
        The best run; no posterior.

    Raises
    ------
    InputError
        If an option is out of its range.
    """
    check_ensemble(inflation, localisation)
    check_counts(n_members=(n_members, 4), n_iterations=(n_iterations, 1))
    rng = np.random.default_rng(seed)
    runs = Residuals(problem, n_members * n_iterations + 1, "kalman_inversion")
    z = rng.standard_normal((n_members, problem.n_parameters))
    for _ in range(n_iterations):
        z, residual = run_members(z, runs, rng)
        z, residual = inflated(z, inflation), inflated(residual, inflation)
        still = np.zeros_like(residual)
        z = kalman_update(z, residual, 1.0, still, localisation)
    runs(z.mean(axis=0))
    return best_point(runs.runs, history=best_so_far(runs.runs))


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    return int(options["n_members"]) * int(options["n_iterations"]) + 1


def _with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    # Members search in their own span: rather fewer updates than too few members.
    n_iterations = min(10, max(1, (n_runs - 1) // max(10, 2 * n_parameters)))
    n_members = min(MOST_MEMBERS, (n_runs - 1) // n_iterations)
    return {"n_iterations": n_iterations, "n_members": n_members}


METHOD = Method(
    name="kalman_inversion",
    summary="Ensemble Kalman inversion: an optimum; its final spread is no posterior.",
    sample=sample,
    gives="point",
    needs=frozenset({"series"}),
    expected_runs=_expected_runs,
    with_budget=_with_budget,
    limits=(INFLATION,),
    source="Iglesias et al. (2013)",
)
