"""The layout of ``posteriors.zarr``: what it holds, over which dimensions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config import Config, RelativeVariance
from jobs.parameters import parameters, prior_bounds
from jobs.run import Run
from jobs.sources import synthetic_parts

if TYPE_CHECKING:
    import zarr

PIXELS_PER_CHUNK = 64
N_CHAINS = 4
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

    if (path / "zarr.json").exists():
        store = zarr.open_group(path, mode="r+")
        lacks = sampled_streams(run.config) and "error_scale_mean" not in store
        if "complete" in store.attrs and not lacks:
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
    streams = sampled_streams(run.config)
    n, n_draws = len(pixels), run.config.calibration.keep_draws
    store.attrs.update({"title": run.config.name, "seed": run.config.seed})
    if parts := synthetic_parts(run):
        store.attrs["comment"] = parts

    def add(name: str, dims: Sequence[str], dtype: str, fill: Any, **attrs: Any) -> Any:
        sizes = {
            "pixel": n,
            "parameter": len(names),
            "error_stream": len(streams),
            "chain": N_CHAINS,
            "draw": n_draws,
        }
        shape = [sizes[dim] for dim in dims]
        chunks = [min(PIXELS_PER_CHUNK, n), *shape[1:]]
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

    def add_labels(name: str, labels: Sequence[str]) -> None:
        array = store.create_array(
            name, shape=(len(labels),), dtype="str", dimension_names=[name]
        )
        array[:] = np.array(labels, object)

    add("pixel", ["pixel"], "i8", -1)[:] = np.array([pixel.id for pixel in pixels])
    for name, unit in (
        ("latitude", "degrees_north"),
        ("longitude", "degrees_east"),
        ("elevation", "m"),
    ):
        values = np.array([getattr(pixel, name) for pixel in pixels])
        add(name, ["pixel"], "f8", np.nan, units=unit)[:] = values
    meanings = " ".join(STATES)
    add(
        "state",
        ["pixel"],
        "i1",
        0,
        flag_values=list(range(len(STATES))),
        flag_meanings=meanings,
    )
    add("collected_mtime", ["pixel"], "i8", -1, long_name="of posterior.nc, in ns")
    add("minutes", ["pixel"], "f4", np.nan, units="min")
    for name in ("n_model_runs", "n_failed_runs", "surrogate_rmse"):
        add(name, ["pixel"], "f4", np.nan, units="1")
    add_labels("parameter", names)
    for number in NUMBERS:
        add(number, ["pixel", "parameter"], "f4", np.nan)
    add(
        "at_bound",
        ["pixel", "parameter"],
        "i1",
        0,
        flag_values=[-1, 0, 1],
        flag_meanings="low no high",
    )
    if streams:
        add_labels("error_stream", streams)
    for number in ERROR_NUMBERS if streams else ():
        add(
            f"error_scale_{number}",
            ["pixel", "error_stream"],
            "f4",
            np.nan,
            units="1",
            long_name=f"{number} of the factor on the sd of errors",
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
