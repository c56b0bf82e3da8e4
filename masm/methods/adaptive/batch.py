"""Choose the next batch of model runs.

A batch holds the best point, some posterior draws, points that may lie on another mode,
and those that most reduce the variance of the cost over the posterior
(`masm.design.information_gain`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from masm.design.information_gain import most_informative
from masm.design.space_filling import allowed_start, spread_points
from masm.methods.adaptive.mode_search import ModeSearch
from masm.methods.adaptive.settings import Settings
from masm.problem.problem import Problem, Runs
from masm.samplers.chains import LogDensity, values_above
from masm.samplers.tempering import tempered_population
from masm.surrogates import feasibility
from masm.surrogates.base import Surrogate
from masm.surrogates.feasibility import log_feasibility
from masm.types import Array


def density_of(
    problem: Problem,
    log_density: Callable[[Array], Array],
    runs: Runs,
    *,
    cut: bool = False,
    settings: feasibility.Settings | None = None,
) -> Callable[[Array], Array]:
    """Density kept to the constraints and to where the model runs.

    With ``cut`` sharply, as a posterior; else by the probability that a run succeeds.
    """
    log_probability = log_feasibility(runs, cut=cut, settings=settings)
    if not problem.priors.constraints and log_probability is None:
        return log_density

    return _Restricted(problem, log_density, log_probability)


@dataclass(frozen=True)
class _Restricted:
    """Log density kept to the constraints, times the probability that a run succeeds.

    Attributes
    ----------
    problem : whose constraints are kept
    log_density : in the unit cube
    log_probability : of success, at most 0, optional
    """

    problem: Problem
    log_density: LogDensity
    log_probability: LogDensity | None

    def __call__(self, u: Array) -> Array:
        """Log density, (n_points,)."""
        return self.above(u, np.full(len(u), -np.inf))

    def above(self, u: Array, least: Array) -> Array:
        """Log density, (n_points,); any lower value where it is below ``least``."""
        value = np.full(len(u), -np.inf)
        ok = self.problem.allowed(u)
        if ok.any():
            value[ok] = values_above(self.log_density, u[ok], least[ok])
            if self.log_probability is not None:
                value[ok] += self.log_probability(u[ok])
        return value


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
    off_target: bool = False,
    settled: bool = False,
    settings: Settings | None = None,
) -> Array:
    """Next points: the best, a far one, some draws, and the most informative.

    Parameters
    ----------
    problem, surrogate, runs
        So far.
    population : (n_particles, n_parameters), draws of the present posterior
    size : number of points
    rng : numpy.random.Generator
    off_target : whether the surrogate has just been wrong about the posterior's place
    settled : whether the known posterior needs no more runs, only the unknown
    settings : tuned numbers

    Returns
    -------
    points : (size, n_parameters)
    """
    settings = settings or Settings()

    def density_in(log_density: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return density_of(problem, log_density, runs, settings=settings.feasibility)

    chosen = [population[np.argmin(surrogate.cost(population))]]
    search = ModeSearch(runs, rng, settings)
    free = density_in(lambda u: np.zeros(len(u)))
    candidates = search.candidates(rng)
    candidates = candidates[free(candidates) > -1.0]
    n = n_drawn(size, reached=surrogate.reached)
    chosen.extend(population[rng.choice(len(population), n, False)])
    if surrogate.reached and len(candidates) > size:
        if off_target:
            chosen.extend(search.best(candidates, max(1, size // 3)))
        fraction = (0.6 if settled else 0.25) * surrogate.mode_search
        if fraction > 0.0:
            n_far = max(1, round(fraction * size))
            chosen.extend(search.candidate_modes(candidates, population, n_far, rng))
    start = np.array(chosen)[:size]
    if len(start) == size:
        return start

    density = density_in(surrogate.acquisition_density)
    wide = tempered_population(
        lambda u: 0.4 * density(u),
        problem.n_parameters,
        rng=rng,
        n_particles=settings.n_pool,
        n_moves=2,
        start=allowed_start(problem, rng, settings.n_pool),
    )
    pool = np.vstack([population[: settings.n_pool], wide])
    near = settings.near * math.sqrt(problem.n_parameters)
    pool = pool[
        scipy.spatial.distance.cdist(pool, np.vstack([runs.u, start])).min(axis=1)
        > near
    ]
    reference = population[rng.choice(len(population), settings.n_pool, replace=False)]
    if settings.informative:
        information = surrogate.information(np.vstack([start, pool]), reference)
        picked = most_informative(information, len(start), size - len(start))
    else:
        # The pool's first rows are draws of the posterior, in no order.
        picked = list(range(len(start), size))
    points = np.vstack([start, np.vstack([start, pool])[picked]])
    short = size - len(points)
    return points if short == 0 else np.vstack([points, candidates[:short]])


def feasible_points(
    problem: Problem, runs: Runs, size: int, rng: np.random.Generator
) -> Array:
    """Points where the model may run, while too few runs have not failed.

    Of uniform points and the surroundings of good runs, those whose nearest runs were
    good (weighted by their inverse squared distance), far from each other and from
    what was run.

    Returns
    -------
    points : (size, n_parameters)
    """
    good, d = runs.u[runs.ok], problem.n_parameters
    near = good[rng.integers(0, len(good), 1000)]
    width = rng.choice([0.03, 0.1, 0.3], (1000, 1))
    near = near + width * rng.standard_normal(near.shape)
    candidates = np.vstack([rng.random((1000, d)), near])
    candidates = candidates[problem.allowed(candidates)]
    if len(candidates) < 5 * size:
        return np.asarray(spread_points(problem, size, rng))
    gap = scipy.spatial.distance.cdist(candidates, runs.u)
    weight = 1.0 / (gap**2 + 1e-12)
    feasible = weight @ runs.ok / weight.sum(axis=1)
    kept = np.argsort(-feasible, kind="stable")[: max(5 * size, len(gap) // 10)]
    candidates, nearest = candidates[kept], gap[kept].min(axis=1)
    chosen: list[int] = []
    for _ in range(size):
        chosen.append(int(np.argmax(nearest)))
        apart = scipy.spatial.distance.cdist(candidates, candidates[chosen[-1:]])[:, 0]
        nearest = np.minimum(nearest, apart)
    return candidates[chosen]


def weighted_centres(population: Array, n: int) -> tuple[Array, Array]:
    """Weighted k-centre subset: draws that represent a posterior, small modes included.

    Farthest-first, in standard deviations, from the draw nearest to the middle; each
    represents the draws that are nearest to it.

    Returns
    -------
    points : (n, n_parameters)
    weight : (n,), fraction of the population, sums to one
    """
    scaled = population / (population.std(axis=0) + 1e-12)
    gap = scipy.spatial.distance.cdist(scaled, [np.median(scaled, axis=0)])[:, 0]
    picked = [int(np.argmin(gap))]
    distance = scipy.spatial.distance.cdist(scaled, scaled[picked])
    while len(picked) < n:
        picked.append(int(np.argmax(distance.min(axis=1))))
        distance = np.hstack(
            [distance, scipy.spatial.distance.cdist(scaled, scaled[picked[-1:]])]
        )
    nearest = np.argmin(distance, axis=1)
    return population[picked], np.bincount(nearest, minlength=n) / len(population)
