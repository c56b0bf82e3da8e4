"""Gather finished pixels into one Zarr store: summaries and thinned draws.

Workers write their own files and never touch the store; one collector does, so that
no two writers share a chunk. Collecting again takes only what is new. A pixel counts
as collected when its mark is written, last of all: a collector that is killed leaves
pixels that the next one takes again.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.alone import alone
from jobs.files import put_aside
from jobs.parameters import parameters, prior_bounds
from jobs.pixels import Pixel
from jobs.run import Run
from jobs.run_folder import PixelFolder
from jobs.sources import synthetic_parts
from jobs.states import FINISHED, state_of

if TYPE_CHECKING:
    import zarr

logger = logging.getLogger(__name__)

_PIXELS_PER_CHUNK = 64
_CHUNKS_AT_ONCE = 8  # each write costs some ms, however little is written
_BLOCK = _PIXELS_PER_CHUNK * _CHUNKS_AT_ONCE
_N_CHAINS = 4
_NUMBERS = ("mean", "sd", "q05", "q50", "q95", "r_hat", "ess_bulk", "ess_tail")
_COUNTS = ("minutes", "n_model_runs", "n_failed_runs", "surrogate_rmse")
_STATES = ("waiting", "running", "done", "suspect", "failed", "skipped")


def collect(run: Run, on_pixels: Callable[[int], None] = lambda n: None) -> int:
    """Bring ``posteriors.zarr`` up to date; return how many pixels were new.

    The store has, over ``pixel``: place, ``state`` (a code, see its attributes), cost
    and minutes; over (pixel, parameter): summaries; over (pixel, chain, draw) the
    draws of each parameter. What is not there is NaN, and its state says why. A
    posterior that cannot be read is put aside, with a warning: its pixel waits again.

    Parameters
    ----------
    run : Run
        A run that has started.
    on_pixels : callable
        Is told of each number of pixels that is up to date; all of the run in the end.

    Raises
    ------
    ConfigError
        If another process is collecting this run now, or its folder cannot be
        written to.
    """
    path = run.folder.path / "posteriors.zarr"
    run.folder.require_writable()
    with alone(run.folder.path, "collecting"):
        store = _open(path, run)
        states = [state_of(run.folder.pixel(pixel.id)) for pixel in run.pixels]
        marks = np.asarray(_array(store, "collected_mtime")[:])
        new = []
        for row, (pixel, state) in enumerate(zip(run.pixels, states, strict=True)):
            if state.state in FINISHED:
                stamp = _stamp(run.folder.pixel(pixel.id).posterior)
                if stamp != marks[row]:
                    new.append((row, pixel, stamp))
        codes = np.array([_STATES.index(state.state) for state in states], "i1")
        on_pixels(len(states) - len(new))
        damaged = []
        for block in _by_block(new):
            damaged += _write(store, run, block)
            on_pixels(len(block))
        codes[damaged] = _STATES.index("waiting")
        _array(store, "state")[:] = codes
        _consolidate(store)
    return len(new) - len(damaged)


def _write(
    store: zarr.Group, run: Run, items: Sequence[tuple[int, Pixel, int]]
) -> list[int]:
    """Write pixels of some chunks: read these once, fill in rows, write them once.

    Returns the rows whose result is damaged.
    """
    names = list(prior_bounds(run.config))
    first = items[0][0] // _BLOCK * _BLOCK
    rows = slice(first, min(first + _BLOCK, len(run.pixels)))
    targets = {
        name: _array(store, name)
        for name in (*_NUMBERS, *names, "at_bound", *_COUNTS, "collected_mtime")
    }
    arrays = {name: np.asarray(array[rows]) for name, array in targets.items()}
    damaged = []
    for row, pixel, stamp in items:
        folder = run.folder.pixel(pixel.id)
        here = {name: array[row - first] for name, array in arrays.items()}
        try:
            summary = json.loads(folder.summary.read_text(encoding="utf-8"))
            read = _read_pixel(folder, summary, names, here)
        except PermissionError:
            raise
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as exc:
            logger.warning(
                "pixel %d: its result cannot be read (%s); it is now %s, and "
                "`masm calibrate --resume` runs the pixel again",
                pixel.id,
                exc,
                put_aside(folder.posterior),
            )
            damaged.append(row)
            continue
        for name, value in read.items():
            arrays[name][row - first] = value
        arrays["collected_mtime"][row - first] = stamp
    marks = arrays.pop("collected_mtime")
    for name, array in arrays.items():
        targets[name][rows] = array
    targets["collected_mtime"][rows] = marks
    return damaged


def _read_pixel(
    folder: PixelFolder,
    summary: dict[str, Any],
    names: Sequence[str],
    rows: dict[str, Any],
) -> dict[str, Any]:
    """Read a pixel's rows: summaries (parameter,), draws (chain, draw), counts."""
    # Reading a netCDF file's every attribute first takes thirty times as long.
    from h5py import h5d, h5f, h5s, h5t

    read = {name: np.array(row) for name, row in rows.items()}
    for j, name in enumerate(names):
        entry = summary["parameters"][name]
        for number in _NUMBERS:
            read[number][j] = np.nan if entry[number] is None else entry[number]
        read["at_bound"][j] = {"low": -1, "high": 1}.get(entry["at_bound"], 0)
    for count in _COUNTS:
        read[count] = summary[count]
    opened = h5f.open(os.fsencode(folder.posterior), h5f.ACC_RDONLY)
    try:
        for name in names:
            stored = h5d.open(opened, f"posterior/{name}".encode())
            draws = np.empty(stored.shape, "f4")
            stored.read(h5s.ALL, h5s.ALL, draws, h5t.NATIVE_FLOAT)
            del stored  # or the file would stay open
            _lay_out(draws, read[name])
    finally:
        opened.close()
    return read


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


def _by_block(
    items: Sequence[tuple[int, Pixel, int]],
) -> Iterator[list[tuple[int, Pixel, int]]]:
    blocks: dict[int, list[tuple[int, Pixel, int]]] = {}
    for item in items:
        blocks.setdefault(item[0] // _BLOCK, []).append(item)
    yield from blocks.values()


def _open(path: Path, run: Run) -> zarr.Group:
    import zarr

    if (path / "zarr.json").exists():
        store = zarr.open_group(path, mode="r+")
        if "complete" in store.attrs:
            for begun in path.rglob("*.partial"):  # by a collector that was killed
                begun.unlink(missing_ok=True)
            return store
    store = zarr.open_group(path, mode="w")
    _create(store, run)
    store.attrs["complete"] = True
    return store


def _create(store: zarr.Group, run: Run) -> None:
    from zarr.codecs import BloscCodec

    packed = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")
    bounds, table = prior_bounds(run.config), parameters()
    pixels, names = run.pixels, list(bounds)
    n, n_draws = len(pixels), run.config.calibration.keep_draws
    store.attrs.update({"title": run.config.name, "seed": run.config.seed})
    if parts := synthetic_parts(run):
        store.attrs["comment"] = parts

    def add(name: str, dims: Sequence[str], dtype: str, fill: Any, **attrs: Any) -> Any:
        sizes = {
            "pixel": n,
            "parameter": len(names),
            "chain": _N_CHAINS,
            "draw": n_draws,
        }
        shape = [sizes[dim] for dim in dims]
        chunks = [min(_PIXELS_PER_CHUNK, n), *shape[1:]]
        return store.create_array(
            name,
            shape=shape,
            chunks=tuple(chunks),
            dtype=dtype,
            fill_value=fill,
            compressors=packed,
            dimension_names=list(dims),
            attributes=attrs,
        )

    add("pixel", ["pixel"], "i8", -1)[:] = np.array([pixel.id for pixel in pixels])
    for name, unit in (
        ("latitude", "degrees_north"),
        ("longitude", "degrees_east"),
        ("elevation", "m"),
    ):
        values = np.array([getattr(pixel, name) for pixel in pixels])
        add(name, ["pixel"], "f8", np.nan, units=unit)[:] = values
    meanings = " ".join(_STATES)
    add(
        "state",
        ["pixel"],
        "i1",
        0,
        flag_values=list(range(len(_STATES))),
        flag_meanings=meanings,
    )
    add("collected_mtime", ["pixel"], "i8", -1, long_name="of posterior.nc, in ns")
    add("minutes", ["pixel"], "f4", np.nan, units="min")
    for name in ("n_model_runs", "n_failed_runs", "surrogate_rmse"):
        add(name, ["pixel"], "f4", np.nan, units="1")
    labels = store.create_array(
        "parameter", shape=(len(names),), dtype="str", dimension_names=["parameter"]
    )
    labels[:] = np.array(names, object)
    for number in _NUMBERS:
        add(number, ["pixel", "parameter"], "f4", np.nan)
    add(
        "at_bound",
        ["pixel", "parameter"],
        "i1",
        0,
        flag_values=[-1, 0, 1],
        flag_meanings="low no high",
    )
    for name, (low, high) in bounds.items():
        add(
            name,
            ["pixel", "chain", "draw"],
            "f4",
            np.nan,
            units=table[name].unit,
            long_name=table[name].description,
            default=table[name].default,
            prior_low=low,
            prior_high=high,
        )


def _array(store: zarr.Group, name: str) -> zarr.Array:
    import zarr

    array = store[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{name} in {store.store} is not an array")
    return array


def _consolidate(store: zarr.Group) -> None:
    """Put all metadata into one file: without it xarray warns of a slow opening."""
    import zarr

    with warnings.catch_warnings():
        # Not yet in the Zarr 3 specification, which every reader may ignore.
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(store.store)


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns
