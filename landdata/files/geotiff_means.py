"""Area means of a GeoTIFF in each cell, in bounded memory, through exactextract.

Rasters of 30 m hold tens of thousands of pixels a cell and cannot be averaged by
one matrix: cells are taken ten by ten, and only their window is read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.provider_files import existing_file, reading
from landdata.files.tiff_checksums import BlockChecks
from landdata.grid.grid import CRS as MODEL_CRS
from landdata.grid.grid import N_COLUMNS, Cells

BLOCK_CELLS = 10
_MAX_PIXELS = 2**26
_ISOLATED = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": False,
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_HTTP_MAX_RETRY": 0,
}
"""GDAL reads the file itself: nothing beside it, and nothing of the network."""


def cell_means(
    path: str | Path,
    cells: Cells,
    values: Callable[[NDArray, float | None], NDArray],
    *,
    must_cover: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of a raster's first band in each cell, and the fraction that has values.

    Parameters
    ----------
    path : path
        GeoTIFF with a projection, north up.
    cells : Cells
        Where means are wanted.
    values : callable
        (raw block, nodata) -> float64 block, NaN where nothing is known.
    must_cover : bool
        Refuse a raster that touches none of the cells.

    Returns
    -------
    mean, fraction : numpy.ndarray (pixel,)
        NaN and 0 where a cell lies outside.
    """
    import rasterio

    path = existing_file(path)
    mean, fraction = np.full(len(cells), np.nan), np.zeros(len(cells))
    with (
        reading(path, "a GeoTIFF with a projection"),
        rasterio.Env(**_ISOLATED),
        rasterio.open(path, driver="GTiff") as raster,
    ):
        _check(raster, path)
        checks = BlockChecks(raster, path)
        for chosen in _blocks(cells):
            part = Cells(cells.ids[chosen])
            mean[chosen], fraction[chosen] = _block_means(
                raster, part, values, path, checks
            )
    if must_cover and not (fraction > 0.0).any():
        left, bottom, right, top = raster.bounds
        raise InputError(
            str(path),
            found=f"a raster from {left:g}, {bottom:g} to {right:g}, {top:g} "
            f"({raster.crs}) with nothing in the region",
            wanted="one that covers the region",
            hint="A wrong projection, or another part of the country.",
        )
    return mean, fraction


def _check(raster, path: Path) -> None:
    if raster.crs is None:
        raise InputError(
            str(path), found="no projection", wanted="a GeoTIFF with a projection"
        )
    for height, width in raster.block_shapes:
        if height * width > _MAX_PIXELS:
            raise InputError(
                str(path),
                found=f"blocks of {height} x {width} pixels",
                wanted="tiles or strips that fit into memory",
            )
    transform = raster.transform
    if transform.b or transform.d or not (transform.a > 0.0 > transform.e):
        raise InputError(
            str(path),
            found=f"pixels of {transform.a:g} by {transform.e:g}, rotated or flipped",
            wanted="a raster that is north up",
        )


def _blocks(cells: Cells) -> list[NDArray[np.int64]]:
    rows, columns = cells.ids // N_COLUMNS, cells.ids % N_COLUMNS
    key = (rows // BLOCK_CELLS) * N_COLUMNS + columns // BLOCK_CELLS
    order = np.argsort(key, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(key[order])) + 1)


def _block_means(
    raster, cells: Cells, values, path: Path, checks: BlockChecks
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource
    from pyproj import Transformer
    from rasterio.windows import Window

    west, south, east, north = cells.edges()
    to_raster = Transformer.from_crs(MODEL_CRS, raster.crs, always_xy=True)
    x, y = to_raster.transform(
        np.stack([west, east, east, west, west], axis=1),
        np.stack([south, south, north, north, south], axis=1),
    )
    x, y = np.asarray(x), np.asarray(y)
    transform = raster.transform
    first_column = max(int(np.floor((x.min() - transform.c) / transform.a)), 0)
    last_column = min(int(np.ceil((x.max() - transform.c) / transform.a)), raster.width)
    first_row = max(int(np.floor((y.max() - transform.f) / transform.e)), 0)
    last_row = min(int(np.ceil((y.min() - transform.f) / transform.e)), raster.height)
    n_rows, n_columns = last_row - first_row, last_column - first_column
    if n_rows <= 0 or n_columns <= 0:
        return np.full(len(cells), np.nan), np.zeros(len(cells))
    if n_rows * n_columns > _MAX_PIXELS:
        raise InputError(
            str(path),
            found=f"{n_rows} x {n_columns} pixels in {BLOCK_CELLS} x {BLOCK_CELLS} "
            "cells",
            wanted="pixels of a metre or more",
        )
    checks.hold(first_row, last_row, first_column, last_column)
    raw = raster.read(1, window=Window(first_column, first_row, n_columns, n_rows))
    content = values(raw, raster.nodata)
    left = transform.c + first_column * transform.a
    top = transform.f + first_row * transform.e
    source = NumPyRasterSource(
        content,
        xmin=left,
        ymin=top + n_rows * transform.e,
        xmax=left + n_columns * transform.a,
        ymax=top,
        nodata=np.nan,
    )
    features = [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [corners.tolist()]},
        }
        for corners in np.stack([x, y], axis=-1)
    ]
    found = exact_extract(source, features, ["mean", "count"])
    mean = np.array([_number(one["properties"]["mean"]) for one in found])
    count = np.array([_number(one["properties"]["count"]) for one in found])
    ring = np.sum(x[:, :-1] * y[:, 1:] - x[:, 1:] * y[:, :-1], axis=1)
    full = 0.5 * np.abs(ring) / abs(transform.a * transform.e)
    count = np.nan_to_num(count)
    return np.where(count > 0.0, mean, np.nan), np.minimum(count / full, 1.0)


def _number(value: object) -> float:
    return np.nan if value is None else float(value)  # type: ignore[arg-type]
