"""One process at a time, where two would do each other's work: locks that die with it.

The lock is ``flock`` on a hidden file of the run folder. The kernel drops it with the
process that holds it, however that ends, so there is nothing to clear away and no
clock to trust.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.errors import ConfigError, Problem

logger = logging.getLogger(__name__)


@contextmanager
def alone(folder: Path, doing: str, *, shared: bool = False) -> Iterator[None]:
    """Hold a run folder's lock for an activity.

    Parameters
    ----------
    folder : Path
        The run folder; must be writable.
    doing : str
        The activity, such as ``calibrating``; each has a lock of its own.
    shared : bool
        Whether others may hold the lock too, if they also share it.

    Raises
    ------
    ConfigError
        If another process holds the lock.
    """
    with (folder / f".{doing}").open("a+", encoding="utf-8") as opened:
        try:
            how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(opened, how | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            opened.seek(0)
            raise ConfigError(
                Problem(
                    str(folder),
                    f"another process is {doing} this run",
                    found=opened.read().strip() or "its lock",
                    wanted="one at a time",
                    hint="Wait for it to end; `masm status` shows how far it is.",
                )
            ) from exc
        except OSError as exc:  # some shared file systems have no locks
            logger.warning("%s cannot be locked (%s): going on without", folder, exc)
        with suppress(OSError):  # who it is helps people, and is not needed
            os.ftruncate(opened.fileno(), 0)
            holder = f"process {os.getpid()} on {socket.gethostname()}\n"
            os.write(opened.fileno(), holder.encode())
        yield
