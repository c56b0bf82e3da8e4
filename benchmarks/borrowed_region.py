"""A twin region for `benchmarks.borrowed_start`: most truths are alike, some are not.

Pixels lie on a grid. Elevation and soil change smoothly over it. The unknown
parameters of the small carbon model (`benchmarks.targets`), six by default and ten at
most, are smooth functions of
place, elevation and soil, so that pixels near each other have truths near each other.
One pixel in ten has a truth that is drawn from the prior and has nothing to do with its
neighbours. Weather and errors of the observations are each pixel's own. No canopy dies:
of one without leaves nothing could be learnt, whatever the calibration begins with.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.target import Target
from benchmarks.targets import (
    CARBON_PRIORS,
    carbon_target,
    carbon_weather,
)
from benchmarks.weighted_draws import draws_about
from jobs.run.neighbours import covariates
from jobs.run.pixel import Pixel

N_PARAMETERS = 6
UNRELATED = 10
"""One pixel in so many has a truth of its own."""
_MIDDLE = (0.6, 0.35, 0.25, 0.2, 0.47, 0.5, 0.55, 0.5, 0.4, 0.31)
_SWING, _TURN = 0.15, 0.5
"""Truths of the region, in the unit cube; how far from these they go; and by how many
radians for a standard deviation of a covariate."""
_LEAST_LAI = 0.8
"""Greatest LAI of the last year, at least."""
_LOW, _HIGH = np.array(list(CARBON_PRIORS.values())).T


@dataclass(frozen=True)
class Place:
    """A pixel and its calibration problem.

    Attributes
    ----------
    pixel : Pixel
    related : bool
        Whether its truth is near those of its neighbours.
    truth : (n_parameters,), in the unit cube
    target : Target
    """

    pixel: Pixel
    related: bool
    truth: np.ndarray
    target: Target


def region(variant: int, n: int, n_parameters: int = N_PARAMETERS) -> list[Place]:
    """Make a region of ``n`` pixels, the same for the same variant and parameters.

    Examples
    --------
    >>> places = region(0, 20)
    >>> len(places), sum(not place.related for place in places)
    (20, 2)
    """
    rng = np.random.default_rng([20241, variant])
    pixels = _grid(n, rng)
    x = covariates(pixels)
    slopes = _TURN * rng.standard_normal((x.shape[1], n_parameters))
    phase = rng.uniform(0.0, 2.0 * np.pi, n_parameters)
    truths = np.array(_MIDDLE[:n_parameters]) + _SWING * np.sin(x @ slopes + phase)
    odd = rng.choice(n, n // UNRELATED, replace=False)
    places = []
    for k, (pixel, u) in enumerate(zip(pixels, truths, strict=True)):
        while not _lives(target := _target(variant, pixel.id, u), u) or (
            k in odd and np.array_equal(u, truths[k])
        ):
            if k not in odd:
                raise AssertionError(f"{pixel.name}: a smooth truth without leaves")
            u = rng.uniform(0.05, 0.95, n_parameters)
        places.append(Place(pixel, k not in odd, u, target))
    return places


def _lives(target: Target, u: np.ndarray) -> bool:
    assert target.model is not None
    return bool(target.model(target.physical(u))["lai"][0, -365:].max() > _LEAST_LAI)


def _grid(n: int, rng: np.random.Generator) -> list[Pixel]:
    n_columns = int(np.ceil(np.sqrt(2 * n)))
    row, column = np.divmod(np.arange(n), n_columns)
    north, east = row / max(row.max(), 1), column / (n_columns - 1)
    a, b, c = rng.uniform(0.0, 2.0 * np.pi, 3)
    elevation = 500.0 + 300.0 * np.sin(3.0 * east + a) * np.cos(2.0 * north + a)
    sand = 40.0 + 15.0 * np.sin(2.0 * east + 2.0 * north + b)
    clay = 20.0 + 8.0 * np.cos(2.0 * east - 3.0 * north + c)
    table = np.stack(
        [40.0 + 5.0 * north, -85.0 + 10.0 * east, elevation, sand, clay], axis=1
    )
    return [
        Pixel(k, f"place {k}", *numbers) for k, numbers in enumerate(table.tolist())
    ]


def _target(variant: int, pixel: int, u: np.ndarray) -> Target:
    rng = np.random.default_rng([20242, variant, pixel])
    d = len(u)
    size = "" if d == N_PARAMETERS else f"-of-{d}"
    name = f"borrowed{size}-{variant}-{pixel}"
    truth = _LOW[:d] + u * (_HIGH - _LOW)[:d]
    made = carbon_target(name, carbon_weather(rng), truth, rng)
    if d == N_PARAMETERS:
        return replace(made, reference=functools.partial(draws_about, centre=u))
    # About a point, runs of ten parameters were worth 17 to 77 draws.
    return made
