"""ERA5-Land: hourly on a 0.1 degree grid, UTC (Munoz-Sabater et al. 2021), netCDF.

Files of the Climate Data Store, with ``time`` or ``valid_time``, latitudes falling and
longitudes to 180 or to 360. Rain (m of water) and radiation (J m-2) are sums since
midnight UTC: the value at 00 is the whole day before. Days are made of local hours
(``subdaily``). ERA5 of single levels has the sum of each hour and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from landdata.errors import InputError
from landdata.files.netcdf_fields import Field, delivered, target, time_name, times_of
from landdata.files.provider_files import matching_files, open_netcdf
from landdata.files.subdaily import Daily, read_local_days
from landdata.grid.grid import Cells, Grid
from landdata.variables import RAW, Variable

_RAIN = Variable("rain", "kg m-2", 0.0, 2000.0, "precipitation since midnight")
_LIGHT = Variable("light", "MJ m-2", 0.0, 50.0, "shortwave since midnight")
_WIND_PART = Variable("wind_part", "m s-1", -75.0, 75.0, "wind towards east or north")
_TEMPERATURE = Field("t2m", RAW["tmean"])
_WATER = {"m": "m of water", "m of water equivalent": "m of water"}
DAILY_VARIABLES = (
    Daily(RAW["tmin"], (_TEMPERATURE,), "min"),
    Daily(RAW["tmax"], (_TEMPERATURE,), "max"),
    Daily(RAW["tmean"], (_TEMPERATURE,), "mean"),
    Daily(RAW["dew_point"], (Field("d2m", RAW["dew_point"]),), "mean"),
    Daily(RAW["pressure"], (Field("sp", RAW["pressure"]),), "mean"),
    Daily(
        RAW["wind"],
        (Field("u10", _WIND_PART), Field("v10", _WIND_PART)),
        "mean",
        combine=np.hypot,
    ),
    Daily(
        RAW["prec"],
        (Field("tp", _RAIN, aliases=_WATER, slack=0.01),),
        "sum",
        stamped_at_end=True,
        accumulated=True,
    ),
    Daily(
        RAW["shortwave"],
        (Field("ssrd", _LIGHT, slack=0.01),),
        "sum",
        stamped_at_end=True,
        accumulated=True,
    ),
)


def read_era5_land(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    years: tuple[int, int] | None = None,
    variables: Iterable[str] | None = None,
) -> xr.Dataset:
    """ERA5-Land on the model grid, by local day.

    Parameters
    ----------
    files : path, pattern or several
        Hourly netCDF files in order of time.
    where : Grid or Cells
        Where values are wanted.
    years : (first, last), optional
        Years wanted; by default the whole days that the files hold.
    variables : names, optional
        Of tmin, tmax, tmean, dew_point, pressure, wind, prec, shortwave; all of them
        by default.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), or (time, pixel) for cells, with the units of
        ``landdata.variables.RAW``; wind at 10 m. The first and last local day are
        missing where the files do not hold all their hours.

    Raises
    ------
    InputError
        Naming file and time: another step, a unit that is none of ERA5-Land, sums
        that are not since midnight, two versions (expver) in one file.
    """
    cells = target(where)
    paths = matching_files(files)
    first, last = _span(paths, years)
    wanted = [
        daily
        for daily in DAILY_VARIABLES
        if variables is None or daily.variable.name in set(variables)
    ]
    dataset = xr.merge(
        [
            read_local_days(
                some, cells, wanted, step_hours=1, first_day=first, last_day=last
            )
            for some in _streams(paths)
        ],
        compat="equals",
        join="outer",
    )
    if years is None:
        dataset = dataset.dropna("time", how="all")
    return delivered(dataset, where, source="ERA5-Land", day="local solar day")


def _streams(paths: list[Path]) -> list[list[Path]]:
    """Files of the same variables: the store hands out sums apart from the others."""
    names = {source.name for daily in DAILY_VARIABLES for source in daily.sources}
    found: dict[frozenset[str], list[Path]] = {}
    for path in paths:
        with open_netcdf(path) as dataset:
            here = frozenset(map(str, dataset.data_vars)) & names
        found.setdefault(here, []).append(path)
    return list(found.values())


def _span(
    paths: list[Path], years: tuple[int, int] | None
) -> tuple[np.datetime64, np.datetime64]:
    names = {source.name for daily in DAILY_VARIABLES for source in daily.sources}
    ends = []
    for path in dict.fromkeys(
        end for some in _streams(paths) for end in (some[0], some[-1])
    ):
        with open_netcdf(path) as dataset:
            here = [name for name in dataset.data_vars if name in names]
            if not here:
                raise InputError(
                    str(path),
                    found=f"variables {', '.join(map(str, dataset.data_vars))}",
                    wanted=f"one of {', '.join(sorted(names))}",
                )
            some = dataset[here[0]]
            if "expver" in some.dims:
                raise InputError(
                    f"{path}  expver",
                    found="final and preliminary values in one file",
                    wanted="one version of each hour",
                    hint="Order the months of the preliminary version apart.",
                )
            time = times_of(dataset, time_name(some, path), path)
            if time.size > 1 and (time[1] - time[0]).astype(int) != 3600:
                hours = (time[1] - time[0]).astype(int) / 3600
                raise InputError(
                    f"{path}  time",
                    found=f"a value every {hours:g} hours",
                    wanted="hourly values",
                    hint="Daily values of your own: format netcdf, with their units "
                    "stated (m d-1, J m-2 d-1).",
                )
            ends += [time[0], time[-1]]
    if years is not None:
        return np.datetime64(f"{years[0]}-01-01"), np.datetime64(f"{years[1]}-12-31")
    # A day before: local time is behind UTC in the west.
    return min(ends).astype("datetime64[D]") - np.timedelta64(1, "D"), max(ends).astype(
        "datetime64[D]"
    )
