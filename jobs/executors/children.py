"""Worker processes: how many, what they import, and that they end with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from functools import cache

from landmodels.compile_cache import ignore_numba_settings, keep_private

_MOST_A_CORE = 4
_WATCH_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1

ignore_numba_settings()  # a worker reads this module before numba


def capped(n_workers: int, n_units: int) -> int:
    """Return how many workers are of use: one a unit, and few a core.

    Examples
    --------
    >>> capped(24, 3)
    3
    """
    return max(1, min(n_workers, n_units, _MOST_A_CORE * (os.cpu_count() or 1)))


def safe_children() -> None:
    """Let workers import nothing of the working directory, nor code cached there."""
    os.environ["PYTHONSAFEPATH"] = "1"
    keep_private()


@cache
def end_with(parent: int) -> None:
    """End this process when its parent ends, however that ends.

    A parent that is killed cannot notify its workers, and they would go on unheard, at
    the side of those of the run that is resumed. The kernel is asked for it where it
    can do so; a thread watches beside it.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
