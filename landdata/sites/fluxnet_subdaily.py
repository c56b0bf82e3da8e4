"""Half-hourly and hourly FLUXNET files (HH, HR) as days.

One row a half-hour or hour, TIMESTAMP_START and TIMESTAMP_END in local standard time,
-9999 where missing; carbon in umol CO2 m-2 s-1, and the quality flag a class: 0 for
measured, 1 to 3 for filled from good to poor, where daily files have a fraction
(Pastorello et al. 2020, Scientific Data 7, 225). Here a day's fraction is that of its
steps in class 0 or 1, so that both kinds of file are screened alike.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from landdata.errors import InputError
from landdata.files.text_tables import first_line, numbers

# g of carbon a day in one umol CO2 a second.
CARBON = 12.011e-6 * 86400.0
_GOOD = (0.0, 1.0)
_SUMS = ("P_F", "P")
_MISSING = -9999.0


def days_of_steps(
    table: pd.DataFrame,
    columns: list[str],
    carbon: list[str],
    quality: str,
    path: object,
) -> pd.DataFrame:
    """A sub-daily table as a daily one, in the units of a daily file.

    Parameters
    ----------
    table : pandas.DataFrame of str
        As ``read_text_table`` gives it.
    columns : list of str
        Weather and fluxes that are wanted.
    carbon : list of str
        Those of them in umol CO2 m-2 s-1.
    quality : str
        The class of NEE.
    path : path
        For errors.

    Returns
    -------
    pandas.DataFrame
        Numbers by day (index: datetime64), NaN on a day that lacks a step of the
        variable; with ``TA_F_MIN`` and ``TA_F_MAX``, degC, where TA_F is wanted.
    """
    start, per_day = _steps(table, path)
    day = start.dt.normalize()
    found = {}
    whole = day.groupby(day).size() == per_day
    for name in columns:
        values = numbers(table, name, path, missing_codes=[_MISSING])  # type: ignore[arg-type]
        groups = values.groupby(day)
        complete = groups.count() == per_day
        mean = groups.mean().where(complete)
        if name in carbon:
            mean = mean * CARBON
        if name in _SUMS:
            mean = mean * per_day
        found[name] = mean
        if name == "TA_F":
            found["TA_F_MIN"] = groups.min().where(complete)
            found["TA_F_MAX"] = groups.max().where(complete)
    classes = numbers(table, quality, path, missing_codes=[_MISSING])  # type: ignore[arg-type]
    odd = classes.notna() & ~classes.isin([0.0, 1.0, 2.0, 3.0])
    if odd.any():
        line = first_line(odd)
        raise InputError(
            f"{path}:{line}  {quality}",
            found=f"{classes.loc[line]:g}",
            wanted="a class from 0 (measured) to 3 (poorly filled)",
        )
    fraction = classes.isin(_GOOD).groupby(day).sum() / per_day
    found[quality] = fraction.where(classes.notna().groupby(day).any())
    daily = pd.DataFrame(found)
    # A day that the file cuts in two is none.
    return daily.where(whole, np.nan)


def _steps(table: pd.DataFrame, path: object) -> tuple[pd.Series, int]:
    stamps = {}
    for name in ("TIMESTAMP_START", "TIMESTAMP_END"):
        text = table[name].str.strip()
        times = pd.to_datetime(text, format="%Y%m%d%H%M", errors="coerce")
        if times.isna().any():
            line = first_line(times.isna())
            raise InputError(
                f"{path}:{line}  {name}",
                found=repr(text.loc[line]),
                wanted="YYYYMMDDHHMM",
                hint="A spreadsheet has rounded the stamps: take the file as "
                "downloaded."
                if "E+" in text.loc[line].upper()
                else None,
            )
        stamps[name] = times
    start = stamps["TIMESTAMP_START"]
    minutes = (stamps["TIMESTAMP_END"] - start).dt.total_seconds() / 60.0
    step = float(minutes.iloc[0])
    wrong = minutes != step
    if step not in (30.0, 60.0) or wrong.any():
        line = first_line(wrong) if wrong.any() else int(table.index[0])
        raise InputError(
            f"{path}:{line}  TIMESTAMP_END",
            found=f"{minutes.loc[line]:g} minutes after TIMESTAMP_START",
            wanted="30 or 60 minutes in every row",
        )
    apart = start.diff().dt.total_seconds().iloc[1:] / 60.0
    bad = (apart <= 0.0) | (apart % step != 0.0)
    if bad.any():
        line = first_line(bad)
        raise InputError(
            f"{path}:{line}  TIMESTAMP_START",
            found=f"{start.loc[line]:%Y-%m-%d %H:%M} after "
            f"{start.loc[line - 1]:%Y-%m-%d %H:%M}",
            wanted="each time once, in order",
        )
    return start, int(1440 / step)
