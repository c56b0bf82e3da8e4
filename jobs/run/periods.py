"""Which years do what at one pixel: those of the run, as far as its record reaches.

A pixel of a table whose whole years are fewer than the run's does not stop the others.
Its spin-up is the run's year, or else the first of its own; it is calibrated and
validated in those of the run's years that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.schema import Config, Periods
from jobs.config.section import Period

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class PixelPeriods:
    """Years of one pixel.

    Attributes
    ----------
    spinup, calibration : Period
        Year repeated until the states settle; years whose observations inform.
    validation : Period or None
        Years held out; None where the record ends before them.
    """

    spinup: Period
    calibration: Period
    validation: Period | None

    @property
    def observed(self) -> Period:
        """First calibration year to the last year that is scored."""
        last = (self.validation or self.calibration).last
        return Period(first=self.calibration.first, last=last)

    @property
    def whole(self) -> Period:
        """Spin-up year to the last year that is scored."""
        return Period(first=self.spinup.first, last=self.observed.last)

    def __str__(self) -> str:
        held_out = "none" if self.validation is None else str(self.validation)
        return (
            f"spin-up {self.spinup}, calibration {self.calibration}, validation "
            f"{held_out}"
        )


OWN_PERIODS = "own_periods"
"""Attribute of a weather whose table says which years do what, as `str` has them."""


def read_own(text: str) -> PixelPeriods:
    """Return what ``str`` of periods says.

    Examples
    --------
    >>> text = "spin-up 2003, calibration 2004-2006, validation none"
    >>> str(read_own(text)) == text
    True
    """
    spinup, calibration, held_out = (part.split()[-1] for part in text.split(", "))
    return PixelPeriods(
        Period.model_validate(spinup),
        Period.model_validate(calibration),
        None if held_out == "none" else Period.model_validate(held_out),
    )


def of_one_record(fraction: float, first: int, last: int) -> PixelPeriods | None:
    """Split a record of whole years: the first spins up, a part at the end validates.

    Parameters
    ----------
    fraction : float
        Of the years after the first; at least one, where there are two.
    first, last : int
        Whole years of the record.

    Examples
    --------
    >>> str(of_one_record(1 / 3, 2003, 2013))
    'spin-up 2003, calibration 2004-2010, validation 2011-2013'
    >>> of_one_record(1 / 3, 2003, 2003) is None
    True
    """
    n = last - first
    if n < 1:
        return None
    held = min(n - 1, max(1, round(n * fraction)))
    return PixelPeriods(
        Period(first=first, last=first),
        Period(first=first + 1, last=last - held),
        Period(first=last - held + 1, last=last) if held else None,
    )


def pixel_periods(config: Config, forcing: xr.Dataset) -> PixelPeriods:
    """Return the years of a pixel from its weather, as ``forcing_of`` cut it.

    Parameters
    ----------
    config : Config
        With the years of the run.
    forcing : xarray.Dataset (time,)
        Whole years.
    """
    own = forcing.attrs.get(OWN_PERIODS)
    if own is not None:
        return read_own(str(own))
    years = forcing["time"].to_numpy()[[0, -1]].astype("datetime64[Y]").astype(int)
    first, last = (years + 1970).tolist()
    found = within(config.periods, first, last)
    if found is None:
        raise AssertionError("forcing_of lets no record pass that cannot be calibrated")
    return found


def within(periods: Periods, first: int, last: int) -> PixelPeriods | None:
    """Cut a run's periods to a record of whole years; None if nothing can be done.

    Examples
    --------
    >>> run = Periods(spinup="2001", calibration="2002-2004", validation="2005")
    >>> str(within(run, 2003, 2004))
    'spin-up 2003, calibration 2004, validation none'
    >>> within(run, 2005, 2006) is None
    True
    """
    if periods.by_site is not None:
        if last - first + 1 < periods.by_site.least_years:
            return None
        return of_one_record(periods.by_site.validation_share, first, last)
    given = periods.spinup.first
    spinup = given if first <= given <= last else first
    calibration = _cut(periods.calibration, spinup + 1, last)
    if calibration is None:
        return None
    return PixelPeriods(
        Period(first=spinup, last=spinup),
        calibration,
        _cut(periods.validation, spinup + 1, last),
    )


def whole_years(time: np.ndarray) -> tuple[int, int] | None:
    """First and last whole calendar year of a record; None unless all of it is whole.

    A record that ends within a year was cut short, and not for that pixel alone.
    """
    days = time.astype("datetime64[D]")
    year = days[[0, -1]].astype("datetime64[Y]")
    begins = days[0] == year[0].astype("datetime64[D]")
    ends = days[-1] + 1 == (year[1] + 1).astype("datetime64[D]")
    if not (begins and ends):
        return None
    first, last = (year.astype(int) + 1970).tolist()
    return first, last


def _cut(period: Period, first: int, last: int) -> Period | None:
    low, high = max(period.first, first), min(period.last, last)
    return Period(first=low, last=high) if low <= high else None
