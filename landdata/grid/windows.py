"""Eight-day windows that begin anew each 1 January, as MODIS and GLASS have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

WINDOW_DAYS = 8
PER_YEAR = 46


def window_length(day: np.datetime64) -> int:
    """Days in the window that begins on a day: 8, or what is left of the year.

    Examples
    --------
    >>> [window_length(np.datetime64(d)) for d in ("2003-07-04", "2003-12-27")]
    [8, 5]
    """
    day = day.astype("datetime64[D]")
    following = (day.astype("datetime64[Y]") + np.timedelta64(1, "Y")).astype(
        "datetime64[D]"
    )
    return min(WINDOW_DAYS, int((following - day).astype(int)))


def window_starts(years: tuple[int, int]) -> NDArray[np.datetime64]:
    """First days of all windows of some years, both included."""
    return np.concatenate(
        [
            np.datetime64(f"{year}-01-01") + WINDOW_DAYS * np.arange(PER_YEAR)
            for year in range(years[0], years[1] + 1)
        ]
    )


def window_of(days: ArrayLike) -> NDArray[np.int64]:
    """Number of each day's window, counted from 1970; rising without a gap."""
    day = np.asarray(days, dtype="datetime64[D]")
    year = day.astype("datetime64[Y]")
    of_year = (day - year.astype("datetime64[D]")).astype(np.int64)
    return year.astype(np.int64) * PER_YEAR + of_year // WINDOW_DAYS
