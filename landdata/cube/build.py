"""The region cube, written: in bounded memory, by many workers, resumable.

Two rounds. First the source does what is common, file by file (a provider's year
becomes values on the region's pixels). Then each shard of 256 pixels is gathered,
checked and written by one worker alone: workers that share a Zarr shard would lose
each other's pixels. A shard counts when its record is beside the cube, with the
checksums of what was written; a build that was killed goes on from there.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from landdata.cube.arrays import create_arrays
from landdata.cube.cube import BUILDING, CHECKSUMS, FORMAT, Cube, open_cube
from landdata.cube.layout import Layout, Runner, Source
from landdata.errors import InputError, require_package
from landdata.files.provider_files import sha256
from landdata.files.whole_files import make_folder, sync_folder, write_text

logger = logging.getLogger(__name__)

_PLAN = "plan.json"
_LOCK = "lock"


Progress = Callable[[int, int], None]
"""Called with how many parts of how many are done, in each round of the work."""


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
        A ``landdata.cube.product_source.ProductSource`` or
        ``landdata.synthetic.region.SyntheticSource``.
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

    Examples
    --------
    >>> from landdata import SyntheticSource, build_cube, synthetic_block
    >>> source = SyntheticSource(
    ...     grid=synthetic_block(2, 1), years=(2003, 2003), forest_only=False
    ... )
    >>> cube = build_cube("small.zarr", source)
    >>> len(cube), cube.synthetic
    (2, True)
    """
    for package in ("pyproj", "rasterio", "exactextract"):
        require_package(package, "regions")
    path = Path(path)
    folder = path / BUILDING
    plan = json.loads(json.dumps({"format": FORMAT, **source.describe()}))
    if (path / CHECKSUMS).is_file():
        return _finished(path, plan)
    begun = (folder / _PLAN).is_file()  # a cube's arrays come after its plan
    others = path.exists() and any(one.name != BUILDING for one in path.iterdir())
    if others and not begun and not (path / CHECKSUMS).is_file():
        raise InputError(
            str(path),
            found="a folder with other things in it",
            wanted="a new or empty folder",
        )
    with _file_lock(folder):
        if (path / CHECKSUMS).is_file():  # another process has just finished it
            shutil.rmtree(folder, ignore_errors=True)
            return _finished(path, plan)
        make_folder(folder / "shards")
        if (folder / _PLAN).is_file():
            _same_plan(json.loads((folder / _PLAN).read_text("utf-8")), plan, path)
        write_text(folder / _PLAN, json.dumps(plan, indent=1))
        run = _runner(workers, on_progress or _silent)
        layout = source.prepare(folder, run)
        if len(layout.cells) == 0:
            raise InputError(
                str(path), found="no pixel in the region", wanted="at least one"
            )
        create_arrays(path, layout, plan)
        missing = [
            index
            for index in range(len(layout.shards))
            if not _record(folder, index).is_file()
        ]
        logger.info("%s: %d of %d shards to do", path, len(missing), len(layout.shards))
        run(partial(_write_shard, path, source, layout), missing)
        _finish(path, layout)
    return open_cube(path)


def _finished(path: Path, plan: dict[str, Any]) -> Cube:
    cube = open_cube(path)
    _same_plan(cube.attrs.get("plan", {}), plan, path)
    return cube


@contextmanager
def _file_lock(folder: Path) -> Iterator[None]:
    """Hold a lock on a build, which the system gives back when the process dies.

    Two builders of one cube would write the same shards and remove each other's
    files.
    """
    make_folder(folder)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(folder / _LOCK, flags, 0o600), "a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise InputError(
                str(folder.parent),
                found="another process that is building this cube"
                + _who((folder / _LOCK).read_text("utf-8", "replace")),
                wanted="one at a time",
                hint="Wait for it to end: the same call then opens the finished cube.",
            ) from exc
        opened.truncate(0)
        opened.write(f"{os.getpid()} on {socket.gethostname()}")
        opened.flush()
        yield


def _who(note: str) -> str:
    return f" (process {note})" if note else ""


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
    if begun.get("format") != FORMAT:
        raise InputError(
            str(path),
            found=f"a cube of format {begun.get('format', 1)!r} that was begun",
            wanted=f"format {FORMAT}",
            hint="An earlier version began it. Remove the folder and build again.",
        )
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
        "state": shard.state(layout.optional),
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
            _sync_file(file)
            sums[str(file.relative_to(path))] = sha256(file)
    write_text(_record(folder, index), json.dumps(sums))
    logger.info("%s: shard %d of %d", path, index + 1, len(layout.shards))


def _sync(path: Path, but: Path) -> None:
    """Bring a cube to the disk before its list of checksums says that it is whole."""
    for one in [path, *path.rglob("*")]:
        if but in (one, *one.parents) or one.is_symlink():
            continue
        if one.is_file():
            _sync_file(one)
        elif one.is_dir():
            sync_folder(one)


def _sync_file(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


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
    _sync(path, folder)
    write_text(path / CHECKSUMS, json.dumps(dict(sorted(sums.items())), indent=0))
    shutil.rmtree(folder, ignore_errors=True)
