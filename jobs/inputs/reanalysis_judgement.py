"""The judgement of a reanalysis' tables: the gate for observations, for many sites.

Values of a state pass the limits of every other door. What cannot be raises; what is
only unlikely is a doubt, which is said and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.inputs.reanalysis_tables import Observations

if TYPE_CHECKING:
    from jobs.run.reanalysis_run import ReanalysisRun

Array = NDArray[np.float64]

_TIMES = 5.0  # apart: observations and the pools that the members start with
_WIDE = 2.0  # times the mean: an sd with which a pool says nothing
_LOW = 0.5  # fraction of the rows left out for quality that is much


def judge_tables(
    run: ReanalysisRun,
    files: Mapping[str, Path],
    observations: Observations,
    pools: Mapping[str, tuple[Array, Array]],
) -> list[str]:
    """Judge observations and initial pools.

    Parameters
    ----------
    run : ReanalysisRun
    files : mapping
        Of the tables, for messages.
    observations : Observations
    pools : mapping
        Mean and sd of each state at each site.

    Returns
    -------
    list of str
        Doubts.

    Raises
    ------
    masm.InputError
        For a missing-value code, and a value that the state cannot have.
    """
    path = files["reanalysis.observations.file"]
    days = np.array([one.last for one in run.cycles if one.is_analysed], "M8[D]")
    doubts = [f"{path.name}: {doubt}" for doubt in _few_of_quality(observations)]
    for k, name in enumerate(run.states):
        unit = run.model.analysed[name].unit
        value, sd = observations.value[..., k], observations.sd[..., k]
        known = np.isfinite(value)
        if known.any():
            time = np.broadcast_to(days[:, None], value.shape)[known]
            label = f"{path.name}: state {name!r}"
            doubts += _judged(label, name, unit, time, value[known], sd[known])
            if name in pools:
                doubts += _apart(label, value[known], pools[name][0])
    for name, (mean, sd) in pools.items():
        label = f"{files['reanalysis.initial_pools'].name}: {name}"
        unit = run.model.analysed[name].unit
        doubts += _judged(label, name, unit, np.arange(mean.size), mean, None)
        wide = sd > _WIDE * mean
        if wide.any():
            doubts.append(
                f"{label}: an sd above {_WIDE:g} times the mean at {int(wide.sum())} "
                f"of {wide.size} sites: is it a variance?"
            )
    return doubts


def _judged(
    label: str,
    name: str,
    unit: str,
    time: NDArray,
    value: Array,
    sd: Array | None,
) -> Iterator[str]:
    """Pass values through the gate; yield doubts about them."""
    from masm.observations.doubts import doubts_of_values
    from masm.observations.gate import check_limits, check_numbers

    check_numbers(time, value, label)
    check_limits(time, value, label, name, unit)
    for doubt in doubts_of_values(name, unit, value, sd):
        yield f"{label}: {doubt}"


def _apart(label: str, value: Array, pool: Array) -> Iterator[str]:
    """Say it where observations and initial pools differ by a factor of a unit."""
    seen, start = float(np.median(value)), float(np.median(pool))
    if min(seen, start) > 0.0 and not 1.0 / _TIMES < seen / start < _TIMES:
        yield (
            f"{label}: observations of about {seen:.3g}, and initial pools of about "
            f"{start:.3g}: are both in one unit?"
        )


def _few_of_quality(observations: Observations) -> Iterator[str]:
    n = observations.n_used + observations.n_low_quality
    if observations.n_low_quality > _LOW * n:
        yield (
            f"{observations.n_low_quality} of {n} rows are left out for their quality: "
            "is a high number a good one, as least_quality takes it?"
        )
