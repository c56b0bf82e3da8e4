"""Elevation: the area mean of a height model in each cell."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.geotiff_means import cell_means
from landdata.files.netcdf_fields import delivered, target
from landdata.files.provider_files import existing_file, reading
from landdata.grid.grid import Cells, Grid

LOWEST, HIGHEST = -450.0, 8900.0  # m: the Dead Sea, Mount Everest
# Words of a file's name, or of its band, that say it is something else.
_OTHERS = frozenset(
    word
    for words in (
        "depth bedrock thickness bdticm bdrlog soil sand clay silt slope aspect canopy",
        "treeheight landcover nlcd cover ndvi lai precip temperature tmean bathymetry",
    )
    for word in words.split()
)
_UNITS = {"cm": "cm", "mm": "mm", "dm": "dm", "ft": "feet", "feet": "feet"}
_UNITS |= {"foot": "feet", "us-ft": "feet", "km": "km", "inch": "inches"}


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
    _refuse_others(Path(path))
    mean, fraction = cell_means(path, cells, metres, must_cover=must_cover)
    dataset = xr.Dataset(
        {
            "elevation": (
                "pixel",
                np.where(fraction >= 0.5, mean, np.nan).astype(np.float32),
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


def _refuse_others(path: Path) -> None:
    """Refuse a raster whose name, band or unit says that it holds no heights in m.

    A depth in cm lies in the range of heights: only words distinguish them.
    """
    import rasterio

    path = existing_file(path)
    with reading(path, "a GeoTIFF with a projection"), rasterio.open(path) as raster:
        described = [*filter(None, raster.descriptions), *raster.tags(1).values()]
        units = {str(one).strip().lower() for one in raster.units if one}
        scaled = raster.scales[0] != 1.0 or raster.offsets[0] != 0.0
    words = set(re.findall(r"[a-z]+", " ".join([path.stem, *described]).lower()))
    other = sorted(words & _OTHERS)
    unit = sorted(_UNITS[one] for one in (words | units) & set(_UNITS))
    if other or unit or scaled:
        raise InputError(
            str(path),
            found=f"a raster said to be of {other[0]}"
            if other
            else f"a raster said to be in {unit[0]}"
            if unit
            else f"a scale of {raster.scales[0]:g} and an offset of "
            f"{raster.offsets[0]:g} that would be left out",
            wanted="heights above the sea in m",
            hint="If the file does hold heights in m, give it a name and a band "
            "description that say so.",
        )
