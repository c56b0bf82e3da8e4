"""Whole files or none: written beside their target, then put in its place.

What is read back is data of anybody's: a file must be a file, of a size that can be
meant, at its own place. Links below a folder of ours are not followed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any
from uuid import uuid4

LITTLE_SPACE = 200_000
"""Bytes free of a disk that is full: less than a posterior takes."""

TEXT_LIMIT = 64 * 2**20
"""Bytes of a text file that can be meant."""
DATA_LIMIT = 4 * 2**30
"""Bytes of a pixel's data file that can be meant."""

_ODD = (errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG)
_LARGEST = 1e300
"""Of numbers that a result holds."""
_OURS = re.compile(
    r"\.((running|failure|summary|posterior|checkpoint)\..+"
    r"|.+\.[0-9a-f]{32}(\.\w+)?|[\w.-]+\.(nc|tif|csv|json|zarr|ubj|png|html)\.\w+"
    r"|[\w-]+\.new\.\w+)"
)
"""Names that ``replacing`` of any of our packages gives to what it writes aside."""

_OUR_FOLDERS = re.compile(r"\.(map|stac)-[a-z0-9_]{8}")
"""Folders in which an export writes what it then puts in place."""


class OddFile(ValueError):
    """What has the name of a file is no file, or none that can be meant: damage."""


def read_bytes(path: Path, limit: int = DATA_LIMIT, *, follow: bool = False) -> bytes:
    """Read a file whole, if it is one.

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Bytes beyond which it is not read.
    follow : bool
        Whether it may be a link: inputs of the user's may, files of a run may not.

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    OddFile
        If it is a link, a folder, a pipe, a device, or too large. Other errors of the
        system say nothing about the file and are passed on as they are.
    """
    handle, size = _open(path, limit, follow=follow)
    with open(handle, "rb") as opened:
        return opened.read(size)  # a larger number would take its memory at once


def read_head(path: Path, n_bytes: int) -> tuple[bytes, int]:
    """Return the first bytes of a file of ours, its size; raises as `read_bytes`."""
    handle, size = _open(path, DATA_LIMIT)
    with open(handle, "rb") as opened:
        return opened.read(n_bytes), size


def digest_of(path: Path, limit: int = DATA_LIMIT) -> str:
    """Return the SHA-256 of a file of ours, piece by piece; raises as `read_bytes`."""
    handle, _ = _open(path, limit)
    with open(handle, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _open(path: Path, limit: int, *, follow: bool = False) -> tuple[int, int]:
    """Open a file to read, if it is one; return its handle and its size."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    flags |= 0 if follow else os.O_NOFOLLOW
    try:
        _require_file(path, os.stat(path, follow_symlinks=follow))
        handle = os.open(path, flags)
    except OSError as exc:
        if exc.errno in _ODD:
            raise OddFile(f"{path.name} is {kind_of(path)}") from exc
        raise
    try:
        size = _require_file(path, os.fstat(handle))
        if size > limit:
            raise OddFile(f"{path.name} has {size} bytes, more than can be meant")
    except BaseException:
        os.close(handle)
        raise
    return handle, size


def read_text(path: Path, limit: int = TEXT_LIMIT, *, follow: bool = False) -> str:
    """Read a text file whole; raises as `read_bytes`, ``ValueError`` if it is none."""
    return read_bytes(path, limit, follow=follow).decode("utf-8")


def read_json(path: Path, limit: int = TEXT_LIMIT) -> Any:
    """Read a JSON file; raises as `read_bytes`, ``ValueError`` if it is none."""
    text = read_text(path, limit)
    try:
        return json.loads(text)
    except RecursionError:
        raise OddFile(f"{path.name} is nested without end") from None


def is_file(path: Path) -> bool:
    """Return whether a file of ours is at its name, and no link or pipe.

    Raises
    ------
    OSError
        If the system could not say.
    """
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, *_ODD):
            return False
        raise


def lexists(path: Path) -> bool:
    """Return whether anything has this name, even a link to nowhere."""
    try:
        os.lstat(path)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise
    return True


def kind_of(path: Path) -> str:
    """Say what is found at a name, as a part of a sentence.

    Examples
    --------
    >>> kind_of(Path("/"))
    'a folder'
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "not there"
    kinds = {
        stat.S_IFLNK: "a link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFREG: "a file",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write; on success it becomes ``target`` in one step.

    The name is unique, so two processes that write the same target at once both
    leave a whole file. The suffix is kept, since some writers read it. The file is on
    the disk before it gets its name, and its name before this returns.

    Raises
    ------
    OSError
        Of ``ENOSPC`` if writing failed and the disk is full, whatever the writer said.
    """
    make_folder(target.parent)
    aside = target.with_name(f".{target.stem}.{uuid4().hex}{target.suffix}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, target)
        sync_folder(target.parent)
    except Exception as exc:
        # Not every library says why, and soon the space is free again.
        if _free(target.parent) > LITTLE_SPACE:
            raise
        raise OSError(ENOSPC, os.strerror(ENOSPC), str(target)) from exc
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            aside.unlink()


def _free(folder: Path) -> float:
    try:
        return shutil.disk_usage(folder).free
    except OSError:  # the folder is gone: not for want of space
        return float("inf")


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


def write_text(target: Path, text: str) -> None:
    """Write a text file whole, or leave the one that is there."""
    with replacing(target) as aside:
        aside.write_text(text, encoding="utf-8")


def sweep(folder: Path, keep: Callable[[Path], bool] | None = None) -> None:
    """Take away what killed processes had begun to write aside.

    Only files, by names that our packages give, in the folder itself or in the folders
    in which an export writes aside: nothing is followed, and a folder with anything
    else in it stays.

    Parameters
    ----------
    folder : Path
        In which no other process writes now, but for what is kept.
    keep : callable, optional
        Tells which hidden entries are left.
    """
    if not is_folder(folder):
        return
    for path in folder.glob(".*"):
        if _OUR_FOLDERS.fullmatch(path.name) and is_folder(path):
            _sweep_folder(path)
            continue
        if not _OURS.fullmatch(path.name) or not is_file(path):
            continue
        if keep is None or not keep(path):
            path.unlink(missing_ok=True)


def _sweep_folder(path: Path) -> None:
    """Take away plain files in a folder of ours, and it, if nothing else is in it."""
    for one in path.iterdir():
        if stat.S_ISREG(os.lstat(one).st_mode):
            one.unlink(missing_ok=True)
    with suppress(OSError):  # something else lies in it: not ours to take
        path.rmdir()


def is_number(value: object) -> bool:
    """Return whether a value read from JSON is a number of ordinary size, or NaN."""
    if isinstance(value, bool) or not isinstance(value, (float, int)):
        return False
    return not abs(value) > _LARGEST


def is_folder(path: Path) -> bool:
    """Return whether a folder of ours is at its name, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def put_aside(path: Path, why: str = "damaged") -> Path:
    """Keep what is damaged under the name returned, out of the way of what is whole.

    A link or a folder is moved as it is; nothing behind it is touched. ``why`` ends the
    new name.
    """
    aside = path.with_name(f"{path.name}.{why}")
    number = 1
    while is_folder(aside) or (is_folder(path) and lexists(aside)):
        number += 1
        aside = path.with_name(f"{path.name}.{why}{number}")
    os.replace(path, aside)
    sync_folder(path.parent)
    return aside


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _require_file(path: Path, found: os.stat_result) -> int:
    if not stat.S_ISREG(found.st_mode):
        raise OddFile(f"{path.name} is {kind_of(path)}")
    return found.st_size
