"""How model output over time is averaged to the observations of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.observations.stream import ObservedSeries
from masm.observations.windows import (
    Aggregation,
    is_calendar,
    plan_aggregation,
    plan_intervals,
    time_step_days,
)
from masm.types import Array


def plan_stream(
    series: ObservedSeries,
    time: NDArray[Any] | None,
    n_time: int,
    observed_time: NDArray[Any] | None,
) -> Callable[[Array], Array]:
    """Find the map from a model's time axis to one stream's observations."""
    if time is None:
        if observed_time is not None and n_time == len(observed_time):
            time = observed_time
        elif n_time == series.n_obs:
            return np.asarray
        else:
            raise InputError(
                f"model output for {series.name!r} states no time",
                found=f"{n_time} values",
                wanted=f"a time coordinate, or {series.n_obs} values, one for each "
                "observation",
            )
    if series.windows is not None and series.keys is not None and is_calendar(time):
        return plan_aggregation(
            time, series.keys, series.windows, days=series.days, stream=series.name
        )
    if series.bounds is not None and is_calendar(time):
        return plan_intervals(time, series.bounds, stream=series.name)
    if series.unsettled:
        _require_no_finer_model(series, time)
    return _match_times(series, time)


def _require_no_finer_model(series: ObservedSeries, time: NDArray[Any]) -> None:
    """Refuse values of an unknown length where the model could be averaged over any.

    A model with the observations' own dates leaves nothing to choose.
    """
    if not is_calendar(time):
        return
    own = time_step_days(series.time) if series.n_obs > 1 else np.inf
    if time_step_days(time) > 0.6 * own:
        return
    dates = ", ".join(str(day)[:10] for day in series.time[:4])
    raise InputError(
        f"stream {series.name!r}: it is not known how long a value stands for",
        found=f"{series.n_obs} values on {dates}{', ...' if series.n_obs > 4 else ''}, "
        f"a model every {time_step_days(time):g} days",
        wanted="to know over which days the model is to be averaged",
        hint=series.unsettled,
    )


def _match_times(series: ObservedSeries, time: NDArray[Any]) -> Aggregation:
    from scipy import sparse

    place = {moment: i for i, moment in enumerate(time.tolist())}
    wanted = series.time
    if wanted.dtype.kind == "M" and time.dtype.kind == "M":
        wanted = wanted.astype(time.dtype)
    columns = [place.get(moment, -1) for moment in wanted.tolist()]
    if -1 in columns:
        raise InputError(
            f"model output for {series.name!r} does not cover the observations: "
            f"none at {wanted[columns.index(-1)]}",
            found=f"{columns.count(-1)} of {series.n_obs} times without a model value",
            wanted="a model value at every observed time",
        )
    n = series.n_obs
    return Aggregation(
        sparse.csr_array((np.ones(n), (np.arange(n), columns)), shape=(n, time.size))
    )
