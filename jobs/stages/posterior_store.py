"""The layout of ``posteriors.zarr``: what it holds, over which dimensions."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from jobs.config.process_model import model_of
from jobs.config.schema import Config, RelativeVariance
from jobs.disk_errors import system_fault
from jobs.files import TEXT_LIMIT, is_file, is_folder, kind_of, lexists, put_aside
from jobs.inputs.pixel_data import synthetic_parts, unreadable_source
from jobs.run.run import Run
from jobs.stages.synced_store import EVERY_CHUNK, SyncedStore, sync

if TYPE_CHECKING:
    import zarr

logger = logging.getLogger(__name__)

PIXELS_PER_CHUNK = 64
PIXELS_AT_ONCE = 8 * PIXELS_PER_CHUNK
"""Rows written together, and a chunk of what has a few numbers a pixel: a chunk costs
some ms, however little is in it."""
N_CHAINS = 4
_PLACES = {"latitude": "degrees_north", "longitude": "degrees_east", "elevation": "m"}
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


class NotWhole(ValueError):
    """What is in the place of a store is not the one of its run, whole."""


def open_store(path: Path, run: Run) -> zarr.Group:
    """Open the store of a run, or make an empty one.

    One that was left half-made, that is damaged, or that an earlier version made
    without something that belongs in it now, is made anew: all it holds is in the
    pixels' own files.
    """
    import zarr

    if is_file(path / "zarr.json"):
        try:
            store = open_whole(path, run, "r+")
        except NotWhole as exc:
            logger.warning("%s %s: made anew", path, exc)
        else:
            for begun in path.rglob("*.partial"):  # by a collector that was killed
                if is_file(begun):
                    begun.unlink(missing_ok=True)
            return store
    if lexists(path) and not is_folder(path):
        logger.warning("%s was %s: now %s", path, kind_of(path), put_aside(path))
    store = zarr.open_group(SyncedStore(path), mode="w", zarr_format=3)
    _create(store, run)
    sync(store)
    array_of(store, "state")[:] = 0
    sync(store)
    store.attrs["layout"] = _layout_digests(store, run)
    store.attrs["complete"] = True
    sync(store)
    return store


def open_whole(path: Path, run: Run, mode: Literal["r", "r+"]) -> zarr.Group:
    """Open a finished store.

    Raises
    ------
    NotWhole
        If its layout is damaged, or is not the one of this run.
    """
    import zarr

    try:
        # Not from the copy of all metadata: each array's own will be read again.
        store = zarr.open_group(
            SyncedStore(path, read_only=mode == "r"),
            mode=mode,
            zarr_format=3,
            use_consolidated=False,
        )
        _require_layout(store, run)
    except NotWhole:
        raise
    except Exception as exc:  # whatever is there can be made again
        if fault := system_fault(exc):
            raise fault from exc
        raise NotWhole(f"cannot be read ({reason_of(exc)})") from exc
    return store


def reason_of(exc: Exception) -> str:
    """Say in a few words what a reader of Zarr met."""
    if "checksum do not match" in str(exc):
        return "a chunk is not as it was written (CRC-32C)"
    return f"{type(exc).__name__}: {exc}"[:200]


def _require_layout(store: zarr.Group, run: Run) -> None:
    if "complete" not in store.attrs:
        raise NotWhole("is not finished")
    made: Any = store.attrs.get("layout")
    if made is not None:  # earlier versions kept none
        digests = _layout_digests(store, run)
        damaged = [name for name in digests if digests[name] != dict(made).get(name)]
        if damaged:
            where = f"{damaged[0]}/zarr.json".lstrip("/")
            raise NotWhole(f"is damaged ({where} is not as it was written)")
    n_pixels = len(run.pixels)
    for name, rest in shapes_of(run).items():
        array = array_of(store, name)
        fits = array.shape == (n_pixels, *rest) and array.dtype.kind in "if"
        # Earlier versions had small chunks everywhere, which may stay.
        sizes = {min(n, n_pixels) for n in (PIXELS_PER_CHUNK, PIXELS_AT_ONCE)}
        if not fits or array.chunks[0] not in sizes or array.chunks[1:] != rest:
            raise NotWhole(f"is not of this run ({name} has another shape)")
    for name, labels in labels_of(run).items():
        found = np.asarray(array_of(store, name)[:])
        if found.shape != labels.shape or not _equal(found, labels):
            raise NotWhole(f"is not of this run ({name} has other values)")


def _equal(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.array_equal(found, wanted, equal_nan=wanted.dtype.kind == "f"))


def _layout_digests(store: zarr.Group, run: Run) -> dict[str, str]:
    """SHA-256 of each array's metadata, which never change; of the attributes as ""."""
    held = cast(SyncedStore, store.store)
    attrs = {n: v for n, v in store.attrs.items() if n not in ("layout", "complete")}
    contents = {"": json.dumps(attrs, sort_keys=True).encode()} | {
        name: held.content(f"{name}/zarr.json", TEXT_LIMIT)
        for name in (*shapes_of(run), *labels_of(run))
    }
    return {name: hashlib.sha256(one).hexdigest() for name, one in contents.items()}


def labels_of(run: Run) -> dict[str, np.ndarray]:
    """Return the values of each coordinate, which never change."""
    streams = sampled_streams(run.config)
    texts = {"parameter": list(run.bounds)}
    if streams:
        texts["error_stream"] = streams
    places = {
        name: np.array([getattr(pixel, name) for pixel in run.pixels], float)
        for name in _PLACES
    }
    ids = np.array([pixel.id for pixel in run.pixels], np.int64)
    return {
        "pixel": ids,
        **places,
        **{name: np.array(labels, object) for name, labels in texts.items()},
    }


def shapes_of(run: Run) -> dict[str, tuple[int, ...]]:
    """Return what is written again, and its dimensions after the pixels."""
    bounds, streams = run.bounds, sampled_streams(run.config)
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
        from zarr.codecs import BloscCodec, Crc32cCodec

        self.store = store
        # Draws shrink by their bits, hardly by their bytes: as small as with zstd, in a
        # third of the time.
        packed = BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle")
        # Blosc itself takes some damaged bytes for other numbers.
        self.packed = [packed, Crc32cCodec()]
        self.bounds = run.bounds
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
            config=EVERY_CHUNK,
        )

    def add_labels(self, name: str, labels: Sequence[str]) -> None:
        """Create a coordinate of texts."""
        array = self.store.create_array(
            name,
            shape=(len(labels),),
            dtype="str",
            compressors=self.packed[1:],
            dimension_names=[name],
        )
        array[:] = np.array(labels, object)

    def add_places(self, run: Run) -> None:
        """Which pixels, and where."""
        values = labels_of(run)
        self.add("pixel", ["pixel"], "i8", -1)[:] = values["pixel"]
        for name, unit in _PLACES.items():
            self.add(name, ["pixel"], "f8", np.nan, units=unit)[:] = values[name]

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
    """Return an array of the store, to read or to write.

    Raises
    ------
    KeyError, TypeError
        If there is none of that name, or it is a group.
    """
    import zarr

    with zarr.config.set({f"array.{name}": on for name, on in EVERY_CHUNK.items()}):
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
