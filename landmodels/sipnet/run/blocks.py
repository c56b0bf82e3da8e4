"""Hand the lanes to the kernel, in one thread or in several."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import xarray as xr

from landmodels.sipnet.driver_records import driver_records
from landmodels.sipnet.physics import loop
from landmodels.sipnet.physics.constants import WINDOW_ENTRIES
from landmodels.sipnet.physics.records import (
    DRIVER_RECORD,
    EVENT_RECORD,
    FLUX_RECORD,
    OPTION_RECORD,
    PARAMETER_RECORD,
    STATE_RECORD,
    SUMMARY_RECORD,
)

#: Steps that the kernel's buffer of outputs holds.
_BUFFER = 32


@dataclass(frozen=True)
class Task:
    """What the kernel needs besides states: all lanes of a call."""

    parameters: np.ndarray  # (lane,) records
    options: np.ndarray  # one record
    drivers: np.ndarray  # (site, step) records
    lane_site: np.ndarray  # (lane,)
    events: np.ndarray  # records, site after site
    event_start: np.ndarray  # (site + 1,)
    columns: np.ndarray


def run_task(
    task: Task, state: np.ndarray | None, threads: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run all lanes.

    Returns
    -------
    out : ndarray (lane, column, step)
    states : ndarray (lane, state)
        The states at the end.
    summary : ndarray (lane,) of records
    """
    n, n_steps = task.parameters.size, task.drivers.shape[1]
    states = np.zeros(n, dtype=STATE_RECORD)
    flat = states.view(np.float64).reshape(n, STATE_RECORD.itemsize // 8)
    if state is not None:
        flat[:] = state
    out = np.empty((n, task.columns.size, n_steps))
    summary = np.zeros(n, dtype=SUMMARY_RECORD)

    def work(bounds: tuple[int, int]) -> None:
        scratch = np.zeros(1, dtype=FLUX_RECORD)
        loop.run_lanes(
            bounds[0], bounds[1], task.parameters, states, state is None,
            task.options, scratch, scratch.view(np.float64), flat, task.drivers,
            task.lane_site, task.events, task.event_start, task.columns,
            np.zeros((task.columns.size, _BUFFER)), out, summary,
            np.zeros((3, WINDOW_ENTRIES)),
        )  # fmt: skip

    edges = np.linspace(0, n, max(1, min(threads, n)) + 1).astype(int)
    parts = list(itertools.pairwise(edges.tolist()))
    if len(parts) == 1:
        work(parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(work, parts))
    return out, flat, summary


def warm_up() -> None:
    """Compile the kernel into its cache on disk, some ten seconds.

    Later processes on the same kind of machine then start at once. Call it before
    an array of tasks starts, or every task compiles for itself.

    Examples
    --------
    >>> from landmodels.sipnet import warm_up
    >>> warm_up()
    """
    task = Task(
        np.zeros(0, PARAMETER_RECORD), np.zeros(1, OPTION_RECORD),
        np.zeros((1, 0), DRIVER_RECORD), np.zeros(0, np.int64),
        np.zeros(0, EVENT_RECORD), np.zeros(2, np.int64), np.zeros(0, np.int64),
    )  # fmt: skip
    run_task(task, None)


def site_records(sites: Mapping[str, xr.Dataset]) -> np.ndarray:
    """Drivers of all sites as the kernel takes them, (site, step)."""
    return driver_records(list(sites.values()))
