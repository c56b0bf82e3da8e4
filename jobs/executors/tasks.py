"""Do the tasks of a stage that are left, wherever the configuration says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from jobs.config.executor_names import QUEUES
from jobs.config.process_model import model_of
from jobs.console import progress, show
from jobs.errors import Submitted
from jobs.executors.base import UnitRun, Work
from jobs.executors.plan import read_task
from jobs.executors.registry import executor_of
from jobs.executors.requeue import requeued_before_walltime
from jobs.executors.workers import do_one
from jobs.run.run import Run

logger = logging.getLogger(__name__)

_YEARS_PER_MINUTE = 15_000.0  # simulated years of one core in lanes: benchmarks.forward


def do_units(
    run: UnitRun,
    work: Callable[[Path, int], object],
    left: Sequence[int],
    *,
    command: Sequence[str],
    unit: str,
    executor: str | None = None,
    minutes: float = 1.0,
    title: str = "",
) -> bool:
    """Do the tasks that are left; return whether all are done now.

    Parameters
    ----------
    run : Run
        A started run.
    work : callable
        ``work(run_folder, number)`` does one task; of a module, so that worker
        processes can have it.
    left : sequence of int
        The tasks.
    command : sequence of str
        The words of the command line that does them, such as ``["screen"]``.
    unit : str
        What a task is, in the plural, for the progress bar.
    executor : str, optional
        In place of the configuration's. With a queue the tasks are submitted, and
        the answer is False.
    minutes : float
        That a task takes about, for the jobs of a queue.
    title : str
        What is done, for the progress bar; by default the words of the command.
    """
    if not left:
        return True
    name = executor or run.config.execution.executor
    if name == "local" and len(left) == 1:
        name = "serial"
    words = title or " ".join(command)
    tasks = executor_of(name).run(run, Work(tuple(command), unit, work, minutes), left)
    if name in QUEUES:
        try:
            next(tasks)
        except Submitted as submitted:
            show(f"{submitted}\nwhen they are through, give the same command again")
            return False
    with progress(words, len(left), unit) as advance, closing(tasks) as numbers:
        for number in numbers:
            logger.info("%s %d done", words, number)
            advance(1)
    return True


def minutes_for(run: Run, n_runs: int, n_years: int) -> float:
    """Estimate the minutes of so many model runs, their spin-up included."""
    return n_runs * (n_years + model_of(run.config).spinup_cycles) / _YEARS_PER_MINUTE


def do_task(
    run: UnitRun, work: Callable[[Path, int], object], tasks: Path, number: int
) -> None:
    """Do the tasks of one job of a queue here; go back into the queue in time."""
    with requeued_before_walltime():
        for one in read_task(tasks, number):
            do_one(run.folder.path, Work((), "", work), one)
