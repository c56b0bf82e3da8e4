"""Daymet V4 daily weather on its 1 km grid (Thornton et al., ORNL DAAC), netCDF.

One variable and year a file: ``daymet_v4_daily_na_tmax_2010.nc``, or tiles. The
grid is a Lambert conformal conic; each cell is the mean of the pixels in it. Every
year has 365 days: 29 February is kept and 31 December of a leap year is dropped.
Here that day repeats the day before. ``srad`` is a mean over daylight and needs
``dayl`` to become the daily sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.daily import read_daily, refuse_inverted_days
from landdata.files.netcdf_fields import Field, delivered, target
from landdata.files.provider_files import matching_files
from landdata.grid.grid import Cells, Grid
from landdata.meteorology.radiation import shortwave_from_daylight_mean
from landdata.variables import RAW, Variable

_DAYLIGHT_MEAN = Variable(
    "daylight_mean", "W m-2", 0.0, 1000.0, "shortwave, mean over daylight"
)
FIELDS = {
    source.name: source
    for source in (
        Field("tmin", RAW["tmin"]),
        Field("tmax", RAW["tmax"]),
        Field("prcp", RAW["prec"]),
        Field("vp", RAW["vapour_pressure"]),
        Field("dayl", RAW["daylength"]),
        Field("swe", RAW["swe"]),
    )
}


def read_daymet_grid(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    years: tuple[int, int] | None = None,
) -> xr.Dataset:
    """Daymet on the model grid.

    Parameters
    ----------
    files : path, pattern or several
        Any of tmin, tmax, prcp, vp, srad with dayl, swe; any years; tiles too.
    where : Grid or Cells
        Where values are wanted.
    years : (first, last), optional
        Years wanted.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), or (time, pixel) for cells: tmin, tmax [degC], prec
        [mm d-1], vapour_pressure [Pa], shortwave [MJ m-2 d-1], daylength [s], swe
        [kg m-2], as far as there are files. Real calendar; attribute
        ``n_repeated`` counts the days that repeat the one before.
    """
    cells = target(where)
    fields = {**FIELDS, "srad": Field("srad", _DAYLIGHT_MEAN, units=None)}
    dataset = read_daily(
        matching_files(files),
        cells,
        fields,
        check_days=_check_year,
        method="area",
        years=years,
    )
    if "daylight_mean" in dataset:
        if "daylength" not in dataset:
            raise InputError(
                "Daymet  srad",
                found="no dayl beside it",
                wanted="the files of dayl for the same years",
                hint="srad is a mean over daylight: without its length there is no "
                "daily sum.",
            )
        light = shortwave_from_daylight_mean(
            dataset["daylight_mean"], dataset["daylength"]
        )
        dataset["shortwave"] = xr.DataArray(
            light.astype(np.float32),
            dims=("time", "pixel"),
            attrs=RAW["shortwave"].attrs,
        )
        dataset = dataset.drop_vars("daylight_mean")
    refuse_inverted_days(dataset, "Daymet  tmin and tmax")
    dataset, n_repeated = _with_last_days(dataset)
    return delivered(
        dataset,
        where,
        source="Daymet",
        n_repeated=n_repeated,
        calendar_rule="31 December of leap years repeats 30 December",
    )


def _check_year(days: NDArray, dataset: xr.Dataset, path: Path) -> NDArray:
    """A Daymet file has 1 January to day 365 of one year."""
    first = days[0].astype("datetime64[Y]").astype("datetime64[D]")
    expected = first + np.arange(365)
    if days.size != 365 or np.any(days != expected):
        lost = [str(day) for day in expected if day not in set(days)]
        raise InputError(
            f"{path}  time",
            found=f"{days.size} days from {days[0]} to {days[-1]}"
            + (f"; {lost[0]} is missing" if lost else ""),
            wanted="the 365 days of a year that Daymet has, from 1 January",
            hint="Is the file cut short?" if days.size < 365 else None,
        )
    return days


def _with_last_days(dataset: xr.Dataset) -> tuple[xr.Dataset, int]:
    days = pd.DatetimeIndex(dataset.indexes["time"])
    lacking = [
        pd.Timestamp(year, 12, 31)
        for year in sorted(set(days.year))
        if pd.Timestamp(year, 1, 1).is_leap_year
        and pd.Timestamp(year, 12, 30) in days
        and pd.Timestamp(year, 12, 31) not in days
    ]
    if not lacking:
        return dataset, 0
    last = dataset.sel(time=[day - pd.Timedelta(days=1) for day in lacking])
    last = last.assign_coords(time=lacking)
    return xr.concat([dataset, last], "time").sortby("time"), len(lacking)
