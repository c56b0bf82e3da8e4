"""Places of further modes: exchanged parameters, and minima of the surrogate.

Two pools with the same prior, or two layers, can often change places without a change
of what is observed: the posterior then has a mode for each order. Where parameters have
the same prior, or nearly, the best run with the two exchanged is a place to look for a
mode, alone and with one other parameter reflected (a fraction that says how much goes
to the first pool becomes one that says how much goes to the second). Whole pools change
places with several parameters at once, three pools in a ring.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from masm.methods.adaptive.missed_modes import fitting_runs, surrounded
from masm.methods.adaptive.settings import Settings
from masm.problem.priors import Prior
from masm.problem.problem import Problem, Runs
from masm.surrogates.base import Surrogate
from masm.types import Array

_LEVELS = np.linspace(0.05, 0.95, 7)
_N_DRAWS = 50
# Priors are nearly the same where so much of either lies between the other's bounds.
_SHARED = 0.8
# A run within so many standard deviations of an image proves it.
_N_SD = 6.0
# So many exchanges at a time, and so many images that the surrogate is asked about.
_MOST_EXCHANGES, _MOST_ASKED = 3, 400


def exchangeable_pairs(problem: Problem) -> list[tuple[int, int]]:
    """Columns of parameters whose priors are of the same kind and nearly the same."""
    priors = [problem.priors[name] for name in problem.active]
    columns = combinations(range(len(priors)), 2)
    return [(i, j) for i, j in columns if _alike(priors[i], priors[j])]


def _alike(one: Prior, other: Prior) -> bool:
    """Whether at least four fifths of either prior lie between the other's bounds."""
    if type(one) is not type(other):
        return False
    low, high = max(one.low, other.low), min(one.high, other.high)
    if not low < high:
        return False
    ends = np.array([low, high])
    return all(np.diff(prior.cdf(ends))[0] >= _SHARED for prior in (one, other))


def _same(one: Prior, other: Prior) -> bool:
    if (one.low, one.high) != (other.low, other.high):
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

    Those that draws of the posterior surround, about a run that fits, are left out. A
    few exchanges are always worth a run, more where the surrogate does not exclude that
    they fit. A parameter that is reflected alone is worth one where the surrogate says
    that it fits.

    Parameters
    ----------
    problem, surrogate, runs : so far
    population : (n_particles, n_parameters), draws of the present posterior
    most : images at most
    rng, settings
    """
    best = runs.u[np.nanargmin(runs.cost)]
    exchanged, n_plain, source = exchanges(problem, best)
    images = np.vstack([exchanged, _reflections(best)])
    plain = np.arange(len(images)) < n_plain
    whole = np.arange(len(images)) < len(exchanged)
    kept = problem.allowed(images)
    d = problem.n_parameters
    source = np.vstack([source, np.tile(np.arange(d), (d, 1))])
    width = _N_SD * _local_sd(best, population)[source]
    proven = _beside(images, fitting_runs(runs, settings), width)
    kept &= ~(proven & surrounded(images, population, settings))
    images, plain, whole = images[kept], plain[kept], whole[kept]
    if not len(images) or most < 1:
        return images[:0]
    # As low as the cost may well be.
    drawn = surrogate.sample_cost(images, _N_DRAWS, rng)
    low = np.quantile(drawn, 0.1, axis=0) - float(np.nanmin(runs.cost))
    order = np.argsort(low, kind="stable")
    images, plain, whole, low = images[order], plain[order], whole[order], low[order]
    # Nothing but the surrogate speaks for a reflection alone: it has to fit there.
    limit = np.where(
        whole, settings.image_excess * d, max(settings.off_target_excess, d)
    )
    # Where no mode is known the surrogate may well be wrong: the likeliest of either
    # kind are run whatever it says.
    turned = whole & ~plain
    first = plain & (np.cumsum(plain) <= settings.least_plain)
    first |= turned & (np.cumsum(turned) <= settings.least_images)
    chosen = np.flatnonzero(first | (low < limit))
    chosen = chosen[np.argsort(~first[chosen], kind="stable")]
    return images[chosen[:most]]


def _local_sd(point: Array, population: Array) -> Array:
    """Standard deviations of the draws about a point, (n_parameters,)."""
    scale = population.std(axis=0) + 1e-9
    gap = np.sum(((population - point) / scale) ** 2, axis=1)
    n_near = max(30, len(population) // 10)
    near = population[np.argsort(gap, kind="stable")[:n_near]]
    return np.asarray(near.std(axis=0) + 1e-3)


def _beside(images: Array, runs: Array, width: Array) -> NDArray[np.bool_]:
    """Which images have a run within this width in every parameter, (n_images,).

    The width is that of the best run's surroundings, exchanged as the image is: a few
    draws of a surrogate are no proof of a mode, and the next population may be without
    them. A run that fits is.
    """
    near = np.all(np.abs(images[:, None] - runs[None]) <= width[:, None], axis=2)
    return np.asarray(np.any(near, axis=1))


def further_minima(
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
    minima = minima[excess < max(settings.off_target_excess, problem.n_parameters)]
    minima = minima[~surrounded(minima, population, settings)]
    return minima[: settings.most_minima]


def exchanges(problem: Problem, point: Array) -> tuple[Array, int, NDArray[np.intp]]:
    """Points with exchanged parameters, how many are plain, and where values are from.

    No two are alike. The plain ones, in which nothing is reflected, are the first; the
    last part is the column of the point that each value was taken from.

    Pairs, plain and with one other parameter reflected; rings of three; and up to three
    pairs at once, with one other parameter reflected too. The values are exchanged, not
    the places in the priors: what falls outside the other's bounds is left out.

    Parameters
    ----------
    problem : its priors say which parameters can change places
    point : (n_parameters,) in the unit cube
    """
    pairs = exchangeable_pairs(problem)
    orders: list[list[tuple[int, int]]] = [[pair] for pair in pairs]
    orders += [[(i, j), (j, k)] for i, j, k in _rings(pairs)]
    for n in range(2, _MOST_EXCHANGES + 1):
        for several in combinations(pairs, n):
            if len({column for pair in several for column in pair}) == 2 * n:
                orders.append(list(several))
        if len(orders) > _MOST_ASKED:
            break
    d = len(point)
    found: list[tuple[Array, NDArray[np.intp]]] = []
    turned: list[tuple[Array, NDArray[np.intp]]] = []
    for order in orders[:_MOST_ASKED]:
        plain = _exchanged(problem, point, order)
        if plain is None:
            continue
        source: NDArray[np.intp] = np.arange(d)
        for i, j in order:
            source[[i, j]] = source[[j, i]]
        moved = {column for pair in order for column in pair}
        found.append((plain, source))
        turned += [(_reflected(plain, k), source) for k in range(d) if k not in moved]
    if not found:
        return np.empty((0, d)), 0, np.empty((0, d), np.intp)
    every = np.array([image for image, _ in found + turned])
    sources = np.array([source for _, source in found + turned])
    _, first = np.unique(np.round(every, 6), axis=0, return_index=True)
    first = np.sort(first)[:_MOST_ASKED]
    return every[first], int(np.sum(first < len(found))), sources[first]


def _rings(pairs: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Three columns that can all change places, in either direction of the ring."""
    known = set(pairs)
    columns = sorted({column for pair in pairs for column in pair})
    rings = []
    for i, j, k in combinations(columns, 3):
        if {(i, j), (j, k), (i, k)} <= known:
            rings += [(i, j, k), (k, j, i)]
    return rings


def _exchanged(
    problem: Problem, point: Array, order: list[tuple[int, int]]
) -> Array | None:
    """The point after exchanges, one after the other; None where it leaves a prior."""
    priors = [problem.priors[name] for name in problem.active]
    new = point.copy()
    for i, j in order:
        if _same(priors[i], priors[j]):
            new[[i, j]] = new[[j, i]]
            continue
        values = [priors[k].quantile(new[[k]])[0] for k in (i, j)]
        for k, value in zip((j, i), values, strict=True):
            if not priors[k].low <= value <= priors[k].high:
                return None
            new[k] = priors[k].cdf(np.array([value]))[0]
    return new


def _reflected(point: Array, column: int) -> Array:
    new = point.copy()
    new[column] = 1.0 - new[column]
    return new


def _reflections(point: Array) -> Array:
    """The point with one parameter reflected, (n_parameters, n_parameters)."""
    return np.array([_reflected(point, k) for k in range(len(point))])
