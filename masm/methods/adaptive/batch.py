"""Where the next model runs are made, and where none are.

A batch holds the best point, some posterior draws, points that may lie on another mode,
and those that tell most of the cost over the posterior
(`masm.design.information_gain`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist

from masm.design.information_gain import most_informative
from masm.design.space_filling import allowed_start
from masm.methods.adaptive.mode_search import Explorer
from masm.problem.problem import Problem, Runs
from masm.samplers.tempering import tempered_population
from masm.surrogates.base import Surrogate
from masm.surrogates.feasibility import log_chance_to_run
from masm.surrogates.series import SeriesEmulator
from masm.types import Array

_N_POOL = 150
# Runs nearer than this (times the cube's diagonal) to another tell nothing new.
_NEAR = 1e-3


def density_of(
    problem: Problem,
    log_density: Callable[[Array], Array],
    runs: Runs,
    *,
    cut: bool = False,
) -> Callable[[Array], Array]:
    """Density kept to the constraints and to where the model runs.

    With ``cut`` sharply, as a posterior; else by the chance that a run succeeds.
    """
    log_chance = log_chance_to_run(runs, cut=cut)
    if not problem.priors.constraints and log_chance is None:
        return log_density

    def density(u: Array) -> Array:
        value = np.full(len(u), -np.inf)
        ok = problem.allowed(u)
        if ok.any():
            value[ok] = log_density(u[ok])
            if log_chance is not None:
                value[ok] += log_chance(u[ok])
        return value

    return density


def n_drawn(size: int, *, reached: bool = True) -> int:
    """How many points of a batch are plain draws, of the posterior once it is reached.

    Before, draws of a flatter one lead down to it, and nothing else does.
    """
    return max(2, size // 6 if reached else size // 2)


def choose_batch(
    problem: Problem,
    surrogate: Surrogate,
    runs: Runs,
    population: Array,
    size: int,
    rng: np.random.Generator,
    *,
    lost: bool = False,
    settled: bool = False,
) -> Array:
    """Next points: the best, a far one, some draws, and the most informative.

    Parameters
    ----------
    problem, surrogate, runs
        So far.
    population : (n_particles, n_parameters), draws of the present posterior
    size : number of points
    rng : numpy.random.Generator
    lost : whether the surrogate has just been wrong where it put the posterior
    settled : whether the known posterior needs no more runs, only the unknown

    Returns
    -------
    points : (size, n_parameters)
    """
    chosen = [population[np.argmin(surrogate.cost(population))]]
    explorer = Explorer(runs, rng)
    free = density_of(problem, lambda u: np.zeros(len(u)), runs)
    candidates = explorer.candidates(rng)
    candidates = candidates[free(candidates) > -1.0]
    n = n_drawn(size, reached=surrogate.reached)
    chosen.extend(population[rng.choice(len(population), n, False)])
    if surrogate.reached and len(candidates) > size:
        if lost:
            chosen.extend(explorer.best(candidates, max(1, size // 3)))
        share = 0.6 if settled else 0.25
        # A series tells of its surroundings what a bare cost cannot.
        if isinstance(surrogate, SeriesEmulator):
            share *= 0.25
        n_far = max(1, round(share * size))
        chosen.extend(explorer.elsewhere(candidates, population, n_far, rng))
    start = np.array(chosen)[:size]
    if len(start) == size:
        return start

    density = density_of(problem, surrogate.hopeful, runs)
    wide = tempered_population(
        lambda u: 0.4 * density(u),
        problem.n_parameters,
        rng=rng,
        n_particles=_N_POOL,
        n_moves=2,
        start=allowed_start(problem, rng, _N_POOL),
    )
    pool = np.vstack([population[:_N_POOL], wide])
    near = _NEAR * math.sqrt(problem.n_parameters)
    pool = pool[cdist(pool, np.vstack([runs.u, start])).min(axis=1) > near]
    reference = population[rng.choice(len(population), _N_POOL, replace=False)]
    information = surrogate.information(np.vstack([start, pool]), reference)
    picked = most_informative(information, len(start), size - len(start))
    points = np.vstack([start, np.vstack([start, pool])[picked]])
    short = size - len(points)
    return points if short == 0 else np.vstack([points, candidates[:short]])


def strata(population: Array, n: int) -> tuple[Array, Array]:
    """Draws that stand for parts of a posterior, small modes included.

    Farthest-first, in standard deviations, from the draw nearest to the middle; each
    stands for the draws that are nearest to it.

    Returns
    -------
    points : (n, n_parameters)
    share : (n,), of the population, sums to one
    """
    scaled = population / (population.std(axis=0) + 1e-12)
    gap = cdist(scaled, [np.median(scaled, axis=0)])[:, 0]
    picked = [int(np.argmin(gap))]
    distance = cdist(scaled, scaled[picked])
    while len(picked) < n:
        picked.append(int(np.argmax(distance.min(axis=1))))
        distance = np.hstack([distance, cdist(scaled, scaled[picked[-1:]])])
    nearest = np.argmin(distance, axis=1)
    return population[picked], np.bincount(nearest, minlength=n) / len(population)
