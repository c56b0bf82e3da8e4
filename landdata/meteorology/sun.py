"""Position of the sun: declination, hour angle and solar constant of a day.

The equations are those by which IBIS makes its hours (Foley et al. 1996, routine
diurnal; the series in the declination and the distance of the sun are Spencer 1971).
They are here because light and cloud cover are turned into each other by the same
hours and the same orbit that the model uses. A test compares them with the model's.

References
----------
Foley, J.A. et al. (1996): An integrated biosphere model of land surface processes,
terrestrial carbon balance, and vegetation dynamics. Global Biogeochemical Cycles 10,
603-628, doi:10.1029/96GB02692.
Spencer, J.W. (1971): Fourier series representation of the position of the sun. Search
2, 172.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

COS_HOUR_ANGLE: Array = np.cos(2.0 * np.pi * (np.arange(24.0) - 12.0) / 24.0)
"""Cosine of the hour angle at 0:00, 1:00 ... 23:00 local solar time, (hour,)."""


def sun_of_day(day_of_year: float) -> tuple[float, float, float]:
    """Return solar constant [W m-2], sine and cosine of the declination of a day.

    Parameters
    ----------
    day_of_year : float
        1 to 366.

    Examples
    --------
    >>> [round(value, 3) for value in sun_of_day(172.0)]
    [1325.249, 0.398, 0.917]
    """
    o = 2.0 * math.pi * day_of_year / 365.2425
    declination = (
        0.006918
        - 0.399912 * math.cos(o)
        + 0.070257 * math.sin(o)
        - 0.006758 * math.cos(2.0 * o)
        + 0.000907 * math.sin(2.0 * o)
        - 0.002697 * math.cos(3.0 * o)
        + 0.001480 * math.sin(3.0 * o)
    )
    solar = 1370.0 * (
        1.000110
        + 0.034221 * math.cos(o)
        + 0.001280 * math.sin(o)
        + 0.000719 * math.cos(2.0 * o)
        + 0.000077 * math.sin(2.0 * o)
    )
    return solar, math.sin(declination), math.cos(declination)


@cache
def _year() -> Array:
    return np.array([sun_of_day(float(day)) for day in range(1, 367)])


def sun_of_dates(time: ArrayLike) -> tuple[Array, Array, Array]:
    """Return solar constant, sine and cosine of the declination of dates, (time,)."""
    days = pd.DatetimeIndex(np.atleast_1d(np.asarray(time, dtype="datetime64[D]")))
    solar, sine, cosine = _year()[days.day_of_year - 1].T
    return solar, sine, cosine


def cos_zenith(time: ArrayLike, lat: float) -> Array:
    """Return the cosine of the zenith angle at each full hour, (time, hour).

    Below zero while the sun is under the horizon.

    Parameters
    ----------
    time : array of datetime64 (time,)
        Dates.
    lat : float
        degrees north.
    """
    _, sine, cosine = sun_of_dates(time)
    phi = np.radians(lat)
    high: Array = (
        np.sin(phi) * sine[:, None] + np.cos(phi) * cosine[:, None] * COS_HOUR_ANGLE
    )
    return high
