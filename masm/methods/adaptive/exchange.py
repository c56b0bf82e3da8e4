"""Places of further modes: exchanged parameters, and minima of the surrogate.

Two pools with the same prior, or two layers, can often change places without a change
of what is observed: the posterior then has a mode for each order. Where parameters have
the same prior the best run with the two exchanged is a place to look for a mode, alone
and with one other parameter reflected (a fraction that says how much goes to the first
pool becomes one that says how much goes to the second).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from masm.methods.adaptive.lost_modes import surrounded
from masm.methods.adaptive.settings import Settings
from masm.problem.priors import Prior
from masm.problem.problem import Problem, Runs
from masm.surrogates.base import Surrogate
from masm.types import Array

_LEVELS = np.linspace(0.05, 0.95, 7)
_N_DRAWS = 50


def exchangeable_pairs(problem: Problem) -> list[tuple[int, int]]:
    """Columns of parameters whose priors are of the same kind and bounds."""
    priors = [problem.priors[name] for name in problem.active]
    columns = combinations(range(len(priors)), 2)
    return [(i, j) for i, j in columns if _same(priors[i], priors[j])]


def _same(one: Prior, other: Prior) -> bool:
    if type(one) is not type(other) or (one.low, one.high) != (other.low, other.high):
        return False
    levels = one.quantile(_LEVELS), other.quantile(_LEVELS)
    return bool(np.allclose(*levels, rtol=1e-9, atol=0.0))


def images_of_best(
    problem: Problem,
    surrogate: Surrogate,
    runs: Runs,
    population: Array,
    most: int,
    rng: np.random.Generator,
    settings: Settings,
) -> Array:
    """Images of the best run that are worth a run each, (n_images, n_parameters).

    Those that draws of the posterior surround are left out. A few are always worth a
    run, more where the surrogate does not exclude that they fit.

    Parameters
    ----------
    problem, surrogate, runs : so far
    population : (n_particles, n_parameters), draws of the present posterior
    most : images at most
    rng, settings
    """
    best = runs.u[np.nanargmin(runs.cost)]
    images = _images(best, exchangeable_pairs(problem))
    if not len(images) or most < 1:
        return images[:0]
    images = images[problem.allowed(images)]
    images = images[~surrounded(images, population, settings)]
    if not len(images):
        return images
    # As low as the cost may well be.
    drawn = surrogate.sample_cost(images, _N_DRAWS, rng)
    low = np.quantile(drawn, 0.1, axis=0) - float(np.nanmin(runs.cost))
    order = np.argsort(low, kind="stable")[:most]
    possible = low[order] < settings.image_excess * problem.n_parameters
    worth = possible | (np.arange(len(order)) < settings.least_images)
    return images[order[worth]]


def minima_elsewhere(
    problem: Problem,
    surrogate: Surrogate,
    runs: Runs,
    population: Array,
    rng: np.random.Generator,
    settings: Settings,
) -> Array:
    """Minima of the surrogate that fit and that no draws surround, each worth a run.

    Parameters are those of `images_of_best`. A minimum proves nothing: it is a
    guess of the surrogate where there are no runs.
    """
    minima = surrogate.minima(settings.n_starts, rng)
    if not len(minima):
        return minima
    minima = minima[problem.allowed(minima)]
    excess = surrogate.cost(minima) - float(np.nanmin(runs.cost))
    minima = minima[excess < max(settings.lost_excess, problem.n_parameters)]
    minima = minima[~surrounded(minima, population, settings)]
    return minima[: settings.most_minima]


def _images(point: Array, pairs: list[tuple[int, int]]) -> Array:
    """Exchanged pairs, plain and with one other parameter reflected, no two alike."""
    found: list[Array] = []
    for i, j in pairs:
        plain = point.copy()
        plain[[i, j]] = point[[j, i]]
        found.append(plain)
        for k in range(len(point)):
            if k not in (i, j):
                reflected = plain.copy()
                reflected[k] = 1.0 - reflected[k]
                found.append(reflected)
    if not found:
        return np.empty((0, len(point)))
    _, first = np.unique(np.round(found, 6), axis=0, return_index=True)
    return np.array(found)[np.sort(first)]
