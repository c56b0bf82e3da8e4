"""A stream: what was measured, when, how surely, and in which windows.

A `Stream` is checked when it is made. `Stream.aggregate` turns it into the
`ObservedSeries` that a likelihood compares with the model: one mean and one error
variance for each window with enough valid values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.observations.error_models import (
    INDEPENDENT,
    SERIES,
    Errors,
    RelativeVariance,
    SampledVariance,
    SeriesVariance,
    VarianceRule,
    as_variance_rule,
)
from masm.observations.error_scale import ErrorScale
from masm.observations.windows import (
    Keys,
    is_calendar,
    time_step_days,
    window_days,
    window_keys,
    window_means,
    window_starts,
)
from masm.types import Array

LARGEST_VALUE = 1e100
"""Of an observation, in any unit: no measurement is, and squares overflow later."""


@dataclass(frozen=True)
class ObservedSeries:
    """Aggregated observations of one stream, ready for a likelihood.

    Attributes
    ----------
    name, units : str
    time : ndarray, (n_obs,)
        First day of each window, or the observation's own time without windows.
    value, variance : ndarray, (n_obs,)
        Mean and error variance, in units and units squared.
    variance_rule : str
        Which rule made the variance.
    windows : str or None
        Kind of window, None when values are compared at their own times.
    keys : ndarray, (n_obs,), or None
        Window keys, see `masm.observations.windows`.
    days : ndarray or None
        Keys of the single days observed, when the observations are daily.
    errors : Errors
        Whether errors are correlated in time or share a bias.
    scale : ErrorScale or None
        Unknown factor on the standard deviation; None where it is known.
    """

    name: str
    units: str
    time: NDArray[Any]
    value: Array
    variance: Array
    variance_rule: str
    windows: str | None = None
    keys: Keys | None = None
    days: Keys | None = None
    errors: Errors = INDEPENDENT
    scale: ErrorScale | None = None

    @property
    def n_obs(self) -> int:
        """Number of aggregated observations."""
        return len(self.value)

    @property
    def steps(self) -> Array:
        """Time of each observation in steps of the series (its median), (n_obs,)."""
        if self.n_obs < 2:
            return np.zeros(self.n_obs)
        since = (self.time - self.time[0]) / np.median(np.diff(self.time))
        return np.asarray(since, float)


@dataclass(frozen=True)
class Stream:
    """Observations of one model output.

    Attributes
    ----------
    name : str
        The model output it is compared with.
    time : ndarray, (time,)
        Dates (datetime64), or plain numbers, increasing.
    value : ndarray, (time,)
        NaN is missing.
    units : str
        Compared with the model's when both are stated.
    variance : VarianceRule
        How the error variance is found.
    given : ndarray, (time,), or None
        Error variance of each value, units squared, for `GivenVariance`.
    use : ndarray of bool, (time,), or None
        False leaves a value out (a quality mask).
    windows : str or None
        ``"8-day"`` by default for dates at most 8 days apart; None compares values
        at their own times.
    min_fraction : float
        Share of a window's values that must be valid for it to count.
    errors : Errors
        Whether errors are correlated in time or share a bias.
    """

    name: str
    time: NDArray[Any]
    value: Array
    units: str = ""
    variance: VarianceRule = SERIES
    given: Array | None = None
    use: NDArray[np.bool_] | None = None
    windows: str | None = "8-day"
    min_fraction: float = 0.5
    errors: Errors = INDEPENDENT

    def __post_init__(self) -> None:
        set_ = object.__setattr__  # a frozen dataclass normalising its own fields
        set_(self, "time", np.asarray(self.time))
        value = np.array(self.value, dtype=float)
        n = self.time.size
        for label, part in (
            ("value", value),
            ("given variance", self.given),
            ("use", self.use),
        ):
            if part is not None and np.shape(part) != (n,):
                raise InputError(
                    f"stream {self.name!r}: {label} and time differ in length",
                    found=f"shape {np.shape(part)}",
                    wanted=f"({n},)",
                )
        if self.use is not None:
            value[~np.asarray(self.use, bool)] = np.nan
        set_(self, "value", value)
        if self.given is not None:
            set_(self, "given", np.asarray(self.given, float))
        if isinstance(self.variance, SampledVariance):
            given = self.given is not None
            rule = as_variance_rule(self.variance, stream=self.name, given=given)
            set_(self, "variance", rule)
        if self.windows is not None:
            window_days(self.windows)
        self._check()

    def _check(self) -> None:
        if self.time.dtype.kind not in "Miuf":
            raise InputError(
                f"stream {self.name!r}: time is of a kind that is not known",
                found=str(self.time.dtype),
                wanted="datetime64 dates, or numbers",
                hint='For cftime calendars: ds.convert_calendar("standard").',
            )
        if not np.isfinite(self.value).any():
            raise InputError(
                f"stream {self.name!r} has no observations",
                found=f"{self.value.size} times, every value missing or masked",
                wanted="at least one valid value",
            )
        huge = np.flatnonzero(np.abs(self.value) > LARGEST_VALUE)
        if huge.size:
            raise InputError(
                f"stream {self.name!r} at {_date(self.time[huge[0]])}: "
                "value is not finite, or too large to square",
                found=f"{huge.size} such values, first {self.value[huge[0]]:g}",
                wanted="numbers; NaN for missing",
            )
        steps = np.diff(self.time)
        wrong = np.flatnonzero(~(steps > steps.dtype.type(0)))
        if wrong.size:
            raise InputError(
                f"stream {self.name!r}: time does not increase at "
                f"{_date(self.time[wrong[0] + 1])}",
                found=f"{_date(self.time[wrong[0]])} then "
                f"{_date(self.time[wrong[0] + 1])}",
                wanted="increasing times without repeats",
                hint='Sort with ds.sortby("time") and drop duplicates.',
            )
        if not 0.0 <= self.min_fraction <= 1.0:
            raise InputError(
                f"stream {self.name!r}: min_fraction is a share",
                found=self.min_fraction,
                wanted="a number from 0 to 1",
            )

    @property
    def is_windowed(self) -> bool:
        """Whether values are averaged in calendar windows."""
        return self.windows is not None and is_calendar(self.time)

    def without_filler(self) -> Stream:
        """Drop the missing values that only pad a sparse product to daily dates.

        A composite every fourth day on a daily axis is not a daily series with gaps:
        where most valid values are further apart than the dates, the missing ones
        say nothing. A daily series keeps its gaps.
        """
        valid = np.isfinite(self.value)
        if not is_calendar(self.time) or valid.all() or valid.sum() < 2:
            return self
        if time_step_days(self.time[valid]) <= time_step_days(self.time):
            return self
        given = None if self.given is None else self.given[valid]
        return replace(
            self, time=self.time[valid], value=self.value[valid], given=given, use=None
        )

    def aggregate(self) -> ObservedSeries:
        """Average to windows and work out the error variance of each mean."""
        seen = self.without_filler()
        if seen is not self:
            return seen.aggregate()
        valid = np.isfinite(self.value)
        windows = self.windows if self.is_windowed else None
        keys = days = None
        if windows is None:
            time, mean = self.time[valid], self.value[valid]
        else:
            mean, keys, _ = window_means(
                self.value, self.time, windows, self.min_fraction
            )
            if not mean.size:
                raise InputError(
                    f"stream {self.name!r}: no {windows} window has enough values",
                    found=f"{int(valid.sum())} valid values",
                    wanted=f"{self.min_fraction:.0%} of the values of a window",
                    hint="Lower min_fraction, or use longer windows.",
                )
            time = window_starts(keys, windows)
            if time_step_days(self.time) <= 1.0:
                # Compare like with like: a model mean over the days measured.
                in_kept = np.isin(window_keys(self.time, windows), keys)
                days = np.unique(window_keys(self.time[valid & in_kept], "1-day"))
        variance = self._variance(mean, keys, windows, valid)
        self._check_variance(variance, time)
        return ObservedSeries(
            self.name,
            self.units,
            time,
            mean,
            variance,
            self.variance.name,
            windows,
            keys,
            days,
            self.errors,
            self._scale(mean.size),
        )

    def _scale(self, n_obs: int) -> ErrorScale | None:
        rule = self.variance
        if not isinstance(rule, SampledVariance):
            return None
        return ErrorScale(rule.low, rule.high, n_obs)

    def _variance(
        self,
        mean: Array,
        keys: Keys | None,
        windows: str | None,
        valid: NDArray[np.bool_],
    ) -> Array:
        rule = self.variance
        if isinstance(rule, SampledVariance):
            rule = rule.base
        if isinstance(rule, RelativeVariance):
            return np.maximum(rule.fraction * np.abs(mean), rule.floor) ** 2
        if isinstance(rule, SeriesVariance):
            spread = np.var(mean, ddof=1) if mean.size > 1 else 0.0
            return np.full(mean.shape, spread)
        if rule.value is not None:
            return np.full(mean.shape, rule.value)
        if self.given is None:
            raise InputError(
                f'stream {self.name!r}: variance "given", but none came with it',
                wanted=f"{self.name}_variance (units squared) or {self.name}_sd "
                "beside it",
                hint='Or choose variance="series".',
            )
        given = self.given[valid]
        missing = np.flatnonzero(~np.isfinite(given))
        if missing.size:
            raise InputError(
                f"stream {self.name!r} at {_date(self.time[valid][missing[0]])}: "
                "a value without a variance",
                found=f"{missing.size} valid values with variance missing",
                wanted="a variance for each valid value",
            )
        if keys is None or windows is None:
            return given
        owner = window_keys(self.time[valid], windows)
        kept = np.isin(owner, keys)
        place = np.searchsorted(keys, owner[kept])
        count = np.bincount(place, minlength=keys.size)
        total = np.bincount(place, given[kept], minlength=keys.size)
        return total / count**2

    def _check_variance(self, variance: Array, time: NDArray[Any]) -> None:
        bad = np.flatnonzero(~(variance > 0.0) | ~np.isfinite(variance))
        if bad.size:
            raise InputError(
                f"stream {self.name!r} at {_date(time[bad[0]])}: "
                f"error variance is {variance[bad[0]]:g} "
                f"(rule: {self.variance.name})",
                found=f"{bad.size} of {variance.size} variances not above zero",
                wanted="variances above zero",
                hint="A constant series has no variance of its own; give one, or use "
                "masm.RelativeVariance with a floor.",
            )


def _date(value: Any) -> str:
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value, unit="D"))
    return str(value)
