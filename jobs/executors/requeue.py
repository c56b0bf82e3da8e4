"""Back into the queue before a job's time limit; imports nothing heavy."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.errors import Stopped


@contextmanager
def requeued_before_walltime() -> Iterator[None]:
    """Put a Slurm task back into the queue when it is warned of its walltime."""
    try:
        yield
    except Stopped as stop:
        if str(stop) == signal.SIGUSR1.name:
            from jobs.executors.slurm import requeue_this_task

            requeue_this_task()
        raise
