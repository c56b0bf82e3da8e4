"""Tasks done by the workers of Dask: those of a running scheduler, or of this machine.

The workers must see the run folder at the same path and have the same masm. Results
are files, as with every executor; what goes over the network is the number of a task.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem, SystemFault
from jobs.executors.base import Finished, UnitRun, Work
from jobs.executors.children import capped, end_with, safe_children
from jobs.executors.workers import do_one

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = "15s"  # for a scheduler that does not answer


@dataclass(frozen=True)
class Dask:
    """Workers of Dask, of the scheduler that ``execution.dask.scheduler`` names."""

    def run(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> Finished:
        """Do tasks; see `jobs.executors.base.Executor`.

        A task whose worker is lost is given to another worker. One that has cost a
        second worker is given to ``work.on_lost_worker``.

        Raises
        ------
        ConfigError
            If Dask is not installed or no scheduler answers.
        SystemFault
            If the scheduler is lost on the way.
        """
        if not numbers:
            return
        _require_dask()
        model_of(run.config).warm_up()
        safe_children()
        with _client(run, len(numbers)) as (client, is_here):
            yield from _done_by(client, run.folder.path, work, numbers, is_here)

    def describe(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> str:
        """Return in words what ``run`` would do."""
        address = run.config.execution.dask.scheduler
        n = capped(run.config.execution.workers, len(numbers))
        where = f"of {address}" if address else f"on this machine, {n} of them"
        return f"{len(numbers)} {work.unit} by workers of Dask {where}"


def _done_by(
    client: Client, path: Path, work: Work, numbers: Sequence[int], is_here: bool
) -> Generator[int]:
    from distributed import as_completed

    parent = os.getpid() if is_here else None
    # The task alone travels; what becomes of a lost one is decided here.
    task = Work(work.words, work.unit, work.do)
    futures = {
        client.submit(_one, parent, path, task, number, pure=False): number
        for number in numbers
    }
    try:
        for future in as_completed(futures):
            number = futures[future]
            _take(future, path, work, number)
            yield number
            future.release()
    finally:
        _cancel(client, futures)


def _take(future: Any, path: Path, work: Work, number: int) -> None:
    """Read what came of a task.

    The errors of a task are raised as they are; they are the caller's to explain.
    """
    from distributed import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise SystemFault("the loss of Dask's scheduler")
    try:
        future.result()
    except KilledWorker as exc:
        if work.is_done is not None and work.is_done(path, number):
            return
        if work.on_lost_worker is None:
            raise ConfigError(
                Problem(
                    str(path),
                    f"workers of Dask were lost at {work.unit} number {number}",
                    wanted="memory enough for it",
                    hint="What was finished is kept: give the same command again.",
                )
            ) from exc
        work.on_lost_worker(path, number)


def _cancel(client: Client, futures: dict[Any, int]) -> None:
    left = [future for future in futures if not future.done()]
    if left and client.status == "running":
        client.cancel(left)


def _one(parent: int | None, path: Path, work: Work, number: int) -> int:
    if parent is not None and os.getppid() == parent:
        end_with(parent)
    return do_one(path, work, number)


@contextmanager
def _client(run: UnitRun, n_tasks: int) -> Iterator[tuple[Client, bool]]:
    from dask import config
    from distributed import Client, LocalCluster

    address = run.config.execution.dask.scheduler
    if address is not None:
        try:
            client = Client(address, timeout=_PATIENCE)
        except OSError:
            raise ConfigError(
                Problem(
                    "",
                    "no scheduler of Dask answers",
                    found=address,
                    wanted="the address that `dask scheduler` prints",
                    hint="Is it running, and can this machine reach it?",
                )
            ) from None
        with client:
            yield client, False
        return
    n_workers = capped(run.config.execution.workers, n_tasks)
    settings = {
        # A second worker lost at the same task is that task's fault.
        "distributed.scheduler.allowed-failures": 1,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.target": False,
    }
    with (
        config.set(settings),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=50,
            host="127.0.0.1",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client, True


def _require_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ConfigError(
            Problem(
                "",
                "executor dask",
                found="Dask is not installed",
                wanted="the package `distributed`",
                hint="pip install 'masm[dask]'",
            )
        ) from None
