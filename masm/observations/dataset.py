"""Observations as they are given: streams read from a Dataset or taken as they are.

Streams are defined in `masm.observations.stream`, their errors in
`masm.observations.error_models`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from masm.errors import InputError
from masm.observations.error_models import (
    Errors,
    GivenVariance,
    RelativeVariance,
    SampledVariance,
    SeriesVariance,
    VarianceRule,
    as_variance_rule,
    uses_given,
)
from masm.observations.gate import (
    check_limits,
    check_meaning,
    check_spread,
    check_spread_units,
    check_times,
    is_of_another_unit,
    without_invalid,
)
from masm.observations.intervals import Interval, interval_of, of_kind, windows_for
from masm.observations.stream import CHOICE, ObservedSeries, Stream
from masm.observations.windows import is_calendar
from masm.types import Array

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = [
    "ErrorOptions",
    "Errors",
    "GivenVariance",
    "ObservedSeries",
    "RelativeVariance",
    "SampledVariance",
    "SeriesVariance",
    "Stream",
    "VarianceRule",
    "as_streams",
    "as_variance_rule",
    "streams_from_dataset",
]


class ErrorOptions(TypedDict, total=False):
    """How observations are compared, as in `masm.calibrate`: three optional names."""

    variance: Any
    windows: Any
    errors: Any


def streams_from_dataset(
    observations: xr.Dataset,
    *,
    variance: Any = None,
    windows: Any = "auto",
    errors: Any = None,
    names: Sequence[str] | None = None,
    intervals: Mapping[str, str] | None = None,
    source: str = "",
    choice: str = CHOICE,
) -> dict[str, Stream]:
    """Read the streams of a Dataset over ``time``.

    Parameters
    ----------
    observations : xarray.Dataset
        A variable over ``time`` for each stream, NaN where missing, with ``units``
        in its attributes. ``gpp`` may have ``gpp_variance`` (units squared) or
        ``gpp_sd``, and ``gpp_use`` (False leaves a value out).
    variance : rule, or mapping of stream to rule, optional
        See `as_variance_rule`.
    windows : str, None, or mapping of stream to either, optional
        ``"auto"`` is ``"8-day"`` for values of days and of composites of at most 8
        days, ``"month"`` for monthly means, and so on; what a value stands for is
        found out by `masm.observations.intervals`. None compares at the stamps.
    errors : Errors, or mapping of stream to Errors, optional
        Correlation in time and bias; independent by default.
    names : sequence of str, optional
        The streams wanted; all of them by default.
    intervals : mapping of stream to str, optional
        What values stand for, where the caller knows: one of
        `masm.observations.intervals.KINDS`.
    source : str
        Where the values come from, such as a file; for messages.
    choice : str
        How the user says what a value stands for; for messages.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> import masm
    >>> days = pd.date_range("2004-01-01", periods=16)
    >>> gpp = ("time", np.arange(16.0), {"units": "g m-2 d-1"})
    >>> seen = xr.Dataset({"gpp": gpp}, {"time": days})
    >>> streams = masm.streams_from_dataset(seen, variance=0.04)
    >>> streams["gpp"].units, streams["gpp"].aggregate().value.tolist()
    ('g m-2 d-1', [3.5, 11.5])
    """
    where = f"{source}  " if source else ""
    if "time" not in observations.dims:
        raise InputError(
            f"{where}observations have no time dimension",
            found=f"dimensions {', '.join(map(str, observations.dims)) or 'none'}",
            wanted="variables over time",
        )
    observations = of_one_place(observations)
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
        for name in observations.data_vars:
            _refuse_many_places(observations, str(name), where)
        raise InputError(
            f"{where}observations hold no stream",
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
            _refuse_many_places(observations, name, where)
            raise _unknown_stream(
                name, streams, f"{where}it is not in the observations"
            )
        result[name] = _stream_of(
            observations,
            name,
            rule=variance.get(name) if isinstance(variance, Mapping) else variance,
            windows=windows.get(name, "auto")
            if isinstance(windows, Mapping)
            else windows,
            errors=_as_errors(errors, name) or Errors(),
            kind=(intervals or {}).get(name),
            source=source,
            choice=choice,
        )
    return result


def of_one_place(data: xr.Dataset) -> xr.Dataset:
    """Return a dataset without the axes of length one that are beside ``time``.

    Services cut a place out of a grid as 1 x 1 cells: (time, lat, lon) of one
    latitude and one longitude, which stay as scalars.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> cell = xr.Dataset(
    ...     {"gpp": (("time", "lat", "lon"), np.zeros((3, 1, 1)))},
    ...     {"time": [0, 1, 2], "lat": [42.5], "lon": [-72.2]},
    ... )
    >>> of_one_place(cell)["gpp"].dims, float(of_one_place(cell)["lat"])
    (('time',), 42.5)
    """
    single = {
        name: 0 for name, size in data.sizes.items() if size == 1 and name != "time"
    }
    return data.isel(single) if single else data


def _refuse_many_places(observations: xr.Dataset, name: str, where: str) -> None:
    """Refuse a variable over time and further axes: nobody knows which place is meant.

    Bounds of times (time, 2) are no observations.
    """
    if name not in observations.data_vars:
        return
    sizes = dict(observations[name].sizes)
    is_bounds = len(sizes) == 2 and list(sizes.values())[-1] == 2
    if "time" not in sizes or len(sizes) == 1 or is_bounds:
        return
    beside = " x ".join(f"{dim} {n}" for dim, n in sizes.items() if dim != "time")
    raise InputError(
        f"{where}{name}: values of more than one place",
        found=f"{beside} beside time",
        wanted="one place: (time), or axes of length one beside it",
        hint='Choose one, such as ds.sel(lat=..., lon=..., method="nearest").',
    )


def _stream_of(
    observations: xr.Dataset,
    name: str,
    *,
    rule: Any,
    windows: str | None,
    errors: Errors,
    kind: str | None,
    source: str,
    choice: str,
) -> Stream:
    label = f"{source}  stream {name!r}" if source else f"stream {name!r}"
    variable, time = observations[name], observations["time"].to_numpy()
    check_times(time, label)
    check_meaning(variable, name, label)
    value = without_invalid(variable, _numbers(variable, name), time, label)
    use = None
    if name + "_use" in observations:
        use = observations[name + "_use"].to_numpy().astype(bool)
        value = np.where(use, value, np.nan)
    interval = None
    if is_calendar(time):
        interval = (
            interval_of(time, np.isfinite(value), variable, observations, label=label)
            if kind is None
            else of_kind(kind, time, "what you say")
        )
        if interval.bounds is not None:
            time = interval.bounds[:, 0].astype("datetime64[ns]")
    settled = windows != "auto" or interval is None or interval.kind is not None
    if windows == "auto":
        windows, interval = _auto(interval)
    given = _given_variance(observations, name, value, label, rule)
    stream = Stream(
        name,
        time,
        value,
        units=str(variable.attrs.get("units", "")),
        variance=as_variance_rule(rule, stream=name, given=given is not None),
        given=given,
        use=use,
        windows=windows,
        errors=errors,
        interval=interval,
        source=source,
        choice=choice,
        settled=settled,
    )
    return _through_gate(stream)


def _through_gate(stream: Stream) -> Stream:
    """Compare a stream with the limits of its quantity.

    Where most values are beyond them the unit is wrong: the model's decides.
    """
    if not is_of_another_unit(stream.value, stream.name, stream.units):
        check_limits(stream.time, stream.value, stream.label, stream.name, stream.units)
    return stream


def _numbers(variable: xr.DataArray, name: str) -> Array:
    if variable.dtype.kind not in "iuf":  # words would be parsed, dates counted
        raise InputError(
            f"stream {name!r} is not numeric",
            found=f"values of type {variable.dtype}",
            wanted="numbers",
        )
    return variable.to_numpy().astype(float)


def _auto(interval: Interval | None) -> tuple[str | None, Interval | None]:
    """Windows for what values stand for; bounds only where no window is the same."""
    if interval is None:
        return None, None
    windows = windows_for(interval)
    if windows is not None:
        interval = Interval(interval.kind, interval.source)
    return windows, interval


def _given_variance(
    observations: xr.Dataset, name: str, value: Array, label: str, rule: Any
) -> Array | None:
    """Error variance beside the values; checked where the rule makes use of it."""
    time, size = observations["time"].to_numpy(), observations.sizes["time"]
    for suffix, power in (("_variance", 1), ("_sd", 2)):
        if name + suffix not in observations:
            continue
        beside = observations[name + suffix]
        spread = np.broadcast_to(_numbers(beside, name + suffix), (size,)).copy()
        if uses_given(as_variance_rule(rule, stream=name, given=True)):
            word = "variance" if power == 1 else "standard deviation"
            check_spread(time, spread, value, label, word)
            if power == 2:
                check_spread_units(observations[name], beside, label)
        with np.errstate(over="ignore"):  # an infinite variance is refused by name
            return spread**power
    return None


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
    """Accept a Dataset over time, a pandas table, a `Stream`, or a mapping of them.

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
            name: _with_options(_through_gate(stream), variance, errors)
            for name, stream in streams.items()
        }
    if hasattr(observations, "to_xarray") and hasattr(observations, "index"):
        observations = _of_table(observations)
    if hasattr(observations, "data_vars"):
        return streams_from_dataset(
            observations, variance=variance, windows=windows, errors=errors
        )
    raise InputError(
        "observations are of a kind that is not known",
        found=type(observations).__name__,
        wanted="an xarray Dataset over time, a pandas table with dates as its index, "
        "or a mapping of name to masm.Stream",
    )


def _of_table(table: pd.DataFrame | pd.Series) -> xr.Dataset:
    """Return a pandas table with dates as its index as a Dataset over time.

    A table has no units: its streams are taken in the model's where their values fit
    them (`masm.observations.gate.infer_units`), or ``table.attrs["units"]``, a mapping
    of column to unit, says them.
    """
    import pandas as pd

    if isinstance(table, pd.Series):
        table = table.to_frame(name=table.name or "observations")
    if not isinstance(table.index, pd.DatetimeIndex):
        raise InputError(
            "observations: a table without dates as its index",
            found=f"{type(table.index).__name__} of {table.index.dtype} values",
            wanted="a DatetimeIndex",
            hint='table.set_index("date"), with dates of pandas.to_datetime.',
        )
    twice = table.columns[table.columns.duplicated()]
    if twice.size:
        raise InputError(
            f"observations: a table with column {twice[0]!r} twice",
            wanted="each column once",
        )
    data = table.rename_axis("time").rename(columns=str).to_xarray()
    units = table.attrs.get("units", {})
    for name in data.data_vars:
        if isinstance(units, Mapping) and name in units:
            data[name].attrs["units"] = str(units[name])
    return data


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
