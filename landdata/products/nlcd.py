"""NLCD land cover: the fraction of each cell that is deciduous forest, by area.

The national map is a 30 m Albers equal-area raster of classes (uint8, 0 outside;
Homer et al. 2020). Classes cannot be interpolated: the fraction of class 41 in the
cell's own area is computed and then compared with one half, as in Ma et al. (2022,
section 2.2.1). What lies outside the map counts as not forest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.geotiff_means import cell_means
from landdata.files.netcdf_fields import delivered, target
from landdata.grid.grid import Cells, Grid
from landdata.products.class_maps import class_fraction

DECIDUOUS_FOREST = 41
LEGEND = frozenset(
    (0, 11, 12, 21, 22, 23, 24, 31, 41, 42, 43, 51, 52, 71, 72, 73, 74, 81, 82, 90, 95)
)
_OUTSIDE = frozenset((0, 127, 250, 255))


def read_nlcd_fraction(
    path: str | Path,
    where: Grid | Cells,
    *,
    classes: Sequence[int] = (DECIDUOUS_FOREST,),
    must_cover: bool = True,
) -> xr.Dataset:
    """Share of some classes in each cell.

    Parameters
    ----------
    path : path
        GeoTIFF of one year, or netCDF as pygeohydro writes it.
    where : Grid or Cells
        Where fractions are wanted.
    classes : sequence of int
        Of the NLCD legend.
    must_cover : bool
        Refuse a raster that touches none of the cells.

    Returns
    -------
    xarray.Dataset
        Over (lat, lon), or (pixel) for cells: forest_fraction [1] of the whole
        cell, and mapped_fraction [1], the fraction of the cell that the map covers.
    """
    for one in classes:
        if one not in LEGEND - {0}:
            raise InputError(
                f"classes: {one}",
                found="no class of NLCD",
                wanted=f"some of {', '.join(map(str, sorted(LEGEND - {0})))}",
            )

    def is_class(raw: NDArray, nodata: float | None) -> NDArray:
        known = LEGEND | _OUTSIDE | ({int(nodata)} if nodata is not None else set())
        strange = set(np.unique(raw).tolist()) - known
        if strange:
            raise InputError(
                str(path),
                found=f"class {min(strange)}",
                wanted="classes of the NLCD legend",
                hint="Another map, or damage.",
            )
        outside = np.isin(raw, list(_OUTSIDE)) | (raw == nodata)
        return np.where(outside, np.nan, np.isin(raw, list(classes)).astype(float))

    cells = target(where)
    if Path(path).suffix.lower() in (".nc", ".nc4", ".netcdf"):
        found = class_fraction(path, cells, classes=classes, legend="nlcd")
        fraction = found["mapped_fraction"].to_numpy().astype(np.float64)
        part = found["class_fraction"].to_numpy()
        mean = np.divide(
            part, fraction, out=np.full(fraction.shape, np.nan), where=fraction > 0
        )
    else:
        mean, fraction = cell_means(path, cells, is_class, must_cover=must_cover)
    dataset = xr.Dataset(
        {
            "forest_fraction": (
                "pixel",
                (np.nan_to_num(mean) * fraction).astype(np.float32),
                {
                    "units": "1",
                    "long_name": "share of the cell in NLCD class "
                    + ", ".join(map(str, classes)),
                    "standard_name": "area_fraction",
                },
            ),
            "mapped_fraction": (
                "pixel",
                fraction.astype(np.float32),
                {"units": "1", "long_name": "share of the cell that the map covers"},
            ),
        },
        coords=cells.coords(),
    )
    return delivered(dataset, where, source=Path(path).name)
