"""Where pixels are calibrated: one after another here, or in worker processes.

An executor takes a run folder's path and pixel ids, and yields each pixel's state as
it finishes, in any order. It holds no state of its own: what is done is on disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from jobs.run import Run, open_run
from jobs.states import PixelState, state_of, write_failure

logger = logging.getLogger(__name__)

Finished = Generator[tuple[int, PixelState], None, None]
OnRuns = Callable[[int], None]

_AT_LEAST_ONE_WORKER = 2  # with one, joblib would use this very process


def run_serial(path: Path, ids: Sequence[int], on_runs: OnRuns | None) -> Finished:
    """Calibrate pixels one after another in this process."""
    for pixel_id in ids:
        yield calibrate_here(path, pixel_id, on_runs)


def run_local(path: Path, ids: Sequence[int], n_workers: int) -> Finished:
    """Calibrate pixels in worker processes of one thread each.

    When a worker is killed (out of memory, a stray signal), all workers go down with
    it. The pixels they were at are then run once more, each alone; one that kills its
    worker again fails as ``out_of_memory``. The others go on in new workers.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left, alone = list(ids), []
    while left:
        try:
            for pixel_id, state in _pool(path, tuple(left), n_workers):
                left.remove(pixel_id)
                yield pixel_id, state
        except TerminatedWorkerError:
            logger.warning("a worker was killed")
            for pixel_id, state in _finished_unheard(path, left):
                left.remove(pixel_id)
                yield pixel_id, state
            alone += _abandoned(path, left)
            left = [pixel_id for pixel_id in left if pixel_id not in alone]
    for pixel_id in alone:
        try:
            yield from _pool(path, (pixel_id,), _AT_LEAST_ONE_WORKER)
        except TerminatedWorkerError:
            folder = open_run(path).folder.pixel(pixel_id)
            folder.claim.unlink(missing_ok=True)
            message = "the pixel's worker was killed twice, the second time alone"
            write_failure(folder.failure, "out_of_memory", message)
            yield pixel_id, PixelState("failed", "out_of_memory")


def calibrate_here(
    path: Path, pixel_id: int, on_runs: OnRuns | None = None
) -> tuple[int, PixelState]:
    """Calibrate one pixel of a run in this process, on one thread."""
    from threadpoolctl import threadpool_limits

    from jobs.calibration import calibrate_pixel

    run = _opened(path)
    pixel = next(pixel for pixel in run.pixels if pixel.id == pixel_id)
    # One thread in every executor: sums in another order would differ in rounding.
    with threadpool_limits(limits=1):
        return pixel_id, calibrate_pixel(run, pixel, on_runs)


@lru_cache(maxsize=1)
def _opened(path: Path) -> Run:
    # A worker calibrates many pixels of one run; its science keys cannot change.
    return open_run(path)


def _pool(path: Path, ids: Sequence[int], n_workers: int) -> Finished:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=1):
        # Dispatching little ahead lets a spent failure budget stop the rest.
        pool = Parallel(
            return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
        with closing(pool(delayed(calibrate_here)(path, i) for i in ids)) as results:
            yield from results


def _finished_unheard(path: Path, ids: Sequence[int]) -> Finished:
    """Yield pixels that were finished when the news was lost with their worker."""
    run = open_run(path)
    for pixel_id in list(ids):
        state = state_of(run.folder.pixel(pixel_id))
        if state.state not in ("waiting", "running"):
            yield pixel_id, state


def _abandoned(path: Path, ids: Sequence[int]) -> list[int]:
    """Return the pixels that the killed workers were at."""
    folder = open_run(path).folder
    found = [i for i in ids if folder.pixel(i).claim.exists()]
    if not found:
        raise RuntimeError("workers are killed before they begin; see the logs")
    for pixel_id in found:
        folder.pixel(pixel_id).claim.unlink(missing_ok=True)
    return found
