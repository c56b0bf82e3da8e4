"""A user's own daily netCDF product: variable names, units and a pattern.

Any product on latitude and longitude, or on x and y with a CF grid mapping, one
value a day. Units may be stated where the file is silent or wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from landdata.errors import InputError
from landdata.files.daily import read_daily, refuse_inverted_days
from landdata.files.netcdf_fields import Field, delivered, target
from landdata.files.provider_files import matching_files
from landdata.grid.grid import Cells, Grid
from landdata.variables import DAILY, RAW

KNOWN = {**RAW, **DAILY}


def read_user_grid(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    variables: Mapping[str, str | tuple[str, str | None]],
    *,
    years: tuple[int, int] | None = None,
    method: str | None = None,
    calendar: str | None = None,
) -> xr.Dataset:
    """A daily product on the model grid.

    Parameters
    ----------
    files : path, pattern or several
        netCDF.
    where : Grid or Cells
        Where values are wanted.
    variables : mapping
        Our name (of ``landdata.variables.RAW`` or the model's forcing) to
        the name in the file, or to (name, units) where the units are to be stated.
    years : (first, last), optional
        Years wanted.
    method : {"area", "bilinear"}, optional
        By default area means where a cell covers more than four source pixels. A
        file of one pixel (1 x 1) gives its value to the cell that it lies in.
    calendar : {"standard", "gregorian", "proleptic_gregorian"}, optional
        Where the file is silent about it or wrong.

    Raises
    ------
    InputError
        Naming file, variable and day.
    """
    fields = {}
    for ours, theirs in variables.items():
        if ours not in KNOWN:
            raise InputError(
                f"variables: {ours}",
                found="an unknown variable",
                wanted=f"one of {', '.join(KNOWN)}",
            )
        name, units = (theirs, None) if isinstance(theirs, str) else theirs
        fields[name] = Field(name, KNOWN[ours], units)
    dataset = read_daily(
        matching_files(files),
        target(where),
        fields,
        method=method,
        years=years,
        calendar=calendar,
    )
    _refuse_longer_steps(dataset)
    refuse_inverted_days(dataset, "netCDF files of the user")
    return delivered(dataset, where, source="netCDF files of the user")


def _refuse_longer_steps(dataset: xr.Dataset) -> None:
    """Refuse means of months or other stretches: a day of weather is wanted."""
    days = dataset["time"].to_numpy().astype("datetime64[D]")
    step = float(np.median(np.diff(days).astype(float))) if days.size > 2 else 1.0
    if step > 1.0:
        raise InputError(
            f"netCDF files of the user, {', '.join(map(str, dataset.data_vars))}",
            found=f"a value every {step:g} days, from {days[0]} to {days[-1]}",
            wanted="one value a day",
            hint="Means of longer stretches have no days of rain and frost in them.",
        )
