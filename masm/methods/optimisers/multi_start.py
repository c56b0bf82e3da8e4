"""Multi-start local search: the best of a spread design, improved side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from masm.lockstep import in_lockstep
from masm.methods.budget import BudgetSpent, Evaluations, check_counts, spread_starts
from masm.methods.outcomes import best_point, best_so_far
from masm.problem.problem import Outcome, Problem
from masm.types import Array

Ask = Callable[[Array], Array]
Search = Callable[[Array, Ask], bool]

# Points of the design for each start, of which the best become starts.
_SCREENED = 4


def multi_start(
    problem: Problem,
    seed: np.random.SeedSequence,
    search: Search,
    *,
    max_runs: int,
    n_starts: int,
) -> Outcome:
    """Improve several starts by a local search, as one batch of runs after another.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    search : callable
        ``search(start, ask)`` goes on from a point (n_parameters,), asking for the
        costs of points (n_points, n_parameters); it returns whether it converged.
    max_runs, n_starts : int

    Returns
    -------
    Outcome
        The best run of all. ``attrs`` says how many searches converged.
    """
    check_counts(n_starts=(n_starts, 1))
    n_design = _SCREENED * n_starts
    check_counts(max_runs=(max_runs, 2 * n_design))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(problem, max_runs)
    design = spread_starts(problem, n_design, rng)
    cost = evaluations.cost(design)
    evaluations.require_some()
    order = np.argsort(cost, kind="stable")
    starts = design[order[np.isfinite(cost[order])][:n_starts]]

    converged: list[bool] = []

    def one(start: Array) -> Callable[[Ask], None]:
        def run(ask: Ask) -> None:
            with np.errstate(all="ignore"):
                converged.append(search(start, ask))

        return run

    def answer(who: list[int], questions: list[Array]) -> list[Array]:
        costs = evaluations.cost(np.concatenate(questions))
        ends = np.cumsum([len(question) for question in questions])
        return np.split(costs, ends[:-1])

    spent = False
    try:
        in_lockstep([one(start) for start in starts], answer)
    except BudgetSpent:
        spent = True
    return best_point(
        evaluations.runs,
        history=best_so_far(evaluations.runs),
        attrs={
            "n_starts": len(starts),
            "n_converged": sum(converged),
            "budget_spent": int(spent),
        },
    )
