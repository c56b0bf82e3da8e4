"""The region cube, written: in bounded memory, by many workers, resumable.

Two rounds. First the source does what is common, file by file (a provider's year
becomes values on the region's pixels). Then each shard of 256 pixels is gathered,
checked and written by one worker alone: workers that share a Zarr shard would lose
each other's pixels. A shard counts when its record stands beside the cube, with the
checksums of what was written; a build that was killed goes on from there.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import DAILY
from regions.cube import BUILDING, CHECKSUMS, FORMAT, Cube, open_cube
from regions.files import sha256, write_text
from regions.grid import LAT_ATTRS, LON_ATTRS
from regions.layout import (
    DRIVERS,
    SHARD_PIXELS,
    STATES,
    STATIC_ATTRS,
    Layout,
    Runner,
    Source,
)

logger = logging.getLogger(__name__)

_PLAN = "plan.json"


Progress = Callable[[int, int], None]
"""Told how many parts of how many are done, of each round of the work in turn."""


def build_cube(
    path: str | Path,
    source: Source,
    *,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> Cube:
    """Build a cube, or go on with one that was begun.

    Parameters
    ----------
    path : path
        Folder of the cube.
    source : Source
        A ``regions.products.ProductSource`` or ``regions.synthetic.SyntheticSource``.
    workers : int
        Processes.
    on_progress : callable, optional
        Called after each part of the work: files of a year first, then shards.

    Returns
    -------
    Cube
        The finished cube, opened. The content does not depend on ``workers`` nor on
        how often the build was broken off.

    Raises
    ------
    InputError
        If an input cannot be used, or the folder holds a cube of something else.
    """
    path = Path(path)
    folder = path / BUILDING
    plan = json.loads(json.dumps(source.describe()))
    if (path / CHECKSUMS).is_file():
        cube = open_cube(path)
        _same_plan(cube.attrs.get("plan", {}), plan, path)
        return cube
    if (folder / _PLAN).is_file():
        _same_plan(json.loads((folder / _PLAN).read_text("utf-8")), plan, path)
    elif path.exists() and any(path.iterdir()):
        raise InputError(
            str(path),
            found="a folder with other things in it",
            wanted="a new or empty folder",
        )
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    write_text(folder / _PLAN, json.dumps(plan, indent=1))

    run = _runner(workers, on_progress or _silent)
    layout = source.prepare(folder, run)
    if len(layout.cells) == 0:
        raise InputError(
            str(path), found="no pixel in the region", wanted="at least one"
        )
    _create(path, layout, plan)
    missing = [
        index
        for index in range(len(layout.shards))
        if not _record(folder, index).is_file()
    ]
    logger.info("%s: %d of %d shards to do", path, len(missing), len(layout.shards))
    run(partial(_write_shard, path, source, layout), missing)
    _finish(path, layout)
    return open_cube(path)


def _silent(done: int, total: int) -> None:
    pass


def _runner(workers: int, on_progress: Progress) -> Runner:
    """Run a function over items, here or in other processes."""

    def run(function: Callable[[Any], None], items: Iterable[Any]) -> None:
        todo = list(items)
        if workers <= 1 or len(todo) <= 1:
            for done, item in enumerate(todo, start=1):
                function(item)
                on_progress(done, len(todo))
            return
        from joblib import Parallel, delayed, parallel_config

        with parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
            pool = Parallel(return_as="generator_unordered")
            results = pool(delayed(function)(item) for item in todo)
            for done, _ in enumerate(results, start=1):
                on_progress(done, len(todo))

    return run


def _same_plan(begun: dict[str, Any], plan: dict[str, Any], path: Path) -> None:
    for key in sorted(set(begun) | set(plan)):
        if begun.get(key) != plan.get(key):
            raise InputError(
                f"{path}  {key}",
                found=f"a cube of {_short(begun.get(key))}",
                wanted=_short(plan.get(key)),
                hint="Give the new cube a folder of its own, or remove this one.",
            )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _create(path: Path, layout: Layout, plan: dict[str, Any]) -> None:
    """All arrays, and everything in them that is small; done again on resuming."""
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec

    group: Any = zarr.open_group(path, mode="a", zarr_format=3)
    cells, days = layout.cells, layout.days
    n, n_time, n_seen = len(cells), days.size, layout.observed.size
    packed: Any = (BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec())

    def small(name: str, values: Any, dims: tuple[str, ...], **attrs: Any) -> None:
        values = np.ascontiguousarray(values)
        if name in group:
            group[name][...] = values  # a killed build may have left it empty
            return
        array = group.create_array(
            name,
            data=values,
            chunks=values.shape or "auto",
            compressors=packed,
            dimension_names=dims,
        )
        array.attrs.update(attrs)

    def sharded(name: str, *inner: int, dims: tuple[str, ...], **attrs: Any) -> None:
        if name in group:
            return
        array = group.create_array(
            name,
            shape=(n, *inner),
            chunks=(1, *(max(size, 1) for size in inner)),
            shards=(SHARD_PIXELS, *(max(size, 1) for size in inner)),
            dtype="float32",
            fill_value=np.nan,
            compressors=packed,
            dimension_names=dims,
        )
        array.attrs.update(attrs)

    def by_shard(name: str, *inner: int, dims: tuple[str, ...], **attrs: Any) -> None:
        if name in group:
            return
        array = group.create_array(
            name,
            shape=(n, *inner),
            chunks=(SHARD_PIXELS, *inner),
            dtype="uint8" if not inner else "uint16",
            compressors=packed,
            dimension_names=dims,
        )
        array.attrs.update(attrs)

    since = "days since 1970-01-01"
    small("pixel", cells.ids, ("pixel",), long_name="cell of the global grid")
    small("lat", cells.lat, ("pixel",), **LAT_ATTRS)
    small("lon", cells.lon, ("pixel",), **LON_ATTRS)
    small(
        "area", cells.area, ("pixel",), units="m2", standard_name="cell_area",
        long_name="area on the ellipsoid",
    )  # fmt: skip
    for name, attrs in STATIC_ATTRS.items():
        small(name, np.asarray(layout.static[name], "f4"), ("pixel",), **attrs)
    for name, (values, attrs) in layout.truth.items():
        small(f"true_{name}", values, ("pixel",), **attrs)
    for name, (values, attrs) in layout.maps.items():
        small(name, values, ("lat_map", "lon_map"), **attrs)
    small(
        "time", days.astype(np.int64), ("time",), units=since, calendar="standard",
        standard_name="time",
    )  # fmt: skip
    small("co2", layout.co2.astype("f8"), ("time",), **DAILY["co2"].attrs)
    small(
        "observed_time", layout.observed.astype("datetime64[D]").astype(np.int64),
        ("observed_time",), units=since, calendar="standard",
        long_name="first day of the 8-day window",
    )  # fmt: skip
    sharded(
        "forcing", len(DRIVERS), n_time, dims=("pixel", "driver", "time"),
        drivers=list(DRIVERS), units=[DAILY[name].units for name in DRIVERS],
        long_name="daily weather, one driver after the other",
    )  # fmt: skip
    seen = ("pixel", "stream", "observed_time")
    streams = list(layout.streams)
    sharded(
        "observations", len(streams), n_seen, dims=seen, streams=streams,
        units=list(layout.streams.values()),
    )  # fmt: skip
    sharded(
        "variances", len(streams), n_seen, dims=seen, streams=streams,
        rules=dict(layout.attrs.get("variance_rules", {})),
        long_name="error variance of the observations",
    )  # fmt: skip
    if layout.true_streams:
        names = list(layout.true_streams)
        sharded(
            "true_series", len(names), n_seen,
            dims=("pixel", "true_stream", "observed_time"), streams=names,
            units=list(layout.true_streams.values()),
            long_name="what the model gives at the true parameters, without noise",
        )  # fmt: skip
    by_shard("state", dims=("pixel",), flag_values=list(range(len(STATES))),
             flag_meanings=" ".join(STATES))  # fmt: skip
    by_shard("filled", len(DRIVERS), dims=("pixel", "driver"),
             long_name="days filled or set to a limit")  # fmt: skip
    grid = layout.grid
    group.attrs.update(
        {
            **layout.attrs,
            "Conventions": "CF-1.11",
            "region_cube_format": FORMAT,
            "grid": {
                "row": grid.row,
                "column": grid.column,
                "n_rows": grid.n_rows,
                "n_columns": grid.n_columns,
            },
            "static": [
                *STATIC_ATTRS, "area", "state",
                *(f"true_{name}" for name in layout.truth),
            ],
            "true_parameters": list(layout.truth),
            "maps": list(layout.maps),
            "plan": plan,
        }
    )  # fmt: skip


def _write_shard(path: Path, source: Source, layout: Layout, index: int) -> None:
    """Gather and write the pixels of one shard; nobody else writes its files."""
    import zarr

    folder = path / BUILDING
    first, last = layout.shards[index]
    shard = source.shard(layout, folder, first, last)
    group: Any = zarr.open_group(path, mode="r+", zarr_format=3)
    contents = {
        "forcing": shard.forcing,
        "observations": shard.observations,
        "variances": shard.variances,
        "state": shard.state(),
        "filled": shard.filled,
    }
    if shard.true_series is not None:
        contents["true_series"] = shard.true_series
    sums = {}
    for name, values in contents.items():
        file = path / name / "c" / "/".join([str(index), *["0"] * (values.ndim - 1)])
        # Zarr would read what a killed worker left of it, to merge it in.
        file.unlink(missing_ok=True)
        group[name][first:last] = values
        # A chunk of nothing but fill values has no file.
        if file.is_file():
            sums[str(file.relative_to(path))] = sha256(file)
    write_text(_record(folder, index), json.dumps(sums))
    logger.info("%s: shard %d of %d", path, index + 1, len(layout.shards))


def _record(folder: Path, index: int) -> Path:
    return folder / "shards" / f"{index:05d}.json"


def _finish(path: Path, layout: Layout) -> None:
    """List the checksums of all files; with that the cube is finished."""
    folder = path / BUILDING
    sums: dict[str, str] = {}
    for index in range(len(layout.shards)):
        sums |= json.loads(_record(folder, index).read_text("utf-8"))
    for name, digest in sums.items():
        if sha256(path / name) != digest:
            raise InputError(
                str(path / name),
                found="another content than its worker wrote",
                wanted=f"SHA-256 {digest[:16]}...",
                hint=f"Remove {folder / 'shards'} and build again.",
            )
    for file in sorted(path.rglob("*")):
        name = str(file.relative_to(path))
        if file.is_file() and folder not in file.parents and name not in sums:
            sums[name] = sha256(file)
    aside = path / f".{CHECKSUMS}"
    aside.write_text(json.dumps(dict(sorted(sums.items())), indent=0), "utf-8")
    os.replace(aside, path / CHECKSUMS)
    shutil.rmtree(folder, ignore_errors=True)
