"""Observation streams: what was measured, when, how surely, and in which windows.

A `Stream` is checked when it is made. `Stream.aggregate` turns it into the
`ObservedSeries` that a likelihood compares with the model: one mean and one error
variance for each window with enough valid values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masm.aggregate import (
    Keys,
    is_calendar,
    time_step_days,
    window_days,
    window_keys,
    window_means,
    window_starts,
)
from masm.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SeriesVariance:
    """Error variance taken as the variance of the observed, aggregated series.

    The practice of the source paper: the cost becomes SSE / var(observed), of the
    order of ``n (1 - NSE)``. It is flat; posteriors under it are wide.
    """

    name = "series"


@dataclass(frozen=True)
class GivenVariance:
    """Error variance that comes with the data, or one number for all of them.

    Attributes
    ----------
    value : float or None
        Variance of one aggregated value, in units squared. None takes the variance
        given with each observation; a mean of k of them with independent errors has
        their sum over k squared.
    """

    value: float | None = None

    @property
    def name(self) -> str:
        """Name as it stands in a result."""
        return "given" if self.value is None else f"given ({self.value:g})"


@dataclass(frozen=True)
class RelativeVariance:
    """Error standard deviation as a share of the observed value, with a floor.

    Attributes
    ----------
    fraction : float
        Standard deviation over observed value.
    floor : float
        Least standard deviation, in the stream's units.
    """

    fraction: float
    floor: float

    @property
    def name(self) -> str:
        """Name as it stands in a result."""
        return f"relative (sd {self.fraction:g} of value, floor {self.floor:g})"


VarianceRule = SeriesVariance | GivenVariance | RelativeVariance


def as_variance_rule(rule: Any, *, stream: str, given: bool) -> VarianceRule:
    """Read ``"series"``, ``"given"``, a number or a rule object.

    None means the variance given with the data where there is one, else that of
    the series.
    """
    if isinstance(rule, SeriesVariance | GivenVariance | RelativeVariance):
        return rule
    if rule is None:
        return GivenVariance() if given else SeriesVariance()
    if rule == "series":
        return SeriesVariance()
    if rule == "given":
        return GivenVariance()
    if isinstance(rule, int | float | np.number) and not isinstance(rule, bool):
        return GivenVariance(float(rule))
    raise InputError(
        f"variance of {stream!r}: rule not known",
        found=repr(rule),
        wanted='"series", "given", a number (units squared) or '
        "masm.RelativeVariance(fraction, floor)",
    )


@dataclass(frozen=True)
class Errors:
    """How the errors of a stream hang together; by default not at all.

    Attributes
    ----------
    correlation : float
        Of the errors of two neighbouring windows (AR(1)): errors k windows apart
        have correlation to the k-th power. From 0 to below 1. Series of n then carry
        about ``n (1 - r) / (1 + r)`` independent observations.
    bias_sd : float
        Standard deviation, in the stream's units, of an unknown constant added to
        the whole series. It is integrated out.
    """

    correlation: float = 0.0
    bias_sd: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.correlation < 1.0:
            raise InputError(
                "errors: correlation",
                found=self.correlation,
                wanted="from 0 to below 1",
            )
        if not 0.0 <= self.bias_sd < np.inf:
            raise InputError(
                "errors: bias_sd", found=self.bias_sd, wanted="zero or above"
            )

    @property
    def name(self) -> str:
        """Name as it stands in a result."""
        parts = []
        if self.correlation:
            parts.append(f"AR(1) {self.correlation:g}")
        if self.bias_sd:
            parts.append(f"bias sd {self.bias_sd:g}")
        return ", ".join(parts) or "independent"


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
        Window keys, see `masm.aggregate`.
    days : ndarray or None
        Keys of the single days observed, when the observations are daily.
    errors : Errors
        Whether errors are correlated in time or share a bias.
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
    errors: Errors = Errors()

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
    variance: VarianceRule = SeriesVariance()
    given: Array | None = None
    use: NDArray[np.bool_] | None = None
    windows: str | None = "8-day"
    min_fraction: float = 0.5
    errors: Errors = Errors()

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
        infinite = np.flatnonzero(np.isinf(self.value))
        if infinite.size:
            raise InputError(
                f"stream {self.name!r} at {_date(self.time[infinite[0]])}: "
                "value is not finite",
                found=f"{infinite.size} infinite values",
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
        )

    def _variance(
        self,
        mean: Array,
        keys: Keys | None,
        windows: str | None,
        valid: NDArray[np.bool_],
    ) -> Array:
        rule = self.variance
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


def _default_windows(time: NDArray[Any]) -> str | None:
    return "8-day" if is_calendar(time) and time_step_days(time) <= 8.0 else None


def streams_from_dataset(
    observations: xr.Dataset,
    *,
    variance: Any = None,
    windows: Any = "auto",
    errors: Any = None,
    names: Sequence[str] | None = None,
) -> dict[str, Stream]:
    """Read the streams of a Dataset over ``time``.

    Parameters
    ----------
    observations : xarray.Dataset
        A variable over ``time`` for each stream, NaN where missing, with ``units``
        in its attributes. Beside ``gpp`` may stand ``gpp_variance`` (units squared)
        or ``gpp_sd``, and ``gpp_use`` (False leaves a value out).
    variance : rule, or mapping of stream to rule, optional
        See `as_variance_rule`.
    windows : str, None, or mapping of stream to either, optional
        ``"auto"`` is ``"8-day"`` for dates at most 8 days apart, else None.
    errors : Errors, or mapping of stream to Errors, optional
        Correlation in time and bias; independent by default.
    names : sequence of str, optional
        The streams wanted; all of them by default.
    """
    if "time" not in observations.dims:
        raise InputError(
            "observations have no time dimension",
            found=f"dimensions {', '.join(map(str, observations.dims)) or 'none'}",
            wanted="variables over time",
        )
    variables = {str(name) for name in observations.data_vars}
    companions = {
        name + suffix
        for name in variables
        for suffix in ("_variance", "_sd", "_use")
        if name + suffix in variables
    }
    streams = [
        str(name)
        for name, variable in observations.data_vars.items()
        if name not in companions and variable.dims == ("time",)
    ]
    if not streams:
        raise InputError(
            "observations hold no stream",
            found=f"variables {', '.join(sorted(variables)) or 'none'}",
            wanted="at least one variable over time, such as gpp",
        )
    wanted = streams if names is None else list(names)
    for per_stream in (variance, windows, errors):
        if isinstance(per_stream, Mapping):
            unknown = [name for name in per_stream if name not in streams]
            if unknown:
                raise _unknown_stream(unknown[0], streams, "an option names it")
    result = {}
    for name in wanted:
        if name not in streams:
            raise _unknown_stream(name, streams, "it is not in the observations")
        variable = observations[name]
        given = _given_variance(observations, name)
        rule = variance.get(name) if isinstance(variance, Mapping) else variance
        window = windows.get(name, "auto") if isinstance(windows, Mapping) else windows
        time = observations["time"].to_numpy()
        use = name + "_use"
        result[name] = Stream(
            name,
            time,
            _numbers(variable, name),
            units=str(variable.attrs.get("units", "")),
            variance=as_variance_rule(rule, stream=name, given=given is not None),
            given=given,
            use=observations[use].to_numpy().astype(bool) if use in variables else None,
            windows=_default_windows(time) if window == "auto" else window,
            errors=_as_errors(errors, name) or Errors(),
        )
    return result


def _numbers(variable: xr.DataArray, name: str) -> Array:
    try:
        return variable.to_numpy().astype(float)
    except (TypeError, ValueError) as exc:
        raise InputError(
            f"stream {name!r} is not numeric", found=str(variable.dtype)
        ) from exc


def _given_variance(observations: xr.Dataset, name: str) -> Array | None:
    size = observations.sizes["time"]
    if name + "_variance" in observations:
        given = _numbers(observations[name + "_variance"], name + "_variance")
    elif name + "_sd" in observations:
        given = _numbers(observations[name + "_sd"], name + "_sd") ** 2
    else:
        return None
    return np.broadcast_to(given, (size,)).copy()


def _unknown_stream(name: str, known: Sequence[str], why: str) -> InputError:
    return InputError(
        f"unknown stream {name!r}: {why}",
        found=name,
        wanted=f"one of {', '.join(known)}",
    )


def as_streams(
    observations: Any,
    *,
    variance: Any = None,
    windows: Any = "auto",
    errors: Any = None,
) -> dict[str, Stream]:
    """Accept a Dataset over time, a `Stream`, or a mapping of name to `Stream`.

    Streams that were made by the caller keep their own windows and, unless
    ``variance`` or ``errors`` is given, their own variance rule and errors.
    """
    if isinstance(observations, Stream):
        observations = {observations.name: observations}
    if isinstance(observations, Mapping) and not hasattr(observations, "data_vars"):
        streams = dict(observations)
        if not streams:
            raise InputError("observations are empty", wanted="at least one stream")
        for name, stream in streams.items():
            if not isinstance(stream, Stream) or stream.name != name:
                raise InputError(
                    f"observations[{name!r}] is not a stream of that name",
                    found=repr(getattr(stream, "name", type(stream).__name__)),
                    wanted=f"masm.Stream({name!r}, time, value, ...)",
                )
        return {
            name: _with_options(stream, variance, errors)
            for name, stream in streams.items()
        }
    if hasattr(observations, "data_vars"):
        return streams_from_dataset(
            observations, variance=variance, windows=windows, errors=errors
        )
    raise InputError(
        "observations are of a kind that is not known",
        found=type(observations).__name__,
        wanted="an xarray Dataset over time, or a mapping of name to masm.Stream",
    )


def _with_options(stream: Stream, variance: Any, errors: Any) -> Stream:
    rule = variance.get(stream.name) if isinstance(variance, Mapping) else variance
    if rule is not None:
        given = stream.given is not None
        rule = as_variance_rule(rule, stream=stream.name, given=given)
        stream = replace(stream, variance=rule)
    together = _as_errors(errors, stream.name)
    return stream if together is None else replace(stream, errors=together)


def _as_errors(errors: Any, name: str) -> Errors | None:
    mine = errors.get(name) if isinstance(errors, Mapping) else errors
    if mine is not None and not isinstance(mine, Errors):
        raise InputError(
            f"errors of {name!r}: not known",
            found=repr(mine),
            wanted="masm.Errors(correlation=..., bias_sd=...)",
        )
    return mine
