"""Random streams of a run, and the table of their keys.

A generator comes from the run's seed, the pixel's id where the stream is a pixel's,
and a key of this table. numpy takes ``[s, 5]`` and ``[s, 5, 0]`` for the same seed, so
no key may be another one with zeros behind it; a test holds the table to that.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class PixelStream(IntEnum):
    """Streams of one pixel: ``[seed, pixel, key]``."""

    TWIN_NOISE = 1
    GENERATED_WEATHER = 2
    TWIN_PARAMETERS = 3


class RunStream:
    """Streams of the whole run: ``[seed, *key]``."""

    SAMPLE_OF_PIXELS = (0, 0, 4)
    MAP_DRAWS = (5,)
    SITES = (6,)
    PRIOR_DRAWS = (0, 0, 11)
    MEMBER_PARAMETERS = (0, 0, 0, 1)
    MEMBER_DRIVERS = (0, 0, 0, 2)
    MEMBER_POOLS = (0, 0, 0, 3)
    ANALYSIS = (0, 0, 0, 4)
    TWIN_WEATHER = (0, 0, 0, 5)
    TWIN_TRUTH = (0, 0, 0, 6)
    TWIN_NOISE = (0, 0, 0, 7)
    SWATH_CELLS = (0, 0, 6)
    SWATH_PASSES = (0, 0, 7)
    SWATH_TRUTH = (0, 0, 8)
    SWATH_STARTS = (0, 0, 9)
    SPATIAL = (0, 0, 10)
    SOIL_CARBON_SPLIT = (101,)
    SOIL_CARBON_DRAWS = (102,)
    SOIL_CARBON_CELLS = (103,)


def pixel_generator(seed: int, pixel: int, key: PixelStream) -> np.random.Generator:
    """Return the generator of one stream of one pixel."""
    return np.random.default_rng([seed, pixel, int(key)])


def run_generator(seed: int, key: tuple[int, ...]) -> np.random.Generator:
    """Return the generator of one stream of the run."""
    return np.random.default_rng([seed, *key])
