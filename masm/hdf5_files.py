"""Read HDF5 files of anybody's: from memory, and nothing but what is in them.

A file is read whole, held against its seal, and opened as an image in memory. So an
error of the disk is told as such and never taken for damage; a damaged file is told
before the library, which can crash on one, sees it; and the library opens no file.
HDF5 can name other files in three ways (external storage, external links, virtual
datasets): a file that does so is refused, as is one that declares more than its bytes
can hold.
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
import os
import stat
from pathlib import Path
from typing import Any

_SEAL = b"\nmasm seal sha256 "
_SEAL_LENGTH = len(_SEAL) + 64
_MOST_PACKED = 1100
"""Times that deflate shrinks at most, and a little."""
_ALWAYS_ALLOWED = 2**20
_MOST_BYTES = 4 * 2**30
_MOST_OBJECTS = 100_000


class NotPlain(ValueError):
    """A file that is damaged, or is more than data of its own."""


def seal(path: str | os.PathLike[str]) -> None:
    """Add to a finished file the SHA-256 of its content, which HDF5 passes over."""
    with open(path, "r+b") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        opened.seek(0, os.SEEK_END)
        opened.write(_SEAL + digest.encode())


def read_image(path: str | os.PathLike[str], *, follow: bool = True) -> bytes:
    """Read a file whole, its seal checked where it has one.

    Parameters
    ----------
    path : path-like
        The file.
    follow : bool
        Whether it may be a link.

    Raises
    ------
    NotPlain
        If it is no file, or is not what was sealed.
    OSError
        If the system cannot read it now.
    """
    where = Path(path)
    _require_file(os.stat(where, follow_symlinks=follow), where)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(where, flags | (0 if follow else os.O_NOFOLLOW))
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO):
            raise NotPlain(f"{where.name} is no file") from exc
        raise
    with open(handle, "rb") as opened:
        found = os.fstat(handle)
        _require_file(found, where)
        content = opened.read(found.st_size)
    tail = content[-_SEAL_LENGTH:]
    if tail.startswith(_SEAL):
        content = content[:-_SEAL_LENGTH]
        if hashlib.sha256(content).hexdigest().encode() != tail[len(_SEAL) :]:
            raise NotPlain(f"{where.name} is not as it was written (SHA-256)")
    return content


def plain_stream(content: bytes) -> io.BytesIO:
    """Give a file's content to open with h5netcdf or xarray, if it is plain.

    Raises
    ------
    NotPlain
        If it is no HDF5, names other files, or declares more than it can hold.
    """
    require_plain(content)
    return io.BytesIO(content)


def require_plain(content: bytes) -> None:
    """Refuse a file that names other files, or declares more than it can hold.

    Parameters
    ----------
    content : bytes
        Of the file, whole.

    Raises
    ------
    NotPlain
        Naming the first thing that is not plain.
    """
    from h5py import h5f

    try:
        opened = h5f.open_file_image(content)
    except (OSError, ValueError, RuntimeError) as exc:
        raise NotPlain(str(exc)) from exc
    try:
        _walk(opened, len(content))
    except NotPlain:
        raise
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as exc:
        raise NotPlain(str(exc)) from exc
    finally:
        opened.close()


def _walk(root: Any, n_bytes: int) -> None:
    from h5py import h5d, h5g, h5l, h5o

    seen: set[Any] = set()
    total = 0
    left = [(h5g.open(root, b"/"), "")]
    while left:
        group, where = left.pop()
        for name in list(group):
            kind = group.links.get_info(name).type
            path = f"{where}/{name.decode('utf-8', 'replace')}"
            if kind != h5l.TYPE_HARD:
                raise NotPlain(f"{path} is a link")
            child = h5o.open(group, name)
            mark = h5o.get_info(child).addr
            if mark in seen:
                continue  # a scale is named by many
            seen.add(mark)
            if len(seen) > _MOST_OBJECTS:
                raise NotPlain("more objects than can be meant")
            if isinstance(child, h5g.GroupID):
                left.append((child, path))
            elif isinstance(child, h5d.DatasetID):
                total += size_of(child, path, n_bytes)
                if total > _ALWAYS_ALLOWED + _MOST_PACKED * n_bytes:
                    raise NotPlain(f"{path}: more than the file can hold")


def size_of(dataset: Any, path: str, n_bytes: int) -> int:
    """Return the bytes of a dataset of a file of ``n_bytes``, if it is plain.

    Raises
    ------
    NotPlain
        If its values are in other files, or more than can be in this one.
    """
    from h5py import h5d

    made = dataset.get_create_plist()
    if made.get_external_count() > 0 or made.get_layout() == h5d.VIRTUAL:
        raise NotPlain(f"{path} keeps its values in another file")
    size = math.prod(dataset.shape) * dataset.get_type().get_size()
    if size > _ALWAYS_ALLOWED + _MOST_PACKED * n_bytes:
        raise NotPlain(f"{path} of shape {dataset.shape} is more than the file holds")
    if made.get_layout() == h5d.CHUNKED:
        chunk = math.prod(made.get_chunk()) * dataset.get_type().get_size()
        if chunk > _ALWAYS_ALLOWED + _MOST_PACKED * n_bytes:
            raise NotPlain(f"{path}: a chunk of {chunk} bytes")
    return size


def _require_file(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotPlain(f"{path.name} is no file")
    if found.st_size > _MOST_BYTES:
        raise NotPlain(f"{path.name} has {found.st_size} bytes")
