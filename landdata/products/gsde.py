"""GSDE soil texture on its 30 arc-second grid (Shangguan et al. 2014), netCDF.

Sand and clay are percent by weight in layers that end at 4.5, 9.1, 16.6, 28.9,
49.3, 82.9, 138.3 and 229.6 cm, the upper four in one file and the lower four in
another. The model takes one sand and one clay: here the mean of the layers down to
a depth, weighted by their thickness, and by area over the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.netcdf_fields import (
    Field,
    RegridderCache,
    delivered,
    target,
    wanted_variable,
    within_limits,
)
from landdata.files.provider_files import matching_files, open_netcdf
from landdata.files.units import conversion
from landdata.grid.axes import axes_of
from landdata.grid.grid import Cells, Grid
from landdata.variables import SITE

BOTTOMS = (4.5, 9.1, 16.6, 28.9, 49.3, 82.9, 138.3, 229.6)  # cm
VARIABLES = {"sand": "SAND", "clay": "CLAY"}


def read_gsde(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    depth: float = 1.0,
    variables: Mapping[str, str] = VARIABLES,
) -> xr.Dataset:
    """Sand and clay on the model grid.

    Parameters
    ----------
    files : path, pattern or several
        Of both variables, and of as many layers as the depth needs.
    where : Grid or Cells
        Where values are wanted.
    depth : float
        m; layers are weighted by what of them lies above.
    variables : mapping
        "sand" and "clay" to the names in the files.

    Returns
    -------
    xarray.Dataset
        Over (lat, lon), or (pixel) for cells: sand, clay [%]. A cell whose pixels
        are 0 % of both, or mostly missing, is missing.
    """
    if not 0.0 < depth <= BOTTOMS[-1] / 100.0:
        raise InputError(
            "depth", found=f"{depth:g} m", wanted=f"0 to {BOTTOMS[-1] / 100.0:g} m"
        )
    cells = target(where)
    layers: dict[str, dict[float, NDArray]] = {name: {} for name in variables}
    regridders = RegridderCache(cells, "area")
    paths = matching_files(files)
    for path in paths:
        with open_netcdf(path) as dataset:
            here = {k: v for k, v in variables.items() if v in dataset.variables}
            if not here:
                raise InputError(
                    str(path),
                    found=f"variables {', '.join(map(str, dataset.data_vars))}",
                    wanted=f"one of {', '.join(variables.values())}",
                )
            for ours, theirs in here.items():
                for bottom, values in _layers(dataset, theirs, path, regridders):
                    if bottom in layers[ours]:
                        raise InputError(
                            f"{path}  {theirs} to {bottom:g} cm",
                            found="a layer that another file has too",
                            wanted="each layer once",
                        )
                    layers[ours][bottom] = values
    means = {
        name: _depth_mean(found, 100.0 * depth, name, paths[0])
        for name, found in layers.items()
    }
    sand, clay = means["sand"], means["clay"]
    with np.errstate(invalid="ignore"):
        total = sand + clay
        if np.nanmax(total, initial=0.0) > 100.5:
            raise InputError(
                f"{paths[0]}  sand and clay",
                found=f"together {np.nanmax(total):g} %",
                wanted="at most 100 %",
            )
        none = ~(total > 0.0)
    # Rounding in the product may leave a half percent too much.
    scale = np.minimum(100.0 / np.where(none, 100.0, total), 1.0)
    dataset = xr.Dataset(
        {
            name: (
                "pixel",
                np.where(none, np.nan, values * scale).astype(np.float32),
                {**SITE[name].attrs, "depth": f"0 to {depth:g} m"},
            )
            for name, values in (("sand", sand), ("clay", clay))
        },
        coords=cells.coords(),
    )
    return delivered(dataset, where, source="GSDE")


def _layers(dataset: xr.Dataset, name: str, path: Path, regridders: RegridderCache):
    variable = wanted_variable(dataset, name, path)
    level = next((str(d) for d in variable.dims if str(d).lower() == "depth"), None)
    if level is None or variable.ndim != 3 or level not in dataset.coords:
        raise InputError(
            f"{path}  {name}",
            found=f"dimensions {variable.dims}",
            wanted="depth, with coordinates, and two dimensions of space",
        )
    factor, offset = conversion(
        str(variable.attrs.get("units", "")), "%", f"{path}  {name}"
    )
    regridder = regridders(axes_of(dataset, variable, path))
    row, column = (str(dim) for dim in variable.dims if dim != level)
    if row.lower() not in ("lat", "latitude", "y"):
        row, column = column, row
    window = variable.isel({row: regridder.rows, column: regridder.columns})
    window = window.transpose(level, row, column)
    source = Field(name, SITE["sand"])
    for index, bottom in enumerate(dataset[level].to_numpy().astype(float)):
        known = [b for b in BOTTOMS if abs(b - bottom) < 0.06]
        if not known:
            raise InputError(
                f"{path}  {level}",
                found=f"a layer to {bottom:g} cm",
                wanted=f"the layers of GSDE: to {', '.join(map(str, BOTTOMS))} cm",
            )
        values = window.isel({level: index}).to_numpy().astype(np.float64)
        values = within_limits(
            (values * factor + offset)[None], np.array([f"layer to {bottom:g} cm"]),
            source, str(path),
        )[0]  # fmt: skip
        yield known[0], regridder(values)


def _depth_mean(found: dict[float, NDArray], depth: float, name: str, path: Path):
    top, thickness = 0.0, 0.0
    total: NDArray = np.zeros(())
    for bottom in BOTTOMS:
        if top >= depth:
            break
        if bottom not in found:
            raise InputError(
                f"{path}  {name}",
                found=f"no layer from {top:g} to {bottom:g} cm",
                wanted=f"all layers down to {depth:g} cm",
                hint="Add the other file, or ask for a smaller depth.",
            )
        part = min(bottom, depth) - top
        total = total + part * found[bottom]
        thickness += part
        top = bottom
    return total / thickness
