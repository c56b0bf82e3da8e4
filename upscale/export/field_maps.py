"""Fields of a regular grid as a Cloud Optimized GeoTIFF, one band each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upscale.errors import InputError
from upscale.export.geotiff import CRS, require_projections
from upscale.files import naming_a_full_disk, sync_folder


def write_field_map(
    path: Path,
    latitude: NDArray,
    longitude: NDArray,
    bands: Mapping[str, NDArray],
    *,
    step: float,
    unit: str,
    tags: Mapping[str, str],
) -> None:
    """Write fields given at the middles of cells; NaN where there is no cell.

    Parameters
    ----------
    path : Path
        The file; it is written aside and then takes its name.
    latitude, longitude : ndarray (cell,)
        Middles of cells of a regular grid, degrees.
    bands : mapping
        Band name to values, (cell,).
    step : float
        Size of a cell, degrees.
    unit : str
        Of every band.
    tags : mapping
        Of the file.

    Raises
    ------
    InputError
        If a place is not at the middle of a cell of the grid, or two share one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = Path(folder) / "soc.tif"
    ...     write_field_map(made, np.array([32.5, 32.6]), np.array([97.0, 97.1]),
    ...                     {"mean": np.array([1.0, 2.0])}, step=0.1, unit="kg m-2",
    ...                     tags={"synthetic": "yes"})
    ...     made.exists()
    True
    """
    from rasterio.io import MemoryFile
    from rasterio.shutil import copy
    from rasterio.transform import from_origin

    require_projections()
    rows, columns, corner = _lay_out(latitude, longitude, step)
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    data = np.full((len(bands), *shape), np.nan, "float32")
    for k, values in enumerate(bands.values()):
        data[k, rows, columns] = values
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1],
               "count": len(bands), "dtype": "float32", "crs": CRS,
               "nodata": np.nan}  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile, transform=from_origin(*corner, step, step)) as made:
            made.write(data)
            made.descriptions = tuple(bands)
            made.units = [unit] * len(bands)
            made.update_tags(units=unit, **{k: str(v) for k, v in tags.items()})
        with tempfile.TemporaryDirectory(prefix=".map-", dir=path.parent) as folder:
            aside = Path(folder) / path.name
            with naming_a_full_disk(aside):
                copy(memory.name, aside, driver="COG", compress="DEFLATE",
                     predictor=3, overview_resampling="nearest")  # fmt: skip
                with aside.open("rb") as opened:
                    os.fsync(opened.fileno())
            os.replace(aside, path)
            sync_folder(path.parent)


def _lay_out(
    latitude: NDArray, longitude: NDArray, step: float
) -> tuple[NDArray, NDArray, tuple[float, float]]:
    """Row and column of each place, and west and north edge."""
    north, west = float(latitude.max()), float(longitude.min())
    row, column = (north - latitude) / step, (longitude - west) / step
    off = np.maximum(np.abs(row - np.rint(row)), np.abs(column - np.rint(column)))
    if not (off <= 0.02).all():
        raise InputError(
            "map: coordinates", f"a place {off.max():.2f} of a cell off the others",
            f"middles of cells of {step:g} degrees",
        )  # fmt: skip
    rows, columns = np.rint(row).astype(int), np.rint(column).astype(int)
    if np.unique(np.stack([rows, columns]), axis=1).shape[1] < rows.size:
        raise InputError("map: coordinates", "two places in a cell", "one")
    return rows, columns, (west - 0.5 * step, north + 0.5 * step)
