"""Observations of a user's product on the 8-day windows that a cube holds.

Everything after a cube compares 8-day means: a value of one day, or of a month, set
beside such a mean would be a wrong number. Days are averaged here; other intervals are
refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.grid.windows import window_length, window_of, window_starts

_ENOUGH = 0.5  # of a window's days


def on_windows(
    days: NDArray[np.datetime64], values: NDArray, errors: NDArray, where: str
) -> tuple[NDArray[np.datetime64], NDArray, NDArray]:
    """Return first days of windows, means and their standard errors.

    Parameters
    ----------
    days : ndarray (time,)
        datetime64[D], rising.
    values, errors : ndarray (pixel, time)
        NaN is missing; errors of single days are independent.
    where : str
        Product and year, for the error.

    Raises
    ------
    InputError
        If the dates are neither those of 8-day windows nor of every day.
    """
    year = days.astype("datetime64[Y]")
    of_year = (days - year.astype("datetime64[D]")).astype(int)
    if np.all(of_year % 8 == 0):
        return days, values, errors
    steps = np.diff(days).astype(int)
    if not steps.size or np.median(steps) > 1:
        shown = ", ".join(str(day) for day in days[:4])
        raise InputError(
            where,
            found=f"{days.size} values on {shown}, ...",
            wanted="first days of 8-day windows that restart each 1 January, or days",
            hint="A cube compares 8-day means. Average the product to them first.",
        )
    first, last = int(year[0].astype(int)) + 1970, int(year[-1].astype(int)) + 1970
    starts = window_starts((first, last))
    at = window_of(days) - window_of(starts[:1])[0]
    shape = (values.shape[0], starts.size)
    total, squares, count = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    known = np.isfinite(values)
    np.add.at(total.T, at, np.where(known, values, 0.0).T)
    np.add.at(squares.T, at, np.where(known, errors, 0.0).T ** 2)
    np.add.at(count.T, at, known.T.astype(float))
    lengths = np.array([window_length(day) for day in starts])
    enough = count >= _ENOUGH * lengths
    mean, spread = np.full(shape, np.nan), np.full(shape, np.nan)
    np.divide(total, count, out=mean, where=enough)
    np.divide(np.sqrt(squares), count, out=spread, where=enough)
    used = np.isin(window_of(starts), window_of(days))
    return starts[used], mean[:, used], spread[:, used]
