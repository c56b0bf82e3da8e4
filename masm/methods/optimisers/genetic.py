"""A genetic algorithm with real-valued parameters.

Tournament selection, simulated binary crossover, polynomial mutation and elitism.

References
----------
Deb, K. and Agrawal, R. B. (1995). Simulated binary crossover for continuous search
space. Complex Systems 9, 115-148.
"""

from __future__ import annotations

import numpy as np

from masm.errors import InputError
from masm.methods.budget import BudgetSpent, Evaluations, check_counts, spread_starts
from masm.methods.method import Method
from masm.methods.optimisers.variation import polynomial_step, spread
from masm.methods.outcomes import best_point, best_so_far
from masm.problem.problem import Outcome, Problem
from masm.types import Array


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 5000,
    population: int = 50,
    elite: int = 2,
    crossover_index: float = 10.0,
    mutation_index: float = 20.0,
    selection: str = "tournament",
) -> Outcome:
    """Search the best point with a population that evolves.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs.
    population : int
        Individuals of a generation.
    elite : int
        Best individuals that go into the next generation unchanged.
    crossover_index, mutation_index : float
        Distribution indices; a larger one keeps children nearer to their parents.
    selection : {"tournament", "rank"}
        Of parents: the better of two, or with a probability that falls evenly from the
        best to the worst.

    Returns
    -------
    Outcome
        The best run; no posterior.

    Raises
    ------
    InputError
        If an option is out of its range.
    """
    if selection not in _SELECTIONS:
        raise InputError(
            "option selection", found=repr(selection), wanted=" or ".join(_SELECTIONS)
        )
    select = _SELECTIONS[selection]
    check_counts(population=(population, 4), max_runs=(max_runs, 2 * population))
    check_counts(elite=(elite, 1))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(problem, max_runs)
    u = spread_starts(problem, population, rng)
    cost = evaluations.cost(u)
    try:
        while True:
            parents = select(cost, 2 * (population - elite), rng)
            mother, father = np.split(u[parents], 2)
            child = _crossover(mother, father, crossover_index, rng)
            child = _mutate(child, mutation_index, rng)
            best = np.argsort(cost, kind="stable")[:elite]
            u = np.vstack([u[best], child])
            cost = np.concatenate([cost[best], evaluations.cost(child)])
    except BudgetSpent:
        pass
    evaluations.require_some()
    return best_point(evaluations.runs, history=best_so_far(evaluations.runs))


def _tournament(cost: Array, n: int, rng: np.random.Generator) -> Array:
    pairs = rng.integers(len(cost), size=(n, 2))
    return pairs[np.arange(n), np.argmin(cost[pairs], axis=1)]


def _by_rank(cost: Array, n: int, rng: np.random.Generator) -> Array:
    order = np.argsort(cost, kind="stable")
    fraction = np.arange(len(cost), 0.0, -1.0)
    return np.asarray(order[rng.choice(len(cost), size=n, p=fraction / fraction.sum())])


_SELECTIONS = {"tournament": _tournament, "rank": _by_rank}


def _crossover(
    mother: Array, father: Array, index: float, rng: np.random.Generator
) -> Array:
    factor = spread(np.inf, rng.random(mother.shape), index)
    side = np.where(rng.random(mother.shape) < 0.5, 1.0, -1.0)
    child = 0.5 * (mother + father) + 0.5 * side * factor * (mother - father)
    kept = rng.random(mother.shape) < 0.1  # some parameters pass unchanged
    return np.clip(np.where(kept, mother, child), 0.0, 1.0)


def _mutate(u: Array, index: float, rng: np.random.Generator) -> Array:
    step = polynomial_step(rng.random(u.shape), index)
    hit = rng.random(u.shape) < max(1.0 / u.shape[1], 0.1)
    return np.clip(np.where(hit, u + step, u), 0.0, 1.0)


METHOD = Method(
    name="genetic",
    summary="Genetic algorithm: tournament or rank, simulated binary crossover, "
    "polynomial mutation, elitism.",
    sample=sample,
    gives="point",
    source="Deb and Agrawal (1995)",
)
