"""Differential evolution, with SciPy: a genetic search, one generation per batch.

It finds the best point, which is the maximum of the likelihood within the bounds, and
no posterior: see `masm.methods`.

References
----------
Storn, R. and Price, K. (1997). Differential evolution - a simple and efficient
heuristic for global optimization over continuous spaces. Journal of Global Optimization
11, 341-359.
"""

from __future__ import annotations

import numpy as np
import scipy

from masm.methods.budget import BudgetSpent, Evaluations, check_counts, spread_starts
from masm.methods.method import Method
from masm.methods.outcomes import best_point, best_so_far
from masm.problem.problem import Outcome, Problem

# The population has converged when its costs differ by less than this.
_ALIKE = 1e-2


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 5000,
    population: int = 15,
) -> Outcome:
    """Find the best point by differential evolution.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs; fewer where the population converges before.
    population : int
        Members of the population for each parameter.

    Returns
    -------
    Outcome
        One draw, the best run; always suspect, ``no_posterior``.
    """
    d = problem.n_parameters
    check_counts(population=(population, 2))
    size = max(population * d, 5)
    check_counts(max_runs=(max_runs, 2 * size))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(problem, max_runs)
    first = spread_starts(problem, size, rng)
    converged = spent = False
    try:
        found = scipy.optimize.differential_evolution(
            lambda u: evaluations.cost(np.atleast_2d(u.T)),
            [(0.0, 1.0)] * d,
            init=first,
            maxiter=10**6,
            tol=0.0,
            atol=_ALIKE,
            polish=False,
            # Moves of a part of the coordinates towards the best, from a random base:
            # SciPy's own choice, from the best itself, is caught in a local minimum of
            # Rastrigin's function in every second search.
            strategy="randtobest1bin",
            recombination=0.5,
            vectorized=True,
            updating="deferred",
            rng=rng,
        )
        converged = bool(found.success)
    except BudgetSpent:
        spent = True
    evaluations.require_some()
    return best_point(
        evaluations.runs,
        history=best_so_far(evaluations.runs),
        attrs={"converged": int(converged), "budget_spent": int(spent)},
    )


METHOD = Method(
    name="differential_evolution",
    summary="Differential evolution of a population.",
    sample=sample,
    gives="point",
    source="Storn and Price (1997)",
)
