"""Whole files or none: on the disk before they get their name."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OF_THE_FILE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENXIO,
    errno.EINVAL,
    errno.ENAMETOOLONG,
)


def is_of_the_system(exc: BaseException) -> bool:
    """Return whether an error came of the system and says nothing about a file.

    Examples
    --------
    >>> is_of_the_system(OSError(errno.EIO, "Input/output error"))
    True
    >>> is_of_the_system(OSError("file signature not found"))
    False
    """
    return (
        isinstance(exc, OSError)
        and isinstance(exc.errno, int)
        and exc.errno not in _OF_THE_FILE
    )


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a hidden path beside ``target``; on success it becomes ``target``.

    A link that is at the hidden name is not followed: it is taken away first.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    aside.unlink(missing_ok=True)
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, target)
        sync_folder(target.parent)
    finally:
        aside.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file whole, or leave the one that is there."""
    with replacing(target) as aside:
        aside.write_text(text, encoding="utf-8")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each on the disk before what it holds."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the file system can do so."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(handle)
