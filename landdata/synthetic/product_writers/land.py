"""Land files: GSDE soil, and GeoTIFFs of classes (NLCD) or heights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

from landdata.grid.grid import Grid
from landdata.synthetic.product_writers.common import (
    MADE_UP,
    degree_axes,
    even_axes,
    places,
    write_netcdf,
)


def write_gsde(
    folder: Path, kind: str, grid: Grid, values: Callable[..., NDArray]
) -> list[Path]:
    """Both files of SAND or CLAY; ``values(layer, lat, lon)`` in percent."""
    from landdata.products.gsde import BOTTOMS

    lat, lon = degree_axes(grid, 1.0 / 120.0)
    paths = []
    for number, layers in enumerate((range(4), range(4, 8)), start=1):
        content = np.stack(
            [
                np.broadcast_to(
                    values(layer, lat[:, None], lon[None, :]), (lat.size, lon.size)
                )
                for layer in layers
            ]
        )
        dataset = xr.Dataset(
            {
                kind: (
                    ("depth", "lat", "lon"),
                    np.where(np.isnan(content), -100, np.rint(content)).astype(np.int8),
                    {"units": "% of weight", "_FillValue": np.int8(-100)},
                )
            },
            coords={
                "depth": (
                    "depth",
                    np.array([BOTTOMS[layer] for layer in layers], dtype=np.float32),
                    {"units": "centimeter"},
                ),
                "lat": ("lat", lat, {"units": "degrees_north"}),
                "lon": ("lon", lon, {"units": "degrees_east"}),
            },
            attrs={"title": MADE_UP},
        )
        paths.append(folder / f"{kind}{number}.nc")
        write_netcdf(dataset, paths[-1], {kind: {}}, None)
    return paths


def write_raster(
    path: Path,
    grid: Grid,
    values: Callable[[NDArray, NDArray], NDArray],
    *,
    pixel: float = 300.0,
    dtype: str = "uint8",
    nodata: float | None = 0,
    crs: str = "EPSG:5070",
) -> Path:
    """A GeoTIFF in Albers equal-area (NLCD's projection) that covers a grid.

    Parameters
    ----------
    values : callable
        (lat, lon) to classes or heights.
    pixel : float
        m; NLCD has 30.
    """
    import rasterio
    from rasterio.transform import Affine

    projection = CRS(crs)
    x, y = even_axes(projection, grid, pixel, margin=3)
    y = y[::-1]
    lon, lat = places(projection, x, y)
    content = values(lat, lon).astype(dtype)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=x.size,
        height=y.size,
        count=1,
        dtype=dtype,
        crs=crs,
        transform=Affine(pixel, 0.0, x[0] - pixel / 2, 0.0, -pixel, y[0] + pixel / 2),
        nodata=nodata,
        compress="deflate",
    ) as raster:
        raster.write(content, 1)
        raster.update_tags(title=MADE_UP)
    return path
