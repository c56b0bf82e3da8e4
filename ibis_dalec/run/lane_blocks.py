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
#: States above this are temperatures (K).
_LEAST_KELVIN = 150.0
#: Below this many samples single lanes are faster than a block of lanes.
_FEW = 3


def warm_up(lanes: Iterable[int] = (1, LANES)) -> None:
    """Compile the kernel into its cache on disk, about half a minute a lane width.

    Later processes on the same kind of machine then start at once. Call it before
    an array of tasks starts, or every task compiles for itself.

    Examples
    --------
    >>> from ibis_dalec import warm_up
    >>> warm_up(lanes=(1,))
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
    if state is None and task.settled > 0.0 and task.spinup_cycles > 0:
        state = _settled_states(task, values, width, threads)
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
    block = _Block(task, values, rows)
    if state is None:
        prepare.cold_start(block.workspace, task.pools)
        _spin_up(task, block)
    else:
        write_state(block.w, state[rows])
    columns = task.recording.columns(block.workspace.dtype)
    out = np.zeros((task.n_slots, columns.size, rows.size))
    block.run(slice(None), columns, task.slot, out)
    counts = np.bincount(task.slot[task.slot >= 0], minlength=task.n_slots)
    if counts.max() > 1 or counts.min() == 0:
        with np.errstate(invalid="ignore"):
            out /= np.where(counts > 0, counts, np.nan)[:, None, None]
    return out, read_state(block.w)


class _Block:
    """A workspace with the parameters and the sites of some samples."""

    def __init__(self, task: Task, values: np.ndarray, rows: np.ndarray):
        self.task = task
        self.workspace = new_workspace(rows.size)
        self.w, self.flat = self.workspace[0], self.workspace.view(np.float64)
        prepare.set_parameters(
            self.workspace,
            {name: values[rows, j] for j, name in enumerate(PARAMETERS)},
            task.recording.options.turnover,
        )
        if task.sites.shape[0] == 1:
            prepare.set_site(self.workspace, slice(None), *task.sites[0])
            self.forcing = task.forcing
        else:
            for lane, pixel in enumerate(rows):
                prepare.set_site(self.workspace, lane, *task.sites[pixel])
            self.forcing = np.ascontiguousarray(task.forcing[:, :, rows])
        self.flags = np.zeros(kernel.N_FLAGS, dtype=np.int64)
        self.flags[kernel.SOIL_CARBON] = task.recording.uses_soil_carbon
        self.flags[kernel.IBIS_RESPIRATION] = task.recording.uses_ibis_respiration
        self.flags[kernel.FREE_LAI] = task.lai is None
        self.first, self.last = kernel.day_range(self.workspace.dtype)
        n_days = self.forcing.shape[0]
        self.lai = task.lai if task.lai is not None else np.zeros((n_days, 1))

    def run(
        self, days: slice, columns: np.ndarray, slot: np.ndarray, out: np.ndarray
    ) -> None:
        """Run some days; ``columns`` of the workspace go to ``out``, by ``slot``."""
        task = self.task
        kernel.run(
            self.w, self.flat, self.first, self.last, self.forcing[days],
            task.doy[days], task.year_days[days], self.lai[days], self.flags,
            columns, slot, out,
        )  # fmt: skip

    def run_year(self) -> None:
        """Run the spin-up year once."""
        days = self.task.first_year
        nothing = np.full(days, -1)
        empty = np.zeros((1, 0, self.workspace["tu"].shape[-1]))
        self.run(slice(0, days), np.zeros(0, dtype=np.int64), nothing, empty)

    def run_recorded_year(self) -> np.ndarray:
        """Run the spin-up year; returns what drives the slow pools, by day."""
        days = self.task.first_year
        columns = self._slow_columns()
        series = np.zeros((days, columns.size, self.workspace["tu"].shape[-1]))
        # Factors of decomposition act the day after they were found.
        self.run(slice(0, days), columns, np.arange(days), series)
        for name in ("decompl", "decomps"):
            c = kernel.SERIES.index(name)
            series[:, c] = np.roll(series[:, c], 1, axis=0)
        return series

    def repeat_slow_pools(self, series: np.ndarray, cycles: int) -> None:
        """Repeat a recorded year on the slow carbon pools alone."""
        kept = {n: self.workspace[n].copy() for n in ("decompl", "decomps")}
        kernel.run_slow_pools(
            self.w, self.flat, series, self._slow_columns(), self.flags, cycles
        )
        for name, value in kept.items():
            self.workspace[name] = value

    def _slow_columns(self) -> np.ndarray:
        names = kernel.SERIES
        dtype = self.workspace.dtype
        return np.array([kernel.field_columns(dtype, n)[0] for n in names])


def _spin_up(task: Task, block: _Block) -> None:
    """Repeat the first year (specification, section 15)."""
    physics = min(task.spinup_cycles, PHYSICS_CYCLES)
    slow = task.spinup_cycles - physics
    for _ in range(physics - (slow > 0)):
        block.run_year()
    if slow > 0:
        block.repeat_slow_pools(block.run_recorded_year(), slow)


def _settled_states(
    task: Task, values: np.ndarray, width: int, threads: int
) -> np.ndarray:
    """State of each sample after its spin-up, (sample, state).

    The physics of a sample ends with the first cycle that no longer changes what feeds
    back; the cycles that are left repeat its slow pools alone. Samples that go on are
    put together into new blocks, which changes no bit of their states.
    """
    n = values.shape[0]
    states = np.empty((n, len(state_names())))
    physics = min(task.spinup_cycles, PHYSICS_CYCLES)
    active = np.arange(n)
    for cycle in range(1, physics + 1):
        left = task.spinup_cycles - cycle
        last = cycle == physics
        starts = range(0, active.size, width)

        def work(
            start: int, active: np.ndarray = active, left: int = left,
            first: bool = cycle == 1, last: bool = last,
        ) -> np.ndarray:  # fmt: skip
            # A last block that is not full repeats its last sample.
            at = np.minimum(np.arange(start, start + width), active.size - 1)
            rows = active[at]
            known = None if first else states[rows]
            found, settled = _one_cycle(task, values, rows, known, left, last=last)
            real = min(width, active.size - start)
            states[rows[:real]] = found[:real]
            return np.asarray(rows[:real][~settled[:real]])

        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                going = list(pool.map(work, starts))
        else:
            going = [work(start) for start in starts]
        active = np.concatenate(going)
        if not active.size:
            break
    return states


def _one_cycle(
    task: Task,
    values: np.ndarray,
    rows: np.ndarray,
    known: np.ndarray | None,
    left: int,
    *,
    last: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """One cycle of a block: states (lane, state), and which lanes are settled.

    Of those the slow pools have been repeated for the cycles that are left.
    """
    block = _Block(task, values, rows)
    if known is None:
        prepare.cold_start(block.workspace, task.pools)
    else:
        write_state(block.w, known)
    before = read_state(block.w)
    series = block.run_recorded_year()
    after = read_state(block.w)
    settled = np.full(rows.size, last)
    if known is not None:
        settled |= is_settled(before, after, task.settled)
    if left > 0 and settled.any():
        block.repeat_slow_pools(series, left)
        after[settled] = read_state(block.w)[settled]
    return after, settled


def is_settled(before: np.ndarray, after: np.ndarray, fraction: float) -> np.ndarray:
    """Whether a cycle changed nothing that feeds back, (lane,).

    Parameters
    ----------
    before, after : ndarray (lane, state)
        States before and after a cycle of the spin-up.
    fraction : float
        The carbon of leaves and labile pool may have changed by this fraction of it,
        any other state that feeds back by this much of its own unit or of itself,
        whichever is more (temperatures: of ten kelvin). Slow pools do not count.
    """
    names = state_names()
    change = np.abs(after - before)
    leaf = [names.index(name) for name in ("clab", "cf")]
    carbon = np.abs(before[:, leaf]).sum(axis=1)
    quiet = change[:, leaf].sum(axis=1) <= fraction * carbon
    slow = {"cr", "cw", "clit", "csom"}
    others = [k for k, name in enumerate(names) if name not in slow | {"clab", "cf"}]
    size = np.abs(before[:, others])
    kelvin = size > _LEAST_KELVIN
    allowed = fraction * np.where(kelvin, 10.0, np.maximum(size, 1.0))
    return np.asarray(quiet & np.all(change[:, others] <= allowed, axis=1))
