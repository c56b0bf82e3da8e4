"""Weather that stands still: a code, a broken sensor, or a month's mean on its days."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.meteorology.polar_night import LEAST_LIGHT
from landdata.meteorology.radiation import extraterrestrial_radiation

Floats = NDArray[np.float64]

MANY = 15
"""Days in a row with one and the same number, from which it is hardly weather."""

_SATURATED = 100.0  # Pa of deficit, below which air is as good as saturated
_NEVER_STILL = (
    "tmin", "tmax", "tmean", "shortwave", "vpd", "vapour_pressure", "dew_point",
    "specific_humidity", "pressure", "sea_level_pressure",
)  # fmt: skip


def stuck_values(weather: xr.Dataset, lat: float) -> Iterator[tuple[str, float, int]]:
    """Find numbers that stay for many days in a row.

    Parameters
    ----------
    weather : xarray.Dataset (time,)
        Consecutive days, under the names of ``landdata.variables``.
    lat : float
        degrees north; without sun, light that stands still is no fault.

    Yields
    ------
    name : str
        Of the variable. One that is constant all through is a choice, and passes;
        wind may be a usual wind and is only compared with 0, rain may be 0 for long.
    value : float
        The number.
    n_days : int
        Of its longest run, at least ``MANY``.

    Examples
    --------
    >>> time = np.arange("2003-01-01", "2003-03-02", dtype="datetime64[D]")
    >>> warm = np.where(np.arange(60) < 20, 0.0, np.arange(60.0))
    >>> list(stuck_values(xr.Dataset({"tmin": ("time", warm)}, {"time": time}), 42))
    [('tmin', 0.0, 20)]
    """
    for name in (*_NEVER_STILL, "wind", "prec"):
        if name not in weather:
            continue
        values = np.asarray(weather[name].to_numpy(), np.float64)
        counts = np.isfinite(values)
        if counts.sum() < MANY or np.ptp(values[counts]) == 0.0:
            continue
        if name == "wind":
            counts &= values == 0.0
        elif name == "prec":
            counts &= values != 0.0
        elif name == "vpd":
            least = float(values[counts].min())
            if 0.0 < least <= _SATURATED:  # where a provider cuts it off
                counts &= values != least
        elif name == "shortwave":
            above = extraterrestrial_radiation(weather["time"].to_numpy(), lat)
            counts &= above >= LEAST_LIGHT
        value, length = longest_run(values, counts)
        if length >= MANY:
            yield name, value, length


def longest_run(values: Floats, counts: NDArray[np.bool_]) -> tuple[float, int]:
    """Return the number that stays longest, and for how many days.

    Parameters
    ----------
    values : ndarray (time,)
    counts : ndarray of bool (time,)
        Days that can be part of a run.

    Examples
    --------
    >>> longest_run(np.array([1.0, 2.0, 2.0, 2.0, 1.0]), np.ones(5, bool))
    (2.0, 3)
    """
    same = (values[1:] == values[:-1]) & counts[1:] & counts[:-1]
    edges = np.flatnonzero(np.diff(np.r_[False, same, False].astype(np.int8)))
    if not edges.size:
        return float(values[0]), 1
    first, stop = edges[::2], edges[1::2]
    at = int(np.argmax(stop - first))
    return float(values[first[at]]), int(stop[at] - first[at]) + 1
