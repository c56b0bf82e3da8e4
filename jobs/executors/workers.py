"""Tasks done on this machine: one after another here, or in worker processes.

An executor takes a run and numbers of tasks, and yields each number as its task ends,
in any order. It holds no state of its own: what is done is on disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem
from jobs.executors.base import Finished, UnitRun, Work
from jobs.executors.children import capped, end_with, safe_children

logger = logging.getLogger(__name__)

_AT_LEAST_ONE_WORKER = 2  # with one, joblib would use this very process
_KILLS_IN_VAIN = 3  # without a task begun or finished, after which we give up


@dataclass(frozen=True)
class Serial:
    """One task after another, in this process."""

    def run(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> Finished:
        """Do tasks; see `jobs.executors.base.Executor`."""
        for number in numbers:
            yield do_one(run.folder.path, work, number)

    def describe(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> str:
        """Return in words what ``run`` would do."""
        return f"{len(numbers)} {work.unit}, one after another in this process"


@dataclass(frozen=True)
class Local:
    """Worker processes of this machine, as many as ``execution.workers`` says."""

    def run(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> Finished:
        """Do tasks; see `jobs.executors.base.Executor`."""
        if numbers:
            model_of(run.config).warm_up()
        n_workers = run.config.execution.workers
        yield from run_local(run.folder.path, work, numbers, n_workers)

    def describe(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> str:
        """Return in words what ``run`` would do."""
        n = capped(run.config.execution.workers, len(numbers))
        return f"{len(numbers)} {work.unit} in {n} worker processes of this machine"


def do_one(path: Path, work: Work, number: int) -> int:
    """Do one task on one thread, in every executor: the order of sums is the same."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        work.do(path, number)
    return number


def run_local(
    path: Path, work: Work, numbers: Sequence[int], n_workers: int
) -> Finished:
    """Do tasks in worker processes of one thread each.

    When a worker is killed (out of memory, a stray signal), all workers go down with
    it. The tasks they were at are then done once more, each alone. A task that kills
    its worker again is given to ``work.on_lost_worker``. The others go on in new
    workers.

    Raises
    ------
    ConfigError
        If workers are killed several times in a row before they begin a task, or if a
        task kills its worker twice and the work does not say what becomes of it.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left, alone, in_vain = list(numbers), list[int](), 0
    n_workers = capped(n_workers, len(left))
    safe_children()
    while left or alone:
        queue = left or alone
        now, n = (tuple(left), n_workers) if left else (alone[:1], _AT_LEAST_ONE_WORKER)
        n_before = len(queue)
        with TemporaryDirectory(prefix="masm-tasks-") as marks:
            try:
                for number in _pool(path, work, now, n, Path(marks)):
                    queue.remove(number)
                    yield number
                continue
            except TerminatedWorkerError:
                logger.warning("a worker was killed")
                _bury_workers()
                begun = sorted(int(mark.name) for mark in Path(marks).iterdir())
        for number in _finished_unheard(path, work, set(now) & set(queue)):
            queue.remove(number)
            yield number
        for number in [one for one in begun if one in queue]:
            queue.remove(number)
            if queue is left:
                alone.append(number)
            else:
                _give_up(path, work, number)
                yield number
        in_vain = in_vain + 1 if len(queue) == n_before else 0
        if in_vain == _KILLS_IN_VAIN:
            raise _killed_too_often(path, work) from None


def _pool(
    path: Path, work: Work, numbers: Sequence[int], n_workers: int, marks: Path
) -> Generator[int]:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=1):
        # Dispatching little ahead lets a spent failure budget stop the rest.
        pool = Parallel(
            return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
        one = delayed(_as_worker)
        with closing(
            pool(one(os.getpid(), path, work, number, marks) for number in numbers)
        ) as results:
            yield from results


def _as_worker(parent: int, path: Path, work: Work, number: int, marks: Path) -> int:
    if os.getpid() != parent:  # a single worker is the parent itself
        end_with(parent)
    mark = marks / str(number)
    mark.touch()
    try:
        return do_one(path, work, number)
    finally:  # a worker that is killed leaves its mark
        with suppress(OSError):
            mark.unlink()


def _finished_unheard(path: Path, work: Work, numbers: set[int]) -> list[int]:
    """Return tasks that finished although their worker died before reporting."""
    if work.is_done is None:
        return []
    return [number for number in sorted(numbers) if work.is_done(path, number)]


def _give_up(path: Path, work: Work, number: int) -> None:
    if work.on_lost_worker is not None:
        work.on_lost_worker(path, number)
        return
    raise ConfigError(
        Problem(
            str(path),
            f"a worker was killed twice at {work.unit} number {number}, the second "
            "time alone",
            wanted="memory enough for one of them",
            hint="Most likely memory is short. What was finished is kept: give the "
            "same command again on a machine with more of it.",
        )
    )


def _bury_workers() -> None:
    """Wait until all workers of a broken pool are gone."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(kill_workers=True).shutdown(wait=True, kill_workers=True)


def _killed_too_often(path: Path, work: Work) -> ConfigError:
    resume = " --resume" if work.words[0] == "calibrate" else ""
    return ConfigError(
        Problem(
            str(path),
            f"workers are killed before they begin any of the {work.unit}",
            found=f"{_KILLS_IN_VAIN} times in a row",
            wanted="workers that live",
            hint="Most likely memory is short: use fewer execution.workers. What was "
            f"finished is kept: masm {work.words[0]} {path}{resume}",
        )
    )
