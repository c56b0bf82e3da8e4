"""The days of a CalLMIP file (T1 to T3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from jobs.callmip.findings import Finding, error, warning
from jobs.callmip.submission import Submission

_UNITS = re.compile(r"days since (\d{4}-\d{2}-\d{2})(?: (\d{2}:\d{2})(?::(\d{2}))?)?")
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
_FIRST, _LAST, _FARTHEST = 1600, 2400, 4e5  # years, years, days from the reference
_EXACT = 1e-6  # days; of 4-byte numbers too


@dataclass(frozen=True)
class Axis:
    """A time axis as it is in the file.

    Attributes
    ----------
    values : ndarray of float64, shape (day,)
        Days since the reference.
    reference : datetime or None
        None where the units cannot be read.
    """

    values: NDArray[np.float64]
    reference: datetime | None

    @property
    def days(self) -> NDArray[np.datetime64] | None:
        """Calendar days that the values decode to; None if one decodes to none."""
        sound = np.isfinite(self.values) & (np.abs(self.values) < _FARTHEST)
        if self.reference is None or self.values.size == 0 or not sound.all():
            return None
        if not _FIRST <= self.reference.year <= _LAST:
            return None
        seconds = np.round(self.values * 86400.0).astype("timedelta64[s]")
        return (np.datetime64(self.reference, "s") + seconds).astype("datetime64[D]")


def axis_of(submission: Submission) -> Axis | None:
    """Return the time axis, or None where there is no row of numbers."""
    stored = submission.content.variables.get("time")
    if stored is None or not stored.is_numeric or stored.values.ndim != 1:
        return None
    return Axis(stored.numbers(), _reference(stored.attributes.get("units")))


def check_time(submission: Submission) -> list[Finding]:
    """Check units, calendar, steps and days of the time axis."""
    axis = axis_of(submission)
    if axis is None:
        return [error("T1", "time", "no row of numbers", "one number for each day")]
    stored = submission.content.variables["time"]
    findings = []
    if stored.dimensions != ("time",):
        found = f"({', '.join(stored.dimensions)})"
        findings.append(error("D1", "time", f"dimensions {found}", "(time)"))
    return [
        *findings,
        *_form(submission, axis),
        *_steps(axis),
        *_days(submission, axis),
    ]


def _reference(units: object) -> datetime | None:
    found = _UNITS.fullmatch(units) if isinstance(units, str) else None
    if found is None:
        return None
    try:
        day, minute, second = found.groups()
        return datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}")
    except ValueError:
        return None


def _form(submission: Submission, axis: Axis) -> list[Finding]:
    attributes, findings = submission.content.variables["time"].attributes, []
    if axis.reference is None:
        findings.append(
            error(
                "T1",
                "time.units",
                repr(attributes.get("units", "none")),
                "'days since YYYY-MM-DD hh:mm:ss'",
            )
        )
    calendar = attributes.get("calendar", "none")
    if calendar not in _CALENDARS:
        findings.append(
            error(
                "T1",
                "time.calendar",
                repr(calendar),
                "'standard'",
                "A model without leap days interpolates 29 February.",
            )
        )
    return findings


def _steps(axis: Axis) -> list[Finding]:
    values, findings = axis.values, []
    if not np.isfinite(values).all():
        return [error("T2", "time", "missing values", "one number for each day")]
    odd = np.flatnonzero(np.abs(np.diff(values) - 1.0) > _EXACT)
    if odd.size:
        first = int(odd[0])
        findings.append(
            error(
                "T2",
                f"time[{first + 1}]",
                f"{values[first + 1]:.10g} after {values[first]:.10g}; "
                f"{odd.size} such steps",
                "steps of exactly 1",
            )
        )
    away = np.abs(values * 2.0 - np.round(values * 2.0)) / 2.0
    if values.size and away.max() > _EXACT:
        first = int(np.argmax(away > _EXACT))
        findings.append(
            error(
                "T2",
                f"time[{first}]",
                f"{values[first]:.10g}",
                "whole days, or their middle (.5)",
            )
        )
    return findings


def _days(submission: Submission, axis: Axis) -> list[Finding]:
    days, site = axis.days, submission.site
    if axis.reference is None:
        return []  # T1 reports it
    if days is None:
        return [error("T3", "time", "no or impossible days", "every day of the record")]
    first = _first_year(submission, axis, days)
    n_years = site.n_years if site is not None else _year(days[-1]) - first + 1
    start = np.datetime64(f"{first:04d}-01-01", "D")
    end = np.datetime64(f"{first + n_years:04d}-01-01", "D") - np.timedelta64(1, "D")
    n_days = int((end - start).astype(int)) + 1
    if (days[0], days[-1], days.size) == (start, end, n_days):
        return []
    found = f"{days[0]} to {days[-1]}, {days.size} values"
    wanted = f"{start} to {end}, {n_days} values, leap days in"
    if _is_one_day_late(axis, start, n_days):
        hint = "Write 0.5, 1.5, ...: 1, 2, 3 decodes one day late."
        return [warning("T3", "time", found, wanted, hint)]
    hint = ""
    if days.size < n_days and days.size == 365 * n_years:
        hint = "29 February is absent: interpolate it."
    return [error("T3", "time", found, wanted, hint)]


def _first_year(
    submission: Submission, axis: Axis, days: NDArray[np.datetime64]
) -> int:
    site = submission.site
    if site is not None and site.first_year is not None:
        return site.first_year
    # The record begins on 1 January: the nearest one to the first stamp.
    nearest = days[0] + np.timedelta64(182, "D")
    return _year(nearest)


def _is_one_day_late(axis: Axis, start: np.datetime64, n_days: int) -> bool:
    return (
        axis.reference is not None
        and np.datetime64(axis.reference, "s") == start.astype("datetime64[s]")
        and axis.values.size == n_days
        and bool(np.all(np.abs(axis.values - np.arange(1.0, n_days + 1)) < _EXACT))
    )


def _year(day: np.datetime64) -> int:
    return int(str(day)[:4])
