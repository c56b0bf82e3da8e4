"""What the writers share: axes that cover a block, and netCDF as providers pack it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from landdata.grid.grid import Grid

# (days or hours as datetime64, lat, lon) -> values; the three broadcast.
Values = Callable[[NDArray, NDArray, NDArray], NDArray]

MADE_UP = "made-up values in the provider's format, not the provider's data"


def degree_axes(
    grid: Grid, step: float, *, falling: bool = True
) -> tuple[NDArray, NDArray]:
    """Middles of a latitude-longitude grid that covers another with two to spare."""
    west, south, east, north = grid.bounds
    n_columns, n_rows = round((east - west) / step), round((north - south) / step)
    lon = (np.floor(west / step) - 2 + np.arange(n_columns + 5)) * step
    lat = (np.floor(south / step) - 2 + np.arange(n_rows + 5)) * step
    lat, lon = lat + 0.5 * step, lon + 0.5 * step
    return (lat[::-1].copy() if falling else lat), lon


def even_axes(
    crs: CRS, grid: Grid, step: float, *, margin: int
) -> tuple[NDArray, NDArray]:
    """Middles of a projected grid that covers another, eastward and northward, m."""
    west, south, east, north = grid.bounds
    ring = np.linspace(0.0, 1.0, 21)
    lon = np.r_[west + ring * (east - west), west + ring * (east - west)]
    lat = np.r_[np.full(21, south), np.full(21, north)]
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    axes = []
    for values in (np.asarray(x), np.asarray(y)):
        first = np.floor(values.min() / step) - margin
        last = np.ceil(values.max() / step) + margin
        axes.append((np.arange(first, last + 1) + 0.5) * step)
    return axes[0], axes[1]


def places(crs: CRS, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    """Longitudes and latitudes (row, column) of even axes."""
    back = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    across, along = np.meshgrid(x, y)
    lon, lat = back.transform(across, along)
    return np.asarray(lon), np.asarray(lat)


def write_netcdf(
    dataset: xr.Dataset,
    path: Path,
    encoding: dict[str, dict[str, Any]],
    epoch: str | None,
    *,
    step: str = "days",
    time: str = "time",
) -> Path:
    """Write a Dataset as netCDF-4, compressed and with checksums of its chunks."""
    full: dict[str, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 4, "fletcher32": True, **options}
        for name, options in encoding.items()
    }
    if epoch is not None:
        full[time] = {"units": f"{step} since {epoch}", "dtype": "float64"}
    dataset.to_netcdf(path, engine="h5netcdf", encoding=full)
    return path
