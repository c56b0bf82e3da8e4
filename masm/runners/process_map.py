"""Run model calls in processes of their own, which can be ended when they hang.

A call inside this process cannot be ended safely. `ProcessMap` is a ``map`` for
`masm.calibrate` whose workers are: a call that takes longer than its time is ended
with its worker, one whose worker dies (a crash of compiled code, out of memory) is
given up, and the other calls go on in fresh workers.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from masm.errors import InputError

if TYPE_CHECKING:
    from pebble import ProcessPool


_PR_SET_PDEATHSIG = 1
_WATCH_SECONDS = 1.0


@dataclass(frozen=True)
class RunLost:
    """Stands in the place of a result that never came.

    Attributes
    ----------
    reason : str
        Begins with ``"timeout"`` where the call was ended for its time.
    """

    reason: str


class ProcessMap:
    """A map over worker processes, for models that may hang or crash.

    Parameters
    ----------
    n_workers : int
        Processes.
    timeout : float, optional
        Seconds for each parameter set of a call; a call that takes longer is ended.
        Without it calls may take for ever, but a worker that dies is survived.
    start_method : str, optional
        Of `multiprocessing`, by default the platform's. With "fork" functions
        defined in a notebook will do; "spawn" starts clean and imports the model.

    Notes
    -----
    The model must be picklable: a function of a module, or an object of such a class.
    Workers start with the first call. Use it as a context, or `close` it.

    Examples
    --------
    >>> with ProcessMap(2, timeout=30.0) as processes:
    ...     processes(abs, [-1, 2])
    [1, 2]
    """

    def __init__(
        self,
        n_workers: int = 1,
        *,
        timeout: float | None = None,
        start_method: str | None = None,
    ):
        check_timeout(timeout)
        if n_workers < 1:
            raise InputError(f"n_workers is {n_workers}", wanted="1 or more")
        self.n_workers = n_workers
        self.timeout = timeout
        self._context = multiprocessing.get_context(start_method)
        self._pool: ProcessPool | None = None

    def __call__(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> list[Any]:
        """Results in the order of the items, `RunLost` where there is none."""
        from pebble import ProcessExpired, ProcessPool

        _check_picklable(function)
        if self._pool is None:
            self._pool = ProcessPool(
                self.n_workers,
                context=self._context,
                initializer=_end_with,
                initargs=(os.getpid(), self._context.get_start_method()),
            )
        times = []
        futures = []
        for item in items:
            n = len(item) if hasattr(item, "__len__") else 1
            times.append(None if self.timeout is None else self.timeout * n)
            futures.append(
                self._pool.schedule(function, args=(item,), timeout=times[-1])
            )
        results: list[Any] = []
        try:
            for future, seconds in zip(futures, times, strict=True):
                try:
                    results.append(future.result())
                except OutOfTime:
                    results.append(RunLost(f"timeout: no result after {seconds:g} s"))
                except ProcessExpired as exc:
                    results.append(
                        RunLost(f"its process ended (exit code {exc.exitcode})")
                    )
        except BaseException:
            self.close()  # what is still running would hold up the next call
            raise
        return results

    def close(self) -> None:
        """End all workers, busy or not; the next call starts others."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None

    def __enter__(self) -> ProcessMap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _end_with(parent: int, how: str) -> None:
    """End this worker when its parent ends, even if it hangs in compiled code.

    A parent that is killed cannot notify its workers. The kernel is asked for it where
    it can do so (Linux); a thread watches beside it.
    """
    if how == "forkserver":
        return  # it ends its children itself, and is what they have for a parent
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def check_timeout(timeout: float | None) -> None:
    """Refuse a time limit that is none."""
    if timeout is not None and not 0.0 < timeout < float("inf"):
        raise InputError(f"timeout is {timeout!r}", wanted="seconds above zero")


def _check_picklable(function: Callable[[Any], Any]) -> None:
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:
        raise InputError(
            "the model cannot be sent to a process of its own",
            found=str(exc),
            wanted="a function of a module, or an object of a class of one",
            hint="A program that runs outside Python needs none: masm.Executable.",
        ) from exc
