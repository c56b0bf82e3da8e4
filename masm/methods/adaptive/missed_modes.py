"""Runs that fit but that no draws of the posterior surround: modes that were lost.

A sampler started over the whole prior may miss a narrow mode, and a surrogate may
smooth it away. A run that fits as well as the best is proof of its mode, and where no
draws lie around it they can be made: a population grown from the run, weighted by its
evidence (importance sampling from a mixture fitted to it).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from masm.methods.adaptive.settings import Settings
from masm.problem.problem import Problem, Runs
from masm.samplers.among import among
from masm.samplers.chains import LogDensity, clean
from masm.samplers.gaussian_mixture import Mixture
from masm.samplers.tempering import tempered_population
from masm.types import Array

# Particles of a mode, draws that its evidence is estimated from, modes at most.
_N_LOCAL, _N_EVIDENCE, _MOST_MODES = 128, 400, 6
# Widths of the cloud a mode is grown from, in standard deviations of nearby draws.
_WIDTHS = (0.1, 0.3, 1.0)
# Bounds of the fraction of a population that is given to one mode.
_LEAST_FRACTION, _MOST_FRACTION = 0.05, 0.95


def surrounded(points: Array, draws: Array, settings: Settings) -> NDArray[np.bool_]:
    """Which points lie among draws, (n_points,).

    By the squared Mahalanobis distance from a tenth of the draws, those about the draw
    that is nearest to the point: within twice the chi-square 0.999 quantile. Only they
    count, so that a point between two modes, or beside a curved ridge, is not among
    draws.

    Parameters
    ----------
    points : (n_points, n_parameters)
    draws : (n_draws, n_parameters), more than a few times n_parameters
    settings : tuned numbers
    """
    return among(points, draws, settings.nearest, settings.outside)


def fitting_runs(runs: Runs, settings: Settings) -> Array:
    """Runs that fit about as well as the best, best first, (n_fitting, n_parameters).

    Within ``settings.lost_excess`` of its cost, or the number of parameters.
    """
    u, cost = runs.u[runs.ok], runs.cost[runs.ok]
    excess = max(settings.off_target_excess, float(u.shape[1]))
    fits = np.flatnonzero(cost <= cost.min() + excess)
    return u[fits[np.argsort(cost[fits], kind="stable")]]


def runs_off_target(runs: Runs, draws: Array, settings: Settings) -> Array:
    """Runs that fit and that no draws surround, best first, (n_lost, n_parameters).

    Parameters
    ----------
    runs : all so far
    draws : (n_draws, n_parameters)
    settings : tuned numbers
    """
    fits = fitting_runs(runs, settings)
    some = draws[:: 1 + len(draws) // settings.n_nearest_of]
    return fits[~surrounded(fits, some, settings)]


def with_missed_modes(
    problem: Problem,
    population: Array,
    lost: Array,
    log_density: LogDensity,
    rng: np.random.Generator,
    settings: Settings,
) -> Array:
    """Replace part of a population by draws of modes that it lacks.

    Parameters
    ----------
    problem : whose constraints are kept
    population : (n, n_parameters), draws of the density without those modes
    lost : (n_lost, n_parameters), runs in the modes, best first
    log_density : of the population
    rng, settings

    Returns
    -------
    population : (n, n_parameters), in random order; as it was where the density says
        that nothing is to be gained
    """
    parts, evidence = [population], [_log_evidence(population, log_density, rng)]
    for run in lost:
        if len(parts) > _MOST_MODES:
            break
        if any(surrounded(run[None], part, settings)[0] for part in parts[1:]):
            continue
        part = _grown(problem, run, population, log_density, rng)
        known = np.concatenate(parts)
        part = part[~surrounded(part, known, settings)]
        if len(part) < _N_LOCAL // 4:
            continue
        parts.append(part)
        evidence.append(
            _log_evidence(part, log_density, rng, known=known, settings=settings)
        )
    weight = np.exp(np.array(evidence) - max(evidence))
    weight /= weight.sum()
    # A mode that holds next to nothing is no mode of the posterior.
    keep = [0, *[k for k in range(1, len(parts)) if weight[k] > settings.least_mode]]
    if len(keep) == 1:
        return population
    n = len(population)
    fraction = np.clip(weight[keep], _LEAST_FRACTION, _MOST_FRACTION)
    count = np.floor(n * fraction / fraction.sum()).astype(int)
    count[int(np.argmax(count))] += n - int(count.sum())
    chosen = [
        parts[k][rng.choice(len(parts[k]), m, replace=m > len(parts[k]))]
        for k, m in zip(keep, count, strict=True)
    ]
    return rng.permutation(np.concatenate(chosen))


def _grown(
    problem: Problem,
    run: Array,
    population: Array,
    log_density: LogDensity,
    rng: np.random.Generator,
) -> Array:
    """Draws of the density near a run, (n_local, n_parameters)."""
    d = len(run)
    scale = population.std(axis=0) + 1e-4
    gap = np.sum(((population - run) / scale) ** 2, axis=1)
    near = population[np.argsort(gap, kind="stable")[: max(3 * d, len(gap) // 10)]]
    sd = near.std(axis=0) + 1e-4
    width = np.repeat(_WIDTHS, math.ceil(_N_LOCAL / len(_WIDTHS)))[:_N_LOCAL, None]
    cloud = run + width * sd * rng.standard_normal((_N_LOCAL, d))
    cloud = np.abs(cloud)
    cloud = np.clip(1.0 - np.abs(1.0 - cloud), 0.0, 1.0)
    cloud[~problem.allowed(cloud)] = run
    if not np.isfinite(clean(log_density(cloud))).any():
        return cloud[:0]
    return tempered_population(
        log_density, d, rng=rng, n_particles=_N_LOCAL, n_moves=4, start=cloud
    )


def _log_evidence(
    part: Array,
    log_density: LogDensity,
    rng: np.random.Generator,
    known: Array | None = None,
    settings: Settings | None = None,
) -> float:
    """Log of the density's integral over a mode; not over what is known already."""
    spread = part + 1e-6 * rng.standard_normal(part.shape)
    mixture = Mixture(spread, rng, n_parts=6)
    x = mixture.draw(_N_EVIDENCE, rng)
    inside = np.all((x >= 0.0) & (x <= 1.0), axis=1)
    x = x[inside]
    if known is not None and settings is not None:
        x = x[~surrounded(x, known, settings)]
    if not len(x):
        return -np.inf
    log_weight = clean(log_density(x)) - mixture.log_density(x)
    return float(special.logsumexp(log_weight) - np.log(_N_EVIDENCE))
