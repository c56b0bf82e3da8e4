"""Missing days: short ones are filled by a stated rule, long ones refused by date.

Up to three days in a row are filled: along a straight line between the
neighbours (the nearest value at the ends of the record), or as dry days where
the variable is precipitation, since a straight line would make drizzle of a
storm. Longer gaps stop the reading, unless the caller names the variable for
the climatology of its own record. Every filled day is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from landdata.errors import InputError

SHORT_GAP_DAYS = 3
CLIMATOLOGY_HALF_WINDOW = 15


@dataclass(frozen=True)
class Filled:
    """A series without gaps, and what it took."""

    values: pd.Series
    n_short: int
    n_climatology: int
    long_gaps: tuple[str, ...] = ()


def gaps(series: pd.Series) -> list[tuple[pd.Timestamp, pd.Timestamp, int]]:
    """First day, last day and length of every run of NaN in a daily series."""
    missing = series.isna().to_numpy()
    edges = np.flatnonzero(np.diff(np.r_[False, missing, False].astype(np.int8)))
    return [
        (series.index[start], series.index[stop - 1], int(stop - start))
        for start, stop in zip(edges[::2], edges[1::2], strict=True)
    ]


def day_of_year_climatology(
    record: pd.Series, half_window: int = CLIMATOLOGY_HALF_WINDOW
) -> pd.Series:
    """Mean over all years of the days within ``half_window`` days of a date.

    Index 1 to 366 (day of year; the year is taken as a circle). NaN where no
    year has a value near the date.
    """
    day = pd.DatetimeIndex(record.index).day_of_year
    total = record.groupby(day).sum().reindex(range(1, 367), fill_value=0.0)
    count = record.groupby(day).count().reindex(range(1, 367), fill_value=0)
    kernel = np.ones(2 * half_window + 1)

    def around(x: pd.Series) -> np.ndarray:
        wrapped = np.pad(x.to_numpy(dtype=np.float64), half_window, mode="wrap")
        return np.convolve(wrapped, kernel, mode="valid")

    n = around(count)
    mean = np.full(366, np.nan)
    np.divide(around(total), n, out=mean, where=n > 0)
    return pd.Series(mean, index=pd.RangeIndex(1, 367, name="day_of_year"))


def fill_gaps(
    series: pd.Series,
    *,
    where: str,
    dry: bool = False,
    climatology: pd.Series | None = None,
    hint: str | None = None,
) -> Filled:
    """Fill the short gaps of a complete daily index; refuse the long ones.

    Parameters
    ----------
    series : pandas.Series
        On consecutive days, NaN where missing.
    where : str
        File and variable, for the error.
    dry : bool
        Fill short gaps with 0 (precipitation) instead of a straight line.
    climatology : pandas.Series, optional
        By day of year: long gaps are filled with it instead of refused.
    hint : str, optional
        What to do about a long gap, for the error.
    """
    values = series.copy()
    n_short = n_climatology = 0
    long_gaps = []
    for first, last, length in gaps(series):
        if length <= SHORT_GAP_DAYS and length < len(series):
            n_short += length
            continue
        span = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        if climatology is None:
            raise InputError(
                f"{where}, {span}",
                found=f"{length} days without a value",
                wanted=f"gaps of at most {SHORT_GAP_DAYS} days",
                hint=hint,
            )
        days = pd.date_range(first, last, freq="D").day_of_year
        values.loc[first:last] = climatology.loc[days].to_numpy()
        n_climatology += length
        long_gaps.append(span)
    if values.isna().sum() > n_short:
        raise InputError(
            f"{where}",
            found="no year has a value near some of the missing dates",
            wanted="a record that covers the whole year",
        )
    if dry:
        values = values.fillna(0.0)
    else:
        values = values.interpolate("linear", limit_direction="both")
    return Filled(values, n_short, n_climatology, tuple(long_gaps))
