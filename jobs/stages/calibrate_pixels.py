"""Calibrate the pixels of a run: which are left, what came of them, when to stop."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jobs.config.executor_names import QUEUES
from jobs.errors import ConfigError, Problem
from jobs.executors.base import Work
from jobs.executors.registry import executor_of
from jobs.exit_codes import Exit
from jobs.files import lexists, make_folder
from jobs.run.folder import RunFolder
from jobs.run.neighbours import (
    by_wave,
    lenders,
    read_neighbours,
    require_listed,
    write_neighbours,
)
from jobs.run.packing import Packer
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import has_posterior
from jobs.run.pixel_state import FINISHED, PixelState, state_of, write_failure
from jobs.run.run import Run
from jobs.run.states import states_of
from jobs.run.status import status_of
from jobs.stages.calibrate_pixel import as_found, calibrate_here
from jobs.stages.prior_draws import write_prior

logger = logging.getLogger(__name__)


@dataclass
class BatchSummary:
    """What came of the pixels of one batch.

    Attributes
    ----------
    n_asked : int
        Pixels asked for.
    n_before : int
        Of these, done before the batch began.
    states : dict
        State of each pixel that is finished now, by id.
    over_budget : bool
        More pixels failed than the run allows; the rest was not started.
    """

    n_asked: int
    n_before: int = 0
    states: dict[int, PixelState] = field(default_factory=dict)
    over_budget: bool = False

    @property
    def reasons(self) -> Counter[str]:
        """How many pixels failed for each reason."""
        failed = (s for s in self.states.values() if s.state not in FINISHED)
        return Counter(state.reason for state in failed)

    @property
    def n_failed(self) -> int:
        """Failed pixels, not counting those without observations."""
        return sum(state.state == "failed" for state in self.states.values())

    @property
    def exit(self) -> Exit:
        """The exit code this comes to."""
        if self.over_budget:
            return Exit.OVER_BUDGET
        return Exit.SOME_FAILED if self.n_failed else Exit.DONE


def pixels_left(run: Run, pixels: Sequence[Pixel]) -> tuple[list[Pixel], BatchSummary]:
    """Return pixels without a result, and a summary of those that have one.

    A failed pixel counts as finished: it is tried again by ``masm retry``.
    """
    summary = BatchSummary(len(pixels))
    left = []
    for pixel, state in states_of(run.folder, pixels):
        if state.state in FINISHED or state.state in ("failed", "skipped"):
            summary.states[pixel.id] = state
        else:
            left.append(pixel)
    summary.n_before = len(summary.states)
    return left, summary


def refuse_overwriting(run: Run, pixels: Sequence[Pixel]) -> None:
    """Refuse to start over where there is work already, unless asked to go on.

    Raises
    ------
    ConfigError
        If any of the pixels has a result, a failure or a checkpoint.
    """
    begun = [
        pixel
        for pixel in pixels
        if has_posterior(run.folder.pixel(pixel.id))
        or any(
            lexists(path)
            for path in (
                run.folder.pixel(pixel.id).posterior,
                run.folder.pixel(pixel.id).failure,
                run.folder.pixel(pixel.id).checkpoint,
            )
        )
    ]
    if begun:
        raise ConfigError(
            Problem(
                str(run.folder.path / "pixels"),
                "the run has results already",
                found=f"{len(begun)} of {len(pixels)} pixels begun or finished",
                wanted="a run folder without results",
                hint=f"Continue with: masm calibrate {run.folder.path} --resume",
            )
        )


def calibrate_pixels(
    run: Run,
    pixels: Sequence[Pixel],
    executor: str,
    *,
    on_pixel: Callable[[int, PixelState], None] | None = None,
    on_runs: Callable[[int], None] | None = None,
    max_failed: float | None = None,
) -> BatchSummary:
    """Calibrate what is left of the pixels, within the failure budget.

    Parameters
    ----------
    run : Run
        A started run.
    pixels : sequence of Pixel
        The pixels asked for; those with a result are passed over.
    executor : str
        A name of ``jobs.config.executor_names``.
    on_pixel, on_runs : callable, optional
        Called for each finished pixel, and of model runs (serial only).
    max_failed : float, optional
        Failed pixels allowed; by default the run's fraction of those asked for.

    Raises
    ------
    Submitted
        If the pixels are in a queue now.
    """
    left, summary = pixels_left(run, pixels)
    # The pace of finished pixels is read from their files: for a queue alone.
    queued = executor in QUEUES
    pace = status_of(run.folder, run.pixels).median_minutes if queued else None
    work = calibration_work(pace, on_runs=on_runs)
    allowed = run.config.execution.max_failed_fraction * summary.n_asked
    if max_failed is not None:
        allowed = max_failed
    ids = [pixel.id for pixel in left]
    packer = Packer(run)
    packer.starts(ids)
    for wave in _waves(run, ids):
        with closing(executor_of(executor).run(run, work, wave)) as finished:
            for pixel_id in finished:
                state = as_found(run.config, state_of(run.folder.pixel(pixel_id)))
                summary.states[pixel_id] = state
                packer.ended(pixel_id)
                logger.info(
                    "pixel %d %s %s (%d of %d)",
                    pixel_id,
                    state.state,
                    state.reason,
                    len(summary.states),
                    summary.n_asked,
                )
                if on_pixel is not None:
                    on_pixel(pixel_id, state)
                if summary.n_failed > allowed:
                    summary.over_budget = True
                    return summary
    if len(run.pixels) > 1:  # also where the last call was killed before this
        write_prior(run)
    return summary


def _waves(run: Run, ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield pixels that can be calibrated side by side, wave by wave.

    All at once, unless pixels borrow their start from others. A queue takes one wave;
    the same command submits the next when it is through.

    Raises
    ------
    ConfigError
        If a wave's pixels borrow from pixels that have not come to an end.
    """
    n = run.config.calibration.neighbours
    if n == 0 or not ids:
        yield list(ids)
        return
    write_neighbours(run.folder, run.pixels, n)
    known = read_neighbours(run.folder)
    require_listed(run.folder, ids, known)
    for wave in by_wave(ids, known):
        for one in wave:
            lenders(run.folder, known[one].neighbours, n)
        yield wave


def calibration_work(
    minutes: float | None = None, *, on_runs: Callable[[int], None] | None = None
) -> Work:
    """Return the calibration of pixels as the work of an executor.

    Parameters
    ----------
    minutes : float, optional
        That a pixel takes, where it is known.
    on_runs : callable, optional
        Called for model runs; of use in this process only.
    """
    return Work(
        ("calibrate",),
        "pixels",
        calibrate_here if on_runs is None else partial(calibrate_here, on_runs=on_runs),
        minutes,
        is_finished,
        fail_for_want_of_memory,
    )


def is_finished(path: Path, pixel_id: int) -> bool:
    """Return whether a pixel has a result or a failure."""
    state = state_of(RunFolder(path).pixel(pixel_id))
    return state.state not in ("waiting", "running")


def fail_for_want_of_memory(path: Path, pixel_id: int) -> None:
    """Write that a pixel killed its worker twice."""
    folder = RunFolder(path).pixel(pixel_id)
    make_folder(folder.path)  # the worker may not have come so far
    folder.lease.unlink(missing_ok=True)
    message = "the pixel's worker was killed twice, the second time alone"
    write_failure(folder.failure, "out_of_memory", message)
