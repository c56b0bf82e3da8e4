"""Replace a file as a whole."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
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


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a name beside ``path`` to write to, and put it in place when done.

    A reader sees the old file or the new one, never a part of one, even after the
    machine lost power: the file is on the disk before it gets its name, and its name
    before this returns.
    """
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)  # mkstemp's files are for the owner alone
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, target)
        sync_folder(target.parent)
    finally:
        aside.unlink(missing_ok=True)


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


def is_of_the_system(exc: OSError) -> bool:
    """Return whether an error came of the system and says nothing about a file.

    Examples
    --------
    >>> is_of_the_system(OSError(errno.EIO, "Input/output error"))
    True
    >>> is_of_the_system(OSError("file signature not found"))
    False
    """
    return isinstance(exc.errno, int) and exc.errno not in _OF_THE_FILE
