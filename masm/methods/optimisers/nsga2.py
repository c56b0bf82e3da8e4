"""NSGA-II with one objective for each stream of observations.

Streams that the model cannot fit together give a front of compromises. The result
holds that front and names its knee, the compromise nearest to the best of each stream.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.budget import (
    Evaluations,
    check_counts,
    series_likelihood,
    spread_starts,
)
from masm.methods.method import Method
from masm.methods.optimisers.nondominated import fronts_of, knee, search
from masm.methods.outcomes import NO_POSTERIOR
from masm.problem.problem import Outcome, Problem, Runs
from masm.types import Array


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 5000,
    population: int = 100,
    crossover_index: float = 15.0,
    mutation_index: float = 20.0,
) -> Outcome:
    """Search the compromises between streams.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs.
    population : int
        Solutions of a generation.
    crossover_index, mutation_index : float
        Distribution indices; a larger one keeps children nearer to their parents.

    Returns
    -------
    Outcome
        The solutions that none dominates, over all runs; always suspect,
        ``no_posterior``. ``attrs`` has ``objectives`` (the streams, in order),
        ``front`` (one text of costs for each solution), ``knee`` (its number).

    Raises
    ------
    InputError
        If the model gives only its cost, or an option is out of its range.
    """
    likelihood = series_likelihood(problem, "nsga2")
    check_counts(population=(population, 8), max_runs=(max_runs, 2 * population))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(problem, max_runs)
    start = spread_starts(problem, population, rng)

    def objectives(u: Array) -> Array:
        cost = evaluations.cost(u)
        values = np.full((len(u), len(likelihood.slices)), np.nan)
        ran = np.flatnonzero(problem.allowed(u))
        if len(ran):
            values[ran] = _objectives(likelihood, evaluations.latest)
        values[~np.isfinite(cost)] = np.nan
        return values

    search(
        objectives,
        problem.n_parameters,
        rng,
        start=start,
        crossover_index=crossover_index,
        mutation_index=mutation_index,
        more=lambda n: evaluations.left >= n,
    )
    evaluations.require_some()
    return _outcome(likelihood, evaluations.runs)


def _objectives(likelihood: GaussianLikelihood, runs: Runs) -> Array:
    """Cost of each stream, (run, stream): -2 log likelihood up to a constant."""
    assert runs.series is not None  # noqa: S101 - of a problem with a likelihood
    squares = likelihood.squares(likelihood.whiten(runs.series))
    return np.column_stack([squares[name] for name in likelihood.slices])


def _outcome(likelihood: GaussianLikelihood, runs: Runs) -> Outcome:
    values = _objectives(likelihood, runs)
    values[~runs.ok] = np.nan
    # All runs, not the last generation alone: what was found is not lost again.
    ok = np.flatnonzero(np.isfinite(values).all(axis=1))
    first = _first_front(values[ok])
    front = ok[first]
    order = np.argsort(values[front, 0], kind="stable")
    front = front[order]
    best = knee(values[front])
    series = None if runs.series is None else runs.series[front]
    return Outcome(
        u=runs.u[None, front],
        cost=runs.cost[None, front],
        runs=runs,
        surrogate_rmse=math.nan,
        status="suspect",
        reason=NO_POSTERIOR,
        check=Runs(runs.u[front], runs.cost[front], series),
        attrs=_attrs(likelihood, values[front], best),
    )


def _first_front(values: Array, size: int = 1000) -> Array:
    """Return the rows that none dominates; by parts, so that memory stays small."""
    kept = np.arange(len(values))
    while True:
        parts = [kept[at : at + size] for at in range(0, len(kept), size)]
        left = np.concatenate([one[fronts_of(values[one]) == 0] for one in parts])
        if len(parts) == 1:
            return left
        if len(left) == len(kept):  # no part loses any: look at all of them together
            return left[[_is_free(values[left], k) for k in range(len(left))]]
        kept = left


def _is_free(values: Array, k: int) -> bool:
    worse = (values <= values[k]).all(axis=1) & (values < values[k]).any(axis=1)
    return not worse.any()


def _attrs(likelihood: GaussianLikelihood, values: Array, best: int) -> dict[str, Any]:
    return {
        "draws": "solutions that none dominates",
        "objectives": ", ".join(likelihood.slices),
        "front": "; ".join(", ".join(f"{v:.6g}" for v in row) for row in values),
        "knee": best,
        "n_front": len(values),
    }


METHOD = Method(
    name="nsga2",
    summary="NSGA-II: the compromises between streams, one objective each.",
    sample=sample,
    gives="region",
    needs=frozenset({"series"}),
    source="Deb et al. (2002)",
)
