"""A synthetic region for demonstrations and tests: nothing in it was observed.

A block of 0.05 degree pixels as it might lie around Harvard Forest: heights and
soils are random fields, weather comes from a generator on the normals of a real
site, and the true parameters of the model depend on climate, height and soil and on
a field of their own. LAI and GPP are the model's at those parameters, as 8-day means
with independent noise and gaps under clouds. Calibration and upscaling can be held
against a truth that is known. It is labelled synthetic in the cube and in every
Dataset that leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibis_dalec.forcing import DAILY, SITE
from ibis_dalec.inputs.co2 import mauna_loa_co2
from ibis_dalec.inputs.variables import FLUXES
from regions.fields import make_waves
from regions.grid import Cells, Grid
from regions.layout import DRIVERS, Layout, Runner, Shard, days_of
from regions.synthetic_weather import (
    COLDER_NORTHWARD,
    HARVARD_ELEVATION,
    LAPSE_RATE,
    RegionalWeather,
    make_regional_weather,
)
from regions.windows import window_of, window_starts

Floats = NDArray[np.float64]

SYNTHETIC = "SYNTHETIC region: generated, not observed"
_LAND, _WEATHER, _TRUTH, _NOISE = range(4)  # streams of chance of one seed

# Parameter: middle, and change per standard deviation of temperature, height, sand,
# and of a field that no covariate explains, all as shares of the prior range.
TRUTH: dict[str, tuple[float, float, float, float, float]] = {
    "alpha3": (0.45, 0.03, 0.00, -0.03, 0.04),
    "theta3": (0.75, 0.02, 0.02, 0.00, 0.04),
    "beta3": (0.80, 0.00, -0.02, 0.02, 0.04),
    "vmax": (0.40, 0.08, -0.05, -0.08, 0.05),
    "p5": (0.40, -0.05, 0.05, 0.03, 0.04),
    "p14": (0.45, 0.05, 0.00, -0.05, 0.05),
    "p15": (0.40, 0.06, -0.04, 0.00, 0.05),
    "p17": (0.40, 0.03, 0.00, -0.03, 0.03),
    "p18": (0.30, -0.015, 0.01, 0.02, 0.015),
    "p20": (0.38, 0.05, -0.04, 0.00, 0.03),
}


@dataclass(frozen=True)
class Noise:
    """Errors of a synthetic product: max(fraction * truth, floor), in its unit."""

    fraction: float
    floor: float


@dataclass(frozen=True)
class SyntheticSource:
    """A synthetic region as a source of a cube.

    Attributes
    ----------
    seed : int
        Fixes everything.
    grid : Grid
        40 x 30 cells around Harvard Forest by default.
    years : (first, last)
        Calendar years; twelve by default.
    noise : mapping
        Stream to its errors.
    forest_only : bool
        Keep the cells that are more than half deciduous forest, as with real land
        cover; otherwise all of them.
    """

    seed: int = 1
    grid: Grid = field(
        default_factory=lambda: Grid.from_bounds(-73.5, 41.5, -71.5, 43.0)
    )
    years: tuple[int, int] = (2000, 2011)
    noise: Mapping[str, Noise] = field(
        default_factory=lambda: {"lai": Noise(0.10, 0.15), "gpp": Noise(0.15, 0.30)}
    )
    forest_only: bool = True

    def describe(self) -> dict[str, Any]:
        """What fixes the region, as JSON."""
        return {"kind": SYNTHETIC, **asdict(self)}

    def prepare(self, folder: Path, run: Runner) -> Layout:
        """The layout: land and truth, which take no time."""
        every = make_land(self.seed, self.grid)
        forest = every["forest_fraction"] > 0.5
        chosen = forest if self.forest_only else np.ones(forest.size, dtype=bool)
        cells = Cells(self.grid.cells.ids[chosen])
        static = {name: values[chosen] for name, values in every.items()}
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
                    {
                        "long_name": "more than half deciduous forest",
                        "comment": SYNTHETIC,
                    },
                ),
                "forest_fraction_map": (
                    every["forest_fraction"].astype("f4").reshape(self.grid.shape),
                    {"units": "1", "comment": SYNTHETIC},
                ),
            },
            truth=make_truth(self.seed, self.grid, cells, static),
            attrs={
                "title": SYNTHETIC,
                "synthetic": 1,
                "source": f"{SYNTHETIC}; weather from the monthly normals of Harvard "
                "Forest, LAI and GPP from the model at known parameters with noise; "
                f"seed {self.seed}",
                "variance_rules": {
                    name: f"synthetic: the noise that was added, {noise.fraction:g} of "
                    f"the truth, at least {noise.floor:g}"
                    for name, noise in self.noise.items()
                },
            },
        )

    def shard(self, layout: Layout, folder: Path, first: int, last: int) -> Shard:
        """Weather, the model's run at the true parameters, noise and gaps."""
        weather = _weather(self.seed, self.grid, self.years)
        ids = layout.cells.ids[first:last]
        forcing = weather.at(
            layout.cells.lat[first:last],
            layout.cells.lon[first:last],
            layout.static["elevation"][first:last].astype(np.float64),
        )
        truth = _true_means(layout, forcing, first, last)
        cloud = _window_means(forcing[:, DRIVERS.index("cloud_cover")], layout)
        observations = np.full((last - first, len(self.noise), layout.observed.size),
                               np.nan, dtype=np.float32)  # fmt: skip
        variances = observations.copy()
        for position, pixel in enumerate(ids):
            rng = np.random.default_rng([self.seed, _NOISE, int(pixel)])
            # Cloudy weeks are missing more often, and then in both products.
            lost = rng.random(layout.observed.size) < 0.03 + 0.5 * np.maximum(
                cloud[position] - 0.65, 0.0
            )
            for index, (name, noise) in enumerate(self.noise.items()):
                value = truth[name][position]
                sd = np.maximum(noise.fraction * np.abs(value), noise.floor)
                seen = value + sd * rng.standard_normal(value.size)
                observations[position, index] = np.where(lost, np.nan, seen)
                variances[position, index] = np.where(lost, np.nan, sd**2)
        filled = np.zeros((last - first, len(DRIVERS)), dtype=np.uint16)
        return Shard(forcing, filled, observations, variances)


def make_land(seed: int, grid: Grid) -> dict[str, Floats]:
    """Heights, soils and forest of a region, (pixel,) in the order of its cells."""
    rng = np.random.default_rng([seed, _LAND])
    west, south, east, north = grid.bounds
    lat, lon = grid.cells.lat, grid.cells.lon
    middle = 0.5 * (south + north), 0.5 * (west + east)

    def field_of(length_km: float) -> Floats:
        waves = make_waves(length_km, *middle, rng, n_waves=200)
        return waves.loadings(lat, lon) @ rng.standard_normal(waves.n_factors)

    # Hills in the west that fall to the coast in the east, as in Massachusetts.
    slope = 320.0 - 110.0 * (lon - middle[1])
    elevation = np.maximum(slope + 90.0 * field_of(25.0) + 40.0 * field_of(8.0), 5.0)
    sand = np.clip(55.0 + 9.0 * field_of(30.0) + 4.0 * field_of(8.0), 15.0, 85.0)
    clay = np.clip(11.0 - 0.12 * (sand - 55.0) + 2.5 * field_of(20.0), 2.0, 30.0)
    wooded = 0.9 + 0.9 * field_of(15.0) + 0.5 * (elevation - 300.0) / 150.0
    return {
        "elevation": elevation,
        "sand": sand,
        "clay": clay,
        "forest_fraction": 1.0 / (1.0 + np.exp(-wooded)),
    }


def make_truth(
    seed: int, grid: Grid, cells: Cells, static: Mapping[str, Floats]
) -> dict[str, tuple[Floats, dict[str, Any]]]:
    """True parameters of each pixel, in their own units, within their priors."""
    from ibis_dalec.parameters import parameter_table

    table = parameter_table()
    rng = np.random.default_rng([seed, _TRUTH])
    west, south, east, north = grid.bounds
    elevation = static["elevation"]
    temperature = -LAPSE_RATE / 1000.0 * (elevation - HARVARD_ELEVATION)
    temperature = temperature - COLDER_NORTHWARD * (cells.lat - 42.5)
    # Fixed spreads, so that a part of a region has the truth of the whole.
    covariates = np.stack(
        [
            temperature / 0.8,
            (elevation - 320.0) / 110.0,
            (static["sand"] - 55.0) / 10.0,
        ]
    )
    truth = {}
    for name, (middle, *slopes, own) in TRUTH.items():
        waves = make_waves(
            40.0, 0.5 * (south + north), 0.5 * (west + east), rng, n_waves=200
        )
        loadings = waves.loadings(cells.lat, cells.lon)
        unexplained = loadings @ rng.standard_normal(waves.n_factors)
        share = middle + np.asarray(slopes) @ covariates + own * unexplained
        low, high = (float(table[end][name]) for end in ("min", "max"))
        values = low + np.clip(share, 0.08, 0.92) * (high - low)
        truth[name] = (
            values,
            {"long_name": f"true {name} of the synthetic region", "comment": SYNTHETIC},
        )
    return truth


@lru_cache(maxsize=1)
def _weather(seed: int, grid: Grid, years: tuple[int, int]) -> RegionalWeather:
    """The factors, made once in each process."""
    west, south, east, north = grid.bounds
    return make_regional_weather(
        0.5 * (south + north),
        0.5 * (west + east),
        years,
        np.random.default_rng([seed, _WEATHER]),
    )


def _true_means(
    layout: Layout, forcing: NDArray, first: int, last: int
) -> dict[str, Floats]:
    """Means of the model's LAI and GPP over the windows, (pixel, window)."""
    import xarray as xr

    from ibis_dalec import simulate_pixels

    days = layout.days
    data: dict[str, Any] = {
        name: (("pixel", "time"), forcing[:, index].astype(np.float64),
               DAILY[name].attrs)
        for index, name in enumerate(DRIVERS)
    }  # fmt: skip
    data["co2"] = (
        ("pixel", "time"),
        np.broadcast_to(layout.co2, (last - first, days.size)),
        DAILY["co2"].attrs,
    )
    for name in ("sand", "clay"):
        # As the cube stores them, so that a run from the cube is this run.
        values = layout.static[name][first:last].astype(np.float32)
        data[name] = ("pixel", values.astype(np.float64), SITE[name].attrs)
    data["lat"] = ("pixel", layout.cells.lat[first:last], SITE["lat"].attrs)
    weather = xr.Dataset(data, coords={"time": days.astype("datetime64[ns]")})
    parameters = {name: values[first:last] for name, (values, _) in
                  layout.truth.items()}  # fmt: skip
    window = window_of(days) - window_of(days[:1])[0]
    result = simulate_pixels(
        weather, parameters, outputs=list(layout.streams), window=window
    )
    return {name: result[name].to_numpy() for name in layout.streams}


def _window_means(daily: NDArray, layout: Layout) -> Floats:
    starts = np.flatnonzero(np.diff(window_of(layout.days), prepend=-1))
    sizes = np.diff(np.r_[starts, daily.shape[1]])
    return np.add.reduceat(daily.astype(np.float64), starts, axis=1) / sizes
