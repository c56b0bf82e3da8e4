"""Observations as they are given: streams read from a Dataset or taken as they are.

What a stream is stands in `masm.observations.stream`, what its errors are in
`masm.observations.error_models`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.observations.error_models import (
    Errors,
    GivenVariance,
    RelativeVariance,
    SampledVariance,
    SeriesVariance,
    VarianceRule,
    as_variance_rule,
)
from masm.observations.stream import ObservedSeries, Stream
from masm.observations.windows import is_calendar, time_step_days
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
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
    if variable.dtype.kind not in "iuf":  # words would be parsed, dates counted
        raise InputError(
            f"stream {name!r} is not numeric",
            found=f"values of type {variable.dtype}",
            wanted="numbers",
        )
    return variable.to_numpy().astype(float)


def _given_variance(observations: xr.Dataset, name: str) -> Array | None:
    size = observations.sizes["time"]
    if name + "_variance" in observations:
        given = _numbers(observations[name + "_variance"], name + "_variance")
    elif name + "_sd" in observations:
        with np.errstate(over="ignore"):  # an infinite variance is refused by name
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
