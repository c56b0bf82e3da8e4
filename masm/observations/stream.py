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

from masm.errors import InputError, NothingObserved
from masm.observations.error_models import (
    INDEPENDENT,
    SERIES,
    Errors,
    RelativeVariance,
    SampledVariance,
    SeriesVariance,
    VarianceRule,
    as_variance_rule,
    uses_given,
)
from masm.observations.error_scale import ErrorScale
from masm.observations.gate import LARGEST_VALUE as LARGEST_VALUE
from masm.observations.gate import (
    check_numbers,
    check_spread,
    check_times,
    date_text,
)
from masm.observations.intervals import (
    UNKNOWN,
    Dates,
    Interval,
    days_of,
    interval_of,
    longer_than,
)
from masm.observations.treatments import left_out
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

CHOICE = (
    'windows="month" (or "8-day", "year", ...), windows=None for values of single '
    "days, or time_bnds beside the values"
)
"""How a caller of `masm.calibrate` says what a value stands for."""


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
    bounds : ndarray, (n_obs, 2), or None
        First day, and first day after, of what each value stands for; where it is
        no calendar window.
    unsettled : str
        What to do about values of which nobody knows how long they stand for; empty
        where it is known. A model with more dates than they have is then refused.
    slopes : ndarray, (n_obs, n_parameters), or None
        Of the model by its parameters, to which a discrepancy is made orthogonal.
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
    bounds: Dates | None = None
    unsettled: str = ""
    slopes: Array | None = None

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
        Fraction of a window's values that must be valid for it to count.
    errors : Errors
        Whether errors are correlated in time or share a bias.
    interval : Interval or None
        What a value stands for; None finds it out from the dates
        (`masm.observations.intervals`). Values that stand for more time than a
        window holds are refused.
    source : str
        Where the values come from, such as a file; for messages.
    choice : str
        How the user says what a value stands for; for messages.
    settled : bool
        Whether windows, or their absence, were chosen by a user or by what is known.

    Examples
    --------
    >>> import numpy as np, masm
    >>> days = np.arange("2004-01-01", "2004-01-17", dtype="datetime64[D]")
    >>> gpp = masm.Stream(
    ...     "gpp", days, np.arange(16.0), units="g m-2 d-1",
    ...     variance=masm.RelativeVariance(0.1, 0.2),
    ... )
    >>> gpp.aggregate().value.tolist()
    [3.5, 11.5]
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
    interval: Interval | None = None
    source: str = ""
    choice: str = CHOICE
    settled: bool = True

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
                    f"{self.label}: {label} and time differ in length",
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

    @property
    def label(self) -> str:
        """What messages call it: its file, where there is one, and its name."""
        name = f"stream {self.name!r}"
        return f"{self.source}  {name}" if self.source else name

    def _check(self) -> None:
        check_times(self.time, self.label)
        check_numbers(self.time, self.value, self.label)
        if not np.isfinite(self.value).any():
            raise InputError(
                f"{self.label} has no observations",
                found=f"{self.value.size} times, every value missing or masked",
                wanted="at least one valid value",
            )
        if self.given is not None and uses_given(self.variance):
            check_spread(self.time, self.given, self.value, self.label, "variance")
        sampled = isinstance(self.variance, SampledVariance)
        usual = self.errors.shape.is_normal and self.errors.effective_share == 1.0
        if sampled and not usual:
            raise InputError(
                f"{self.label}: errors of unknown size that are not normal, or count "
                "by an effective fraction",
                found=self.errors.name,
                wanted="a variance that is known, or normal errors that all count",
            )
        if not 0.0 <= self.min_fraction <= 1.0:
            raise InputError(
                f"{self.label}: min_fraction is a fraction",
                found=self.min_fraction,
                wanted="a number from 0 to 1",
            )
        if self.interval is None and is_calendar(self.time):
            found = interval_of(self.time, np.isfinite(self.value))
            object.__setattr__(self, "interval", found)
        if self.is_windowed and longer_than(self._interval, str(self.windows)):
            raise InputError(
                f"{self.label}: values that stand for more time than a window holds",
                found=f"values of a {self._interval.kind} each "
                f"(from {self._interval.source}), {self.windows} windows",
                wanted="windows of at least that length",
                hint=f"Say {self.choice}.",
            )

    @property
    def _interval(self) -> Interval:
        return self.interval or UNKNOWN

    @property
    def is_windowed(self) -> bool:
        """Whether values are averaged in calendar windows."""
        return self.windows is not None and is_calendar(self.time)

    def without_filler(self) -> Stream:
        """Drop the missing values that only pad a sparse product to daily dates.

        A composite every fourth day on a daily axis is not a daily series with gaps:
        the missing ones say nothing. A daily series keeps its gaps.
        """
        valid = np.isfinite(self.value)
        if not is_calendar(self.time) or valid.all() or self._interval.kind == "day":
            return self
        given = None if self.given is None else self.given[valid]
        interval = self._interval
        if interval.bounds is not None:
            interval = replace(interval, bounds=interval.bounds[valid])
        return replace(
            self,
            time=self.time[valid],
            value=self.value[valid],
            given=given,
            use=None,
            interval=interval,
        )

    def aggregate(self) -> ObservedSeries:
        """Average to windows and work out the error variance of each mean."""
        seen = self.without_filler()
        if seen is not self:
            return seen.aggregate()
        valid = np.isfinite(self.value)
        windows = self.windows if self.is_windowed else None
        keys = days = bounds = None
        every = self.errors.every
        if windows is None:
            kept = np.flatnonzero(valid)[::every]
            valid = np.isin(np.arange(valid.size), kept)
            time, mean = self.time[valid], self.value[valid]
            if self._interval.bounds is not None:
                bounds = self._interval.bounds[valid]
                time = bounds[:, 0].astype("datetime64[ns]")
        else:
            mean, keys, _ = window_means(
                self.value,
                self.time,
                windows,
                self.min_fraction,
                step_days=self._step_days(windows),
            )
            if not mean.size:
                raise self._too_few(windows, int(valid.sum()))
            mean, keys = mean[::every], keys[::every]
            time = window_starts(keys, windows)
            if self._interval.kind == "day" and time_step_days(self.time) <= 1.0:
                # Compare like with like: a model mean over the days measured.
                in_kept = np.isin(window_keys(self.time, windows), keys)
                days = np.unique(window_keys(self.time[valid & in_kept], "1-day"))
        variance = self._variance(mean, keys, windows, valid)
        self._check_variance(variance, time)
        self.errors.shape.check(mean, self.label)
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
            self._scale(time, mean),
            bounds,
            "" if self.settled else f"Say {self.choice}.",
        )

    def _step_days(self, windows: str) -> float | None:
        """Days between the values that a window could hold."""
        known = days_of(self._interval)
        if known is None and self.time.size == 1:
            return float(window_days(windows) or 31)  # one value: the window's own
        return known

    def _too_few(self, windows: str, n_valid: int) -> NothingObserved:
        return NothingObserved(
            f"{self.label}: no {windows} window has enough values",
            found=f"{n_valid} valid values on dates that read as every {self._word()}",
            wanted=f"{self.min_fraction:.0%} of the values of a window",
            hint=f"Lower min_fraction, use longer windows, or say {self.choice}.",
        )

    def _word(self) -> str:
        return str(self._interval.kind or "few days")

    def _scale(self, time: NDArray[Any], mean: Array) -> ErrorScale | None:
        rule = self.variance
        if not isinstance(rule, SampledVariance):
            return None
        free = left_out(self.errors.treatment, time, mean, f"stream {self.name!r}")
        return ErrorScale(rule.low, rule.high, mean.size, free.shape[1])

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
                f'{self.label}: variance "given", but none came with it',
                wanted=f"{self.name}_variance (units squared) or {self.name}_sd "
                "beside it",
                hint='Or choose variance="series".',
            )
        given = self.given[valid]
        missing = np.flatnonzero(~np.isfinite(given))
        if missing.size:
            raise InputError(
                f"{self.label} at {date_text(self.time[valid][missing[0]])}: "
                "a value without a variance",
                found=f"{missing.size} valid values with variance missing",
                wanted="a variance for each valid value",
            )
        if keys is None or windows is None:
            return given
        owner = window_keys(self.time[valid], windows)
        kept = np.isin(owner, keys)
        place = np.searchsorted(keys, owner[kept])
        return rule.of_means(given[kept], place, keys.size)

    def _check_variance(self, variance: Array, time: NDArray[Any]) -> None:
        bad = np.flatnonzero(~(variance > 0.0) | ~np.isfinite(variance))
        if bad.size:
            raise InputError(
                f"{self.label} at {date_text(time[bad[0]])}: "
                f"error variance is {variance[bad[0]]:g} "
                f"(rule: {self.variance.name})",
                found=f"{bad.size} of {variance.size} variances not above zero",
                wanted="variances above zero",
                hint="A constant series has no variance of its own; give one, or use "
                "masm.RelativeVariance with a floor.",
            )
