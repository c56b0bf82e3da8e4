"""Names of the executors; imports nothing heavy, for the command line reads it."""

from __future__ import annotations

from enum import StrEnum


class ExecutorName(StrEnum):
    """Where the tasks of a stage are done."""

    SERIAL = "serial"
    LOCAL = "local"
    SLURM = "slurm"
    SUBMIT = "submit"
    DASK = "dask"


QUEUES = (ExecutorName.SLURM, ExecutorName.SUBMIT)
"""Those that put jobs into a queue and end before the work is done."""
