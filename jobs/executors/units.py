"""Units of work with a result file each, done here or by worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any, TypeVar

from jobs.errors import ConfigError, Problem
from jobs.executors.children import capped, end_with, safe_children

_Subject = TypeVar("_Subject")


def do_each(
    work: Callable[..., object],
    subject: _Subject,
    units: Sequence[tuple[Any, ...]],
    workers: int,
) -> Generator[None]:
    """Call ``work(subject, *unit)`` for each unit; yield as each is done.

    The result of a unit must not depend on the others, so that the number of workers
    changes nothing.

    Parameters
    ----------
    work : callable
        Of a module, so that worker processes can have it.
    subject : object
        What all units share.
    units : sequence of tuple
        Further arguments of each call.
    workers : int
        Processes; with one, the work is done here.

    Raises
    ------
    ConfigError
        If a worker was killed. Whatever a unit raises is passed on.
    """
    if workers <= 1 or len(units) <= 1:
        for unit in units:
            _one(work, subject, unit)
            yield
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    safe_children()
    n_workers = capped(workers, len(units))
    with parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=1):
        pool = Parallel(
            return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
        one, parent = delayed(_one_as_worker), os.getpid()
        try:
            with closing(pool(one(parent, work, subject, u) for u in units)) as done:
                for _ in done:
                    yield
        except TerminatedWorkerError as exc:
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "a worker was killed, most likely for want of memory",
                    hint="What was finished is kept: give the same command again, with "
                    "fewer workers.",
                )
            ) from exc


def _one_as_worker(
    parent: int, work: Callable[..., object], subject: object, unit: tuple[Any, ...]
) -> None:
    if os.getpid() != parent:  # a single worker is the parent itself
        end_with(parent)
    _one(work, subject, unit)


def _one(work: Callable[..., object], subject: object, unit: tuple[Any, ...]) -> None:
    from threadpoolctl import threadpool_limits

    # One thread everywhere: sums in another order would differ in rounding.
    with threadpool_limits(limits=1):
        work(subject, *unit)
