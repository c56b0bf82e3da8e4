"""Population of a tempered sequential Monte Carlo sampler."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.samplers.chains import LogDensity, checked_starts, clean, values_above
from masm.samplers.ensemble import _ensemble_proposal
from masm.samplers.gaussian_mixture import Normal
from masm.samplers.latin_hypercube import latin_hypercube
from masm.types import Array


def tempered_population(
    log_density: LogDensity,
    n_parameters: int,
    *,
    rng: np.random.Generator,
    n_particles: int = 512,
    n_moves: int = 4,
    start: ArrayLike | None = None,
) -> Array:
    """Draws from a density on the unit cube by tempering from the uniform one.

    The exponent rises from 0 to 1 so that half of the particles stay effective at
    each level; after each resampling, every particle takes `n_moves` ensemble
    steps. Modes that are far apart keep their fraction.

    Parameters
    ----------
    log_density : as in `ensemble_chains`
    n_parameters : of the cube
    rng : the only source of random numbers
    n_particles, n_moves : population and steps at each level
    start : (n_start, n_parameters), optional
        First particles, uniform in the allowed part of the cube; drawn here when
        absent. Others may be added to n_particles by the caller through this.

    Returns
    -------
    particles : (n_particles, n_parameters)
    """
    d = n_parameters
    u = (
        latin_hypercube(n_particles, d, rng)
        if start is None
        else checked_starts(start, d)
    )
    value = clean(log_density(u))
    if not np.isfinite(value).any():
        raise InputError("tempered population: the density is zero at every start")
    exponent = 0.0
    while exponent < 1.0:
        step = _temper_step(value, 1.0 - exponent)
        exponent = 1.0 if step >= 1.0 - exponent else exponent + step
        weight = np.exp(step * (value - value.max()))
        index = _systematic(weight / weight.sum(), n_particles, rng)
        u, value = u[index], value[index]
        for _ in range(n_moves):
            archive = u.copy()
            normal = Normal(archive)
            new, log_ratio = _ensemble_proposal(u, archive, normal, rng)
            inside = np.all((new >= 0.0) & (new <= 1.0), axis=1)
            inside &= np.isfinite(log_ratio)
            log_uniform = np.log1p(-rng.random(len(u)))
            new_value = np.full(len(u), -np.inf)
            if inside.any():
                least = value + (log_uniform - log_ratio) / exponent
                new_value[inside] = values_above(
                    log_density, new[inside], least[inside]
                )
            with np.errstate(invalid="ignore"):
                gain = exponent * (new_value - value) + log_ratio
            take = inside & (log_uniform < gain)
            u[take], value[take] = new[take], new_value[take]
    return u


def _temper_step(value: Array, most: float) -> float:
    """Largest rise of the exponent that keeps half of the particles effective."""

    def effective(step: float) -> float:
        weight = np.exp(step * (value - value.max()))
        return float(weight.sum() ** 2 / np.sum(weight**2) / len(value))

    if effective(most) >= 0.5:
        return most
    low, high = 0.0, most
    # With many starts of zero density, half may be out of reach: go by the rest.
    wanted = 0.5 * float(np.mean(np.isfinite(value)))
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) > wanted else (low, middle)
    return max(low, 1e-9)


def _systematic(weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    edges = np.cumsum(weight)
    edges[-1] = 1.0
    return np.searchsorted(edges, (rng.random() + np.arange(n)) / n)
