"""Gather finished pixels into one Zarr store: summaries and thinned draws.

Workers write their own files and never touch the store; one collector does, so that
no two writers share a chunk. Collecting again takes only what is new. A pixel counts
as collected when its mark is written, last of all: a collector that is killed leaves
pixels that the next one takes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.disk_errors import full_disk, system_fault
from jobs.run.file_lock import alone
from jobs.run.folder import PixelFolder
from jobs.run.packing import Packer
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import (
    draws_kept_apart,
    posterior_content,
    require_summary,
    set_posterior_aside,
    stamp_of,
)
from jobs.run.pixel_state import FINISHED
from jobs.run.run import Run
from jobs.run.states import states_of
from jobs.stages.posterior_store import (
    COUNTS,
    ERROR_NUMBERS,
    NUMBERS,
    PIXELS_AT_ONCE,
    STATES,
    array_of,
    consolidate,
    open_store,
    sampled_streams,
)
from jobs.stages.store_chunks import MARKS, damage_in, forget
from jobs.stages.synced_store import sync

if TYPE_CHECKING:
    import zarr

logger = logging.getLogger(__name__)


def collect(run: Run, on_pixels: Callable[[int], None] = lambda n: None) -> int:
    """Bring ``posteriors.zarr`` up to date; return how many pixels were new.

    The store has, over ``pixel``: place, ``state`` (a code, see its attributes), cost
    and minutes; over (pixel, parameter): summaries; over (pixel, chain, draw) the
    draws of each parameter; and over (pixel, error_stream), where errors are of
    unknown size, the factor on the sd of each stream's errors. What is not there is
    NaN, and its state says why. A posterior that cannot be read is put aside, with a
    warning: its pixel waits again. Rows of the store of which a chunk is missing or
    damaged are taken again from the pixels' results, with a warning.

    Parameters
    ----------
    run : Run
        A run that has started.
    on_pixels : callable
        Called with each number of pixels that is up to date; all of the run in the end.

    Raises
    ------
    ConfigError
        If another process is collecting this run now, or its folder cannot be
        written to.
    """
    path = run.folder.path / "posteriors.zarr"
    run.folder.require_writable()
    with alone(run.folder.path, "collecting"):
        store = open_store(path, run)
        Packer(run).pack_all()
        marks = _marks(store, run)
        codes = np.zeros(len(run.pixels), "i1")
        n_new = 0
        rows = enumerate(states_of(run.folder, run.pixels))
        # Pixels are written where they are found: what was read of a block of packed
        # ones to find their states is at hand then.
        for number, some in groupby(rows, key=lambda item: item[0] // PIXELS_AT_ONCE):
            finished = []
            for row, (pixel, state) in some:
                codes[row] = STATES.index(state.state)
                if state.state in FINISHED:
                    folder = run.folder.pixel(pixel.id)
                    finished.append((row, pixel, folder, stamp_of(folder)))
            block = _block(run, number)
            _require_whole(store, run, block, marks)
            new = [item for item in finished if item[3] != marks[item[0]]]
            on_pixels(block.stop - block.start - len(new))
            if new:
                damaged = _write(store, run, block, new)
                codes[damaged] = STATES.index("waiting")
                n_new += len(new) - len(damaged)
                on_pixels(len(new))
        array_of(store, "state")[:] = codes
        consolidate(store)
    return n_new


def _block(run: Run, number: int) -> slice:
    first = number * PIXELS_AT_ONCE
    return slice(first, min(first + PIXELS_AT_ONCE, len(run.pixels)))


def _marks(store: zarr.Group, run: Run) -> np.ndarray:
    """Read what was collected (pixel,); where that is damaged, nothing was."""
    unmarked = np.full(len(run.pixels), -1)
    for number in range(-(-len(unmarked) // PIXELS_AT_ONCE)):
        _require_whole(store, run, _block(run, number), unmarked, (MARKS,))
    return np.array(array_of(store, MARKS)[:])


def _require_whole(
    store: zarr.Group,
    run: Run,
    block: slice,
    marks: np.ndarray,
    names: Sequence[str] | None = None,
) -> None:
    """Forget rows of which a chunk is missing or damaged: these are collected again."""
    if damage := damage_in(store, run, block, marks, names):
        logger.warning(
            "%s: pixels %d to %d are collected again, since %s",
            run.folder.path / "posteriors.zarr",
            run.pixels[block.start].id,
            run.pixels[block.stop - 1].id,
            damage,
        )
        forget(store, run, block)
        marks[block] = -1


def _write(
    store: zarr.Group,
    run: Run,
    rows: slice,
    items: Sequence[tuple[int, Pixel, PixelFolder, int]],
) -> list[int]:
    """Write pixels of some chunks: read these once, fill in rows, write them once.

    Returns the rows whose result is damaged.
    """
    names, streams = list(run.bounds), sampled_streams(run.config)
    errors = [f"error_scale_{number}" for number in ERROR_NUMBERS if streams]
    first = rows.start
    targets = {
        name: array_of(store, name)
        for name in (*NUMBERS, *names, "at_bound", *errors, *COUNTS, MARKS)
    }
    arrays = {name: np.asarray(array[rows]) for name, array in targets.items()}
    damaged = []
    for row, pixel, folder, stamp in items:
        here = {name: array[row - first] for name, array in arrays.items()}
        try:
            summary = require_summary(folder)
            read = _read_pixel(folder, summary, names, streams, here)
        except Exception as exc:  # whatever is there, it is this pixel's alone
            # What the system could not read is not damaged.
            if stop := full_disk(exc, run.folder.path) or system_fault(exc):
                raise stop from exc
            logger.warning(
                "pixel %d: its result cannot be read (%s); it is now %s, and "
                "`masm calibrate --resume` runs the pixel again",
                pixel.id,
                exc,
                set_posterior_aside(run.folder, pixel.id),
            )
            damaged.append(row)
            continue
        for name, value in read.items():
            arrays[name][row - first] = value
        arrays[MARKS][row - first] = stamp
    marks = arrays.pop(MARKS)
    for name, array in arrays.items():
        targets[name][rows] = array
    sync(store)  # a mark says that all else is on the disk
    targets[MARKS][rows] = marks
    sync(store)
    return damaged


def _read_pixel(
    folder: PixelFolder,
    summary: dict[str, Any],
    names: Sequence[str],
    streams: Sequence[str],
    rows: dict[str, Any],
) -> dict[str, Any]:
    """Read a pixel's rows: summaries (parameter,), draws (chain, draw), counts."""
    # Reading a netCDF file's every attribute first takes thirty times as long.
    from h5py import h5f

    read = {name: np.empty_like(row) for name, row in rows.items()}
    for j, name in enumerate(names):
        entry = summary["parameters"][name]
        for number in NUMBERS:
            read[number][j] = _number(entry[number])
        read["at_bound"][j] = {"low": -1, "high": 1}.get(entry["at_bound"], 0)
    for j, name in enumerate(streams):
        # A method that gives no posterior has found no factors.
        entry = summary.get("error_scale", {}).get(name, {})
        for number in ERROR_NUMBERS:
            read[f"error_scale_{number}"][j] = _number(entry.get(number))
    for count in COUNTS:
        read[count] = summary[count]
    if draws := draws_kept_apart(folder):
        for name in names:
            _lay_out(draws[name], read[name])
        return read
    content = posterior_content(folder)
    opened = h5f.open_file_image(content)
    try:
        for name in names:
            _lay_out(_draws(opened, name, len(content)), read[name])
    finally:
        opened.close()
    return read


def _draws(opened: Any, name: str, n_bytes: int) -> np.ndarray:
    """Read the draws of a parameter (chain, draw), float32, if they are in the file."""
    from h5py import h5d, h5g, h5l, h5s, h5t

    from masm.hdf5_files import NotPlain, size_of

    for where, step in ((b"/", b"posterior"), (b"posterior", name.encode())):
        group = h5g.open(opened, where)
        if group.links.get_info(step).type != h5l.TYPE_HARD:
            raise NotPlain(f"{name} is a link to elsewhere")
    stored = h5d.open(opened, f"posterior/{name}".encode())
    size_of(stored, name, n_bytes)
    if len(stored.shape) != 2 or 0 in stored.shape:
        raise NotPlain(f"{name} has shape {stored.shape}, not (chain, draw)")
    if not isinstance(stored.get_type(), h5t.TypeFloatID):
        raise NotPlain(f"{name} holds no numbers")
    draws = np.empty(stored.shape, "f4")
    stored.read(h5s.ALL, h5s.ALL, draws, h5t.NATIVE_FLOAT)
    return draws


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _lay_out(draws: np.ndarray, row: np.ndarray) -> None:
    """Put draws (chain, draw) into a row of four chains, whole ones as far as may be.

    A sampler with more and shorter chains has them strung together; diagnostics were
    computed before.
    """
    row[:] = np.nan
    if len(draws) > len(row):
        flat = draws.reshape(-1)[: row.size]
        row.reshape(-1)[: flat.size] = flat
    else:
        n_draws = min(draws.shape[1], row.shape[1])
        row[: len(draws), :n_draws] = draws[:, -n_draws:]
