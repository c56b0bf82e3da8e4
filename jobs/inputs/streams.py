"""Observations as the calibration and the scores see them: 8-day means, one rule.

The same aggregation serves the likelihood, the scores and the figures, so that a
score is about the numbers that were fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.schema import RelativeVariance
from jobs.config.schema import Stream as StreamConfig
from jobs.config.section import Period

if TYPE_CHECKING:
    import xarray as xr

    import masm


def select_years(data: xr.Dataset, period: Period) -> xr.Dataset:
    """Return the days of whole calendar years."""
    return data.sel(time=period.years)


def make_streams(
    observations: xr.Dataset, rules: Mapping[str, StreamConfig], period: Period
) -> dict[str, masm.Stream]:
    """Return the observation streams of some years.

    Parameters
    ----------
    observations : xarray.Dataset
        Over ``time``: each stream, NaN where missing, with ``<name>_sd`` or
        ``<name>_variance`` beside it.
    rules : mapping
        How much each stream is believed; streams without a rule are left out.
    period : Period
        Years to keep.
    """
    from masm.observations.dataset import streams_from_dataset

    streams: dict[str, masm.Stream] = {}
    chosen = select_years(observations, period)
    for name, rule in rules.items():
        parts = [name, f"{name}_sd", f"{name}_variance"]
        streams |= streams_from_dataset(
            chosen[[part for part in parts if part in chosen]],
            variance={name: _rule(rule)},
            names=[name],
            windows="8-day",
        )
    return streams


def pair(
    stream: masm.Stream, simulated: xr.DataArray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lay a daily simulation beside the observed 8-day means.

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
    from masm.observations.windows import plan_aggregation

    series = stream.aggregate()
    if series.keys is None or series.windows is None:
        raise ValueError(f"stream {stream.name} is not aggregated to windows")
    plan = plan_aggregation(
        simulated["time"].to_numpy(),
        series.keys,
        series.windows,
        days=series.days,
        stream=stream.name,
    )
    means = plan(simulated.to_numpy()[None, :])[0]
    return series.time, series.value, np.sqrt(series.variance), means


def _rule(config: StreamConfig) -> object:
    if isinstance(config.variance, RelativeVariance):
        import masm

        rule = masm.RelativeVariance(config.variance.fraction, config.variance.floor)
        return masm.SampledVariance(rule) if config.variance.sampled else rule
    return config.variance
