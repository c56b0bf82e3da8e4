"""A genetic algorithm with real-valued parameters.

Tournament selection, simulated binary crossover, polynomial mutation and elitism.

References
----------
Deb, K. and Agrawal, R. B. (1995). Simulated binary crossover for continuous search
space. Complex Systems 9, 115-148.
"""

from __future__ import annotations

import numpy as np

from masm.methods.budget import BudgetSpent, Evaluations, check_counts, spread_starts
from masm.methods.method import Method
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

    Returns
    -------
    Outcome
        The best run; no posterior.
    """
    check_counts(population=(population, 4), max_runs=(max_runs, 2 * population))
    check_counts(elite=(elite, 1))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(problem, max_runs)
    u = spread_starts(problem, population, rng)
    cost = evaluations.cost(u)
    try:
        while True:
            parents = _tournament(cost, 2 * (population - elite), rng)
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


def _crossover(
    mother: Array, father: Array, index: float, rng: np.random.Generator
) -> Array:
    r = rng.random(mother.shape)
    spread = np.where(
        r <= 0.5,
        (2.0 * r) ** (1.0 / (index + 1.0)),
        (0.5 / np.maximum(1.0 - r, 1e-12)) ** (1.0 / (index + 1.0)),
    )
    side = np.where(rng.random(mother.shape) < 0.5, 1.0, -1.0)
    child = 0.5 * (mother + father) + 0.5 * side * spread * (mother - father)
    kept = rng.random(mother.shape) < 0.1  # some parameters pass unchanged
    return np.clip(np.where(kept, mother, child), 0.0, 1.0)


def _mutate(u: Array, index: float, rng: np.random.Generator) -> Array:
    r = rng.random(u.shape)
    power = 1.0 / (index + 1.0)
    step = np.where(r < 0.5, (2.0 * r) ** power - 1.0, 1.0 - (2.0 * (1.0 - r)) ** power)
    hit = rng.random(u.shape) < max(1.0 / u.shape[1], 0.1)
    return np.clip(np.where(hit, u + step, u), 0.0, 1.0)


METHOD = Method(
    name="genetic",
    summary="Genetic algorithm: tournament, simulated binary crossover, polynomial "
    "mutation, elitism.",
    sample=sample,
    gives="point",
    source="Deb and Agrawal (1995)",
)
