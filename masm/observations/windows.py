"""Means over calendar windows, such as the 8-day periods of satellite products.

Windows restart on 1 January: with ``"8-day"`` the last of a year has five days
(six in a leap year), as in GLASS and MODIS. A window is known by an integer key,
``1000 * year + number in the year``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.types import Array

Keys = NDArray[np.int64]


def is_calendar(time: ArrayLike) -> bool:
    """Whether a time axis has dates (datetime64) rather than plain numbers."""
    return np.asarray(time).dtype.kind == "M"


def window_days(windows: str) -> int | None:
    """Length in days of ``"<n>-day"`` windows; None for ``"month"`` and ``"year"``."""
    match = re.fullmatch(r"([1-9]\d{0,2})-day", windows)
    if match is not None:
        return int(match.group(1))
    if windows not in ("month", "year"):
        raise InputError(
            "aggregation windows are not known",
            found=repr(windows),
            wanted='"8-day" or another "<n>-day", "month", "year"; None for none',
        )
    return None


def window_keys(time: ArrayLike, windows: str) -> Keys:
    """Key of the window each date falls in, (time,)."""
    import xarray as xr

    length = window_days(windows)
    dates = xr.DataArray(np.asarray(time), dims="time").dt
    year = dates.year.to_numpy().astype(np.int64)
    if windows == "year":
        return year * 1000
    if length is None:
        return year * 1000 + dates.month.to_numpy().astype(np.int64) - 1
    day_of_year = dates.dayofyear.to_numpy().astype(np.int64)
    return year * 1000 + (day_of_year - 1) // length


def window_starts(keys: Keys, windows: str) -> NDArray[np.datetime64]:
    """First day of each window, (window,)."""
    length = window_days(windows)
    year, number = np.divmod(np.asarray(keys, np.int64), 1000)
    january = (year - 1970).astype("datetime64[Y]")
    if windows == "month":
        start = january.astype("datetime64[M]") + number.astype("timedelta64[M]")
    else:
        days = (number * (length or 0)).astype("timedelta64[D]")
        start = january.astype("datetime64[D]") + days
    return start.astype("datetime64[ns]")


def window_lengths(keys: Keys, windows: str) -> NDArray[np.int64]:
    """Days in each window, the short last one of a year included, (window,)."""
    start = window_starts(keys, windows).astype("datetime64[D]")
    length = window_days(windows)
    if windows == "month":
        stop = (start.astype("datetime64[M]") + np.timedelta64(1, "M")).astype(
            "datetime64[D]"
        )
    else:
        stop = (start.astype("datetime64[Y]") + np.timedelta64(1, "Y")).astype(
            "datetime64[D]"
        )
        if length is not None:
            stop = np.minimum(start + np.timedelta64(length, "D"), stop)
    return (stop - start).astype(np.int64)


def time_step_days(time: ArrayLike) -> float:
    """Typical spacing of a calendar time axis in days; 1 for a single date."""
    time = np.asarray(time)
    if time.size < 2:
        return 1.0
    steps = np.diff(time)
    return float(
        np.median([pd.Timedelta(step) / pd.Timedelta(days=1) for step in steps])
    )


def window_means(
    values: ArrayLike,
    time: ArrayLike,
    windows: str,
    min_fraction: float,
    *,
    step_days: float | None = None,
) -> tuple[Array, Keys, NDArray[np.int64]]:
    """Means of the valid values in each window, with a rule for missing ones.

    Parameters
    ----------
    values : array_like, (time,)
        NaN is missing.
    time : array_like, (time,)
        Dates, increasing.
    windows : str
        ``"8-day"``, another ``"<n>-day"``, ``"month"`` or ``"year"``.
    min_fraction : float
        A window counts only when at least this fraction of the values it could hold
        (its days over the spacing of ``time``) is valid.
    step_days : float, optional
        Days between values, where it is known; the median spacing of ``time`` else.

    Returns
    -------
    mean : ndarray, (window,)
    keys : ndarray, (window,)
        Only windows that count.
    count : ndarray, (window,)
        Valid values in each.
    """
    values = np.asarray(values, float)
    valid = np.isfinite(values)
    keys, inverse = np.unique(window_keys(time, windows)[valid], return_inverse=True)
    count = np.bincount(inverse, minlength=keys.size).astype(np.int64)
    mean = np.bincount(inverse, values[valid], minlength=keys.size) / count
    step = time_step_days(time) if step_days is None else step_days
    possible = np.maximum(np.round(window_lengths(keys, windows) / step), 1.0)
    keep = count >= min_fraction * possible
    return mean[keep], keys[keep], count[keep]


@dataclass(frozen=True)
class Aggregation:
    """A fixed map from a model's time axis to windows, fast on many samples.

    Attributes
    ----------
    weights : scipy.sparse.csr_array, (window, time)
        Each row sums to one.
    """

    weights: Any

    def __call__(self, values: ArrayLike) -> Array:
        """Aggregate (sample, time) to (sample, window).

        A NaN on a day that no window uses does no harm; one on a day that is used
        makes that window NaN.
        """
        values = np.asarray(values, float)
        return np.ascontiguousarray((self.weights @ values.T).T)

    def transposed(self, weights: ArrayLike) -> Array:
        """Spread weights (window,) over the time axis: the transpose of a call."""
        return np.asarray(self.weights.T @ np.asarray(weights, float))


def plan_aggregation(
    model_time: ArrayLike,
    keys: Keys,
    windows: str,
    *,
    days: Keys | None = None,
    stream: str = "",
) -> Aggregation:
    """Lay out how a model's time axis is averaged to observed windows.

    Parameters
    ----------
    model_time : array_like, (time,)
        The model's dates: daily, or coarser with a value in each window.
    keys : ndarray, (window,)
        The observed windows.
    windows : str
        Their kind, as in `window_means`.
    days : ndarray, optional
        Keys (``"1-day"``) of the days that were observed. When given, a window's
        model mean is over these days only, so that a gap in the observations is a
        gap in the model as well.
    stream : str
        Name, for the error message.

    Raises
    ------
    InputError
        When the model does not reach every observed window, or covers only a part
        of the days of one.
    """
    from scipy import sparse

    model_time = np.asarray(model_time)
    model_keys = window_keys(model_time, windows)
    used = np.isin(model_keys, keys)
    daily = time_step_days(model_time) <= 1.0
    if days is not None and daily:
        used &= np.isin(window_keys(model_time, "1-day"), days)
    columns = np.flatnonzero(used)
    order = np.argsort(keys)
    rows = order[np.searchsorted(keys, model_keys[columns], sorter=order)]
    count = np.bincount(rows, minlength=keys.size)
    wanted = np.ones(keys.size, np.int64)
    if daily:
        if days is None:
            # Daymet drops a leap year's last day: allow a window to lack one.
            wanted = np.maximum(window_lengths(keys, windows) - 1, 1)
        else:
            wanted = np.bincount(
                order[np.searchsorted(keys, _owner(days, windows), sorter=order)],
                minlength=keys.size,
            )
    short = np.flatnonzero(count < wanted)
    if short.size:
        first = np.datetime_as_string(
            window_starts(keys[short[:1]], windows)[0], unit="D"
        )
        raise InputError(
            f"model output for {stream!r} does not cover the observations: "
            f"{short.size} of {keys.size} {windows} windows, first from {first}",
            found=f"model time from {model_time[0]} to {model_time[-1]}",
            wanted="every day of every observed window",
            hint="Cut the observations to the simulated period, or run it longer.",
        )
    weights = sparse.csr_array(
        (1.0 / count[rows], (rows, columns)), shape=(keys.size, model_time.size)
    )
    return Aggregation(weights)


def _owner(days: Keys, windows: str) -> Keys:
    """Window key of each ``"1-day"`` key."""
    return window_keys(window_starts(days, "1-day"), windows)


def plan_intervals(
    model_time: ArrayLike, bounds: NDArray[np.datetime64], *, stream: str = ""
) -> Aggregation:
    """Lay out how a model's time axis is averaged over what each value stands for.

    Parameters
    ----------
    model_time : array_like, (time,)
        The model's dates, rising.
    bounds : ndarray, (n_obs, 2)
        First day, and first day after, of each observation.
    stream : str
        Name, for the error message.

    Raises
    ------
    InputError
        When the model lacks days of an observation's interval.
    """
    from scipy import sparse

    model_time = np.asarray(model_time)
    days = model_time.astype("datetime64[D]")
    first = np.searchsorted(days, bounds[:, 0])
    last = np.searchsorted(days, bounds[:, 1])
    count = last - first
    wanted = np.ones(count.size, np.int64)
    if time_step_days(model_time) <= 1.0:
        lengths = (bounds[:, 1] - bounds[:, 0]).astype("timedelta64[D]").astype(int)
        wanted = np.maximum(lengths - 1, 1)  # Daymet's leap years lack a day
    short = np.flatnonzero(count < wanted)
    if short.size:
        start, stop = bounds[short[0]].astype("datetime64[D]")
        raise InputError(
            f"model output for {stream!r} does not cover the observations: "
            f"{short.size} of {count.size}, first {start} to {stop}",
            found=f"model time from {model_time[0]} to {model_time[-1]}",
            wanted="every day that an observation stands for",
            hint="Cut the observations to the simulated period, or run it longer.",
        )
    columns = np.concatenate(
        [np.arange(a, b) for a, b in zip(first, last, strict=True)]
    )
    rows = np.repeat(np.arange(count.size), count)
    weights = sparse.csr_array(
        (1.0 / count[rows], (rows, columns)), shape=(count.size, model_time.size)
    )
    return Aggregation(weights)
