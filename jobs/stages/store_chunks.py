"""Chunks of ``posteriors.zarr``: which are missing or damaged, and their removal.

Each chunk ends with the CRC-32C of its bytes, and every chunk of rows that were
collected is there, whatever it holds. Stores of earlier versions have neither. A chunk
with the right checksum is unpacked once, too: it may have been made by something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from jobs.disk_errors import system_fault
from jobs.files import OddFile
from jobs.stages.chunk_packing import HEAD, bytes_of, cannot_unpack, wrong_head
from jobs.stages.posterior_store import array_of, reason_of, shapes_of
from jobs.stages.synced_store import SyncedStore, carries_checksum, is_sealed, sync

if TYPE_CHECKING:
    import zarr

    from jobs.run.run import Run

MARKS = "collected_mtime"
_SMALL = 2**16
"""Bytes by which a chunk may be longer packed than it is not."""


def damage_in(
    store: zarr.Group,
    run: Run,
    rows: slice,
    marks: np.ndarray,
    names: Sequence[str] | None = None,
) -> str:
    """Say what is wrong with the chunks of some rows; nothing if they are whole.

    Parameters
    ----------
    store : zarr.Group
        Whose layout is whole.
    run : Run
    rows : slice
        Whole chunks of each array.
    marks : numpy.ndarray (pixel,)
        Of pixels that were collected: not negative.
    names : sequence of str, optional
        Arrays that are looked at; all that are written again.
    """
    some = np.arange(rows.start, rows.stop)
    for name in names or shapes_of(run):
        array = array_of(store, name)
        damage = damage_of(array, some, marks)
        if not is_sealed(array):
            damage = _unreadable(array, rows)
        if damage:
            return damage
    return ""


def damage_of(array: zarr.Array, rows: np.ndarray, marks: np.ndarray) -> str:
    """Say what is wrong with the chunks of some rows of an array with checksums."""
    if not is_sealed(array):
        return ""
    found = (_damage(array, number, marks) for number in chunks_of(array, rows))
    return next(filter(None, found), "")


def forget(store: zarr.Group, run: Run, rows: slice) -> None:
    """Take away the chunks of some rows: these are as if never collected."""
    held = cast(SyncedStore, store.store)
    names = [MARKS, *(name for name in shapes_of(run) if name != MARKS)]
    for name in names:
        array = array_of(store, name)
        for number in chunks_of(array, np.arange(rows.start, rows.stop)):
            held.take_away(key_of(array, number))
        if name == MARKS:
            sync(store)  # before what they vouch for
    array_of(store, "state")[rows] = 0
    sync(store)


def require_readable(array: zarr.Array, rows: np.ndarray, marks: np.ndarray) -> None:
    """Refuse to read rows of which a chunk was lost: it would read as fill values.

    Raises
    ------
    OddFile
        If a chunk is not there that was written, or its head tells of another size.
    """
    if not is_sealed(array):
        return
    held = cast(SyncedStore, array.store)
    for number in chunks_of(array, rows):
        key = key_of(array, number)
        try:
            head, n_bytes = held.head(key, HEAD)
        except (FileNotFoundError, NotADirectoryError):
            if _is_written(array, number, marks):
                raise OddFile(f"{key} is missing") from None
            continue
        if wrong := wrong_head(array, head, n_bytes):
            raise OddFile(f"{key} {wrong}")


def chunks_of(array: zarr.Array, rows: Iterable[int]) -> Iterator[int]:
    """Yield the numbers of the chunks, along the first axis, that hold some rows."""
    yield from np.unique(np.asarray(rows, int) // array.chunks[0]).tolist()


def key_of(array: zarr.Array, number: int) -> str:
    """Return the name of a chunk's file, below the store."""
    metadata: Any = array.metadata
    within = metadata.encode_chunk_key((number, *(0,) * (array.ndim - 1)))
    return f"{array.path}/{within}"


def _is_written(array: zarr.Array, number: int, marks: np.ndarray) -> bool:
    if array.path == MARKS:
        return False  # without marks its rows are collected again
    if array.path == "state":
        return True
    n = array.chunks[0]
    return bool((marks[number * n : (number + 1) * n] >= 0).any())


def _damage(array: zarr.Array, number: int, marks: np.ndarray) -> str:
    key = key_of(array, number)
    limit = bytes_of(array) + _SMALL
    try:
        content = cast(SyncedStore, array.store).content(key, limit)
    except (FileNotFoundError, NotADirectoryError):
        return f"{key} is missing" if _is_written(array, number, marks) else ""
    except OddFile as exc:
        return f"{key}: {exc}"
    if not carries_checksum(content):
        return f"{key} is not as it was written (CRC-32C)"
    wrong = cannot_unpack(array, content)
    return f"{key} {wrong}" if wrong else ""


def _unreadable(array: zarr.Array, rows: slice) -> str:
    try:
        np.asarray(array[rows])
    except Exception as exc:  # whatever damaged chunks make of the reader
        if fault := system_fault(exc):
            raise fault from exc
        return f"{array.path}: {reason_of(exc)}"
    return ""
