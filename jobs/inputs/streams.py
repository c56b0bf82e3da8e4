"""Observations as the calibration and the scores see them: window means, one rule.

The same aggregation serves the likelihood, the scores and the figures, so that a
score is about the numbers that were fitted. Values of days and of short composites
become 8-day means; longer ones are each compared over their own interval.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.schema import RelativeVariance
from jobs.config.schema import Stream as StreamConfig
from jobs.config.section import Period
from jobs.errors import ConfigError, NothingObserved, Problem

if TYPE_CHECKING:
    import xarray as xr

    import masm


def select_years(data: xr.Dataset, period: Period) -> xr.Dataset:
    """Return the days of whole calendar years."""
    return data.sel(time=period.years)


def make_streams(
    observations: xr.Dataset,
    rules: Mapping[str, StreamConfig],
    period: Period,
    *,
    units: Mapping[str, str],
    skip_empty: bool = False,
    without_years: Collection[int] = (),
) -> dict[str, masm.Stream]:
    """Return the observation streams of some years, through the gate.

    Parameters
    ----------
    observations : xarray.Dataset
        Over ``time``: each stream, NaN where missing, with ``<name>_sd`` or
        ``<name>_variance`` beside it, and ``time_bnds`` where there are any. Its
        attribute ``file`` is the name for messages.
    rules : mapping
        Error variance of each stream; streams without a rule are left out.
    period : Period
        Years to keep.
    units : mapping
        The unit of each output of the model; see `jobs.config.process_model.units_of`.
    skip_empty : bool
        Leave out streams without any value in these years, in place of refusing them.
    without_years : collection of int
        Years of the period whose values are not used.

    Raises
    ------
    NothingObserved
        If a stream has no value in these years.
    ConfigError
        If a stream is not there, or nobody knows how long a value stands for.
    masm.InputError
        If the gate refuses values, dates, units or errors.
    """
    from masm.observations.dataset import streams_from_dataset
    from masm.observations.units import require_same_units

    source = str(observations.attrs.get("file", ""))
    for name in rules:
        _require(observations, name, source)
    streams: dict[str, masm.Stream] = {}
    chosen = select_years(observations, period)
    if without_years:
        year = chosen["time"].dt.year
        chosen = chosen.isel(time=~year.isin(list(without_years)).to_numpy())
    bounds = [n for n in chosen.data_vars if chosen[n].dims[:1] == ("time",)]
    bounds = [n for n in bounds if chosen[n].ndim == 2]
    for name, rule in rules.items():
        if not _has_values(chosen[name]):
            if skip_empty:
                continue
            raise _empty(name, period, source)
        parts = [name, f"{name}_sd", f"{name}_variance", *bounds]
        has_spread = any(f"{name}_{part}" in chosen for part in ("sd", "variance"))
        made = streams_from_dataset(
            chosen[[part for part in parts if part in chosen]],
            variance={name: _rule(rule, has_spread=has_spread)},
            errors={name: _errors(rule)},
            names=[name],
            intervals={} if rule.interval is None else {name: rule.interval},
            source=source,
            choice=_choice(name),
        )[name]
        require_same_units(made, units[name])
        if not made.settled:
            raise _unsettled(made, source)
        streams[name] = replace(made, units=made.units or units[name])
    return streams


def pair(
    stream: masm.Stream, simulated: xr.DataArray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lay a daily simulation beside the observed means.

    Parameters
    ----------
    stream : masm.Stream
        Observations.
    simulated : xarray.DataArray (time,)
        Daily model output that covers them.

    Returns
    -------
    time, observed, sd, simulated : ndarray (n_obs,)
        First day of each window; values in the stream's unit.
    """
    from masm.observations.plan import plan_stream

    series = stream.aggregate()
    days = simulated["time"].to_numpy()
    plan = plan_stream(series, days, days.size, None)
    means = plan(simulated.to_numpy()[None, :])[0]
    return series.time, series.value, np.sqrt(series.variance), means


def _choice(name: str) -> str:
    return (
        f"streams.{name}.interval: month (or 8-day, 4-day, 10-day, 16-day, year, day, "
        "point)"
    )


def _require(observations: xr.Dataset, name: str, source: str) -> None:
    """Refuse a stream that is not there, naming what is."""
    if name in observations and "time" in observations[name].dims:
        return
    known = [str(one) for one in observations.data_vars]
    near = [one for one in known if one.lower() == name]
    near += [one for one in known if name in one.lower().split("_")]
    where = source or "observations"
    if name in observations:
        dims = ", ".join(map(str, observations[name].dims)) or "none"
        raise ConfigError(
            Problem(where, name, f"dimensions {dims}", "a variable over time")
        )
    raise ConfigError(
        Problem(
            where,
            name,
            found=f"no such variable; there are {', '.join(known) or 'none'}",
            wanted=f"a variable {name} over time",
            hint=f'Is it "{near[0]}"? Rename it to "{name}".' if near else "",
        )
    )


def _has_values(values: xr.DataArray) -> bool:
    numeric = values.dtype.kind in "iuf"
    return not numeric or bool(np.isfinite(values.to_numpy()).any())


def _empty(name: str, period: Period, source: str) -> NothingObserved:
    return NothingObserved(
        Problem(
            source or "observations",
            f"{name}, {period}",
            found="no value at all",
            wanted="at least one observation",
            hint="Choose other years under periods, or leave out the stream.",
        )
    )


def _unsettled(stream: masm.Stream, source: str) -> ConfigError:
    seen = stream.time[np.isfinite(stream.value)]
    dates = ", ".join(str(day)[:10] for day in seen[:4])
    return ConfigError(
        Problem(
            source or "observations",
            f"{stream.name}: it is not known how long a value stands for",
            found=f"{seen.size} values on {dates}{', ...' if seen.size > 4 else ''}",
            wanted="dates that only one calendar makes, time_bnds in the file, or your "
            "word",
            hint=f"Say {stream.choice}, in config.yaml.",
        )
    )


def _errors(config: StreamConfig) -> masm.Errors:
    import masm

    errors = masm.Errors(
        **config.errors.model_dump(),
        treatment=config.treatment,
        between_years=config.between_years,
    )
    if config.discrepancy is None:
        return errors
    return replace(
        errors,
        discrepancy_sd=config.discrepancy.sd,
        discrepancy_days=config.discrepancy.days,
        discrepancy_seasonal=config.discrepancy.seasonal,
    )


def _rule(config: StreamConfig, *, has_spread: bool) -> object:
    """Return a stream's rule; ``has_spread`` says whether it came with errors."""
    import masm

    if isinstance(config.variance, RelativeVariance):
        rule = masm.RelativeVariance(config.variance.fraction, config.variance.floor)
        return masm.SampledVariance(rule) if config.variance.sampled else rule
    correlation = config.window_correlation
    if correlation is None or not (has_spread or config.variance == "given"):
        return config.variance
    given = masm.GivenVariance(correlation=correlation)
    return given if config.variance == "given" else masm.SampledVariance(given)
