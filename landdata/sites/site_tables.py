"""What tables of several places share: the list of places, one place's rows, months."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.notes import Notes
from landdata.files.text_tables import (
    Column,
    check_range,
    first_line,
    numbers,
    read_text_table,
    refuse_repeats,
    without_night_offset,
)

_SITE = ("site", "id")
_PLACES = {"lat": ("lat", "latitude"), "lon": ("lon", "longitude")}


def read_site_list(path: str | Path) -> pd.DataFrame:
    r"""A table of places: one row each, numbers as numbers.

    Parameters
    ----------
    path : path
        CSV with site (or id), lat (latitude), lon (longitude) [degrees] and any other
        columns.

    Returns
    -------
    pandas.DataFrame
        Indexed by site: lat, lon, and the other columns under their names.

    Raises
    ------
    InputError
        Naming the line of a place that is given twice or lies off the globe.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_site_list
    >>> text = "site,lat,lon,igbp\nUS-Ha1,42.54,-72.17,DBF\n"
    >>> _ = Path("sites.csv").write_text(text)
    >>> read_site_list("sites.csv").loc["US-Ha1"].to_dict()
    {'lat': 42.54, 'lon': -72.17, 'igbp': 'DBF'}
    """
    table = read_text_table(path)
    names = {
        ours: _first(table, choices, path)
        for ours, choices in {"site": _SITE, **_PLACES}.items()
    }
    site = table[names["site"]].str.strip()
    wrong = site.duplicated() | (site == "")
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  {names['site']}",
            found=repr(site.loc[line]),
            wanted="a name, each place once",
        )
    found: dict[str, pd.Series] = {}
    for ours, highest in (("lat", 90.0), ("lon", 180.0)):
        values = numbers(table, names[ours], path)
        if ours == "lon":  # 0 to 360
            values = values.mask(values.between(180.0, 360.0), values - 360.0)
        off = ~(values.abs() <= highest)
        if off.any():
            line = first_line(off)
            raise InputError(
                f"{path}:{line}  {names[ours]}",
                found=repr(table[names[ours]].loc[line]),
                wanted=f"degrees, -{highest:g} to {highest:g}",
            )
        found[ours] = values
    nowhere = (found["lat"] == 0.0) & (found["lon"] == 0.0)
    if nowhere.any():
        raise InputError(
            f"{path}:{first_line(nowhere)}  {names['lat']} and {names['lon']}",
            found="0 and 0, which is in the sea",
            wanted="the coordinates of the place",
            hint="Are they missing in the table?",
        )
    for name in table.columns.drop(list(names.values())):
        text = table[name].str.strip()
        known = text[text != ""]
        number = pd.to_numeric(known, errors="coerce").notna().all() and len(known)
        found[name] = numbers(table, name, path) if number else text
    frame = pd.DataFrame(found)
    frame.index = pd.Index(site, name="site")
    return frame


def _first(table: pd.DataFrame, choices: Iterable[str], path: str | Path) -> str:
    name = next((one for one in choices if one in table.columns), None)
    if name is None:
        raise InputError(
            f"{path}:1",
            found=f"columns {', '.join(table.columns)}",
            wanted=f"a column {' or '.join(choices)}",
        )
    return name


def rows_of_site(
    table: pd.DataFrame, site: str, path: str | Path, column: str | None = None
) -> pd.DataFrame:
    """The rows of one place, or a refusal that names the places there are."""
    column = column or _first(table, _SITE, path)
    names = table[column].str.strip()
    rows = table[names == site]
    if rows.empty:
        known = sorted(set(names))
        raise InputError(
            f"{path}  {column}",
            found=f"no {site}",
            wanted=f"one of {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}",
        )
    return rows


def months(table: pd.DataFrame, path: str | Path) -> pd.DatetimeIndex:
    """First days of the months of a table: year and month, or month as YYYY-MM."""
    if "year" in table.columns:
        year = numbers(table, "year", path)
        month = numbers(table, "month", path)
        wrong = ~(month.isin(range(1, 13)) & year.between(1800, 2200) & (year % 1 == 0))
        text = (
            year.fillna(0).astype(int).astype(str).str.zfill(4)
            + "-"
            + month.fillna(0).astype(int).astype(str).str.zfill(2)
        )
    else:
        text = table["month"].str.strip()
        wrong = ~text.str.fullmatch(r"\d{4}-(0[1-9]|1[0-2])")
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  month", found=repr(text.loc[line]), wanted="YYYY-MM"
        )
    days = pd.to_datetime(text + "-01", format="%Y-%m-%d")
    refuse_repeats(days, path)
    return pd.DatetimeIndex(days)


def as_dataset(
    table: pd.DataFrame,
    columns: Iterable[Column],
    time: pd.DatetimeIndex,
    path: str | Path,
    notes: Notes,
) -> xr.Dataset:
    """Columns of a table over ``time``, checked, in the units here, in order."""
    data = {}
    for column in columns:
        if column.column not in table.columns:
            continue
        values = numbers(table, column.column, path)
        values = without_night_offset(values, column, notes)
        check_range(values, column, time, path)
        data[column.variable.name] = (
            "time",
            values.to_numpy() * column.factor,
            column.variable.attrs,
        )
    if not data:
        raise InputError(
            f"{path}:1",
            found=f"columns {', '.join(table.columns)}",
            wanted=f"some of {', '.join(c.column for c in columns)}",
        )
    dataset = xr.Dataset(data, coords={"time": time.to_numpy("datetime64[ns]")})
    return dataset.sortby("time").assign_attrs(source=Path(path).name)


def per_day_of_month(dataset: xr.Dataset, names: Iterable[str]) -> xr.Dataset:
    """Month totals as means of a day."""
    days = dataset["time"].dt.days_in_month
    for name in names:
        if name in dataset:
            attrs = dataset[name].attrs
            dataset[name] = (dataset[name] / days).assign_attrs(attrs)
    return dataset


def filled_calendar(dataset: xr.Dataset, notes: Notes) -> xr.Dataset:
    """Every day of the record; days that the table leaves out are NaN and counted."""
    time = pd.DatetimeIndex(dataset.indexes["time"])
    whole = pd.date_range(time[0], time[-1], freq="D")
    lacking = whole.difference(time)
    if len(lacking):
        leap = int(np.sum((lacking.month == 2) & (lacking.day == 29)))
        notes.add(f"{len(lacking)} days are not in the table ({leap} of them 29 "
                  "February): NaN")  # fmt: skip
    return dataset.reindex(time=whole)
