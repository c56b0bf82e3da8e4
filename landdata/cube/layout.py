"""What a region cube holds, and what a source of one has to give.

A cube is a Zarr v3 group. Weather as it was measured lies in one array (pixel,
variable, time) with a chunk for each pixel and 256 of them in a shard: a pixel's years
are one read. One array for each variable would take seven reads and, measured, nine
times as long. Which variables there are differs between cubes: an attribute of the
array names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from landdata.grid.grid import Cells, Grid
from landdata.variables import DRIVERS

SHARD_PIXELS = 256

# Why a pixel is skipped; the position is the code in the cube.
STATES = ("ok", "no_forcing", "no_observations")

STATIC_ATTRS: dict[str, dict[str, str]] = {
    "elevation": {
        "units": "m",
        "standard_name": "surface_altitude",
        "long_name": "mean height above the sea",
    },
    "sand": {"units": "%", "long_name": "sand, fraction of the mineral soil by weight"},
    "clay": {"units": "%", "long_name": "clay, fraction of the mineral soil by weight"},
    "forest_fraction": {
        "units": "1",
        "standard_name": "area_fraction",
        "long_name": "fraction of the cell that is deciduous forest",
    },
}


@dataclass(frozen=True, eq=False)
class Layout:
    """The extent of a cube and everything in it that is small.

    Attributes
    ----------
    grid : Grid
        The rectangle that holds all pixels.
    cells : Cells
        The pixels of the cube.
    years : (first, last)
        Whole calendar years of weather.
    co2 : numpy.ndarray (time,)
        ppm.
    streams : mapping
        Observation streams to their units.
    observed : numpy.ndarray (observed_time,)
        datetime64[D], first day of each observation.
    static : mapping
        The names of ``STATIC_ATTRS`` to (pixel,).
    maps : mapping
        Name to (values (lat, lon), attributes).
    truth : mapping
        Parameter to (values (pixel,), attributes): synthetic regions only.
    true_streams : mapping
        Series known without noise to their units: synthetic regions only.
    variables : tuple of str
        Measured weather, in the order of the cube; names of
        ``landdata.cube.measured_weather.KNOWN``.
    optional : int
        How many of the last of them may have gaps.
    attrs : mapping
        Attributes of the cube; ``synthetic`` is 1 or 0.
    """

    grid: Grid
    cells: Cells
    years: tuple[int, int]
    co2: NDArray
    streams: Mapping[str, str]
    observed: NDArray
    static: Mapping[str, NDArray]
    maps: Mapping[str, tuple[NDArray, dict[str, Any]]]
    attrs: Mapping[str, Any]
    truth: Mapping[str, tuple[NDArray, dict[str, Any]]] = field(default_factory=dict)
    true_streams: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = DRIVERS
    optional: int = 0

    @property
    def days(self) -> NDArray:
        """Every day of the years, datetime64[D]."""
        return days_of(self.years)

    @property
    def shards(self) -> list[tuple[int, int]]:
        """First and last-plus-one pixel of each shard."""
        n = len(self.cells)
        return [
            (first, min(first + SHARD_PIXELS, n)) for first in range(0, n, SHARD_PIXELS)
        ]


@dataclass(frozen=True, eq=False)
class Shard:
    """The pixels of one shard, float32.

    Attributes
    ----------
    forcing : numpy.ndarray (pixel, variable, time)
        In the order of the layout; NaN all through where a pixel has no weather.
    filled : numpy.ndarray (pixel, variable)
        Days that were filled or set to a limit.
    observations, variances : numpy.ndarray (pixel, stream, observed_time)
        NaN where nothing was observed.
    true_series : numpy.ndarray (pixel, true stream, observed_time), optional
        Of a synthetic region.
    """

    forcing: NDArray
    filled: NDArray
    observations: NDArray
    variances: NDArray
    true_series: NDArray | None = None

    def state(self, optional: int = 0) -> NDArray[np.uint8]:
        """Code of ``STATES`` for each pixel; the last variables may be optional."""
        n = self.forcing.shape[1] - optional
        weather = np.isfinite(self.forcing[:, :n]).all(axis=(1, 2))
        observed = np.isfinite(self.observations).any(axis=(1, 2))
        code = np.where(weather, np.where(observed, 0, 2), 1)
        return code.astype(np.uint8)


Runner = Callable[[Callable[[Any], None], Iterable[Any]], None]


class Source(Protocol):
    """Where a cube comes from."""

    def describe(self) -> dict[str, Any]:
        """What the cube is made of, as JSON: another answer is another cube."""

    def prepare(self, folder: Path, run: Runner) -> Layout:
        """Do what all shards share, leaving files in the folder; may be resumed."""

    def shard(self, layout: Layout, folder: Path, first: int, last: int) -> Shard:
        """Give the pixels from ``first`` to before ``last``."""


def days_of(years: tuple[int, int]) -> NDArray:
    """Every day of some calendar years, datetime64[D]."""
    first = np.datetime64(f"{years[0]}-01-01")
    return np.arange(first, np.datetime64(f"{years[1] + 1}-01-01"))
