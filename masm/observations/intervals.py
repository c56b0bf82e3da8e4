"""The stretch of time that an observed value stands for.

A monthly mean is no value of its stamp's day. What a value stands for is taken, in
this order, from its bounds (``time_bnds``), from what its file says of it
(``time_coverage_resolution``, ``frequency``, ``cell_methods``), or from stamps that
only one calendar makes: every day, the first, middle or last day of each month, the
1st, 9th, 17th ... day of each year. The spacing alone says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

Dates = NDArray[np.datetime64]

KINDS = (
    "point", "day", "4-day", "8-day", "10-day", "half-month", "16-day", "month", "year",
)  # fmt: skip
"""What a user may say that values stand for; ``10-day`` are thirds of months."""

_DAY = np.timedelta64(1, "D")
_HALF = 15  # days of the first half of a month
_AQUA = "dates of composites that start on the 9th day of the year"
_MANY = 10  # steps
_LONGEST = 400  # days: no product averages over more than a year
_COMPOSITES = {16: 3, 8: 3, 5: 5, 4: 5}  # days: dates that are not so at random
_FREQUENCIES = {
    "day": "day", "daily": "day", "mon": "month", "month": "month",
    "monthly": "month", "yr": "year", "year": "year", "annual": "year",
    "8day": "8-day", "8-day": "8-day", "16day": "16-day", "16-day": "16-day",
    "4day": "4-day", "4-day": "4-day", "dekad": "10-day", "10-day": "10-day",
    "10day": "10-day",
}  # fmt: skip
_DURATIONS = {
    "P1D": "day", "P4D": "4-day", "P8D": "8-day", "P16D": "16-day", "P10D": "10-day",
    "P1M": "month", "P1Y": "year", "P12M": "year", "UNKNOWN": "unknown",
}  # fmt: skip


@dataclass(frozen=True)
class Interval:
    """What the values of a stream stand for.

    Attributes
    ----------
    kind : str or None
        One of `KINDS`, another ``"<n>-day"``, ``"bounds"``, or None: not known.
    source : str
        How it is known.
    bounds : ndarray, (time, 2), or None
        First day, and first day after, of each value; where no calendar windows are
        the same (``"bounds"``, ``"10-day"``).
    """

    kind: str | None
    source: str = ""
    bounds: Dates | None = None


UNKNOWN = Interval(None, "neither bounds, nor attributes, nor the dates say it")


def interval_of(
    time: Dates,
    valid: NDArray[np.bool_],
    variable: xr.DataArray | None = None,
    dataset: xr.Dataset | None = None,
    *,
    label: str = "",
) -> Interval:
    """Find out what the values of a stream stand for.

    Parameters
    ----------
    time : ndarray of datetime64, (time,)
        Stamps, rising.
    valid : ndarray of bool, (time,)
        Which of them have a value.
    variable, dataset : optional
        Where the values come from, for bounds and attributes.
    label : str
        What to call the stream in an error.

    Raises
    ------
    InputError
        If bounds do not fit the stamps.
    """
    if dataset is not None:
        bounds = _bounds_in(dataset, label)
        if bounds is not None:
            _check_bounds(bounds, time, label)
            return _of_bounds(bounds)
    stated = _stated(variable, dataset)
    if stated is not None:
        kind, source = stated
        return UNKNOWN if kind == "unknown" else of_kind(kind, time, source)
    seen = kind_of_calendar(time, valid)
    return UNKNOWN if seen is None else of_kind(seen, time, "the dates")


def of_kind(kind: str, time: Dates, source: str) -> Interval:
    """Return the interval of a kind, with bounds where no calendar window is it."""
    days = time.astype("datetime64[D]")
    if kind == "10-day":
        return Interval(kind, source, dekads(days))
    if kind == "half-month":
        return Interval(kind, source, half_months(days))
    if kind == "16-day" and days.size and np.all(_day_of_year(days) % 16 == 9):
        # The composites of MODIS Aqua start eight days after those of Terra.
        stop = days + 16
        return Interval(kind, _AQUA, np.stack([days, stop], axis=1))
    return Interval(kind, source)


def dekads(days: Dates) -> Dates:
    """Return the third of the month that each date lies in, (time, 2)."""
    month = days.astype("datetime64[M]")
    first = month.astype("datetime64[D]")
    third = np.minimum((days - first).astype(int) // 10, 2)
    start = first + third * np.timedelta64(10, "D")
    after = (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    stop = np.where(third == 2, after, start + np.timedelta64(10, "D"))
    return np.stack([start, stop], axis=1)


def half_months(days: Dates) -> Dates:
    """Return the half of the month, to the 15th or from the 16th, of each date."""
    month = days.astype("datetime64[M]")
    first = month.astype("datetime64[D]")
    late = (days - first).astype(int) >= _HALF
    middle = first + np.timedelta64(_HALF, "D")
    after = (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    start, stop = np.where(late, middle, first), np.where(late, after, middle)
    return np.stack([start, stop], axis=1)


def kind_of_calendar(time: Dates, valid: NDArray[np.bool_]) -> str | None:
    """Return the only kind of interval whose calendar makes such dates, else None.

    Parameters
    ----------
    time : ndarray of datetime64, (time,)
    valid : ndarray of bool, (time,)
        A composite every eighth day on an axis of all days is a composite still.

    Examples
    --------
    >>> ends = np.array(["2001-01-31", "2001-02-28", "2001-03-31"], "datetime64[D]")
    >>> kind_of_calendar(ends, np.ones(3, bool))
    'month'
    """
    axis = np.asarray(time)
    days = axis[valid].astype("datetime64[D]")
    if axis.size > 1 and np.median(np.diff(axis) / _DAY) < 1.0:
        return "day"  # hours of days
    if days.size > 1 and not np.all(np.diff(days) > np.timedelta64(0, "D")):
        return "day"
    coarse = _coarse(days) if days.size > 1 else None
    steps = np.diff(axis.astype("datetime64[D]")).astype(int)
    if 1 < days.size < axis.size and np.median(steps) > 1:
        # Composites with gaps: the dates without a value say how long each is.
        sparse = coarse == "16-day" and np.diff(days).astype(int).min() > 16
        if coarse is None or sparse:
            coarse = _coarse(axis.astype("datetime64[D]")) or coarse
    if coarse is not None:
        return coarse
    if steps.size and np.median(steps) <= 1 and not _is_regular(days):
        return "day"
    between = np.diff(days).astype(int)
    if between.size >= _MANY and np.mean(between == 1) > 0.1:
        return "day"  # the days with a value alone
    return None


def _is_regular(days: Dates) -> bool:
    """Whether values lie so that most of them have the same number of days between."""
    steps = np.diff(days).astype(int)
    if steps.size < 3 or steps.min() == 1:
        return False
    return bool(np.all(steps % steps.min() == 0) and np.median(steps) == steps.min())


def _coarse(days: Dates) -> str | None:
    steps = np.diff(days).astype(int)
    if steps.min() == 1 and np.median(steps) <= 1:
        return None
    month = days.astype("datetime64[M]")
    year = days.astype("datetime64[Y]")
    of_month = (days - month.astype("datetime64[D]")).astype(int) + 1
    last = (month + np.timedelta64(1, "M")).astype("datetime64[D]") - _DAY
    of_year = _day_of_year(days)
    # Values of every second month or of a season stand for more than a month.
    each_month = np.unique(month).size == days.size and _by_ones(month)
    once_a_year = np.unique(year).size == days.size and _by_ones(year)
    ends = days == last
    middle = (of_month >= 14) & (of_month <= 17) & (days.size > 3)
    if once_a_year and (
        np.all(of_year == 1)
        or np.all(of_year >= 365)
        or np.all((of_year >= 181) & (of_year <= 184))
    ):
        return "year"
    if each_month and (np.all(of_month == 1) or np.all(ends) or np.all(middle)):
        return "month"
    thirds = (of_month == 1) | (of_month == 11) | (of_month == 21)
    ends_of_thirds = (of_month == 10) | (of_month == 20) | ends
    several = np.unique(month).size < days.size  # in some month
    if days.size > 2 and several and (np.all(thirds) or np.all(ends_of_thirds)):
        return "10-day"
    halves = np.isin(of_month, (1, 16)) | np.isin(of_month, (8, 23)).all()
    if days.size > 3 and several and np.all(halves):
        return "half-month"
    if days.size > 2 and np.all(of_year % 16 == 9) and steps.min() >= 13:
        return "16-day"
    for length, enough in _COMPOSITES.items():
        on_grid = days.size >= enough and np.all((of_year - 1) % length == 0)
        short = 366 % length or length  # to the first of the next year
        within = steps[year[1:] == year[:-1]]
        # Steps of 15 days lie on the grid of 5 as well, and stand for 15 days.
        own = within.size > 0 and np.gcd.reduce(within) == length
        least = min(length, short, 365 % length or length)
        if on_grid and own and steps.min() >= least:
            return f"{length}-day"
    return None


def _by_ones(count: Dates) -> bool:
    """Whether months, or years, that have a value lie one apart, but for gaps."""
    steps = np.diff(count).astype(np.int64)
    return bool(steps.size == 0 or np.gcd.reduce(steps) == 1)


def _day_of_year(days: Dates) -> NDArray[np.int64]:
    january = days.astype("datetime64[Y]").astype("datetime64[D]")
    return (days - january).astype(np.int64) + 1


def _bounds_in(dataset: xr.Dataset, label: str) -> Dates | None:
    coordinate = dataset["time"]
    named = coordinate.attrs.get("bounds") or coordinate.encoding.get("bounds")
    name = next(
        (n for n in (named, "time_bnds", "time_bounds") if n and n in dataset), None
    )
    if name is None:
        return None
    bounds = dataset[name].to_numpy()
    if bounds.shape != (coordinate.size, 2) or bounds.dtype.kind != "M":
        raise InputError(
            f"{label}: {name} are no bounds of its times",
            found=f"{bounds.dtype} of shape {bounds.shape}",
            wanted=f"dates of shape ({coordinate.size}, 2)",
            hint="Give them the units of time, or leave them out.",
        )
    return bounds


def _check_bounds(bounds: Dates, time: Dates, label: str) -> None:
    start, stop = bounds[:, 0], bounds[:, 1]
    length = (stop - start) / _DAY
    late = stop + _DAY
    wrong = ~(length > 0.0) | (length > _LONGEST) | ~((time >= start) & (time <= late))
    wrong[1:] |= start[1:] < stop[:-1]
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"{label} at {str(time[first])[:10]}: bounds that cannot be",
            found=f"{str(start[first])[:10]} to {str(stop[first])[:10]}",
            wanted="the earlier end first, the stamp between them, no overlap with "
            f"the value before, at most {_LONGEST} days",
        )


def _of_bounds(bounds: Dates) -> Interval:
    """Name the calendar whose windows bounds are, or keep the bounds."""
    days = np.stack(
        [bounds[:, 0].astype("datetime64[D]"), _days_up(bounds[:, 1])], axis=1
    )
    start, stop = days[:, 0], days[:, 1]
    length = (stop - start).astype(int)
    source = "time bounds"
    if np.all(length <= 1):
        return Interval("day", source)
    month = start.astype("datetime64[M]")
    if np.all(start == month.astype("datetime64[D]")) and np.all(
        stop == (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    ):
        return Interval("month", source, days)
    year = start.astype("datetime64[Y]")
    new_year = (year + 1).astype("datetime64[D]")
    if np.all(start == year.astype("datetime64[D]")) and np.all(stop == new_year):
        return Interval("year", source, days)
    for n in _COMPOSITES:
        if np.all((_day_of_year(start) - 1) % n == 0) and np.all(
            (stop == start + n) | (stop == new_year) & (length <= n)
        ):
            return Interval(f"{n}-day", source, days)
    return Interval("bounds", source, days)


def _days_up(moment: Dates) -> Dates:
    """Midnight at or after each moment: some files end a day at 23:59:59."""
    day = moment.astype("datetime64[D]")
    return np.where(moment > day, day + _DAY, day)


def _stated(
    variable: xr.DataArray | None, dataset: xr.Dataset | None
) -> tuple[str, str] | None:
    """Return the kind that attributes state, and which attribute does."""
    places = [one.attrs for one in (variable, dataset) if one is not None]
    for attrs in places:
        duration = str(attrs.get("time_coverage_resolution", "")).strip().upper()
        if (kind := _DURATIONS.get(duration)) is not None:
            return kind, f"time_coverage_resolution {duration}"
        frequency = str(attrs.get("frequency", "")).strip().lower()
        if (kind := _FREQUENCIES.get(frequency)) is not None:
            return kind, f"frequency {frequency}"
    methods = "" if variable is None else str(variable.attrs.get("cell_methods", ""))
    if re.search(r"time: point", methods):
        return "point", "cell_methods time: point"
    found = re.search(r"time: mean \((\d+) days?\)", methods)
    if found is not None:
        days = int(found.group(1))
        return "day" if days == 1 else f"{days}-day", f"cell_methods {methods}"
    return None


def windows_for(interval: Interval) -> str | None:
    """Return the windows in which values are compared; None for their own intervals.

    Means of at most eight days that restart each 1 January are compared in 8-day
    windows, as published; longer ones each over its own interval.
    """
    kind = interval.kind
    if kind in ("day", "8-day", "5-day", "4-day"):
        return "8-day"
    if kind in ("month", "year"):
        return kind
    return "16-day" if kind == "16-day" and interval.source != _AQUA else None


def longer_than(interval: Interval, windows: str) -> bool:
    """Whether values stand for more time than a window holds."""
    if windows == "year":
        return False
    kind = interval.kind
    if kind in (None, "point", "day"):
        return False
    lengths = {"month": 31, "year": 366, "10-day": 11, "half-month": 16, "bounds": 0}
    if kind == "bounds" and interval.bounds is not None:
        mine = int((interval.bounds[:, 1] - interval.bounds[:, 0]).astype(int).max())
    else:
        mine = lengths.get(str(kind)) or int(str(kind).split("-")[0])
    return mine > (31 if windows == "month" else int(windows.split("-")[0]))


def days_of(interval: Interval) -> float | None:
    """Return how many days apart the values of a kind are, None if it is not known."""
    kind = interval.kind
    if kind == "month":
        return 30.0
    if kind == "year":
        return 365.0
    if kind is not None and (match := re.fullmatch(r"(\d+)-day", kind)):
        return float(match.group(1))
    return None
