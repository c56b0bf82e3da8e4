"""Several objectives at once: NSGA-II, and the measures of what it found.

A solution dominates another if it is nowhere worse and somewhere better. The search
keeps the solutions that none dominates, and among these the ones that lie apart.

References
----------
Deb, K., Pratap, A., Agarwal, S. and Meyarivan, T. (2002). A fast and elitist
multiobjective genetic algorithm: NSGA-II. IEEE Transactions on Evolutionary Computation
6, 182-197.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from masm.methods.optimisers.variation import crossover, mutate
from masm.types import Array

Objectives = Callable[[Array], Array]
"""``objectives(u)``, (n, p) in the unit cube to (n, m), less is better, NaN failed."""


def fronts_of(values: Array) -> NDArray[np.intp]:
    """Return the front of each solution: 0 is not dominated by any.

    Parameters
    ----------
    values : (n, m)
        Objectives, less is better. A row with NaN is in the last front.

    Returns
    -------
    (n,) of int

    Examples
    --------
    >>> import numpy as np
    >>> fronts_of(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist()
    [0, 0, 1]
    """
    values = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.inf)
    one, other = values[:, None], values[None]
    beats = np.all(one <= other, axis=-1) & np.any(one < other, axis=-1)
    n_over = beats.sum(axis=0)
    front = np.full(len(values), -1)
    level = 0
    while (front < 0).any():
        now = (front < 0) & (n_over == 0)
        front[now] = level
        n_over = n_over - beats[now].sum(axis=0)
        level += 1
    return front


def crowding(values: Array) -> Array:
    """Distance of each solution of a front to its neighbours, (n,); ends infinite.

    Parameters
    ----------
    values : (n, m)
        Objectives of the solutions of one front.
    """
    n, m = values.shape
    distance = np.zeros(n)
    for k in range(m):
        order = np.argsort(values[:, k], kind="stable")
        column = values[order, k]
        width = column[-1] - column[0]
        distance[order[[0, -1]]] = np.inf
        if np.isfinite(width) and width > 0.0 and n > 2:
            distance[order[1:-1]] += (column[2:] - column[:-2]) / width
    return distance


def knee(values: Array) -> int:
    """Return the row nearest to the best of each objective, each scaled to 0 ... 1.

    Parameters
    ----------
    values : (n, m)
        Objectives of solutions that none dominates.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return int(np.argmin(np.sum(((values - low) / width) ** 2, axis=1)))


def search(
    objectives: Objectives,
    n_parameters: int,
    rng: np.random.Generator,
    *,
    start: Array,
    crossover_index: float = 15.0,
    mutation_index: float = 20.0,
    more: Callable[[int], bool],
) -> tuple[Array, Array]:
    """Search the solutions of the unit cube that none dominates.

    Parameters
    ----------
    objectives : callable
    n_parameters : int
    rng : numpy.random.Generator
    start : (population, n_parameters)
        First generation.
    crossover_index, mutation_index : float
        Distribution indices; a larger one keeps children nearer to their parents.
    more : callable
        ``more(n)`` returns whether n further runs may be made.

    Returns
    -------
    u : (n, n_parameters)
    values : (n, m)
        Of the last generation's first front.
    """
    u, n = start, len(start)
    values = objectives(u)
    rank, apart = _ranked(values)
    while more(n):
        parents = _tournament(rank, apart, 2 * (n - n // 2), rng)
        mother, father = np.split(u[parents], 2)
        one, two = crossover(mother, father, crossover_index, rng)
        child = mutate(np.concatenate([one, two])[:n], mutation_index, rng)
        u = np.concatenate([u, child])
        values = np.concatenate([values, objectives(child)])
        rank, apart = _ranked(values)
        kept = np.lexsort((-apart, rank))[:n]
        u, values, rank, apart = u[kept], values[kept], rank[kept], apart[kept]
    first = (fronts_of(values) == 0) & np.isfinite(values).all(axis=1)
    return u[first], values[first]


def _ranked(values: Array) -> tuple[NDArray[np.intp], Array]:
    rank = fronts_of(values)
    apart = np.zeros(len(values))
    for level in range(rank.max() + 1):
        at = np.flatnonzero(rank == level)
        apart[at] = crowding(values[at])
    return rank, apart


def _tournament(
    rank: NDArray[np.intp], apart: Array, n: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    pairs = rng.integers(len(rank), size=(n, 2))
    one, two = pairs.T
    better = (rank[one] < rank[two]) | (
        (rank[one] == rank[two]) & (apart[one] >= apart[two])
    )
    return np.where(better, one, two)
