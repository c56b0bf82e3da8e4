"""Where pixels are calibrated: one after another here, or in worker processes.

An executor takes a run folder's path and pixel ids, and yields each pixel's state as
it finishes, in any order. It holds no state of its own: what is done is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path

from jobs.states import PixelState

Finished = Generator[tuple[int, PixelState], None, None]
OnRuns = Callable[[int], None]


def run_serial(path: Path, ids: Sequence[int], on_runs: OnRuns | None) -> Finished:
    """Calibrate pixels one after another in this process."""
    for pixel_id in ids:
        yield _calibrate(path, pixel_id, on_runs)


def run_local(path: Path, ids: Sequence[int], n_workers: int) -> Finished:
    """Calibrate pixels in worker processes of one thread each."""
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=1):
        # Dispatching little ahead lets a spent failure budget stop the rest.
        pool = Parallel(return_as="generator_unordered", pre_dispatch="n_jobs")
        with closing(pool(delayed(_calibrate)(path, i, None) for i in ids)) as results:
            yield from results


def _calibrate(
    path: Path, pixel_id: int, on_runs: OnRuns | None
) -> tuple[int, PixelState]:
    from threadpoolctl import threadpool_limits

    from jobs.calibration import calibrate_pixel
    from jobs.pixels import choose
    from jobs.run import open_run

    run = open_run(path)
    (pixel,) = choose(run.pixels, [pixel_id])
    # One thread in every executor: sums in another order would differ in rounding.
    with threadpool_limits(limits=1):
        return pixel_id, calibrate_pixel(run, pixel, on_runs)
