"""Places of further modes: exchanged parameters, and minima of the surrogate.

Two pools with the same prior, or two layers, can often change places without a change
of what is observed: the posterior then has a mode for each order. Where parameters have
the same prior, or nearly, the best run with the two exchanged is a place to look for a
mode, alone and with one other parameter reflected (a fraction that says how much goes
to the first pool becomes one that says how much goes to the second). Whole pools change
places with several parameters at once, three pools in a ring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from masm.methods.adaptive.missed_modes import fitting_runs, surrounded
from masm.methods.adaptive.settings import Settings
from masm.problem.exchanges import exchanges, reflections
from masm.problem.problem import Problem, Runs
from masm.surrogates.base import Surrogate
from masm.types import Array

_N_DRAWS = 50
# A run within so many standard deviations of an image proves it.
_N_SD = 6.0


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
    images = np.vstack([exchanged, reflections(best)])
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
