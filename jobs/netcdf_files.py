"""Packed netCDF files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobs.files import replacing

if TYPE_CHECKING:
    import xarray as xr


def _write(data: xr.Dataset, path: Path) -> None:
    packing = {name: {"zlib": True, "complevel": 4} for name in data.data_vars}
    with replacing(path) as aside:
        data.to_netcdf(aside, engine="h5netcdf", encoding=packing)
