"""The layout of ``posteriors.zarr``: what it holds, over which dimensions."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.priors import prior_bounds
from jobs.config.process_model import model_of
from jobs.config.schema import Config, RelativeVariance
from jobs.disk_errors import system_fault
from jobs.files import is_file, is_folder, kind_of, lexists, put_aside
from jobs.inputs.pixel_data import synthetic_parts, unreadable_source
from jobs.run.run import Run
from jobs.stages.synced_store import SyncedStore, sync

if TYPE_CHECKING:
    import zarr

logger = logging.getLogger(__name__)

PIXELS_PER_CHUNK = 64
PIXELS_AT_ONCE = 8 * PIXELS_PER_CHUNK
"""Rows written together, and a chunk of what has a few numbers a pixel: a chunk costs
some ms, however little is in it."""
N_CHAINS = 4
_PLACES = ("latitude", "longitude", "elevation")
NUMBERS = ("mean", "sd", "q05", "q50", "q95", "r_hat", "ess_bulk", "ess_tail")
ERROR_NUMBERS = ("mean", "sd", "q05", "q50", "q95")
COUNTS = ("minutes", "n_model_runs", "n_failed_runs", "surrogate_rmse")
STATES = ("waiting", "running", "done", "suspect", "failed", "skipped")


def sampled_streams(config: Config) -> list[str]:
    """Streams whose errors are of unknown size, in the order of the configuration."""
    found = []
    for name, stream in config.streams.items():
        rule = stream.variance
        if rule.sampled if isinstance(rule, RelativeVariance) else rule == "sampled":
            found.append(name)
    return found


def open_store(path: Path, run: Run) -> zarr.Group:
    """Open the store of a run, or make an empty one.

    One that was left half-made, or that an earlier version made without something
    that belongs in it now, is made anew: all it holds is in the pixels' own files.
    """
    import zarr

    if is_file(path / "zarr.json") and (store := _opened(path, run)) is not None:
        for begun in path.rglob("*.partial"):  # by a collector that was killed
            if is_file(begun):
                begun.unlink(missing_ok=True)
        return store
    if lexists(path) and not is_folder(path):
        logger.warning("%s was %s: now %s", path, kind_of(path), put_aside(path))
    store = zarr.open_group(SyncedStore(path), mode="w", zarr_format=3)
    _create(store, run)
    sync(store)
    store.attrs["complete"] = True
    sync(store)
    return store


def _opened(path: Path, run: Run) -> zarr.Group | None:
    """Open a store that stands; None if it is not the one of this run, whole."""
    import zarr

    try:
        # Not from the copy of all metadata: each array's own will be read again.
        store = zarr.open_group(
            SyncedStore(path), mode="r+", zarr_format=3, use_consolidated=False
        )
        if "complete" not in store.attrs:
            return None
        known = dict(store.members())
        if any(name not in known for name in ("pixel", "parameter", *_PLACES)):
            return None
        if sampled_streams(run.config) and "error_scale_mean" not in store:
            return None
        n_pixels = len(run.pixels)
        for name, rest in _shapes(run).items():
            array = array_of(store, name)
            fits = array.shape == (n_pixels, *rest) and array.dtype.kind in "if"
            # Earlier versions had small chunks everywhere, which may stay.
            sizes = {min(n, n_pixels) for n in (PIXELS_PER_CHUNK, PIXELS_AT_ONCE)}
            if not fits or array.chunks[0] not in sizes:
                return None
            if array.chunks[1:] != rest:
                return None
        marks = np.asarray(array_of(store, "collected_mtime")[:])
        return store if marks.shape == (n_pixels,) else None
    except Exception as exc:  # whatever stands there can be made again
        if fault := system_fault(exc):
            raise fault from exc
        logger.warning("%s cannot be read (%s): made anew", path, exc)
        return None


def _shapes(run: Run) -> dict[str, tuple[int, ...]]:
    """Return what is written again, and its dimensions after the pixels."""
    bounds, streams = prior_bounds(run.config), sampled_streams(run.config)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(
        (*COUNTS, "state", "collected_mtime"), ()
    )
    shapes |= dict.fromkeys((*NUMBERS, "at_bound"), (len(bounds),))
    if streams:
        names = [f"error_scale_{number}" for number in ERROR_NUMBERS]
        shapes |= dict.fromkeys(names, (len(streams),))
    draws = (N_CHAINS, run.config.calibration.keep_draws)
    return shapes | dict.fromkeys(bounds, draws)


def _create(store: zarr.Group, run: Run) -> None:
    store.attrs.update({"title": run.config.name, "seed": run.config.seed})
    if unreadable_source(run):
        store.attrs["comment"] = "the region cube could not be read: its origin is lost"
    elif parts := synthetic_parts(run):
        store.attrs["comment"] = parts
    layout = _Layout(store, run)
    layout.add_places(run)
    layout.add_counts()
    layout.add_summaries()
    layout.add_errors()
    layout.add_draws()


class _Layout:
    """Arrays of an empty store.

    Parameters
    ----------
    store : zarr.Group
    run : Run
        Whose pixels, parameters and streams give the dimensions.
    """

    def __init__(self, store: zarr.Group, run: Run):
        from zarr.codecs import BloscCodec

        self.store = store
        # Draws shrink by their bits, hardly by their bytes: as small as with zstd, in a
        # third of the time.
        self.packed = BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle")
        self.bounds = prior_bounds(run.config)
        self.table = model_of(run.config).parameters
        self.streams = sampled_streams(run.config)
        self.sizes = {
            "pixel": len(run.pixels),
            "parameter": len(self.bounds),
            "error_stream": len(self.streams),
            "chain": N_CHAINS,
            "draw": run.config.calibration.keep_draws,
        }

    def add(
        self, name: str, dims: Sequence[str], dtype: str, fill: Any, **attrs: Any
    ) -> Any:
        """Create an array over dimensions, pixels first."""
        shape = [self.sizes[dim] for dim in dims]
        at_once = PIXELS_PER_CHUNK if "draw" in dims else PIXELS_AT_ONCE
        return self.store.create_array(
            name,
            shape=shape,
            chunks=(min(at_once, shape[0]), *shape[1:]),
            dtype=dtype,
            fill_value=fill,
            compressors=self.packed,
            dimension_names=list(dims),
            attributes=attrs,
        )

    def add_labels(self, name: str, labels: Sequence[str]) -> None:
        """Create a coordinate of texts."""
        array = self.store.create_array(
            name, shape=(len(labels),), dtype="str", dimension_names=[name]
        )
        array[:] = np.array(labels, object)

    def add_places(self, run: Run) -> None:
        """Which pixels, and where."""
        ids = np.array([pixel.id for pixel in run.pixels])
        self.add("pixel", ["pixel"], "i8", -1)[:] = ids
        for name, unit in (
            ("latitude", "degrees_north"),
            ("longitude", "degrees_east"),
            ("elevation", "m"),
        ):
            values = np.array([getattr(pixel, name) for pixel in run.pixels])
            self.add(name, ["pixel"], "f8", np.nan, units=unit)[:] = values

    def add_counts(self) -> None:
        """State of each pixel, and what it took."""
        self.add(
            "state",
            ["pixel"],
            "i1",
            0,
            flag_values=list(range(len(STATES))),
            flag_meanings=" ".join(STATES),
        )
        self.add(
            "collected_mtime", ["pixel"], "i8", -1, long_name="of posterior.nc, in ns"
        )
        for name in COUNTS:
            units = "min" if name == "minutes" else "1"
            self.add(name, ["pixel"], "f4", np.nan, units=units)

    def add_summaries(self) -> None:
        """Of each parameter."""
        dims = ["pixel", "parameter"]
        self.add_labels("parameter", list(self.bounds))
        for number in NUMBERS:
            self.add(number, dims, "f4", np.nan)
        self.add(
            "at_bound",
            dims,
            "i1",
            0,
            flag_values=[-1, 0, 1],
            flag_meanings="low no high",
        )

    def add_errors(self) -> None:
        """Factors on errors of unknown size, where there are such errors."""
        if not self.streams:
            return
        self.add_labels("error_stream", self.streams)
        for number in ERROR_NUMBERS:
            self.add(
                f"error_scale_{number}",
                ["pixel", "error_stream"],
                "f4",
                np.nan,
                units="1",
                long_name=f"{number} of the factor on the sd of errors",
            )

    def add_draws(self) -> None:
        """Draws of each parameter."""
        table = self.table
        for name, (low, high) in self.bounds.items():
            self.add(
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


def array_of(store: zarr.Group, name: str) -> zarr.Array:
    """Return an array of the store.

    Raises
    ------
    KeyError, TypeError
        If there is none of that name, or it is a group.
    """
    import zarr

    array = store[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{name} in {store.store} is not an array")
    return array


def consolidate(store: zarr.Group) -> None:
    """Put all metadata into one file: without it xarray warns of a slow opening."""
    import zarr

    with warnings.catch_warnings():
        # Not yet in the Zarr 3 specification, which every reader may ignore.
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(store.store)
    sync(store)
