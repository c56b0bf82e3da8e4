"""CMA-ES: evolution with an adapted covariance, restarted with larger populations.

The search itself is the package ``cmaes``.

References
----------
Hansen, N. and Ostermeier, A. (2001). Completely derandomized self-adaptation in
evolution strategies. Evolutionary Computation 9, 159-195.
"""

from __future__ import annotations

import numpy as np

from masm.methods.budget import BudgetSpent, Evaluations, check_counts, spread_starts
from masm.methods.method import Method
from masm.methods.outcomes import best_point, best_so_far
from masm.problem.problem import Outcome, Problem

_FAR = 1e300  # in place of the infinite cost of a failed run


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 5000,
    population: int | None = None,
    sigma: float = 0.25,
) -> Outcome:
    """Search the best point with CMA-ES, restarted while the budget lasts.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs.
    population : int, optional
        Of the first start; it doubles with each restart. 10 d + 4 by default, since
        costs of land models have many local minima.
    sigma : float
        First step size, of the width of the prior.

    Returns
    -------
    Outcome
        The best run; no posterior.
    """
    from cmaes import CMA

    d = problem.n_parameters
    size = population or 10 * d + 4
    check_counts(population=(size, 4), max_runs=(max_runs, 2 * size))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(problem, max_runs)
    starts = spread_starts(problem, 16, rng)
    bounds = np.tile([0.0, 1.0], (max(d, 1), 1))
    try:
        for start in range(1000):
            search = CMA(
                mean=starts[start % len(starts)],
                sigma=sigma,
                bounds=bounds,
                population_size=size * 2 ** min(start, 5),
                seed=int(rng.integers(2**31)),
            )
            while not search.should_stop():
                u = np.stack([search.ask() for _ in range(search.population_size)])
                cost = evaluations.cost(u)
                cost = np.where(np.isfinite(cost), cost, _FAR)
                search.tell(list(zip(u, cost.tolist(), strict=True)))
    except BudgetSpent:
        pass
    evaluations.require_some()
    return best_point(evaluations.runs, history=best_so_far(evaluations.runs))


METHOD = Method(
    name="cma_es",
    summary="CMA-ES with restarts of growing population.",
    sample=sample,
    gives="point",
    source="Hansen and Ostermeier (2001)",
)
