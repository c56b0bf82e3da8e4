"""Whole files or none, and a full disk called by its name."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LITTLE_SPACE = 200_000  # bytes
_AT_FDCWD = -100
_EXCHANGE = 2
_OF_THE_FILE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENXIO,
    errno.EINVAL,
    errno.ENAMETOOLONG,
)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a hidden path beside ``target``, and put it in its place on success.

    The file is on the disk before it gets its name, and its name before this returns.
    """
    aside = target.with_name(f".{target.stem}.new{target.suffix}")
    aside.unlink(missing_ok=True)  # a link there would be written through
    try:
        with naming_a_full_disk(target):
            yield aside
            with aside.open("rb") as written:
                os.fsync(written.fileno())
        os.replace(aside, target)
        sync_folder(target.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def naming_a_full_disk(target: Path) -> Iterator[None]:
    """Raise ``OSError`` of ``ENOSPC`` where a library does not say why it failed."""
    try:
        yield
    except Exception as exc:
        if shutil.disk_usage(target.parent).free > _LITTLE_SPACE:
            raise
        full = errno.ENOSPC
        raise OSError(full, os.strerror(full), str(target)) from exc


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


def sync_files(folder: Path) -> None:
    """Bring the files of a folder to the disk, and their names."""
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as opened:
                os.fsync(opened.fileno())
    sync_folder(folder)


def former(folder: Path) -> Path:
    """Return where a folder stands for the moment in which another takes its place."""
    return folder.with_name(f".{folder.name}.former")


def put_in_place(made: Path, folder: Path) -> None:
    """Give a finished folder its name, whatever stood there; a kill leaves either.

    In one step where the system can exchange two names; else the former one is at
    ``former(folder)`` for a moment, from where `current_folder` finds it.
    """
    sync_files(made)
    if not folder.exists():
        made.replace(folder)
    elif not _exchange(made, folder):
        shutil.rmtree(former(folder), ignore_errors=True)
        folder.replace(former(folder))
        made.replace(folder)
    sync_folder(folder.parent)
    shutil.rmtree(former(folder), ignore_errors=True)


def current_folder(folder: Path) -> Path:
    """Return the folder, or the former one if a kill came between two names."""
    if not folder.exists() and former(folder).is_dir():
        return former(folder)
    return folder


def is_of_the_system(exc: BaseException) -> bool:
    """Return whether an error came of the system and says nothing about a file.

    Examples
    --------
    >>> is_of_the_system(OSError(errno.EIO, "Input/output error"))
    True
    >>> is_of_the_system(ValueError("no tree"))
    False
    """
    return (
        isinstance(exc, OSError)
        and isinstance(exc.errno, int)
        and exc.errno not in _OF_THE_FILE
    )


def _exchange(one: Path, other: Path) -> bool:
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    names = (os.fsencode(one), os.fsencode(other))
    return call(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0
