"""What is unlikely of observations, though not impossible: said, never refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from masm.observations.gate import limits_of
from masm.observations.odd_values import odd_values, spread_out
from masm.types import Array

if TYPE_CHECKING:
    from masm.observations.stream import Stream

logger = logging.getLogger(__name__)

_SMALL_SD = 1e-3  # of the usual size of a value
_LARGE_SD = 2.0  # times the largest values: values that say nothing
_FEW_SDS = 3
_SAME = 0.5  # fraction of values that are one number
_ALIKE = 0.5  # correlation of GPP and NEE from which one of the signs is in doubt
_TOGETHER = 30  # values of both
# 95 % of a series' values are smaller at hardly any place, tundra and desert included.
_SMALLEST = {"g m-2 d-1": 0.2, "mm d-1": 0.1, "1": 0.03}
_TIMES = 5.0  # as large, or as small, as every model run
_BELOW = -1.5  # of a flux of one sign, in its unit: less than noise makes


def say_doubts(streams: Mapping[str, Stream]) -> list[str]:
    """Log every doubt about some streams as a warning, and return them."""
    found = [
        f"{stream.label}: {doubt}"
        for stream in streams.values()
        for doubt in doubts_of(stream)
    ]
    found += [f"stream {name!r}: {doubt}" for name, doubt in doubts_between(streams)]
    for doubt in found:
        logger.warning("%s", doubt)
    return found


def doubts_of(stream: Stream) -> Iterator[str]:
    """Say what is unlikely of one stream.

    Parameters
    ----------
    stream : Stream
        As it passed the gate.
    """
    known = np.isfinite(stream.value)
    value = stream.value[known]
    sd = None if stream.given is None else np.sqrt(stream.given[known])
    yield from doubts_of_values(stream.name, stream.units, value, sd)
    if stream.interval is not None and stream.interval.kind == "day":
        yield from spread_out(value)


def doubts_of_values(
    name: str, units: str, value: Array, sd: Array | None
) -> Iterator[str]:
    """Say what is unlikely of values, of one place over time or of many places.

    Parameters
    ----------
    name, units : str
        What they are of; nothing is compared with limits where these are not known.
    value : ndarray (n,)
        Without NaN.
    sd : ndarray (n,), optional
        Standard deviations that came with them.
    """
    limits = limits_of(name, units)
    mean = float(value.mean())
    if limits is not None:
        low, high = limits.quantity.usual
        of_site = mean * limits.factor
        signed = limits.quantity.usual[0] >= 0.0
        if signed and of_site < 0.0:
            yield (
                f"mean {mean:.3g} {units} is negative: is the sign that of an "
                "uptake counted down?"
            )
        elif not low <= of_site <= high and value.any():
            yield (
                f"mean {mean:.3g} {units} is outside {low / limits.factor:g} to "
                f"{high / limits.factor:g}, where nearly every site lies"
            )
        below = float(np.mean(value * limits.factor < _BELOW))
        if signed and limits.quantity.units != "1" and below > 0.05 and of_site > 0.0:
            yield (
                f"{below:.0%} of the values are below {_BELOW / limits.factor:g} "
                f"{units}: is it {limits.quantity.name}, with its sign?"
            )
    rests = limits is None or limits.quantity.name not in ("er", "ra", "rh")
    yield from odd_values(value, units, rests=rests)
    if limits is not None and value.size > _TOGETHER and value.any():
        size = float(np.percentile(np.abs(value), 95.0))
        if size * limits.factor < _SMALLEST.get(limits.quantity.units, 0.0):
            yield (
                f"95 % of the values are smaller than {size:.2g} {units}: is "
                "the unit right?"
            )
    if value.size > _TOGETHER:
        same = np.unique(value, return_counts=True)[1].max() / value.size
        if same > _SAME and np.ptp(value) > 0.0:
            yield f"{same:.0%} of its values are one and the same number"
    if sd is not None:
        yield from _doubts_of_spread(value, sd)


def _doubts_of_spread(value: Array, sd: Array) -> Iterator[str]:
    """Say it where standard deviations decide alone, or let the values say nothing."""
    size = float(np.median(np.abs(value)))
    with np.errstate(invalid="ignore"):
        tiny = sd < _SMALL_SD * size
    if size > 0.0 and tiny.mean() > 0.05:
        yield (
            f"{tiny.mean():.0%} of its standard deviations are below {_SMALL_SD:g} "
            "of the usual value: they would decide alone"
        )
    known = sd[np.isfinite(sd)]
    largest = float(np.percentile(np.abs(value), 95.0))
    usual = float(np.median(known)) if known.size else 0.0
    if known.size >= _FEW_SDS and usual > _LARGE_SD * largest > 0.0:
        yield (
            f"the standard deviations ({usual:.3g}) are {usual / largest:.3g} times as "
            f"large as the largest values ({largest:.3g}): are they variances, in "
            "percent, or the other column?"
        )


def doubts_against_model(name: str, observed: Array, runs: Array) -> Iterator[str]:
    """Say it where every model run goes the other way.

    Parameters
    ----------
    name : str
        Of the stream.
    observed : ndarray (n_obs,)
    runs : ndarray (run, n_obs)
        Model output over the prior; NaN rows are failed runs.
    """
    runs = runs[np.isfinite(runs).all(axis=1)]
    runs = runs[np.ptp(runs, axis=1) > 0.0] if runs.shape[1] else runs
    if observed.size < _TOGETHER or len(runs) < 3 or np.ptp(observed) == 0.0:
        return
    sizes = np.percentile(np.abs(runs), 95.0, axis=1)
    size = float(np.percentile(np.abs(observed), 95.0))
    if size > _TIMES * sizes.max() or 0.0 < size < sizes.min() / _TIMES:
        yield (
            f"stream {name!r}: sizes of about {size:.3g}, where the model runs reach "
            f"{sizes.min():.3g} to {sizes.max():.3g}: is the unit right, or a factor "
            "lost?"
        )
    r = np.array([np.corrcoef(observed, run)[0, 1] for run in runs])
    if r.max() < 0.0 and np.median(r) < -_ALIKE:
        yield (
            f"stream {name!r}: it falls where every model run rises (r "
            f"{np.median(r):.2f}): is its sign right, and are the dates of this "
            "hemisphere?"
        )


def doubts_between(streams: Mapping[str, Stream]) -> Iterator[tuple[str, str]]:
    """Say what is unlikely of streams beside each other, with the stream it is of."""
    gpp, nee = streams.get("gpp"), streams.get("nee")
    if gpp is None or nee is None:
        return
    if gpp.time.dtype.kind != "M" or nee.time.dtype.kind != "M":
        return
    _, at, of = np.intersect1d(gpp.time, nee.time, return_indices=True)
    uptake, exchange = gpp.value[at], nee.value[of]
    both = np.isfinite(uptake) & np.isfinite(exchange)
    if both.sum() < _TOGETHER or min(np.ptp(uptake[both]), np.ptp(exchange[both])) == 0:
        return
    r = float(np.corrcoef(uptake[both], exchange[both])[0, 1])
    if r > _ALIKE:
        yield (
            "nee",
            f"NEE rises with GPP (r {r:.2f}): is its sign that of an uptake? "
            "Release to the air is positive here",
        )
