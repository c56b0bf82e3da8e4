"""The synthetic region as the providers would have published it.

The region's weather and land are functions of place, so each provider samples them
on a grid of its own: Daymet's 1 km, gridMET's 1/24 degree, NLDAS-2's hours, NARR's
three-hourly cloud. What a reader brings back to the 0.05 degree grid is the region
up to the provider's packing and to what lies between its pixels. LAI and GPP are
on the model's own grid and come back to their packing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.cube.layout import Layout, Shard, days_of
from landdata.files.provider_files import write_text
from landdata.files.subdaily import local_offset
from landdata.meteorology.humidity import (
    daily_saturation_vapour_pressure,
    vapour_pressure_from_specific_humidity,
)
from landdata.synthetic.land import land_at
from landdata.synthetic.product_writers.common import Values
from landdata.synthetic.product_writers.glass import write_glass
from landdata.synthetic.product_writers.land import write_gsde, write_raster
from landdata.synthetic.product_writers.points import (
    write_ameriflux_base,
    write_daymet_pixel,
    write_fluxnet,
    write_modis,
)
from landdata.synthetic.product_writers.weather import (
    write_daymet,
    write_gridmet,
    write_narr,
    write_nldas,
)
from landdata.synthetic.region import (
    SYNTHETIC,
    SyntheticSource,
    drivers_of_shard,
    synthetic_weather,
)
from landdata.variables import DRIVERS

_CATALOGUE = f"""\
# {SYNTHETIC}
products:
  temperature:
    format: daymet
    files: "daymet/*_{{year}}.nc"
    gives: [tmin, tmax, prec, vapour_pressure]
  wind: {{format: gridmet, files: "gridmet/*_{{year}}.nc", gives: [wind]}}
  pressure: {{format: nldas, files: "nldas/{{year}}/*.nc", gives: [pressure]}}
  cloud: {{format: narr, files: "narr/tcdc.{{year}}.nc"}}
  soil: {{format: gsde, files: "gsde/*.nc", depth: 1.0}}
  land_cover: {{format: nlcd, files: nlcd/nlcd_synthetic.tif}}
  elevation: {{format: elevation, files: dem/dem_synthetic.tif}}
  lai:
    format: glass
    stream: lai
    files: "glass/lai/{{year}}/*.hdf"
    variance: {{rule: relative, fraction: 0.10, floor: 0.15}}
  gpp:
    format: glass
    stream: gpp
    files: "glass/gpp/{{year}}/*.hdf"
    variance: {{rule: relative, fraction: 0.15, floor: 0.30}}
"""
_OTHER_CLASSES = np.array([42, 43, 21, 81, 90], dtype=np.uint8)


def write_region(folder: str | Path, source: SyntheticSource) -> Path:
    """Write a block of the synthetic region in every provider's format.

    Parameters
    ----------
    folder : path
        New or empty. Keep the block small (four by five cells and a year are 10 MB):
        Daymet alone has 25 pixels in each cell.
    source : SyntheticSource
        The region; its ``years`` are written.

    Returns
    -------
    pathlib.Path
        ``catalogue_synthetic.yaml``, for ``landdata.read_catalogue``. Beside the
        gridded products it lie ``points/``: a Daymet pixel file, MODIS tables and tower
        files of the block's first pixel.
    """
    folder = Path(folder)
    layout = source.prepare(folder, lambda function, items: None)
    shard = source.shard(layout, folder, 0, len(layout.cells))
    world = _World(source)
    for name in ("daymet", "gridmet", "narr", "gsde", "nlcd", "dem", "points"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for year in range(source.years[0], source.years[1] + 1):
        _write_weather(folder, world, year)
        _write_glass(folder, layout, shard, year)
    _write_ends(folder, world)
    _write_land(folder, source)
    _write_points(folder / "points", layout, shard)
    catalogue = folder / "catalogue_synthetic.yaml"
    write_text(catalogue, _CATALOGUE)
    return catalogue


@dataclass(frozen=True, eq=False)
class _World:
    """The region's weather at any place, as functions that the writers take."""

    source: SyntheticSource

    @cached_property
    def _known(self) -> dict[bytes, NDArray]:
        return {}

    def drivers(self, lat: NDArray, lon: NDArray) -> NDArray:
        """All drivers (driver, time, row, column) on a grid of places."""
        lat, lon = np.broadcast_arrays(lat, lon)
        key = lat.tobytes() + lon.tobytes()
        if key not in self._known:
            if len(self._known) > 2:
                self._known.clear()
            flat = lat.ravel(), lon.ravel()
            elevation = land_at(self.source.seed, *flat)["elevation"]
            found = synthetic_weather(self.source).at(*flat, elevation)
            self._known[key] = np.moveaxis(found, 0, -1).reshape(
                *found.shape[1:], *lat.shape
            )
        return self._known[key]

    def daily(self, make: Callable[..., NDArray], *names: str) -> Values:
        """A function of the drivers of UTC days."""
        first = np.datetime64(f"{self.source.years[0]}-01-01")

        def values(day: NDArray, lat: NDArray, lon: NDArray) -> NDArray:
            at = (day.ravel().astype("datetime64[D]") - first).astype(int)
            return self._pick(at, lat, lon, make, names)

        return values

    def local(
        self, make: Callable[..., NDArray], *names: str, ahead: int = 0
    ) -> Values:
        """A function of the hour and the drivers of the local day it lies in.

        ``ahead`` are hours that a stamp comes after what it is of. The block lies in
        one solar time zone: that of its middle is everybody's.
        """
        days = days_of(self.source.years)

        def values(time: NDArray, lat: NDArray, lon: NDArray) -> NDArray:
            offset = local_offset(np.array([np.mean(lon)]))[0]
            hours = np.timedelta64(int(offset) - ahead, "h")
            clock = time.ravel().astype("datetime64[h]") + hours
            day = clock.astype("datetime64[D]")
            at = np.clip((day - days[0]).astype(int), 0, days.size - 1)
            hour = (clock - day).astype(int)[:, None, None]
            return self._pick(at, lat, lon, lambda *d: make(hour, *d), names)

        return values

    def _pick(self, at, lat, lon, make, names) -> NDArray:
        every = self.drivers(lat, lon)
        return make(*(every[DRIVERS.index(name)][at] for name in names))


def _swing(hour: NDArray, tmin: NDArray, tmax: NDArray) -> NDArray:
    """Temperature in K: coldest at 5, warmest at 17 local time."""
    middle, half = 0.5 * (tmin + tmax), 0.5 * (tmax - tmin)
    return 273.15 + middle - half * np.cos(2.0 * np.pi * (hour - 5) / 24.0)


def _write_weather(folder: Path, world: _World, year: int) -> None:
    grid = world.source.grid
    for name, make, drivers in (
        ("tmin", lambda v: v, ("tmin",)),
        ("tmax", lambda v: v, ("tmax",)),
        ("prcp", lambda v: v, ("prec",)),
        (
            "vp",
            vapour_pressure_from_specific_humidity,
            ("specific_humidity", "pressure"),
        ),
    ):
        write_daymet(folder / "daymet", name, year, grid, world.daily(make, *drivers))
    for name, make, drivers in (
        ("vs", lambda v: v, ("wind",)),
        ("sph", lambda v: v, ("specific_humidity",)),
        ("tmmn", lambda v: v + 273.15, ("tmin",)),
        ("tmmx", lambda v: v + 273.15, ("tmax",)),
        ("pr", lambda v: v, ("prec",)),
    ):
        write_gridmet(folder / "gridmet", name, year, grid, world.daily(make, *drivers))
    write_narr(folder / "narr", year, grid, _cloud(world))
    hourly = folder / "nldas" / str(year)
    hourly.mkdir(parents=True, exist_ok=True)
    for month in range(1, 13):
        first = np.datetime64(f"{year}-{month:02d}-01")
        days = (first.astype("datetime64[M]") + np.timedelta64(1, "M")).astype(
            "datetime64[D]"
        ) - first
        write_nldas(
            hourly, first, grid, _nldas(world),
            hours=24 * int(days.astype(int)), hours_a_file=24 * 31,
        )  # fmt: skip


def _write_ends(folder: Path, world: _World) -> None:
    """The last local day's last hours lie in files of the next year."""
    after, grid = world.source.years[1] + 1, world.source.grid
    first = np.datetime64(f"{after}-01-01T00")
    write_narr(folder / "narr", after, grid, _cloud(world),
               times=np.arange(first, first + 12, 3))  # fmt: skip
    hourly = folder / "nldas" / str(after)
    hourly.mkdir(parents=True, exist_ok=True)
    write_nldas(hourly, first, grid, _nldas(world), hours=12, hours_a_file=12)


def _cloud(world: _World) -> Values:
    return world.local(lambda hour, cloud: 100.0 * cloud, "cloud_cover")


def _nldas(world: _World) -> dict[str, Values]:
    return {
        "Tair": world.local(_swing, "tmin", "tmax"),
        "Qair": world.local(lambda hour, q: q, "specific_humidity"),
        "PSurf": world.local(lambda hour, p: p, "pressure"),
        "Wind_E": world.local(lambda hour, wind: 0.8 * wind, "wind"),
        "Wind_N": world.local(lambda hour, wind: -0.6 * wind, "wind"),
        "Rainf": world.local(lambda hour, rain: rain / 24.0, "prec", ahead=1),
    }


def _write_glass(folder: Path, layout: Layout, shard: Shard, year: int) -> None:
    rows, columns = np.unravel_index(
        np.searchsorted(layout.grid.cells.ids, layout.cells.ids), layout.grid.shape
    )
    for index, stream in enumerate(layout.streams):
        target = folder / "glass" / stream / str(year)
        target.mkdir(parents=True, exist_ok=True)
        for number, day in enumerate(layout.observed):
            if int(str(day)[:4]) != year:
                continue
            field = np.full(layout.grid.shape, np.nan)
            field[rows, columns] = shard.observations[:, index, number]
            write_glass(target, stream, day, layout.grid, lambda *_, f=field: f)


def _write_land(folder: Path, source: SyntheticSource) -> None:
    grid = source.grid

    def land(name: str, lat: NDArray, lon: NDArray) -> NDArray:
        lat, lon = np.broadcast_arrays(lat, lon)
        return land_at(source.seed, lat.ravel(), lon.ravel())[name].reshape(lat.shape)

    def classes(lat: NDArray, lon: NDArray) -> NDArray:
        rng = np.random.default_rng([source.seed, lat.size])
        forest = rng.random(lat.shape) < land("forest_fraction", lat, lon)
        return np.where(forest, 41, rng.choice(_OTHER_CLASSES, lat.shape))

    for kind in ("sand", "clay"):
        write_gsde(
            folder / "gsde", kind.upper(), grid,
            lambda layer, lat, lon, kind=kind: land(kind, lat, lon),
        )  # fmt: skip
    write_raster(folder / "nlcd" / "nlcd_synthetic.tif", grid, classes, pixel=120.0)
    write_raster(
        folder / "dem" / "dem_synthetic.tif", grid,
        lambda lat, lon: land("elevation", lat, lon),
        pixel=250.0, dtype="float32", nodata=-9999.0,
    )  # fmt: skip


def _write_points(folder: Path, layout: Layout, shard: Shard) -> None:
    """Files of the first pixel, as if a tower and a camera stood there."""
    days = layout.days.astype("datetime64[ns]")
    lat, lon = float(layout.cells.lat[0]), float(layout.cells.lon[0])
    drivers = drivers_of_shard(layout, shard.forcing[:1], 0, 1).isel(pixel=0)
    weather = {name: drivers[name].to_numpy() for name in DRIVERS}
    vapour = drivers["vapour_pressure"].to_numpy()
    full = daily_saturation_vapour_pressure(weather["tmin"], weather["tmax"])
    # Fluxes of 8-day windows, every day the same: a made-up tower needs no more.
    window = np.searchsorted(layout.observed, layout.days, side="right") - 1
    series = np.asarray(shard.true_series)[0]
    true = dict(zip(layout.true_streams, series, strict=True))
    fluxes = {name: true[name][window] for name in ("gpp", "er", "nee")}
    tower = xr.Dataset(
        {
            name: ("time", np.asarray(values, dtype=np.float64))
            for name, values in {
                **weather,
                **fluxes,
                "tmean": 0.5 * (weather["tmin"] + weather["tmax"]),
                "vapour_pressure": vapour,
                "vpd": np.maximum(full - vapour, 0.0),
                "shortwave": drivers["shortwave"].to_numpy(),
                "daylength": np.full(days.size, 43200.0),
            }.items()
        },
        coords={"time": days},
    )
    first, last = layout.years
    write_daymet_pixel(
        folder / "daymet_pixel_synthetic.csv", tower, lat=lat, lon=lon,
        elevation=float(layout.static["elevation"][0]),
    )  # fmt: skip
    quality = np.where(np.arange(days.size) % 10 == 0, 0.3, 0.9)
    stem = "FLX_XX-Syn_FLUXNET2015_SUBSET"
    write_fluxnet(folder / f"{stem}_DD_{first}-{last}_0-0.csv", tower, quality)
    write_fluxnet(
        folder / f"{stem}_MM_{first}-{last}_0-0.csv", tower, quality, monthly=True
    )
    write_ameriflux_base(folder / "AMF_XX-Syn_BASE_HH_0-0.csv", tower, site="XX-Syn")
    for index, stream in enumerate(layout.streams):
        product = xr.DataArray(
            shard.observations[0, index],
            dims="time",
            coords={"time": layout.observed.astype("datetime64[ns]")},
        )
        write_modis(folder / f"modis_{stream}_synthetic.csv", stream, product)
