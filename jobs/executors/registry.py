"""The executors by name. A new one is a file, a name and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.config.executor_names import ExecutorName

if TYPE_CHECKING:
    from jobs.executors.base import Executor


def executor_of(name: str) -> Executor:
    """Return an executor.

    Parameters
    ----------
    name : str
        One of ``jobs.config.executor_names.ExecutorName``.

    Raises
    ------
    KeyError
        If there is none of this name.

    Examples
    --------
    >>> executor_of("serial")
    Serial()
    """
    from jobs.executors.dask import Dask
    from jobs.executors.slurm import SlurmArrays
    from jobs.executors.submit import Submit
    from jobs.executors.workers import Local, Serial

    executors: dict[str, Executor] = {
        ExecutorName.SERIAL: Serial(),
        ExecutorName.LOCAL: Local(),
        ExecutorName.SLURM: SlurmArrays(),
        ExecutorName.SUBMIT: Submit(),
        ExecutorName.DASK: Dask(),
    }
    return executors[name]
