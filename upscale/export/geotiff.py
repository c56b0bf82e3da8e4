"""Parameter maps as Cloud Optimized GeoTIFFs that open right in QGIS.

One file for each parameter with bands mean, sd, p05, p95, default and quality:
EPSG:4326, north up, edges on the 0.05 degree grid, float32, NaN outside; band names,
units, scale and tags inside the file, a QGIS style and a STAC item beside it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from upscale.errors import InputError, require_package
from upscale.export.qgis_styles import class_style, ramp_style, write_style
from upscale.export.stac import write_stac
from upscale.export.thumbnails import class_colours, ramp_colours, write_thumbnail
from upscale.export.udunits import as_udunits
from upscale.files import make_folder, naming_a_full_disk, sync_folder
from upscale.prediction.upscaler import QUALITY

BANDS = ("mean", "sd", "p05", "p95", "default", "quality")
CELLS_PER_DEGREE = 20
CRS = "EPSG:4326"
METHOD = {
    "references": "Ma et al. (2022), Geoscientific Model Development 15, 6637-6657",
    "method_doi": "10.5194/gmd-15-6637-2022",
}
"""The paper whose method makes the maps, as tags."""
_BLOCK = 512
_OFF_CENTRE = 0.02  # of a cell: float32 coordinates pass, another grid does not

STATUS: dict[int, tuple[str, tuple[int, int, int]]] = {
    1: ("calibrated", (27, 120, 55)),
    2: ("upscaled", (166, 219, 160)),
    3: ("upscaled, a parameter outside its area of applicability", (253, 174, 97)),
    4: ("calibrated, rejected by quality control: upscaled", (118, 162, 202)),
    5: ("no value: a covariate is unknown", (165, 0, 38)),
}
"""Codes of the status map: meaning and colour. 0 is outside the region."""


@dataclass(frozen=True, eq=False)
class MapGrid:
    """Where pixels lie on a rectangle of 0.05 degree cells.

    Attributes
    ----------
    west_edge, north_edge : int
        In cells east of 180 W and south of 90 N.
    shape : (int, int)
        Rows and columns.
    rows, columns : numpy.ndarray (pixel,)
        Of each pixel in the rectangle.
    """

    west_edge: int
    north_edge: int
    shape: tuple[int, int]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, coordinates: pd.DataFrame) -> MapGrid:
        """Make the smallest rectangle around pixels given by their middles.

        Parameters
        ----------
        coordinates : pandas.DataFrame (pixel)
            ``latitude`` and ``longitude``, degrees.

        Raises
        ------
        InputError
            If a pixel is not at the middle of a cell, or two share one.
        """
        row = (90.0 - coordinates["latitude"].to_numpy(float)) * CELLS_PER_DEGREE - 0.5
        column = (
            coordinates["longitude"].to_numpy(float) + 180.0
        ) * CELLS_PER_DEGREE - 0.5
        off = np.maximum(np.abs(row - np.rint(row)), np.abs(column - np.rint(column)))
        if not coordinates.size or not (off <= _OFF_CENTRE).all():
            worst = int(np.argmax(~(off <= _OFF_CENTRE))) if off.size else 0
            raise InputError(
                "maps: coordinates",
                f"pixel {coordinates.index[worst]} is {off[worst]:.2f} of a cell off"
                if off.size
                else "no pixels",
                "middles of cells of the 0.05 degree grid, such as 42.525 and -72.175",
            )
        rows, columns = np.rint(row).astype(np.int64), np.rint(column).astype(np.int64)
        if np.unique(np.stack([rows, columns]), axis=1).shape[1] < rows.size:
            raise InputError("maps: coordinates", "two pixels in a cell", "one")
        top, left = int(rows.min()), int(columns.min())
        return cls(
            west_edge=left,
            north_edge=top,
            shape=(int(rows.max()) - top + 1, int(columns.max()) - left + 1),
            rows=rows - top,
            columns=columns - left,
        )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north edge, degrees."""
        west = (self.west_edge - 180 * CELLS_PER_DEGREE) / CELLS_PER_DEGREE
        north = (90 * CELLS_PER_DEGREE - self.north_edge) / CELLS_PER_DEGREE
        return (
            west,
            north - self.shape[0] / CELLS_PER_DEGREE,
            west + self.shape[1] / CELLS_PER_DEGREE,
            north,
        )

    def raster(self, values: NDArray, fill: float, dtype: str) -> NDArray:
        """Lay out (pixel,) or (band, pixel) as (..., row, column)."""
        found = np.full((*values.shape[:-1], *self.shape), fill, dtype=dtype)
        found[..., self.rows, self.columns] = values
        return found


def write_maps(
    folder: str | Path,
    prediction: xr.Dataset,
    coordinates: pd.DataFrame,
    *,
    period: tuple[str, str],
    status: pd.Series | None = None,
    tags: Mapping[str, object] | None = None,
    meanings: Mapping[str, str] | None = None,
    others: Iterable[Path] = (),
) -> list[Path]:
    """Write a GeoTIFF for each parameter, a status map, styles and STAC records.

    Units of bands are as UDUNITS parses them; the tag ``units_given`` has them as the
    model does. Beside each map are a QGIS style and a thumbnail.

    Parameters
    ----------
    folder : path
        Made if need be. Each file is written aside, then replaces its forerunner.
    prediction : xarray.Dataset
        Of ``Upscaler.predict``.
    coordinates : pandas.DataFrame (pixel)
        ``latitude`` and ``longitude`` of at least its pixels.
    period : (str, str)
        First and last day that the calibration saw, such as ("2001-01-01",
        "2009-12-31").
    status : pandas.Series (pixel), optional
        Codes of ``STATUS``, for instance from `status_of`, for ``status.tif``.
    tags : mapping, optional
        Further tags of every file, such as the run's name.
    meanings : mapping, optional
        What each parameter is, for the tag ``long_name``.
    others : iterable of path, optional
        Further files of the folder that the STAC collection shall name. It is read
        after the maps are written and before the collection is.

    Returns
    -------
    list of path
        The GeoTIFFs.

    Examples
    --------
    >>> import numpy as np, pandas as pd, upscale, xarray as xr
    >>> rng = np.random.default_rng(1)
    >>> covariates = pd.DataFrame(
    ...     {"sand": rng.uniform(0.0, 90.0, 40),
    ...      "latitude": 42.025 + 0.05 * (np.arange(40) % 8),
    ...      "longitude": -72.025 - 0.05 * (np.arange(40) // 8)},
    ...     index=pd.RangeIndex(40, name="pixel"),
    ... )
    >>> vmax = pd.DataFrame({"vmax": 2e-5 + 5e-7 * covariates["sand"]})
    >>> upscaler = upscale.train(
    ...     vmax, covariates, bounds={"vmax": (2e-5, 8e-5)}, sd=0.01 * vmax, seed=1,
    ...     rules=upscale.TrainingRules(n_candidates=1, max_trees=20),
    ... )
    >>> maps = upscaler.predict(covariates)
    >>> written = upscale.write_maps(
    ...     "maps", maps, covariates, period=("2001-01-01", "2009-12-31")
    ... )
    >>> [path.name for path in written]
    ['vmax.tif']
    """
    require_projections()
    folder = Path(folder)
    make_folder(folder)
    pixels = prediction.indexes["pixel"]
    coordinates = coordinates.loc[pixels]
    grid = MapGrid.of(coordinates)
    common = {
        **METHOD,
        **prediction.attrs,
        **(tags or {}),
        "period": f"{period[0]}/{period[1]}",
    }
    written = []
    for name in prediction["parameter"].to_numpy():
        one = prediction.sel(parameter=name)
        path = folder / f"{name}.tif"
        meaning = (meanings or {}).get(str(name), "")
        own = {"long_name": meaning} if meaning else {}
        _write_parameter(path, one, grid, common | own)
        mean = one["mean"].to_numpy()
        write_style(path.with_suffix(".qml"), ramp_style(mean))
        picture = ramp_colours(grid.raster(mean, np.nan, "float64"))
        write_thumbnail(path.with_suffix(".png"), picture)
        written.append(path)
    if status is not None:
        path = folder / "status.tif"
        codes = status.reindex(pixels).to_numpy()
        write_class_map(path, codes, grid, STATUS, common)
        write_style(path.with_suffix(".qml"), class_style(STATUS))
        picture = class_colours(grid.raster(codes, 0, "uint8"), STATUS)
        write_thumbnail(path.with_suffix(".png"), picture)
        written.append(path)
    write_stac(folder, written, period=period, tags=common, others=others)
    return written


def require_projections() -> None:
    """Refuse a table of projections that is not that of the library in use.

    QGIS, PostGIS and conda set ``PROJ_DATA`` or ``PROJ_LIB`` to their own.

    Raises
    ------
    InputError
        Naming the variables that are set, or a package that is not installed.
    """
    for package in ("rasterio", "pyproj", "pystac"):
        require_package(package, "upscale")
    from rasterio.crs import CRS as ReferenceSystem
    from rasterio.errors import CRSError

    try:
        ReferenceSystem.from_string(CRS).to_wkt()
    except CRSError as exc:
        names = [name for name in ("PROJ_DATA", "PROJ_LIB") if os.environ.get(name)]
        raise InputError(
            " and ".join(names) or "PROJ",
            "; ".join(f"{name}={os.environ[name]}" for name in names) or str(exc),
            "the table of projections that comes with rasterio",
            f"Another program's proj.db is there. Take it away: unset {' '.join(names)}"
            if names
            else "Install rasterio anew: its proj.db cannot be read.",
        ) from exc


def status_of(
    prediction: xr.Dataset,
    calibrated: pd.Index | None = None,
    rejected: pd.Index | None = None,
) -> pd.Series:
    """Codes of ``STATUS`` for each pixel of a prediction.

    Parameters
    ----------
    prediction : xarray.Dataset
        Of ``Upscaler.predict``.
    calibrated, rejected : pandas.Index, optional
        Pixels that trained the upscaler, and those that quality control left out.

    Examples
    --------
    >>> import numpy as np, pandas as pd, upscale, xarray as xr
    >>> quality = (("parameter", "pixel"), np.zeros((1, 3), np.int8))
    >>> prediction = xr.Dataset(
    ...     {"quality": quality}, {"pixel": [1, 2, 3], "parameter": ["vmax"]}
    ... )
    >>> upscale.status_of(prediction, calibrated=pd.Index([2])).to_dict()
    {1: 2, 2: 1, 3: 2}
    """
    pixels = prediction.indexes["pixel"]
    quality = prediction["quality"].transpose("parameter", "pixel").to_numpy()
    codes = np.where((quality == 2).any(axis=0), 3, 2)
    if rejected is not None:
        codes[pixels.isin(rejected)] = 4
    if calibrated is not None:
        codes[pixels.isin(calibrated)] = 1
    codes[(quality == 4).any(axis=0)] = 5
    return pd.Series(codes, index=pixels, name="status").astype("uint8")


def write_class_map(
    path: Path,
    codes: NDArray,
    grid: MapGrid,
    classes: Mapping[int, tuple[str, tuple[int, int, int]]],
    tags: Mapping[str, object],
) -> None:
    """Write classes (pixel,) as a uint8 GeoTIFF with a colour table; 0 is no data."""
    unknown = set(np.unique(codes).tolist()) - set(classes)
    if unknown:
        raise InputError(
            f"{path.name}: codes", f"{sorted(unknown)}", f"some of {sorted(classes)}"
        )
    colours = {0: (0, 0, 0, 0)}
    colours |= {code: (*colour, 255) for code, (_, colour) in classes.items()}
    meanings = {f"class_{code}": name for code, (name, _) in classes.items()}
    with _cog(path, grid, 1, "uint8", 0, predictor=2, resampling="mode") as dataset:
        dataset.write_colormap(1, colours)  # before any pixel, or GDAL complains
        dataset.write(grid.raster(codes, 0, "uint8"), 1)
        dataset.set_band_description(1, path.stem)
        dataset.update_tags(**_texts(tags))
        dataset.update_tags(1, **meanings)


def _write_parameter(
    path: Path, one: xr.Dataset, grid: MapGrid, tags: Mapping[str, object]
) -> None:
    n = one.sizes["pixel"]
    bands = np.stack([np.broadcast_to(one[name].to_numpy(), n) for name in BANDS])
    given = str(one["unit"].item()) or "1"
    unit = as_udunits(given)
    quality = {f"class_{code}": text for code, text in QUALITY.items()}
    # Nearest in overviews: a mean of quality codes, or of ends, would be none.
    with _cog(path, grid, len(BANDS), "float32", np.nan, 3, "nearest") as dataset:
        dataset.write(grid.raster(bands, np.nan, "float32"))
        dataset.descriptions = BANDS
        dataset.units = [unit] * (len(BANDS) - 1) + ["1"]
        dataset.scales = [1.0] * len(BANDS)
        dataset.offsets = [0.0] * len(BANDS)
        own = {
            "parameter": path.stem,
            "units": unit,
            "units_given": given,
            "prior_low": float(one["low"]),
            "prior_high": float(one["high"]),
            "dissimilarity_limit": float(one["dissimilarity_limit"]),
        }
        dataset.update_tags(**_texts({**tags, **own}))
        dataset.update_tags(len(BANDS), **quality)


def _texts(tags: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in tags.items()}


class _cog:
    """A GeoTIFF in memory that becomes a COG at its place when all went well."""

    def __init__(
        self,
        path: Path,
        grid: MapGrid,
        count: int,
        dtype: str,
        nodata: float,
        predictor: int,
        resampling: str,
    ) -> None:
        self.path, self.predictor, self.resampling = path, predictor, resampling
        self.corner = grid.bounds[0], grid.bounds[3]
        self.profile = {
            "driver": "GTiff",
            "height": grid.shape[0],
            "width": grid.shape[1],
            "count": count,
            "dtype": dtype,
            "crs": CRS,
            "nodata": nodata,
        }

    def __enter__(self) -> Any:
        from rasterio.io import MemoryFile
        from rasterio.transform import from_origin

        step = 1.0 / CELLS_PER_DEGREE
        self.memory = MemoryFile()
        self.dataset = self.memory.open(
            **self.profile, transform=from_origin(*self.corner, step, step)
        )
        return self.dataset

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        from rasterio.shutil import copy

        self.dataset.close()
        try:
            if kind is not None:
                return
            with tempfile.TemporaryDirectory(
                prefix=".map-", dir=self.path.parent
            ) as aside:
                made = Path(aside) / self.path.name
                with naming_a_full_disk(made):  # before what was made is taken away
                    copy(
                        self.memory.name,
                        made,
                        driver="COG",
                        compress="DEFLATE",
                        predictor=self.predictor,
                        overview_predictor=self.predictor,
                        overview_resampling=self.resampling,
                        blocksize=_BLOCK,
                    )
                    with made.open("rb") as opened:
                        os.fsync(opened.fileno())
                os.replace(made, self.path)
                sync_folder(self.path.parent)
        finally:
            self.memory.close()
