"""Weather files: Daymet, gridMET, NLDAS-2 and NARR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

from landdata.cube.layout import days_of
from landdata.grid.grid import Grid
from landdata.synthetic.product_writers.common import (
    MADE_UP,
    Values,
    degree_axes,
    even_axes,
    places,
    write_netcdf,
)

DAYMET_MAPPING: dict[str, Any] = {
    "grid_mapping_name": "lambert_conformal_conic",
    "longitude_of_central_meridian": -100.0,
    "latitude_of_projection_origin": 42.5,
    "false_easting": 0.0,
    "false_northing": 0.0,
    "standard_parallel": np.array([25.0, 60.0]),
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
}
NARR_MAPPING: dict[str, Any] = {
    "grid_mapping_name": "lambert_conformal_conic",
    "standard_parallel": np.array([50.0, 50.0]),
    "longitude_of_central_meridian": -107.0,
    "latitude_of_projection_origin": 50.0,
    "false_easting": 5632642.22547,
    "false_northing": 4612545.65137,
}
_DAYMET_UNITS = {
    "tmin": "degrees C",
    "tmax": "degrees C",
    "prcp": "mm/day",
    "vp": "Pa",
    "srad": "W/m2",
    "dayl": "s/day",
    "swe": "kg/m2",
}
# File: variable inside, units, scale, offset.
_GRIDMET = {
    "tmmn": ("air_temperature", "K", 0.1, 210.0),
    "tmmx": ("air_temperature", "K", 0.1, 220.0),
    "pr": ("precipitation_amount", "mm", 0.1, 0.0),
    "vs": ("wind_speed", "m/s", 0.1, 0.0),
    "sph": ("specific_humidity", "kg/kg", 1.0e-5, 0.0),
    "vpd": ("mean_vapor_pressure_deficit", "kPa", 0.01, 0.0),
    "srad": ("surface_downwelling_shortwave_flux_in_air", "W m-2", 0.1, 0.0),
}
_NLDAS_UNITS = {
    "Tair": "K",
    "Qair": "kg kg-1",
    "PSurf": "Pa",
    "Wind_E": "m s-1",
    "Wind_N": "m s-1",
    "SWdown": "W m-2",
    "Rainf": "kg m-2",
}


def write_daymet(
    folder: Path, variable: str, year: int, grid: Grid, values: Values
) -> Path:
    """A Daymet V4 file of one variable and year that covers a grid."""
    crs = CRS.from_cf(DAYMET_MAPPING)
    x, y = even_axes(crs, grid, 1000.0, margin=2)
    lon, lat = places(crs, x, y)
    days = days_of((year, year))[:365]
    content = np.broadcast_to(
        values(days[:, None, None], lat, lon), (365, y.size, x.size)
    )
    dataset = xr.Dataset(
        {
            variable: (
                ("time", "y", "x"),
                content.astype(np.float32),
                {
                    "units": _DAYMET_UNITS[variable],
                    "grid_mapping": "lambert_conformal_conic",
                },
            ),
            "lat": (("y", "x"), lat.astype(np.float32), {"units": "degrees_north"}),
            "lon": (("y", "x"), lon.astype(np.float32), {"units": "degrees_east"}),
            "lambert_conformal_conic": ((), np.int16(0), DAYMET_MAPPING),
        },
        coords={
            "time": days.astype("datetime64[ns]") + np.timedelta64(12, "h"),
            "y": ("y", y[::-1].copy(), {"units": "m"}),
            "x": ("x", x, {"units": "m"}),
        },
        attrs={"title": MADE_UP},
    )
    # Daymet's rows run from north to south.
    for name in ("lat", "lon", variable):
        axis = dataset[name].dims.index("y")
        dataset[name] = dataset[name].copy(data=np.flip(dataset[name].values, axis))
    path = folder / f"daymet_v4_daily_na_{variable}_{year}.nc"
    return write_netcdf(
        dataset, path, {variable: {"_FillValue": -9999.0}}, "1950-01-01"
    )


def write_gridmet(
    folder: Path, kind: str, year: int, grid: Grid, values: Values
) -> Path:
    """A gridMET file (``kind`` such as tmmx) of one year that covers a grid."""
    name, units, scale, offset = _GRIDMET[kind]
    lat, lon = degree_axes(grid, 1.0 / 24.0)
    days = days_of((year, year))
    content = values(days[:, None, None], lat[:, None], lon[None, :])
    dataset = xr.Dataset(
        {
            name: (
                ("day", "lat", "lon"),
                np.broadcast_to(content, (days.size, lat.size, lon.size)),
                {"units": units},
            ),
            "crs": ((), np.int16(0), {"grid_mapping_name": "latitude_longitude"}),
        },
        coords={
            "day": days.astype("datetime64[ns]"),
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
        attrs={"title": MADE_UP},
    )
    packing = {
        "dtype": "uint16",
        "scale_factor": scale,
        "add_offset": offset,
        "_FillValue": np.uint16(32767),
    }
    path = folder / f"{kind}_{year}.nc"
    return write_netcdf(dataset, path, {name: packing}, "1900-01-01", time="day")


def write_nldas(
    folder: Path,
    day: np.datetime64,
    grid: Grid,
    values: Mapping[str, Values],
    *,
    hours: int = 24,
    hours_a_file: int = 1,
) -> list[Path]:
    """Hourly NLDAS-2 files from midnight UTC of a day.

    Parameters
    ----------
    values : mapping
        By NLDAS name (Tair, Qair, PSurf, Wind_E, Wind_N, SWdown, Rainf).
    hours : int
        How many.
    hours_a_file : int
        One, as they are published, or more, as users join them.
    """
    start = day.astype("datetime64[D]").astype("datetime64[h]")
    paths = []
    for first in range(0, hours, hours_a_file):
        times = start + np.arange(first, min(first + hours_a_file, hours))
        stamp = str(times[0].astype("datetime64[D]")).replace("-", "")
        hour = int((times[0] - times[0].astype("datetime64[D]")).astype(int))
        path = folder / f"NLDAS_FORA0125_H.A{stamp}.{hour:02d}00.020.nc"
        paths.append(_nldas_file(path, times, grid, values))
    return paths


def _nldas_file(
    path: Path, times: NDArray, grid: Grid, values: Mapping[str, Values]
) -> Path:
    lat, lon = degree_axes(grid, 0.125, falling=False)
    shape = (times.size, lat.size, lon.size)
    data = {}
    for name, value in values.items():
        content = value(times[:, None, None], lat[:, None], lon[None, :])
        data[name] = (
            ("time", "lat", "lon"),
            np.broadcast_to(content, shape).astype(np.float32),
            {"units": _NLDAS_UNITS[name]},
        )
    dataset = xr.Dataset(
        data,
        coords={
            "time": times.astype("datetime64[ns]"),
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
        attrs={"title": MADE_UP},
    )
    encoding: dict[str, dict[str, Any]] = {n: {"_FillValue": -9999.0} for n in values}
    return write_netcdf(dataset, path, encoding, "1979-01-01", step="hours")


def write_narr(
    folder: Path,
    year: int,
    grid: Grid,
    values: Values,
    *,
    times: NDArray | None = None,
) -> Path:
    """A NARR file of three-hourly cloud cover (percent, packed) that covers a grid."""
    crs = CRS.from_cf({**NARR_MAPPING, "earth_radius": 6371200.0})
    x, y = even_axes(crs, grid, 32463.41, margin=2)
    lon, lat = places(crs, x, y)
    if times is None:
        first = np.datetime64(f"{year}-01-01T00")
        times = np.arange(first, np.datetime64(f"{year + 1}-01-01T00"), 3)
    content = values(times[:, None, None], lat, lon)
    dataset = xr.Dataset(
        {
            "tcdc": (
                ("time", "y", "x"),
                np.broadcast_to(content, (times.size, y.size, x.size)),
                {"units": "%", "grid_mapping": "Lambert_Conformal"},
            ),
            "lat": (("y", "x"), lat.astype(np.float32), {"units": "degrees_north"}),
            "lon": (("y", "x"), lon.astype(np.float32), {"units": "degrees_east"}),
            "Lambert_Conformal": ((), np.int32(0), NARR_MAPPING),
        },
        coords={
            "time": times.astype("datetime64[ns]"),
            "y": ("y", y, {"units": "m"}),
            "x": ("x", x, {"units": "m"}),
        },
        attrs={"title": MADE_UP},
    )
    packing = {
        "dtype": "int16",
        "scale_factor": 0.01,
        "add_offset": 0.0,
        "_FillValue": np.int16(32766),
    }
    path = folder / f"tcdc.{year}.nc"
    return write_netcdf(dataset, path, {"tcdc": packing}, "1800-01-01", step="hours")
