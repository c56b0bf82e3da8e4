"""Readers for Daymet daily weather at single pixels (Thornton et al., ORNL DAAC).

Two layouts: the file that the single-pixel service returns (a few lines of
preamble, then year,yday,dayl (s),prcp (mm/day),...), and a table of many sites
(site,lat,lon,year,doy,tmin,tmax,prec,vapour_pressure,daylength).

Daymet years have 365 days: 29 February is kept and 31 December of a leap year is
dropped. Here that day repeats the day before, and is counted. Daymet's srad is a
mean over daylight; times daylength it becomes the daily sum. There is no wind and
no pressure, and in the table of sites no radiation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.text_tables import (
    Column,
    check_range,
    existing_file,
    first_line,
    numbers,
    read_text_table,
    refuse_inverted_temperatures,
)
from landdata.meteorology.radiation import shortwave_from_daylight_mean
from landdata.variables import RAW

# Sites of the PhenoCam collection whose dates are known to be late, in days.
KNOWN_DAY_SHIFTS: Mapping[str, int] = {"harvard": -1}

_PIXEL_COLUMNS = (
    Column("dayl (s)", RAW["daylength"], "s"),
    Column("prcp (mm/day)", RAW["prec"], "mm d-1"),
    Column("swe (kg/m^2)", RAW["swe"], "kg m-2"),
    Column("tmax (deg c)", RAW["tmax"], "degC"),
    Column("tmin (deg c)", RAW["tmin"], "degC"),
    Column("vp (Pa)", RAW["vapour_pressure"], "Pa"),
)
_TABLE_COLUMNS = (
    Column("tmin", RAW["tmin"], "degC"),
    Column("tmax", RAW["tmax"], "degC"),
    Column("prec", RAW["prec"], "mm d-1"),
    Column("vapour_pressure", RAW["vapour_pressure"], "Pa"),
    Column("daylength", RAW["daylength"], "h", factor=3600.0),
)


def read_daymet(path: str | Path) -> xr.Dataset:
    r"""A single-pixel file as the service returns it.

    Returns
    -------
    xarray.Dataset
        Over ``time`` (real calendar): tmin, tmax, prec, vapour_pressure,
        shortwave (global, daily sum), daylength, swe under the names and units of
        ``variables.RAW``. Attributes: lat, lon, elevation [m] from the preamble and
        ``n_repeated``, the days that repeat the one before.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_daymet
    >>> head = "year,yday,dayl (s),prcp (mm/day),srad (W/m^2),swe (kg/m^2)"
    >>> rows = [f"2003,{day},43200,2,300,0,20,9,1100" for day in range(1, 366)]
    >>> _ = Path("daymet.csv").write_text(
    ...     "Latitude: 36.0133  Longitude: -84.2625\nElevation: 279 meters\n\n"
    ...     + head + ",tmax (deg c),tmin (deg c),vp (Pa)\n" + "\n".join(rows) + "\n"
    ... )
    >>> weather = read_daymet("daymet.csv")
    >>> weather.attrs["elevation"], weather["shortwave"].units, weather.sizes["time"]
    (279.0, 'MJ m-2 d-1', 365)
    """
    place, header = _preamble(existing_file(path))
    table = read_text_table(
        path,
        required=["year", "yday", *(c.column for c in _PIXEL_COLUMNS), "srad (W/m^2)"],
        skip=header,
    )
    days = _dates(table, "yday", path)
    data = _columns(table, _PIXEL_COLUMNS, days, path)
    daylight_mean = numbers(table, "srad (W/m^2)", path, missing_codes=[-9999.0])
    light = shortwave_from_daylight_mean(daylight_mean, data["daylength"])
    data["shortwave"] = light
    dataset, n_repeated = _real_calendar(data, days, shift=0)
    refuse_inverted_temperatures(dataset, path)
    return dataset.assign_attrs(
        source=Path(path).name,
        n_repeated=n_repeated,
        calendar_rule="31 December of leap years repeats 30 December",
        **place,
    )


def read_daymet_table(
    path: str | Path,
    site: str,
    *,
    day_shift: int | None = None,
    drop_inverted: bool = False,
) -> xr.Dataset:
    r"""One site of a many-site table.

    Parameters
    ----------
    path : path
        CSV, may be gzipped.
    site : str
        As in the column ``site``.
    day_shift : int, optional
        Days to add to every date. By default what is known of the site
        (``KNOWN_DAY_SHIFTS``: harvard is a day late against the station there),
        else 0. A shift also moves the day that leap years lack.
    drop_inverted : bool
        Make tmin and tmax missing on days that have tmin above tmax, and count
        them, instead of refusing the site by date.

    Returns
    -------
    xarray.Dataset
        tmin, tmax, prec, vapour_pressure, daylength over ``time``; only days of the
        years that the site has. Attributes lat, lon, day_shift, n_repeated,
        n_inverted, ``same_pixel`` (other sites with the same weather: their pixel
        is the same, and they are no independent evidence) and ``dates`` (whether they
        were compared with a station).

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_daymet_table
    >>> head = "site,lat,lon,year,doy,tmin,tmax,prec,vapour_pressure,daylength\n"
    >>> rows = [f"camera,36.0,-84.3,2003,{d},9,20,2,1100,12" for d in range(1, 366)]
    >>> _ = Path("cameras.csv").write_text(head + "\n".join(rows) + "\n")
    >>> weather = read_daymet_table("cameras.csv", "camera")
    >>> float(weather["daylength"][0]), weather.attrs["day_shift"]
    (43200.0, 0)
    """
    names = ["site", "lat", "lon", "year", "doy", *(c.column for c in _TABLE_COLUMNS)]
    table = read_text_table(path, required=names)
    rows = table[table["site"].str.strip() == site]
    if rows.empty:
        known = ", ".join(sorted(set(table["site"].str.strip())))
        raise InputError(
            f"{path}  {site}", found="no such site", wanted=f"one of {known}"
        )
    shift = KNOWN_DAY_SHIFTS.get(site, 0) if day_shift is None else day_shift
    days = _dates(rows, "doy", path) + pd.Timedelta(days=shift)
    data = _columns(rows, _TABLE_COLUMNS, days, path)
    dataset, n_repeated = _real_calendar(data, days, shift)
    inverted = dataset["tmin"] > dataset["tmax"]
    n_inverted = int(inverted.sum())
    if drop_inverted:
        for name in ("tmin", "tmax"):
            dataset[name] = dataset[name].where(~inverted)
    else:
        refuse_inverted_temperatures(dataset, f"{path}  {site}")
    return dataset.assign_attrs(
        source=f"{Path(path).name}, {site}",
        lat=float(numbers(rows, "lat", path).iloc[0]),
        lon=float(numbers(rows, "lon", path).iloc[0]),
        day_shift=shift,
        n_repeated=n_repeated,
        n_inverted=n_inverted,
        same_pixel=", ".join(_same_weather(table, rows)),
        dates="compared with the station there"
        if site in KNOWN_DAY_SHIFTS
        else "never compared with a station: single days may be one off",
        calendar_rule="the day that a leap year lacks repeats the day before",
    )


def _same_weather(table: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Other sites of a table whose days, where they overlap, are all the same."""
    keys, values = ["year", "doy"], ["tmin", "tmax", "prec"]
    joined = rows.merge(table, on=keys, suffixes=("", "_other"))
    joined = joined[joined["site_other"].str.strip() != rows["site"].iloc[0].strip()]
    same = np.ones(len(joined), dtype=bool)
    for name in values:
        same &= (joined[name] == joined[f"{name}_other"]).to_numpy()
    every = pd.Series(same, index=joined["site_other"].str.strip())
    return sorted(str(site) for site, all_ in every.groupby(level=0).all().items()
                  if all_)  # fmt: skip


def _preamble(path: Path) -> tuple[dict[str, float], int]:
    """Place from the lines above the header, and how many lines those are."""
    text: dict[str, float] = {}
    patterns = {
        "lat": r"Latitude:\s*(-?[\d.]+)",
        "lon": r"Longitude:\s*(-?[\d.]+)",
        "elevation": r"Elevation:\s*(-?[\d.]+)\s*meters",
    }
    # Damaged bytes further down are the table's business.
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            if line.startswith("year,yday"):
                missing = [name for name in patterns if name not in text]
                if missing:
                    raise InputError(
                        f"{path}:1  {missing[0]}",
                        found="not in the lines above the header",
                        wanted="Latitude, Longitude and Elevation",
                    )
                return text, number
            for name, pattern in patterns.items():
                match = re.search(pattern, line)
                if match:
                    text[name] = float(match.group(1))
    raise InputError(
        f"{path}",
        found="no line that begins with year,yday",
        wanted="a single-pixel file of the Daymet service",
    )


def _dates(table: pd.DataFrame, column: str, path: str | Path) -> pd.DatetimeIndex:
    """Dates from year and day of year; every year must have its 365 days, once."""
    year, day = numbers(table, "year", path), numbers(table, column, path)
    wrong = ~day.between(1, 365) | (day % 1 != 0) | ~year.between(1900, 2200)
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  year, {column}",
            found=f"{year.loc[line]:g}, {day.loc[line]:g}",
            wanted=f"a year and a whole {column} from 1 to 365",
            hint="Daymet has no day 366: leap years lack 31 December.",
        )
    per_year = day.groupby(year).nunique()
    if (per_year != 365).any() or len(day) != per_year.sum():
        bad = per_year.index[int(np.argmax((per_year != 365).to_numpy()))]
        have = set(day[year == bad])
        lost = [d for d in range(1, 366) if d not in have]
        raise InputError(
            f"{path}  {int(bad)}",
            found=f"day {lost[0]} is missing ({len(lost)} days in all)"
            if lost
            else "a day that is there twice",
            wanted="365 days in every year, each once",
        )
    start = pd.to_datetime(year.astype(int).astype(str) + "-01-01")
    return pd.DatetimeIndex(start + pd.to_timedelta(day - 1, unit="D"))


def _columns(
    table: pd.DataFrame, columns: Sequence[Column], days, path: str | Path
) -> dict[str, np.ndarray]:
    data = {}
    for column in columns:
        values = numbers(table, column.column, path, missing_codes=[-9999.0])
        check_range(values, column, days, path)
        data[column.variable.name] = values.to_numpy() * column.factor
    return data


def _real_calendar(
    data: dict[str, np.ndarray], days: pd.DatetimeIndex, shift: int
) -> tuple[xr.Dataset, int]:
    """Put back the day that each leap year lacks: a repeat of the day before."""
    frame = pd.DataFrame(data, index=days).sort_index()
    lacking = [
        pd.Timestamp(year, 12, 31) + pd.Timedelta(days=shift)
        for year in sorted(set((days - pd.Timedelta(days=shift)).year))
        if pd.Timestamp(year, 1, 1).is_leap_year
    ]
    for day in lacking:
        frame.loc[day] = frame.loc[day - pd.Timedelta(days=1)]
    frame = frame.sort_index()
    dataset = xr.Dataset(
        {
            name: ("time", frame[name].to_numpy(np.float64), RAW[name].attrs)
            for name in data
        },
        coords={"time": frame.index.to_numpy("datetime64[ns]")},
    )
    return dataset, len(lacking)
