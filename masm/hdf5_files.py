"""Read HDF5 files of anybody's: from memory, and nothing but what is in them.

A file is read whole, compared with its seal, and opened as an image in memory. So an
error of the disk is reported as such and never taken for damage; a damaged file is
reported before the library, which can crash on one, sees it; and the library opens no
file. HDF5 can name other files in three ways (external storage, external links, virtual
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
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

_SEAL = b"\nmasm seal sha256 "
_SEAL_LENGTH = len(_SEAL) + 64
_MOST_PACKED = 1100
"""Times that deflate shrinks at most, and a little."""
_ALWAYS_ALLOWED = 2**20
_MOST_BYTES = 4 * 2**30
_MOST_BYTES_OF_A_RUN = 2**29
"""Of a file that is no link: ours have some megabytes."""
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SMALL = 2**26
"""Bytes of which a second copy is of no account."""
_MOST_OBJECTS = 100_000


class NotPlain(ValueError):
    """A file that is damaged, or is more than data of its own."""


def seal(path: str | os.PathLike[str]) -> None:
    """Add to a finished file the SHA-256 of its content, which HDF5 passes over."""
    with open(path, "r+b") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        opened.seek(0, os.SEEK_END)
        opened.write(_SEAL + digest.encode())


def write_netcdf(data: Any, path: str | os.PathLike[str], **options: Any) -> None:
    """Write a dataset or a tree as netCDF-4: in memory, then to the disk at once.

    HDF5 ends the process where a disk that is full, or fails, stops it in the middle of
    a file; a plain write is an ``OSError``.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataTree
        What is written.
    path : path-like
        The file.
    **options
        Of xarray's ``to_netcdf``.
    """
    Path(path).write_bytes(netcdf_image(data, **options))


def netcdf_image(data: Any, **options: Any) -> memoryview:
    """Return the bytes of a dataset or a tree as a netCDF-4 file.

    Examples
    --------
    >>> import xarray as xr
    >>> bytes(netcdf_image(xr.Dataset({"a": 1.0})))[1:4]
    b'HDF'
    """
    held = io.BytesIO()
    with _no_cluster():
        data.to_netcdf(held, engine="h5netcdf", **options)
    return held.getbuffer()


def _no_cluster() -> AbstractContextManager[object]:
    """Keep xarray from asking a cluster of Dask for a lock on a file in memory."""
    if "distributed" not in sys.modules:
        return nullcontext()
    import dask

    held: AbstractContextManager[object] = dask.config.set(scheduler="synchronous")
    return held


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
    limit = _MOST_BYTES if follow else _MOST_BYTES_OF_A_RUN
    _require_file(os.stat(where, follow_symlinks=follow), where, limit)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(where, flags | (0 if follow else os.O_NOFOLLOW))
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO):
            raise NotPlain(f"{where.name} is no file") from exc
        raise
    with open(handle, "rb") as opened:
        found = os.fstat(handle)
        _require_file(found, where, limit)
        require_size(opened, found.st_size, where.name)
        content = opened.read(found.st_size)
    return unsealed(content, where.name)


def require_size(opened: BinaryIO, n_bytes: int, name: str) -> None:
    """Refuse a file with more bytes than its head says, before they are read.

    The head of an HDF5 file says where it ends. What is behind, but for a seal, is
    of no use to anybody and may be endless zeros that no disk holds. A file without
    such a head at its beginning, or of a kind that is not known, is passed.

    Parameters
    ----------
    opened : binary file
        At its beginning, where it is again afterwards.
    n_bytes : int
        That it has.
    name : str
        For the message.

    Raises
    ------
    NotPlain
        If it has far more bytes than it says.
    """
    end = _end_of(opened.read(96))
    opened.seek(0)
    if end is not None and n_bytes > end + _SEAL_LENGTH + _SMALL:
        raise NotPlain(f"{name} has {n_bytes} bytes and says that it has {end}")


def _end_of(head: bytes) -> int | None:
    """Where an HDF5 file ends by its superblock; None if that does not say.

    Source: HDF5 File Format Specification 3.0, section II.A.
    """
    if not head.startswith(_SIGNATURE) or len(head) < 96:
        return None
    version = head[8]
    if version in (0, 1):  # base, free space, end: each of so many bytes
        width = head[13]
        at = (24 if version == 0 else 28) + 2 * width
    elif version in (2, 3):  # base, extension, end
        width = head[9]
        at = 12 + 2 * width
    else:
        return None
    return int.from_bytes(head[at : at + width], "little") if width in (4, 8) else None


def unsealed(content: bytes, name: str) -> bytes:
    """Return a file's content without its seal, which is checked where there is one.

    Raises
    ------
    NotPlain
        If it is not what was sealed.
    """
    tail = content[-_SEAL_LENGTH:]
    if tail.startswith(_SEAL):
        content = content[:-_SEAL_LENGTH]
        if hashlib.sha256(content).hexdigest().encode() != tail[len(_SEAL) :]:
            raise NotPlain(f"{name} is not as it was written (SHA-256)")
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
    try:
        opened, held = _opened(content)
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
        del held


def _opened(content: bytes) -> tuple[Any, Any]:
    """Open a file's content, a large one without a copy of it; what must be kept."""
    import h5py
    from h5py import h5f

    if len(content) <= _SMALL:
        return h5f.open_file_image(content), None
    held = h5py.File(io.BytesIO(content), "r")
    return held.id, held


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


def _require_file(found: os.stat_result, path: Path, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotPlain(f"{path.name} is no file")
    if found.st_size > limit:
        raise NotPlain(f"{path.name} has {found.st_size} bytes")
