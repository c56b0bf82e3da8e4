"""Work that falls into units, each with a result file: done here, by workers, by Slurm.

A unit is a number (a pixel's id, a chunk of a region) and a function that does it and
leaves its result at its name as the last thing. What is done is read from the files,
so a broken-off stage goes on where it stopped, and a unit done twice does no harm.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from jobs.config.process_model import NamesModel, model_of
from jobs.config.schema import Execution
from jobs.console import progress, show
from jobs.errors import ConfigError, Problem
from jobs.executors import slurm
from jobs.executors.children import capped, end_with, safe_children
from jobs.executors.requeue import requeued_before_walltime
from jobs.run.folder import RunFolder
from jobs.run.run import Run

logger = logging.getLogger(__name__)

Work = Callable[[Path, int], None]
"""``work(run_folder, number)``; of a module, so that worker processes can have it."""


class _Config(NamesModel, Protocol):
    @property
    def name(self) -> str: ...
    @property
    def execution(self) -> Execution: ...


class UnitRun(Protocol):
    """What a run must have, that its work can fall into units."""

    @property
    def folder(self) -> RunFolder:
        """Where everything stands."""

    @property
    def config(self) -> _Config:
        """Its name, its model and how it is executed."""


_YEARS_PER_MINUTE = 15_000.0  # simulated years of one core in lanes: benchmarks.forward


def do_units(
    run: UnitRun,
    work: Work,
    left: Sequence[int],
    *,
    verb: Sequence[str],
    unit: str,
    executor: str | None = None,
    minutes: float = 1.0,
) -> bool:
    """Do the units that are left; tell whether all are done now.

    Parameters
    ----------
    run : Run
        A started run.
    work : callable
        Does one unit.
    left : sequence of int
        The units.
    verb : sequence of str
        The words of the command line that does them, such as ``["screen"]``.
    unit : str
        What a unit is, in the plural, for the progress bar.
    executor : str, optional
        In place of the configuration's. With ``slurm`` the units are submitted, and
        the answer is False.
    minutes : float
        That a unit takes about, for Slurm's tasks.
    """
    if not left:
        return True
    executor = executor or run.config.execution.executor
    if executor == "slurm":
        _submit(run, left, verb, minutes)
        return False
    path = run.folder.path
    with progress(" ".join(verb), len(left), unit) as advance:
        made = (
            _local(run, work, left)
            if executor == "local" and len(left) > 1
            else _serial(path, work, left)
        )
        with closing(made) as numbers:
            for number in numbers:
                logger.info("%s %d done", " ".join(verb), number)
                advance(1)
    return True


def minutes_for(run: Run, n_runs: int, n_years: int) -> float:
    """Estimate the minutes of so many model runs, their spin-up included."""
    return n_runs * (n_years + model_of(run.config).spinup_cycles) / _YEARS_PER_MINUTE


def do_task(run: UnitRun, work: Work, tasks: Path, number: int) -> None:
    """Do the units of one Slurm task here; go back into the queue in time."""
    with requeued_before_walltime():
        for one in slurm.read_task(tasks, number):
            _one(run.folder.path, work, one)


def _serial(path: Path, work: Work, left: Sequence[int]) -> Generator[int]:
    for number in left:
        yield _one(path, work, number)


def _local(run: UnitRun, work: Work, left: Sequence[int]) -> Generator[int]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    model_of(run.config).warm_up()
    safe_children()
    path = run.folder.path
    n_workers = capped(run.config.execution.workers, len(left))
    with parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=1):
        pool = Parallel(
            return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
        one = delayed(_one_as_worker)
        try:
            with closing(pool(one(os.getpid(), path, work, i) for i in left)) as done:
                yield from done
        except TerminatedWorkerError as exc:
            raise ConfigError(
                Problem(
                    str(path),
                    "a worker was killed, most likely for want of memory",
                    hint="What was finished is kept: give the same command again, "
                    "with fewer execution.workers.",
                )
            ) from exc


def _one_as_worker(parent: int, path: Path, work: Work, number: int) -> int:
    if os.getpid() != parent:  # a single worker is the parent itself
        end_with(parent)
    return _one(path, work, number)


def _one(path: Path, work: Work, number: int) -> int:
    from threadpoolctl import threadpool_limits

    # One thread in every executor: sums in another order would differ in rounding.
    with threadpool_limits(limits=1):
        work(path, number)
    return number


def _submit(
    run: UnitRun, left: Sequence[int], verb: Sequence[str], minutes: float
) -> None:
    settings = run.config.execution.slurm
    plan = slurm.make_plan(left, settings, minutes, slurm.max_array_size())
    model_of(run.config).warm_up()
    jobs = slurm.submit(run.folder, run.config.name, plan, settings, verb)
    show(
        f"submitted job {', '.join(jobs)}: {len(plan.tasks)} tasks for {len(left)} "
        f"units\nwhen they are through, give the same command again"
    )
