"""Run a task in blocks of lanes: spin-up, run, state.

A block is a workspace of fixed width; its samples never see each other, so the
width, the order of the samples and the threads change the speed alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ibis_dalec.physics import time_loop as kernel
from ibis_dalec.physics.workspace import PARAMETERS, new_workspace
from ibis_dalec.run import initialise as prepare
from ibis_dalec.run.arguments import Task
from ibis_dalec.run.outputs import read_state, state_names, write_state

#: Lanes that the kernel runs side by side.
LANES = 16
#: Spin-up cycles with the full physics; later ones repeat the carbon pools alone.
PHYSICS_CYCLES = 10
#: Below this many samples single lanes are faster than a block of lanes.
_FEW = 3


def warm_up(lanes: Iterable[int] = (1, LANES)) -> None:
    """Compile the kernel into its cache on disk, about half a minute a lane width.

    Later processes on the same kind of machine then start at once. Call it before
    an array of tasks starts, or every task compiles for itself.
    """
    for width in lanes:
        workspace = new_workspace(width)
        w, flat = workspace[0], workspace.view(np.float64)
        days = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        flags = np.zeros(kernel.N_FLAGS, dtype=np.int64)
        kernel.run(
            w, flat, 0, 0, np.zeros((0, len(kernel.DRIVERS), 1)), days, days,
            np.zeros((0, 1)), flags, none, none, np.zeros((0, 0, width)),
        )  # fmt: skip
        kernel.run_slow_pools(w, flat, np.zeros((0, 0, width)), none, flags, 0)


def run_lanes(
    task: Task,
    values: np.ndarray,
    state: np.ndarray | None,
    lanes: int | None,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Run all samples in blocks; outputs (sample, column, slot) and final states."""
    n = values.shape[0]
    width = lanes or (1 if n < _FEW else LANES)
    starts = list(range(0, n, width))
    n_columns = task.recording.columns(new_workspace(1).dtype).size
    out = np.empty((n, n_columns, task.n_slots))
    final = np.empty((n, len(state_names())))

    def work(start: int) -> None:
        # A last block that is not full repeats its last sample.
        rows = np.minimum(np.arange(start, start + width), n - 1)
        block, end = _run_block(task, values, state, rows)
        real = min(width, n - start)
        out[start : start + real] = np.moveaxis(block[:, :, :real], 0, 2).swapaxes(0, 1)
        final[start : start + real] = end[:real]

    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, starts))
    else:
        for start in starts:
            work(start)
    return out, final


def _run_block(
    task: Task, values: np.ndarray, state: np.ndarray | None, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Run one block of lanes: outputs (slot, column, lane), final state."""
    lanes = rows.size
    workspace = new_workspace(lanes)
    w, flat = workspace[0], workspace.view(np.float64)
    prepare.set_parameters(
        workspace,
        {name: values[rows, j] for j, name in enumerate(PARAMETERS)},
        task.recording.options.turnover,
    )
    if task.sites.shape[0] == 1:
        prepare.set_site(workspace, slice(None), *task.sites[0])
        forcing = task.forcing
    else:
        for lane, pixel in enumerate(rows):
            prepare.set_site(workspace, lane, *task.sites[pixel])
        forcing = np.ascontiguousarray(task.forcing[:, :, rows])
    flags = np.zeros(kernel.N_FLAGS, dtype=np.int64)
    flags[kernel.SOIL_CARBON] = task.recording.uses_soil_carbon
    flags[kernel.IBIS_RESPIRATION] = task.recording.uses_ibis_respiration
    flags[kernel.FREE_LAI] = task.lai is None
    first, last = kernel.day_range(workspace.dtype)
    lai = task.lai if task.lai is not None else np.zeros((forcing.shape[0], 1))

    def run(days, columns, slot, out):
        kernel.run(
            w, flat, first, last, forcing[days], task.doy[days],
            task.year_days[days], lai[days], flags, columns, slot, out,
        )  # fmt: skip

    if state is None:
        prepare.cold_start(workspace, task.pools)
        _spin_up(task, workspace, run, flags)
    else:
        write_state(w, state[rows])
    columns = task.recording.columns(workspace.dtype)
    out = np.zeros((task.n_slots, columns.size, lanes))
    run(slice(None), columns, task.slot, out)
    counts = np.bincount(task.slot[task.slot >= 0], minlength=task.n_slots)
    if counts.max() > 1 or counts.min() == 0:
        with np.errstate(invalid="ignore"):
            out /= np.where(counts > 0, counts, np.nan)[:, None, None]
    return out, read_state(w)


def _spin_up(task, workspace, run, flags):
    """Repeat the first year (specification, section 15)."""
    days = slice(0, task.first_year)
    nothing = np.full(task.first_year, -1)
    no_columns = np.zeros(0, dtype=np.int64)
    empty = np.zeros((1, 0, workspace["tu"].shape[-1]))
    physics = min(task.spinup_cycles, PHYSICS_CYCLES)
    slow = task.spinup_cycles - physics
    for _ in range(physics - (slow > 0)):
        run(days, no_columns, nothing, empty)
    if slow > 0:
        columns = np.array(
            [kernel.field_columns(workspace.dtype, n)[0] for n in kernel.SERIES]
        )
        series = np.zeros((task.first_year, columns.size, workspace["tu"].shape[-1]))
        # Factors of decomposition act the day after they were found.
        run(days, columns, np.arange(task.first_year), series)
        for name in ("decompl", "decomps"):
            c = kernel.SERIES.index(name)
            series[:, c] = np.roll(series[:, c], 1, axis=0)
        kept = {n: workspace[n].copy() for n in ("decompl", "decomps")}
        kernel.run_slow_pools(
            workspace[0], workspace.view(np.float64), series, columns, flags, slow
        )
        for name, value in kept.items():
            workspace[name] = value
