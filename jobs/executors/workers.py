"""Where pixels are calibrated: one after another here, or in worker processes.

An executor takes a run folder's path and pixel ids, and yields each pixel's state as
it finishes, in any order. It holds no state of its own: what is done is on disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from jobs.errors import ConfigError, Problem
from jobs.executors.base import Calibrate, Finished, OnRuns
from jobs.executors.children import capped, end_with, safe_children
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import PixelState, is_abandoned, state_of, write_failure

logger = logging.getLogger(__name__)

_AT_LEAST_ONE_WORKER = 2  # with one, joblib would use this very process
_KILLS_IN_VAIN = 3  # without a pixel begun or finished, after which we give up


def run_serial(
    path: Path, ids: Sequence[int], calibrate: Calibrate, on_runs: OnRuns | None
) -> Finished:
    """Calibrate pixels one after another in this process."""
    for pixel_id in ids:
        yield calibrate(path, pixel_id, on_runs)


def run_local(
    path: Path, ids: Sequence[int], calibrate: Calibrate, n_workers: int
) -> Finished:
    """Calibrate pixels in worker processes of one thread each.

    When a worker is killed (out of memory, a stray signal), all workers go down with
    it. The pixels they were at are then run once more, each alone; one that kills its
    worker again fails as ``out_of_memory``. The others go on in new workers.

    Raises
    ------
    ConfigError
        If workers are killed several times in a row before they begin a pixel.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left, in_vain = list(ids), 0
    n_workers = capped(n_workers, len(left))
    safe_children()
    alone: list[int] = []
    for pixel_id in _abandoned(path, left):  # by a run that was killed itself
        _forget_claim(path, pixel_id)
    while left or alone:
        queue = left or alone
        now, n = (tuple(left), n_workers) if left else (alone[:1], _AT_LEAST_ONE_WORKER)
        n_before = len(queue)
        try:
            for pixel_id, state in _pool(path, now, calibrate, n):
                queue.remove(pixel_id)
                yield pixel_id, state
        except TerminatedWorkerError:
            logger.warning("a worker was killed")
            _bury_workers()
            for pixel_id, state in _finished_unheard(path, set(now) & set(queue)):
                queue.remove(pixel_id)
                yield pixel_id, state
            for pixel_id in _abandoned(path, set(now) & set(queue)):
                queue.remove(pixel_id)
                _forget_claim(path, pixel_id)
                if queue is left:
                    alone.append(pixel_id)
                else:
                    yield pixel_id, _fail(path, pixel_id)
            in_vain = in_vain + 1 if len(queue) == n_before else 0
            if in_vain == _KILLS_IN_VAIN:
                raise _killed_too_often(path) from None


def _pool(
    path: Path, ids: Sequence[int], calibrate: Calibrate, n_workers: int
) -> Finished:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=1):
        # Dispatching little ahead lets a spent failure budget stop the rest.
        pool = Parallel(
            return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
        work = delayed(_calibrate_as_worker)
        with closing(
            pool(work(os.getpid(), path, i, calibrate) for i in ids)
        ) as results:
            yield from results


def _calibrate_as_worker(
    parent: int, path: Path, pixel_id: int, calibrate: Calibrate
) -> tuple[int, PixelState]:
    if os.getpid() != parent:  # a single worker is the parent itself
        end_with(parent)
    return calibrate(path, pixel_id, None)


def _finished_unheard(path: Path, ids: Iterable[int]) -> Finished:
    """Yield pixels that were finished when the news was lost with their worker."""
    folder = RunFolder(path)
    for pixel_id in sorted(ids):
        state = state_of(folder.pixel(pixel_id))
        if state.state not in ("waiting", "running"):
            yield pixel_id, state


def _abandoned(path: Path, ids: Iterable[int]) -> list[int]:
    """Return the pixels that processes which are no more were at."""
    folder = RunFolder(path)
    return [i for i in sorted(ids) if is_abandoned(folder.pixel(i).claim)]


def _forget_claim(path: Path, pixel_id: int) -> None:
    RunFolder(path).pixel(pixel_id).claim.unlink(missing_ok=True)


def _fail(path: Path, pixel_id: int) -> PixelState:
    message = "the pixel's worker was killed twice, the second time alone"
    failure = RunFolder(path).pixel(pixel_id).failure
    write_failure(failure, "out_of_memory", message)
    return PixelState("failed", "out_of_memory")


def _bury_workers() -> None:
    """Wait until all workers of a broken pool are gone: the living keep claims."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(kill_workers=True).shutdown(wait=True, kill_workers=True)


def _killed_too_often(path: Path) -> ConfigError:
    return ConfigError(
        Problem(
            str(path),
            "workers are killed before they begin a pixel",
            found=f"{_KILLS_IN_VAIN} times in a row",
            wanted="workers that live",
            hint="Most likely memory is short: use fewer execution.workers. What was "
            f"finished is kept: masm calibrate {path} --resume",
        )
    )
