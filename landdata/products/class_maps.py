"""Land cover in netCDF files: classes counted by area, never interpolated.

Maps of services (pygeohydro's NLCD, AppEEARS and OPeNDAP clips of MCD12Q1) come on
latitude and longitude or in the sinusoidal projection. A class is a name, and the mean
of two is none: each cell gets the fraction of its area that some classes cover. What is
outside the map, or a code of missing values, is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from landdata.errors import InputError
from landdata.files.netcdf_fields import delivered, target, wanted_variable
from landdata.files.provider_files import open_netcdf
from landdata.grid.axes import axes_of
from landdata.grid.grid import Cells, Grid
from landdata.grid.regrid import Regridder

# IGBP classes of MCD12Q1 LC_Type1 (1 to 17), and NLCD's.
LEGENDS = {
    "igbp": frozenset(range(1, 18)),
    "nlcd": frozenset(
        (11, 12, 21, 22, 23, 24, 31, 41, 42, 43, 51, 52, 71, 72, 73, 74, 81, 82, 90, 95)
    ),
}
_OUTSIDE = {"igbp": frozenset((-1, 0, 255)), "nlcd": frozenset((-1, 0, 127, 250, 255))}
_NAMES = ("cover", "LC_Type1", "LULC", "Land_Cover_Type_1", "land_cover")
_TIME = ("time", "year", "valid_time")


def read_classes(
    path: str | Path, variable: str | None = None, *, legend: str | None = None
) -> xr.DataArray:
    """The classes of a map as they are in the file, NaN where there is none.

    Parameters
    ----------
    path : path
        netCDF.
    variable : str, optional
        The name in the file; by default the one that has a known name.
    legend : {"igbp", "nlcd"}, optional
        By default the one that all classes belong to.

    Returns
    -------
    xarray.DataArray
        With the file's own dimensions; attribute ``legend``.

    Raises
    ------
    InputError
        If a class is of no legend, or the variable is not there.
    """
    with open_netcdf(path) as dataset:
        name = variable or _variable_name(dataset, path)
        found = wanted_variable(dataset, name, path)
        values = found.load().astype(np.float64)
    nodata = [
        float(np.asarray(found.attrs[key]).ravel()[0])
        for key in ("nodata", "missing_value", "_FillValue")
        if key in found.attrs
    ]
    values = values.where(~values.isin(nodata)) if nodata else values
    known = set(np.unique(values.to_numpy()[np.isfinite(values.to_numpy())]).tolist())
    chosen = legend or _legend(known, f"{path}  {name}")
    if chosen not in LEGENDS:
        raise InputError(
            f"legend {chosen!r}", found="unknown", wanted=f"{', '.join(LEGENDS)}"
        )
    strange = known - LEGENDS[chosen] - _OUTSIDE[chosen]
    if strange:
        raise InputError(
            f"{path}  {name}",
            found=f"class {min(strange):g}",
            wanted=f"classes of the {chosen.upper()} legend",
            hint="Another map or layer, or damage.",
        )
    inside = values.where(values.isin(list(LEGENDS[chosen])))
    return inside.assign_attrs(legend=chosen)


def _variable_name(dataset: xr.Dataset, path: str | Path) -> str:
    here = [name for name in _NAMES if name in dataset.data_vars]
    if len(here) == 1:
        return here[0]
    raise InputError(
        str(path),
        found=f"variables {', '.join(map(str, dataset.data_vars))}",
        wanted=f"one map of classes ({', '.join(_NAMES)}), or its name",
    )


def _legend(known: set[float], where: str) -> str:
    fitting = [
        name for name, classes in LEGENDS.items() if known <= classes | _OUTSIDE[name]
    ]
    if len(fitting) != 1:
        raise InputError(
            where,
            found=f"classes {', '.join(f'{one:g}' for one in sorted(known)[:12])}",
            wanted="classes of one legend, IGBP (1 to 17) or NLCD",
            hint="Say legend=... where both fit." if fitting else None,
        )
    return fitting[0]


def class_fraction(
    path: str | Path,
    where: Grid | Cells,
    *,
    classes: Sequence[int],
    variable: str | None = None,
    legend: str | None = None,
    year: int | None = None,
) -> xr.Dataset:
    """Share of some classes in each cell, by area.

    Parameters
    ----------
    path : path
        netCDF on latitude and longitude, or on x and y with a grid mapping.
    where : Grid or Cells
        Where fractions are wanted.
    classes : sequence of int
        Of the legend.
    variable, legend : str, optional
        As in ``read_classes``.
    year : int, optional
        Of a file with several years; by default the last, which is in ``year``.

    Returns
    -------
    xarray.Dataset
        Over (lat, lon), or (pixel) for cells: class_fraction [1] of the whole cell,
        and mapped_fraction [1], the fraction of the cell that the map covers.

    Raises
    ------
    InputError
        For a class of no legend, or a map that does not cover the region.
    """
    values = read_classes(path, variable, legend=legend)
    name = values.attrs["legend"]
    for one in classes:
        if one not in LEGENDS[name]:
            raise InputError(
                f"classes: {one}",
                found=f"no class of {name.upper()}",
                wanted=f"some of {', '.join(map(str, sorted(LEGENDS[name])))}",
            )
    cells = target(where)
    values, which = _one_year(values, year, path)
    with open_netcdf(path) as dataset:
        axes = axes_of(dataset, dataset[values.name], path)
    regridder = Regridder(axes, cells, "area")
    row, column = (str(dim) for dim in values.dims)
    if row.lower() not in ("y", "lat", "latitude"):
        values = values.transpose(column, row)
        row, column = column, row
    window = values.isel({row: regridder.rows, column: regridder.columns}).to_numpy()
    known = np.isfinite(window)
    mine = np.where(known, np.isin(window, list(classes)).astype(float), np.nan)
    total, weight = regridder.parts(mine)
    fraction, mapped = total / regridder.full, weight / regridder.full
    if not (mapped > 0.0).any():
        raise InputError(
            str(path), found="no class in the region", wanted="a map that covers it"
        )
    words = ", ".join(map(str, classes))
    dataset = xr.Dataset(
        {
            "class_fraction": (
                "pixel",
                np.clip(fraction, 0.0, 1.0).astype(np.float32),
                {
                    "units": "1",
                    "long_name": f"share of the cell in {name.upper()} class {words}",
                    "standard_name": "area_fraction",
                },
            ),
            "mapped_fraction": (
                "pixel",
                np.clip(mapped, 0.0, 1.0).astype(np.float32),
                {"units": "1", "long_name": "share of the cell that the map covers"},
            ),
        },
        coords=cells.coords(),
    )
    return delivered(dataset, where, source=Path(path).name, legend=name, year=which)


def _one_year(
    values: xr.DataArray, year: int | None, path: str | Path
) -> tuple[xr.DataArray, str]:
    time = next((str(dim) for dim in values.dims if dim in _TIME), None)
    if time is None:
        if values.ndim != 2:
            raise InputError(
                f"{path}  {values.name}",
                found=f"dimensions {values.dims}",
                wanted="two dimensions of space, and time",
            )
        return values, "of the file"
    years = [
        int(one) if isinstance(one, int | np.integer) else int(str(one)[:4])
        for one in values[time].to_numpy()
    ]
    if year is not None and year not in years:
        raise InputError(
            f"{path}  {time}",
            found=f"years {', '.join(map(str, years))}",
            wanted=f"the year {year}",
        )
    at = years.index(year) if year is not None else len(years) - 1
    return values.isel({time: at}), str(years[at])
