"""Reader for the gridded monthly observations behind BCSD (Maurer et al. 2002).

netCDF on a 0.125 degree grid: pr, a monthly sum whose unit is written "mm/m"
(millimetres a month, not per metre), and tas in "C". Sea is missing. Months are
stamped with their last day.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.netcdf_variable import load_netcdf, wanted_variable
from landdata.variables import RAW


def read_bcsd(path: str | Path) -> xr.Dataset:
    """Monthly precipitation and temperature on their grid.

    Returns
    -------
    xarray.Dataset
        Over ``time`` (first day of each month), ``lat`` and ``lon``, both rising:
        prec [mm d-1], the monthly sum over the days of its month; tmean [degC];
        and ``land``, true where there are values.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landdata import read_bcsd
    >>> dims = ("time", "latitude", "longitude")
    >>> xr.Dataset(
    ...     {"pr": (dims, np.full((2, 1, 1), 62.0, "f4"), {"units": "mm/m"}),
    ...      "tas": (dims, np.full((2, 1, 1), 15.0, "f4"), {"units": "C"})},
    ...     {"time": pd.DatetimeIndex(["1999-07-31", "1999-08-31"]),
    ...      "latitude": [33.0], "longitude": [-84.9]},
    ... ).to_netcdf("bcsd.nc")
    >>> read_bcsd("bcsd.nc")["prec"].values.ravel()
    array([2., 2.])
    """
    content = load_netcdf(path)
    rain = wanted_variable(content, "pr", ("mm/m", "mm month-1", "mm/month"), path)
    warmth = wanted_variable(content, "tas", ("C", "degC"), path)
    dims = ("time", "latitude", "longitude")
    for variable in (rain, warmth):
        if variable.dims != dims:
            raise InputError(
                f"{path}  {variable.name}",
                found=f"dimensions {variable.dims}",
                wanted=f"{dims}",
            )
    stamps = pd.DatetimeIndex(content["time"].values)
    months = stamps.to_period("M")
    if months.has_duplicates:
        raise InputError(
            f"{path}  time, {months[months.duplicated()][0]}",
            found="the same month twice",
            wanted="one field a month",
        )
    days = months.days_in_month.to_numpy(dtype=np.float64)[:, None, None]
    per_day = rain.to_numpy().astype(np.float64) / days
    warmth_values = warmth.to_numpy().astype(np.float64)
    _check(per_day, RAW["prec"], path, "pr")
    _check(warmth_values, RAW["tmean"], path, "tas")
    grid = xr.Dataset(
        {
            "prec": (("time", "lat", "lon"), per_day, RAW["prec"].attrs),
            "tmean": (("time", "lat", "lon"), warmth_values, RAW["tmean"].attrs),
            "land": (
                ("lat", "lon"),
                np.isfinite(per_day).all(axis=0)
                & np.isfinite(warmth_values).all(axis=0),
                {"long_name": "has values in every month"},
            ),
        },
        coords={
            "time": months.to_timestamp().to_numpy("datetime64[ns]"),
            "lat": (
                "lat",
                content["latitude"].to_numpy().astype(np.float64),
                {"units": "degrees_north", "standard_name": "latitude"},
            ),
            "lon": (
                "lon",
                content["longitude"].to_numpy().astype(np.float64),
                {"units": "degrees_east", "standard_name": "longitude"},
            ),
        },
        attrs={"source": Path(path).name},
    )
    return grid.sortby(["time", "lat", "lon"])


def _check(values: np.ndarray, driver, path: str | Path, name: str) -> None:
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        raise InputError(
            f"{path}  {name}",
            found=f"{values[bad][0]:g} {driver.units} in {int(bad.sum())} cells",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
            hint="Is a fill value not declared as _FillValue?",
        )
