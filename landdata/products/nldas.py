"""NLDAS-2 forcing A: hourly on a 0.125 degree grid, UTC (Xia et al. 2012), netCDF.

``NLDAS_FORA0125_H.A20100101.0000.020.nc`` holds one hour. Rain is the sum of the
hour before the stamp; everything else is of the stamp itself. Days are made of
local hours (``subdaily``), so the first hours of a year come from its own files
and the last ones from the first file of the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from landdata.files.netcdf_fields import Field, delivered, target, time_name, times_of
from landdata.files.provider_files import matching_files, open_netcdf
from landdata.files.subdaily import Daily, read_local_days
from landdata.grid.grid import Cells, Grid
from landdata.variables import DAILY, RAW, Variable

_HOURLY_RAIN = Variable("rain", "kg m-2", 0.0, 400.0, "precipitation of the hour")
_WIND_PART = Variable("wind_part", "m s-1", -75.0, 75.0, "wind towards east or north")
_LIGHT = Variable("light", "MJ m-2 d-1", 0.0, 130.0, "shortwave of the hour")
_TEMPERATURE = Field("Tair", RAW["tmean"])
DAILY_VARIABLES = [
    Daily(RAW["tmin"], (_TEMPERATURE,), "min"),
    Daily(RAW["tmax"], (_TEMPERATURE,), "max"),
    Daily(RAW["tmean"], (_TEMPERATURE,), "mean"),
    Daily(
        RAW["prec"],
        (Field("Rainf", _HOURLY_RAIN, slack=1e-3),),
        "sum",
        stamped_at_end=True,
    ),
    Daily(
        DAILY["specific_humidity"],
        (Field("Qair", DAILY["specific_humidity"], slack=1e-5),),
        "mean",
    ),
    Daily(RAW["pressure"], (Field("PSurf", RAW["pressure"]),), "mean"),
    Daily(
        RAW["wind"],
        (Field("Wind_E", _WIND_PART), Field("Wind_N", _WIND_PART)),
        "mean",
        combine=np.hypot,
    ),
    Daily(
        RAW["shortwave"],
        # W m-2 become MJ m-2 d-1 as if the hour lasted a day; then they average.
        (Field("SWdown", _LIGHT, slack=0.01),),
        "mean",
    ),
]
_STAMP = re.compile(r"\.A(\d{4})(\d{2})(\d{2})\.(\d{2})\d{2}\.")


def read_nldas(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    years: tuple[int, int] | None = None,
    variables: Iterable[str] | None = None,
) -> xr.Dataset:
    """NLDAS-2 on the model grid, by local day.

    Parameters
    ----------
    files : path, pattern or several
        Hourly files, or files of several hours.
    where : Grid or Cells
        Where values are wanted.
    years : (first, last), optional
        Years wanted; by default the whole days that the files hold.
    variables : names, optional
        Of tmin, tmax, tmean, prec, specific_humidity, pressure, wind, shortwave;
        all of them by default.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), or (time, pixel) for cells, with the units of
        ``landdata.variables.RAW``. The last day is missing where the
        files end before its local midnight.
    """
    cells = target(where)
    paths = matching_files(files)
    if years is not None:
        paths = [path for path in paths if _may_have(path, years)] or paths
    wanted = [
        daily
        for daily in DAILY_VARIABLES
        if variables is None or daily.variable.name in set(variables)
    ]
    first, last = _span(paths, years)
    dataset = read_local_days(
        paths, cells, wanted, step_hours=1, first_day=first, last_day=last
    )
    if years is None:
        dataset = dataset.dropna("time", how="all")
    return delivered(dataset, where, source="NLDAS-2 forcing A", day="local solar day")


def _may_have(path: Path, years: tuple[int, int]) -> bool:
    """Whether a file's name allows it to matter for the years (a day either side)."""
    match = _STAMP.search(path.name)
    if match is None:
        return True
    try:
        day = np.datetime64("-".join(match.groups()[:3]))
    except ValueError:
        return True
    first = np.datetime64(f"{years[0]}-01-01") - 1
    return bool(first <= day <= np.datetime64(f"{years[1] + 1}-01-01"))


def _span(
    paths: list[Path], years: tuple[int, int] | None
) -> tuple[np.datetime64, np.datetime64]:
    if years is not None:
        return np.datetime64(f"{years[0]}-01-01"), np.datetime64(f"{years[1]}-12-31")
    ends = []
    for path in (paths[0], paths[-1]):
        with open_netcdf(path) as dataset:
            some = next(
                (v for v in dataset.data_vars.values() if v.ndim == 3),
                dataset[next(iter(dataset.data_vars), "time")],
            )
            time = times_of(dataset, time_name(some, path), path)
            ends += [time[0], time[-1]]
    # A day before: local time is behind UTC in the west.
    return min(ends).astype("datetime64[D]") - np.timedelta64(1, "D"), max(ends).astype(
        "datetime64[D]"
    )
