"""Calibration problems whose posterior is known, with as many variants as wanted.

Each target has uniform priors in physical units of very different size, a cost
(-2 log L) for whole arrays of parameter sets, and reference draws of the posterior:
exact for the analytic ones, weighted runs of the model itself for the carbon models
(`benchmarks.weighted_draws`).
Variant 0 is the standard one; others move the answer, so that nothing can be tuned
to one place. The carbon models also give their series, for `masm.calibrate`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from benchmarks.target import (
    UNITS,
    WINDOW,
    Array,
    Target,
    as_dataset,
    cache_folder,
)
from benchmarks.weighted_draws import importance_draws, reference_draws

__all__ = [
    "TARGETS",
    "UNITS",
    "WINDOW",
    "Target",
    "as_dataset",
    "cache_folder",
    "make",
]


def _rng(variant: int, name: str) -> np.random.Generator:
    return np.random.default_rng([variant, *name.encode()])


def _correlation(d: int, strength: float, rng: np.random.Generator) -> Array:
    """Random correlation matrix; strength 0 gives the identity."""
    factor = rng.standard_normal((d, d)) * strength + np.eye(d)
    covariance = factor @ factor.T
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)


def gauss4(variant: int = 0) -> Target:
    """Correlated normal, well inside the prior, sd 4-8 % of its width."""
    rng = _rng(variant, "gauss4")
    mean = rng.uniform(0.3, 0.7, 4)
    sd = rng.uniform(0.04, 0.08, 4)
    covariance = _correlation(4, 0.5, rng) * np.outer(sd, sd)
    priors = {
        "albedo": (0.02, 0.10),
        "leaf_mass": (20.0, 200.0),
        "capacity": (1e-5, 9e-5),
        "share": (0.0, 1.0),
    }
    return _normal_target(f"gauss4-{variant}", priors, mean, covariance)


def corr10(variant: int = 0) -> Target:
    """Ten correlated parameters: three modes at or past a bound, one nearly flat."""
    rng = _rng(variant, "corr10")
    mean = rng.uniform(0.3, 0.7, 10)
    sd = rng.uniform(0.04, 0.15, 10)
    mean[2], mean[5], mean[7] = 0.02, 1.03, 0.0
    covariance = _correlation(10, 0.25, rng) * np.outer(sd, sd)
    covariance[9] = covariance[:, 9] = 0.0
    covariance[9, 9] = 1.5**2
    priors = {
        f"k{i}": (10.0 ** (i - 5), 10.0 ** (i - 5) * (3.0 + i)) for i in range(10)
    }
    return _normal_target(f"corr10-{variant}", priors, mean, covariance)


def _normal_target(
    name: str, priors: dict[str, tuple[float, float]], mean: Array, covariance: Array
) -> Target:
    low, high = np.array(list(priors.values())).T
    precision = np.linalg.inv(covariance)

    def cost(theta: Array) -> Array:
        r = (theta - low) / (high - low) - mean
        return np.einsum("ij,jk,ik->i", r, precision, r)

    def draw(n: int, rng: np.random.Generator) -> Array:
        return rng.multivariate_normal(mean, covariance, n)

    root = np.linalg.cholesky(precision)

    def residuals(theta: Array) -> Array:
        return ((theta - low) / (high - low) - mean) @ root

    return Target(name, priors, cost, exact=draw, residuals=residuals)


def banana_edge6(variant: int = 0) -> Target:
    """A banana, two parameters against a bound, one that follows another, one flat."""
    rng = _rng(variant, "banana_edge6")
    middle, base, bend = rng.uniform([0.4, 0.15, 2.0], [0.6, 0.3, 3.5])
    wide, narrow = rng.uniform([0.12, 0.03], [0.17, 0.05])
    low_sd, high_sd, past = rng.uniform([0.08, 0.1, 1.0], [0.15, 0.2, 1.06])
    tie, tie_sd = rng.uniform([-0.4, 0.04], [0.4, 0.08])
    priors = {
        "curvature": (0.6, 0.996),
        "lifespan": (10.0, 200.0),
        "turnover": (0.0, 0.01),
        "leaf_fall": (200.0, 365.0),
        "q10": (0.02, 0.10),
        "nothing": (0.1, 0.7),
    }
    low, high = np.array(list(priors.values())).T

    def cost(theta: Array) -> Array:
        u = ((theta - low) / (high - low)).T
        return (
            ((u[0] - middle) / wide) ** 2
            + ((u[1] - base - bend * (u[0] - middle) ** 2) / narrow) ** 2
            + (u[2] / low_sd) ** 2
            + ((u[3] - past) / high_sd) ** 2
            + ((u[4] - 0.5 - tie * u[2]) / tie_sd) ** 2
        )

    def draw(n: int, rng: np.random.Generator) -> Array:
        z = rng.standard_normal((5, n))
        u = np.empty((n, 6))
        u[:, 0] = middle + wide * z[0]
        u[:, 1] = base + bend * (u[:, 0] - middle) ** 2 + narrow * z[1]
        u[:, 2] = np.abs(low_sd * z[2])
        u[:, 3] = past + high_sd * z[3]
        u[:, 4] = 0.5 + tie * u[:, 2] + tie_sd * z[4]
        u[:, 5] = rng.random(n)
        return u

    def residuals(theta: Array) -> Array:
        u = ((theta - low) / (high - low)).T
        terms = [
            (u[0] - middle) / wide,
            (u[1] - base - bend * (u[0] - middle) ** 2) / narrow,
            u[2] / low_sd,
            (u[3] - past) / high_sd,
            (u[4] - 0.5 - tie * u[2]) / tie_sd,
        ]
        return np.stack(terms, axis=1)

    name = f"banana_edge6-{variant}"
    return Target(name, priors, cost, exact=draw, residuals=residuals)


def bimodal4(variant: int = 0) -> Target:
    """Two normals of unequal weight in four dimensions, many sd apart."""
    rng = _rng(variant, "bimodal4")
    centers = np.array([[0.27, 0.3, 0.5, 0.6], [0.72, 0.68, 0.45, 0.4]])
    centers = centers + rng.uniform(-0.05, 0.05, centers.shape)
    sd = rng.uniform(0.05, 0.08, (2, 4))
    fraction = rng.uniform(0.3, 0.5)
    priors = {"a": (0.0, 2e-3), "b": (-50.0, 50.0), "c": (1.0, 7.0), "d": (0.0, 1.0)}
    return _two_normals(f"bimodal4-{variant}", priors, centers, sd, fraction)


def modes(variant: int = 0) -> Target:
    """Two normals anywhere in 2 to 6 dimensions, of unequal weight and widths."""
    rng = _rng(variant, "modes")
    d = 2 + variant % 5
    while True:
        centers = rng.uniform(0.2, 0.8, (2, d))
        sd = rng.uniform(0.05, 0.1, (2, d))
        apart = np.linalg.norm((centers[0] - centers[1]) / sd.max(axis=0))
        if apart > 5.0:
            break
    priors = {f"m{i}": (-(10.0 ** (i - 3)), 10.0 ** (i - 3)) for i in range(d)}
    fraction = rng.uniform(0.15, 0.5)
    return _two_normals(f"modes-{variant}", priors, centers, sd, fraction)


def _two_normals(
    name: str,
    priors: dict[str, tuple[float, float]],
    centers: Array,
    sd: Array,
    fraction: float,
) -> Target:
    """Mixture of two normals with diagonal covariance; the first has this fraction."""
    weight = np.array([fraction, 1.0 - fraction])
    low, high = np.array(list(priors.values())).T

    def cost(theta: Array) -> Array:
        u = (theta - low) / (high - low)
        parts = [
            np.log(w) - np.log(s).sum() - 0.5 * (((u - c) / s) ** 2).sum(axis=1)
            for w, s, c in zip(weight, sd, centers, strict=True)
        ]
        return -2.0 * np.logaddexp(*parts)

    def draw(n: int, rng: np.random.Generator) -> Array:
        which = (rng.random(n) < weight[1]).astype(int)
        return centers[which] + sd[which] * rng.standard_normal((n, len(low)))

    return Target(name, priors, cost, exact=draw)


# -- a small carbon model ------------------------------------------------------

N_YEARS = 3
CARBON_PRIORS = {
    "light_use": (0.4, 2.5),
    "vpd_slope": (0.05, 1.5),
    "leaf_mass": (20.0, 150.0),
    "leaf_loss": (1e-4, 0.012),
    "bud_day": (90.0, 150.0),
    "to_labile": (0.1, 0.6),
    "fall_day": (255.0, 310.0),
    "cold_point": (2.0, 14.0),
    "to_foliage": (0.05, 0.3),
    "labile_start": (20.0, 150.0),
}
CARBON_TRUTH = np.array([1.25, 0.45, 60.0, 2.5e-3, 118.0, 0.32, 285.0, 8.0, 0.15, 60.0])


@njit(cache=True)
def _carbon_box(theta, light, air, dryness, gpp, lai):  # pragma: no cover - compiled
    """Daily GPP (g m-2 d-1) and LAI of labile, foliage and plain losses."""
    for k in range(theta.shape[0]):
        (
            use,
            slope,
            mass,
            loss,
            bud,
            labile_fraction,
            fall,
            cold,
            leaf_fraction,
            labile,
        ) = theta[k]
        foliage = 2.0
        for day in range(light.size):
            season = day % 365 + 1
            area = foliage / mass
            warm = 1.0 / (1.0 + np.exp(-0.35 * (air[day] - cold)))
            dry = np.exp(-slope * dryness[day])
            uptake = use * light[day] * (1.0 - np.exp(-0.5 * area)) * warm * dry
            growth = 0.47 * uptake
            opening = min(0.08 * np.exp(-0.5 * ((season - bud) / 10.0) ** 2), 0.5)
            falling = 0.12 / (1.0 + np.exp(-(season - fall) / 5.0))
            flush = opening * labile
            shed = min((falling + loss) * foliage, foliage)
            labile += labile_fraction * growth - flush
            foliage += flush + leaf_fraction * growth * (1.0 - labile_fraction) - shed
            foliage = max(foliage, 1e-6)
            gpp[k, day] = uptake
            lai[k, day] = area


def carbon_weather(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Daily light (MJ m-2), air temperature (degC) and dryness of the carbon model."""
    day = np.arange(N_YEARS * 365)
    season = 2.0 * np.pi * (day % 365) / 365.0
    light = 9.5 - 5.5 * np.cos(season + 0.17) + 2.0 * rng.standard_normal(day.size)
    noise = np.zeros(day.size)
    for i in range(1, day.size):
        noise[i] = 0.7 * noise[i - 1] + rng.standard_normal()
    air = 11.0 - 13.0 * np.cos(season - 0.34) + 2.2 * noise
    dryness = 0.25 + 0.06 * np.clip(air, 0.0, None) * (0.5 + 0.5 * rng.random(day.size))
    return np.clip(light, 0.5, None), air, np.clip(dryness, 0.05, None)


def _window_means(daily: Array) -> Array:
    """8-day means that restart each 1 January, the last of a year shorter."""
    years = daily.reshape(len(daily), N_YEARS, 365)
    starts = np.arange(0, 365, WINDOW)
    counts = np.diff(np.append(starts, 365))
    return (np.add.reduceat(years, starts, axis=2) / counts).reshape(len(daily), -1)


def _carbon(name: str, n_parameters: int, variant: int) -> Target:
    rng = _rng(variant, name)
    weather = carbon_weather(rng)
    truth = CARBON_TRUTH[:n_parameters]
    if variant:
        low, high = np.array(list(CARBON_PRIORS.values())).T
        truth = (low + (high - low) * rng.uniform(0.2, 0.8, 10))[:n_parameters]
    return carbon_target(f"{name}-{variant}", weather, truth, rng)


def carbon_target(
    name: str,
    weather: tuple[Array, Array, Array],
    truth: Array,
    rng: np.random.Generator,
) -> Target:
    """Problem of the carbon model with this weather and truth; ``rng`` makes the noise.

    The truth is of the first parameters; the others are known.
    """
    n_parameters = len(truth)
    noise_sd = {"gpp": 1.2, "lai": 0.6}

    def model(theta: Array) -> dict[str, Array]:
        theta = np.atleast_2d(np.asarray(theta, float))
        full = np.tile(CARBON_TRUTH, (len(theta), 1))
        full[:, :n_parameters] = theta
        gpp = np.empty((len(theta), N_YEARS * 365))
        lai = np.empty_like(gpp)
        _carbon_box(full, *weather, gpp, lai)
        return {"gpp": gpp, "lai": lai}

    clean = model(truth)
    observed = {}
    for stream, daily in clean.items():
        values = _window_means(daily)[0]
        values = values + noise_sd[stream] * rng.standard_normal(values.size)
        observed[stream] = (values, noise_sd[stream])

    def cost(theta: Array) -> Array:
        total = np.zeros(len(theta))
        for stream, daily in model(theta).items():
            values, sd = observed[stream]
            total += np.sum(((_window_means(daily) - values) / sd) ** 2, axis=1)
        return total

    return Target(
        name,
        {key: CARBON_PRIORS[key] for key in list(CARBON_PRIORS)[:n_parameters]},
        cost,
        model=model,
        reference=reference_draws,
        observed=observed,
    )


def dalec6(variant: int = 0) -> Target:
    """Six parameters of the carbon model; the cost spans four decades."""
    return _carbon("dalec6", 6, variant)


def dalec10(variant: int = 0) -> Target:
    """All ten parameters of the carbon model."""
    return _carbon("dalec10", 10, variant)


def ibis10(variant: int = 0) -> Target:
    """Ten parameters of the process model itself, as in the demo."""
    from benchmarks import twin

    problem = twin.twin(variant)
    return Target(
        f"ibis10-{variant}",
        twin.priors(),
        problem.cost,
        model=problem.daily,
        reference=reference_draws,
        observed=problem.observed,
        slow=True,
    )


def ibis5(variant: int = 0) -> Target:
    """Five parameters of the process model, one year: quick enough for any method."""
    from benchmarks import twin

    problem = twin.small_twin(variant)
    bounds = twin.priors()
    return Target(
        f"ibis5-{variant}",
        {name: bounds[name] for name in problem.names},
        problem.cost,
        model=problem.daily,
        reference=importance_draws,
        observed=problem.observed,
    )


def shapes(variant: int = 0) -> Target:
    """Posteriors of odd shapes (`benchmarks.shapes`), one after the other."""
    from benchmarks.shapes import SHAPES

    shape = SHAPES[variant % len(SHAPES)]
    d, cost = shape(_rng(variant, "shapes"))
    return Target(f"shapes-{variant}", {f"u{i}": (0.0, 1.0) for i in range(d)}, cost)


TARGETS: dict[str, Callable[[int], Target]] = {
    "gauss4": gauss4,
    "bimodal4": bimodal4,
    "modes": modes,
    "shapes": shapes,
    "banana_edge6": banana_edge6,
    "dalec6": dalec6,
    "corr10": corr10,
    "dalec10": dalec10,
    "ibis10": ibis10,
    "ibis5": ibis5,
}


def make(name: str, variant: int = 0) -> Target:
    """Return a target by name, such as ``make("gauss4", 3)``."""
    return TARGETS[name](variant)
