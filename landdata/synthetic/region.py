"""A synthetic region for demonstrations and tests: nothing in it was observed.

A block of 0.05 degree pixels as it might lie around Harvard Forest. Heights and
soils are random fields on the broad relief of the place; weather comes from a
generator on the monthly normals of several real deciduous forests, blended by
distance, height and latitude; the true parameters of the model depend on
temperature, height and soil, and on a field of their own. LAI and GPP are the
model's at those parameters, as 8-day means with errors and gaps.

The truth is beside the observations, so that calibration and upscaling can be
compared with it:

.. code-block:: python

    source = landdata.SyntheticSource(grid=landdata.synthetic_block(8, 6),
                                     years=(2000, 2003))
    cube = landdata.build_cube("synthetic_small.zarr", source)
    cube.true_parameters        # Dataset (pixel): vmax, p18, ... with units
    cube.true_series([id_])     # Dataset (pixel, time): lai, gpp, er, nee, no noise
    cube.static                 # Dataset (pixel): elevation, sand, clay, ...,
                                # and the truth once more as true_vmax, ...

``time`` of the series is that of ``cube.observed_time``, the first day of each
8-day window. A pixel's numbers are a function of the seed, the years and its place:
they do not depend on the block, on the order or on the number of workers. Every
Dataset that leaves the cube is labelled: attribute ``synthetic`` is 1 and ``title``
begins with SYNTHETIC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.cube.layout import Layout, Runner, Shard, days_of
from landdata.cube.measured_weather import as_weather
from landdata.errors import InputError
from landdata.grid.grid import Cells, Grid
from landdata.grid.windows import window_of, window_starts
from landdata.meteorology.co2 import mauna_loa_co2
from landdata.meteorology.drivers import with_drivers
from landdata.meteorology.humidity import vapour_pressure_from_specific_humidity
from landdata.meteorology.radiation import light_above_pixels, transmissivity
from landdata.synthetic.land import (
    NOISE,
    ORIGIN,
    SYNTHETIC,
    TRUTH,
    WEATHER,
    make_land,
    make_truth,
    truth_covariates,
)
from landdata.synthetic.products import Noise, hidden, observe, outages
from landdata.synthetic.site_normals import site_normals
from landdata.synthetic.truth_model import DEFAULT_MODEL, truth_model
from landdata.synthetic.weather import RegionalWeather, make_regional_weather
from landdata.variables import DAILY, DRIVERS, FLUXES, SITE

__all__ = [
    "SYNTHETIC",
    "TRUE_STREAMS",
    "TRUTH",
    "Noise",
    "SyntheticSource",
    "make_land",
    "make_truth",
    "synthetic_block",
    "truth_covariates",
]

Floats = NDArray[np.float64]

TRUE_STREAMS = ("lai", "gpp", "er", "nee")  # kept without noise
VARIABLES = (
    *("tmin", "tmax", "prec", "wind"),
    *("vapour_pressure", "pressure", "shortwave"),
)
"""What instruments would measure in the region, in the order of its cube."""


def synthetic_block(n_columns: int = 40, n_rows: int = 30) -> Grid:
    """A block of the synthetic region, in its middle.

    Parameters
    ----------
    n_columns, n_rows : int
        Size in cells of 0.05 degree; 40 x 30 is the whole region, a sixteenth of it
        (10 x 8) builds in seconds.

    Examples
    --------
    >>> synthetic_block().bounds
    (-73.5, 41.5, -71.5, 43.0)
    """
    whole = Grid.from_bounds(-73.5, 41.5, -71.5, 43.0)
    return Grid(
        row=whole.row + (whole.n_rows - n_rows) // 2,
        column=whole.column + (whole.n_columns - n_columns) // 2,
        n_rows=n_rows,
        n_columns=n_columns,
    )


@dataclass(frozen=True)
class SyntheticSource:
    """A synthetic region as a source of a cube.

    Attributes
    ----------
    seed : int
        Fixes everything.
    grid : Grid
        40 x 30 cells around Harvard Forest by default; ``synthetic_block`` gives
        smaller ones.
    years : (first, last)
        Calendar years; twelve by default.
    noise : mapping
        Stream to its errors.
    forest_only : bool
        Keep the cells that are more than half deciduous forest, as with real land
        cover; otherwise all of them.
    model : str
        Import name of the process model that makes the truth; see
        `landdata.synthetic.truth_model.TruthModel`.

    Examples
    --------
    >>> from landdata import SyntheticSource, synthetic_block
    >>> grid = synthetic_block(4, 3)
    >>> source = SyntheticSource(seed=1, grid=grid, years=(2003, 2006))
    >>> source.grid.shape, sorted(source.noise)
    ((3, 4), ['gpp', 'lai'])
    """

    seed: int = 1
    grid: Grid = field(default_factory=synthetic_block)
    years: tuple[int, int] = (2000, 2011)
    noise: Mapping[str, Noise] = field(
        default_factory=lambda: {"lai": Noise(0.10, 0.15), "gpp": Noise(0.15, 0.30)}
    )
    forest_only: bool = True
    model: str = DEFAULT_MODEL

    def describe(self) -> dict[str, Any]:
        """What fixes the region, as JSON."""
        return {"kind": SYNTHETIC, "version": 3, **asdict(self)}

    def prepare(self, folder: Path, run: Runner) -> Layout:
        """The layout: land and truth, which take no time."""
        every = make_land(self.seed, self.grid)
        forest = every["forest_fraction"] > 0.5
        chosen = forest if self.forest_only else np.ones(forest.size, dtype=bool)
        if not chosen.any():
            raise InputError(
                f"synthetic region of {self.grid.n_rows} x {self.grid.n_columns} cells",
                found="none that is more than half deciduous forest",
                wanted="at least one",
                hint="Make it larger.",
            )
        cells = Cells(self.grid.cells.ids[chosen])
        static = {name: values[chosen] for name, values in every.items()}
        label = {"comment": SYNTHETIC}
        return Layout(
            grid=self.grid,
            cells=cells,
            years=self.years,
            co2=mauna_loa_co2(days_of(self.years)),
            streams={name: FLUXES[name].units for name in self.noise},
            observed=window_starts(self.years),
            static=static,
            maps={
                "mask": (
                    forest.astype(np.uint8).reshape(self.grid.shape),
                    {"long_name": "more than half deciduous forest", **label},
                ),
                "forest_fraction_map": (
                    every["forest_fraction"].astype("f4").reshape(self.grid.shape),
                    {"units": "1", "long_name": "deciduous forest", **label},
                ),
            },
            truth=make_truth(
                self.seed, cells, static, truth_model(self.model).parameter_table()
            ),
            variables=VARIABLES,
            true_streams={name: FLUXES[name].units for name in TRUE_STREAMS},
            attrs=self._attrs(),
        )

    def _attrs(self) -> dict[str, Any]:
        sites = ", ".join(one.site for one in site_normals())
        return {
            "title": SYNTHETIC,
            "synthetic": 1,
            "source": f"{SYNTHETIC}; weather from monthly normals of {sites} "
            "(FLUXNET2015, Daymet, Harvard Forest), LAI and GPP from the model at "
            f"known parameters with errors and gaps; seed {self.seed}",
            "references": "; ".join(one.normals.source for one in site_normals()),
            "variance_rules": {
                name: f"synthetic: {noise.fraction:g} of the truth, at least "
                f"{noise.floor:g}"
                for name, noise in self.noise.items()
            },
        }

    def shard(self, layout: Layout, folder: Path, first: int, last: int) -> Shard:
        """Weather, the model's run at the true parameters, errors and gaps."""
        weather = _measured(self, layout, first, last)
        drivers = drivers_of_shard(layout, weather, first, last)
        truth = _true_means(self.model, layout, drivers, first, last)
        cloud = _window_means(drivers["cloud_cover"].to_numpy(), layout)
        tmin = _window_means(drivers["tmin"].to_numpy(), layout)
        everywhere = outages(self.seed, layout.observed)
        shape = (last - first, len(self.noise), layout.observed.size)
        observations = np.full(shape, np.nan, dtype=np.float32)
        variances = observations.copy()
        for position, pixel in enumerate(layout.cells.ids[first:last]):
            rng = np.random.default_rng([self.seed, NOISE, int(pixel), self.years[0]])
            lost = hidden(cloud[position], tmin[position], everywhere, rng)
            for index, (name, noise) in enumerate(self.noise.items()):
                observations[position, index], variances[position, index] = observe(
                    truth[name][position], noise, lost, rng
                )
        return Shard(
            weather,
            np.zeros((last - first, len(VARIABLES)), dtype=np.uint16),
            observations,
            variances,
            np.stack([truth[name] for name in TRUE_STREAMS], axis=1).astype(np.float32),
        )


def synthetic_weather(source: SyntheticSource) -> RegionalWeather:
    """The region's weather, to be asked for at any place."""
    return _weather(source.seed, source.years)


@lru_cache(maxsize=1)
def _weather(seed: int, years: tuple[int, int]) -> RegionalWeather:
    """The factors, made once in each process."""
    rng = np.random.default_rng([seed, WEATHER])
    return make_regional_weather(*ORIGIN, years, rng)


def _measured(
    source: SyntheticSource, layout: Layout, first: int, last: int
) -> NDArray[np.float32]:
    """Weather as it would be measured, (pixel, variable, time)."""
    lat = layout.cells.lat[first:last]
    drawn = synthetic_weather(source).at(
        lat,
        layout.cells.lon[first:last],
        layout.static["elevation"][first:last].astype(np.float64),
    )
    found = dict(zip(DRIVERS, np.moveaxis(drawn.astype(np.float64), 1, 0), strict=True))
    found["vapour_pressure"] = vapour_pressure_from_specific_humidity(
        found["specific_humidity"], found["pressure"]
    )
    above = light_above_pixels(layout.days, lat)
    found["shortwave"] = transmissivity(found["cloud_cover"]) * above
    return np.stack([found[name] for name in VARIABLES], axis=1).astype(np.float32)


def drivers_of_shard(
    layout: Layout, weather: NDArray, first: int, last: int
) -> xr.Dataset:
    """What a model is given of the region: as the cube will give it."""
    found = as_weather(
        weather,
        VARIABLES,
        layout.days,
        layout.cells.lat[first:last],
        # As the cube stores them, so that a run from the cube is this run.
        layout.static["elevation"][first:last].astype(np.float32),
    )
    co2 = np.broadcast_to(layout.co2, (last - first, layout.days.size))
    found["co2"] = (("pixel", "time"), co2, DAILY["co2"].attrs)
    for name in ("sand", "clay"):
        values = layout.static[name][first:last].astype(np.float32)
        found[name] = ("pixel", values.astype(np.float64), SITE[name].attrs)
    return with_drivers(found)


def _true_means(
    model: str, layout: Layout, drivers: xr.Dataset, first: int, last: int
) -> dict[str, Floats]:
    """Means of the model's output over the windows, (pixel, window)."""
    parameters = {name: values[first:last] for name, (values, _) in
                  layout.truth.items()}  # fmt: skip
    days = layout.days
    window = window_of(days) - window_of(days[:1])[0]
    result = truth_model(model).simulate_pixels(
        drivers, parameters, outputs=list(TRUE_STREAMS), window=window
    )
    return {name: result[name].to_numpy() for name in TRUE_STREAMS}


def _window_means(daily: NDArray, layout: Layout) -> Floats:
    starts = np.flatnonzero(np.diff(window_of(layout.days), prepend=-1))
    sizes = np.diff(np.r_[starts, daily.shape[1]])
    return np.add.reduceat(daily.astype(np.float64), starts, axis=1) / sizes
