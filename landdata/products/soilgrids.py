"""SoilGrids sand and clay, 250 m GeoTIFF by layer (Poggio et al. 2021).

``sand_0-5cm_mean.tif``: g kg-1, in layers that end at 5, 15, 30, 60, 100 and 200 cm, on
the homolosine projection or on latitude and longitude. A layer's mean over the cell is
weighted by its thickness down to a depth; g kg-1 are a tenth of a percent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.geotiff_means import cell_means
from landdata.files.netcdf_fields import delivered, target
from landdata.files.provider_files import matching_files
from landdata.grid.grid import Cells, Grid
from landdata.variables import SITE

LAYERS = ((0, 5), (5, 15), (15, 30), (30, 60), (60, 100), (100, 200))  # cm
_NAME = re.compile(r"(sand|clay)[_-](\d+)[-_](\d+)cm(?:[_-](\w+))?", re.IGNORECASE)
_LOWEST_SUM = 15.0  # %, of sand and clay in the mean: below it the unit is not g kg-1


def read_soilgrids(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    depth: float = 1.0,
    must_cover: bool = True,
) -> xr.Dataset:
    """Sand and clay on the model grid.

    Parameters
    ----------
    files : path, pattern or several
        GeoTIFF of both, and of as many layers as the depth needs.
    where : Grid or Cells
        Where values are wanted.
    depth : float
        m; layers are weighted by what of them lies above.
    must_cover : bool
        Refuse rasters that touch none of the cells.

    Returns
    -------
    xarray.Dataset
        Over (lat, lon), or (pixel) for cells: sand, clay [%]; NaN where less than half
        of a cell is covered.

    Raises
    ------
    InputError
        Naming the file or the layer: no layer in the name, a quantile in the place of
        the mean, a missing layer, values that are no g kg-1.
    """
    if not 0.0 < depth <= 2.0:
        raise InputError("depth", found=f"{depth:g} m", wanted="0 to 2 m")
    cells = target(where)
    paths = _layers(matching_files(files))
    means = {}
    for name in ("sand", "clay"):
        total, top = np.zeros(len(cells)), 0.0
        for upper, lower in LAYERS:
            if upper >= 100.0 * depth:
                break
            path = paths.get((name, upper, lower))
            if path is None:
                raise InputError(
                    f"SoilGrids  {name}",
                    found=f"no layer from {upper} to {lower} cm",
                    wanted=f"all layers down to {100.0 * depth:g} cm",
                    hint="Add the file, or ask for a smaller depth.",
                )
            mean, fraction = cell_means(
                path, cells, _percent(path), must_cover=must_cover
            )
            part = min(float(lower), 100.0 * depth) - upper
            total += part * np.where(fraction >= 0.5, mean, np.nan)
            top += part
        means[name] = total / top
    _check_sum(means["sand"] + means["clay"])
    dataset = xr.Dataset(
        {
            name: (
                "pixel",
                values.astype(np.float32),
                {**SITE[name].attrs, "depth": f"0 to {depth:g} m"},
            )
            for name, values in means.items()
        },
        coords=cells.coords(),
    )
    return delivered(dataset, where, source="SoilGrids")


def _layers(paths: list[Path]) -> dict[tuple[str, int, int], Path]:
    found: dict[tuple[str, int, int], Path] = {}
    for path in paths:
        match = _NAME.search(path.name)
        if match is None or (int(match.group(2)), int(match.group(3))) not in LAYERS:
            raise InputError(
                str(path),
                found="a name without a layer of SoilGrids",
                wanted="a name such as sand_0-5cm_mean.tif",
            )
        kind = (match.group(4) or "mean").lower()
        if not kind.startswith("mean"):
            raise InputError(
                str(path),
                found=f"{kind}",
                wanted="the mean of the prediction",
                hint="Quantiles and uncertainties are beside it: take _mean.",
            )
        key = (match.group(1).lower(), int(match.group(2)), int(match.group(3)))
        if key in found:
            raise InputError(
                str(path),
                found=f"the same layer as in {found[key]}",
                wanted="each layer once",
            )
        found[key] = path
    return found


def _percent(path: Path):
    """From stored g kg-1 to percent, for ``cell_means``."""

    def values(raw: NDArray, nodata: float | None) -> NDArray:
        grams = raw.astype(np.float64)
        if nodata is not None and not np.isnan(nodata):
            grams = np.where(raw == raw.dtype.type(nodata), np.nan, grams)
        bad = (grams < 0.0) | (grams > 1000.0) | np.isinf(grams)
        if bad.any():
            raise InputError(
                str(path),
                found=f"{grams[bad][0]:g} ({int(bad.sum())} pixels like it)",
                wanted="0 to 1000 g kg-1",
                hint="A missing-value code that is not declared, or damage.",
            )
        return grams / 10.0

    return values


def _check_sum(total: NDArray) -> None:
    known = total[np.isfinite(total)]
    if known.size and known.max() > 101.0:
        raise InputError(
            "SoilGrids  sand and clay",
            found=f"together {known.max():g} %",
            wanted="at most 100 %",
        )
    if known.size and known.mean() < _LOWEST_SUM:
        raise InputError(
            "SoilGrids  sand and clay",
            found=f"together {known.mean():.1f} % in the mean, taken as g kg-1",
            wanted="g kg-1, as SoilGrids has them",
            hint="Were the files turned into percent before?",
        )
