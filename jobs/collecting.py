"""Gather finished pixels into one Zarr store: summaries and thinned draws.

Workers write their own files and never touch the store; one collector does, so that
no two writers share a chunk. Collecting again takes only what is new. A pixel counts
as collected when its mark is written, last of all: a collector that is killed leaves
pixels that the next one takes again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
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
_N_CHAINS = 4
_NUMBERS = ("mean", "sd", "q05", "q50", "q95", "r_hat", "ess_bulk", "ess_tail")
_COUNTS = ("minutes", "n_model_runs", "n_failed_runs", "surrogate_rmse")
_STATES = ("waiting", "running", "done", "suspect", "failed", "skipped")


def collect(run: Run) -> int:
    """Bring ``posteriors.zarr`` up to date; return how many pixels were new.

    The store has, over ``pixel``: place, ``state`` (a code, see its attributes), cost
    and minutes; over (pixel, parameter): summaries; over (pixel, chain, draw) the
    draws of each parameter. What is not there is NaN, and its state says why.

    Raises
    ------
    ConfigError
        If another process is collecting this run now.
    """
    path = run.folder.path / "posteriors.zarr"
    with _alone(run.folder.path):
        store = _open(path, run)
        states = [state_of(run.folder.pixel(pixel.id)) for pixel in run.pixels]
        marks = np.asarray(_array(store, "collected_mtime")[:])
        new = []
        for row, (pixel, state) in enumerate(zip(run.pixels, states, strict=True)):
            if state.state in FINISHED:
                stamp = _stamp(run.folder.pixel(pixel.id).posterior)
                if stamp != marks[row]:
                    new.append((row, pixel, stamp))
        for chunk in _by_chunk(new):
            _write_chunk(store, run, chunk)
        codes = np.array([_STATES.index(state.state) for state in states], "i1")
        _array(store, "state")[:] = codes
        _consolidate(store)
    return len(new)


def _write_chunk(
    store: zarr.Group, run: Run, items: Sequence[tuple[int, Pixel, int]]
) -> None:
    """Write pixels of one chunk: read the chunk once, fill in rows, write it once."""
    names = list(prior_bounds(run.config))
    first = items[0][0] // _PIXELS_PER_CHUNK * _PIXELS_PER_CHUNK
    rows = slice(first, min(first + _PIXELS_PER_CHUNK, len(run.pixels)))
    arrays: dict[str, Any] = {
        name: np.asarray(_array(store, name)[rows])
        for name in (*_NUMBERS, *names, "at_bound", *_COUNTS, "collected_mtime")
    }
    for row, pixel, stamp in items:
        folder = run.folder.pixel(pixel.id)
        at = row - first
        summary = json.loads(folder.summary.read_text(encoding="utf-8"))
        here = {name: array[at] for name, array in arrays.items()}
        _read_pixel(folder, summary, names, here)
        for count in _COUNTS:
            arrays[count][at] = summary[count]
        arrays["collected_mtime"][at] = stamp
    marks = arrays.pop("collected_mtime")
    for name, array in arrays.items():
        _array(store, name)[rows] = array
    _array(store, "collected_mtime")[rows] = marks


def _read_pixel(
    folder: PixelFolder,
    summary: dict[str, Any],
    names: Sequence[str],
    rows: dict[str, np.ndarray],
) -> None:
    """Fill a pixel's rows: summaries (parameter,), draws (chain, draw) each."""
    import h5py  # h5netcdf reads a file's every attribute first: ten times slower

    for j, name in enumerate(names):
        entry = summary["parameters"][name]
        for number in _NUMBERS:
            rows[number][j] = np.nan if entry[number] is None else entry[number]
        rows["at_bound"][j] = {"low": -1, "high": 1}.get(entry["at_bound"], 0)
    with h5py.File(folder.posterior, "r") as opened:
        group = opened["posterior"]
        for name in names:
            draws = np.asarray(group[name][...], "f4")
            n_chains = min(draws.shape[0], rows[name].shape[0])
            n_draws = min(draws.shape[1], rows[name].shape[1])
            rows[name][:n_chains, :n_draws] = draws[:n_chains, -n_draws:]


def _by_chunk(
    items: Sequence[tuple[int, Pixel, int]],
) -> Iterator[list[tuple[int, Pixel, int]]]:
    chunks: dict[int, list[tuple[int, Pixel, int]]] = {}
    for item in items:
        chunks.setdefault(item[0] // _PIXELS_PER_CHUNK, []).append(item)
    yield from chunks.values()


def _open(path: Path, run: Run) -> zarr.Group:
    import zarr

    if (path / "zarr.json").exists():
        store = zarr.open_group(path, mode="r+")
        if "complete" in store.attrs:
            return store
    store = zarr.open_group(path, mode="w")
    _create(store, run)
    store.attrs["complete"] = True
    return store


def _create(store: zarr.Group, run: Run) -> None:
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


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock that dies with this process."""
    with (folder / ".collecting").open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise ConfigError(
                Problem(
                    str(folder),
                    "another process is collecting this run",
                    wanted="one collector at a time",
                    hint="Wait for it to end.",
                )
            ) from exc
        yield
