"""File locks: one process at a time per stage; released when the process ends.

The lock is ``flock`` on a hidden file of the run folder. The kernel drops it with the
process that holds it, however that ends, so there is nothing to clear away and no
clock to trust. It is of that process alone: one that is forked from it lets go.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.errors import ConfigError, Problem
from jobs.files import kind_of

logger = logging.getLogger(__name__)

_held: set[int] = set()
"""File handles of the locks that this process holds."""


def _let_go() -> None:
    """Close what a forked child has of its parent's locks; the parent keeps them."""
    for handle in _held:
        with suppress(OSError):
            os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


class LockUnavailable(RuntimeError):
    """A file system without locks, where one was needed."""


@contextmanager
def alone(
    folder: Path,
    doing: str,
    *,
    shared: bool = False,
    wait: bool = False,
    strict: bool = False,
) -> Iterator[None]:
    """Hold a run folder's lock for an activity.

    Parameters
    ----------
    folder : Path
        The run folder; must be writable.
    doing : str
        The activity, such as ``calibrating``; each has a lock of its own.
    shared : bool
        Whether others may hold the lock too, if they also share it.
    wait : bool
        Whether to wait for others, for what takes them a moment.
    strict : bool
        Whether to do nothing without a lock.

    Raises
    ------
    ConfigError
        If another process holds the lock, or what is at its name is no file of
        this user.
    LockUnavailable
        With ``strict``, on a file system that has no locks.
    """
    handle = _opened(folder / f".{doing}", folder)
    _held.add(handle)
    try:
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, how if wait else how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                Problem(
                    str(folder),
                    f"another process is {doing} this run",
                    found=_holder(handle) or "its lock",
                    wanted="one at a time",
                    hint="Wait for it to end; `masm status` shows how far it is.",
                )
            ) from None
        except OSError as exc:  # some shared file systems have no locks
            if strict:
                raise LockUnavailable(f"{folder} cannot be locked ({exc})") from exc
            logger.warning("%s cannot be locked (%s): going on without", folder, exc)
        with suppress(OSError):  # who it is helps people, and is not needed
            os.ftruncate(handle, 0)
            holder = f"process {os.getpid()} on {socket.gethostname()}\n"
            os.pwrite(handle, holder.encode(), 0)
        yield
    finally:
        if handle in _held:  # not in a child that was forked meanwhile
            _held.discard(handle)
            os.close(handle)


def _opened(path: Path, folder: Path) -> int:
    """Open a lock's file for its owner alone: who can read it could hold it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as exc:
        if exc.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise
        raise _odd(path, folder) from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(handle)
        raise _odd(path, folder)
    if stat.S_IMODE(found.st_mode) & 0o077 and found.st_uid == os.geteuid():
        with suppress(OSError):
            os.fchmod(handle, 0o600)  # made by an earlier version
    return handle


def _odd(path: Path, folder: Path) -> ConfigError:
    kind = kind_of(path)
    return ConfigError(
        Problem(
            str(path),
            "the lock of this run is no file of its own",
            found="a file of several names" if kind == "a file" else kind,
            wanted="nothing, or the file that masm made",
            hint=f"Look at it, then take it away: it is not needed ({folder}).",
        )
    )


def _holder(handle: int) -> str:
    text = os.pread(handle, 200, 0).decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable()).strip()
