"""What a cube hands out, labelled by CF rules: attributes all its Datasets share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.grid.grid import Grid

CONVENTIONS = "CF-1.11"
_TIME = {"standard_name": "time", "axis": "T"}
DAY_ATTRS = {**_TIME, "long_name": "day"}
WINDOW_ATTRS = {**_TIME, "long_name": "first day of the 8-day window"}
PIXEL_ATTRS = {"long_name": "cell of the global 0.05 degree grid"}


def series_coords(
    ids: NDArray, time: pd.DatetimeIndex, attrs: Mapping[str, str]
) -> dict[str, Any]:
    """Coordinates of a Dataset over (pixel, time)."""
    return {"pixel": ("pixel", ids, PIXEL_ATTRS), "time": ("time", time, dict(attrs))}


def map_dataset(
    data: Mapping[str, tuple[NDArray, dict[str, Any]]],
    grid: Grid,
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Maps (lat, lon) with their grid mapping."""
    return xr.Dataset(
        {
            name: (("lat", "lon"), values, {**own, "grid_mapping": "crs"})
            for name, (values, own) in data.items()
        },
        coords=grid.coords(),
        attrs=dict(attrs),
    )


def squared(units: str) -> str:
    """Write the square of a unit.

    Examples
    --------
    >>> squared("g m-2 d-1")
    'g2 m-4 d-2'
    """
    if units == "1":
        return "1"
    parts = []
    for part in units.split():
        name = part.rstrip("-0123456789")
        power = int(part[len(name) :] or 1)
        parts.append(f"{name}{2 * power}")
    return " ".join(parts)
