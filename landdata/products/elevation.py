"""Elevation: the area mean of a height model in each cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ibis_dalec.errors import InputError
from landdata.files.geotiff_means import cell_means
from landdata.files.netcdf_fields import delivered, target
from landdata.grid.grid import Cells, Grid

LOWEST, HIGHEST = -450.0, 8900.0  # m: the Dead Sea, Mount Everest


def read_elevation(
    path: str | Path, where: Grid | Cells, *, must_cover: bool = True
) -> xr.Dataset:
    """Mean height of each cell.

    Parameters
    ----------
    path : path
        GeoTIFF in metres above the sea, any projection.
    where : Grid or Cells
        Where heights are wanted.
    must_cover : bool
        Refuse a raster that touches none of the cells.

    Returns
    -------
    xarray.Dataset
        Over (lat, lon), or (pixel) for cells: elevation [m]; NaN where less than
        half of a cell is covered.
    """

    def metres(raw: NDArray, nodata: float | None) -> NDArray:
        height = raw.astype(np.float64)
        if nodata is not None:
            height = np.where(raw == raw.dtype.type(nodata), np.nan, height)
        bad = (height < LOWEST) | (height > HIGHEST) | np.isinf(height)
        if bad.any():
            raise InputError(
                str(path),
                found=f"{height[bad][0]:g} m ({int(bad.sum())} pixels like it)",
                wanted=f"{LOWEST:g} to {HIGHEST:g} m",
                hint="A missing-value code that is not declared, feet, or damage.",
            )
        return height

    cells = target(where)
    mean, share = cell_means(path, cells, metres, must_cover=must_cover)
    dataset = xr.Dataset(
        {
            "elevation": (
                "pixel",
                np.where(share >= 0.5, mean, np.nan).astype(np.float32),
                {
                    "units": "m",
                    "long_name": "mean height of the cell above the sea",
                    "standard_name": "surface_altitude",
                },
            )
        },
        coords=cells.coords(),
    )
    return delivered(dataset, where, source=Path(path).name)
