"""What the commands do: read the run, do the work, show what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from jobs.config.execution import Dask
from jobs.config.executor_names import QUEUES
from jobs.console import logged, progress, show
from jobs.errors import ConfigError, Problem, Submitted, did_you_mean
from jobs.executors.plan import read_task
from jobs.executors.registry import executor_of
from jobs.exit_codes import Exit
from jobs.files import is_file, is_folder, lexists, put_aside, read_json
from jobs.inputs.digests import changed_inputs, refuse_changed_inputs
from jobs.run.budgets import n_model_runs
from jobs.run.file_lock import alone
from jobs.run.folder import PixelFolder, RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import (
    has_posterior,
    read_summary,
    set_posterior_aside,
)
from jobs.run.pixel_state import REASONS, state_of
from jobs.run.pixels import choose
from jobs.run.run import Run, open_run, start
from jobs.run.site_results import sites_left_out
from jobs.run.status import status_of
from jobs.stages.calibrate_pixel import calibrate_pixel
from jobs.stages.calibrate_pixels import (
    BatchSummary,
    calibrate_pixels,
    calibration_work,
    pixels_left,
    refuse_overwriting,
)
from jobs.text_tables import counted

_CHANGED = "inputs_changed"
_WATCH_SECONDS = 5
_MANY = 100  # pixels, looked at in some ten seconds
_N_SHOWN = 3  # pixels with tables and figures, where there are many


def calibrate_run(
    path: Path,
    executor: str | None,
    ids: Sequence[int | str],
    *,
    resume: bool,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Exit:
    """Calibrate what is left of a run, and show what came of it.

    ``workers`` and ``scheduler``, if given, take the place of ``execution.workers``
    and ``execution.dask.scheduler``; like the executor they are of this call alone and
    not written down.
    """
    run = open_run(path)
    sites_left_out(run)  # says of one that there is not, before anything runs
    run = _with_options(run, executor, workers, scheduler)
    pixels = choose(run.pixels, ids)
    if run.source.checks_at_start:
        from jobs.cli.check import check

        list(check(run))  # a mistake in the one pixel's files is the user's to fix
    run.folder.require_writable()
    with alone(path, "calibrating", shared=bool(ids)):
        if not resume:
            refuse_overwriting(run, pixels)
        start(run)
        if resume:
            refuse_changed_inputs(run, _finished(run, pixels))
        return _calibrate_or_submit(run, pixels, executor)


def _finished(
    run: Run, pixels: Sequence[Pixel]
) -> Iterator[tuple[Pixel, dict[str, Any]]]:
    """Give pixels that have a result, with its summary; say how far it is, if many."""
    shown = progress("inputs of finished pixels", len(pixels), "pixels")
    with shown if len(pixels) > _MANY else nullcontext(lambda n: None) as advance:
        for pixel in pixels:
            if summary := read_summary(run.folder.pixel(pixel.id)):
                yield pixel, summary
            advance(1)


def _with_options(
    run: Run, executor: str | None, workers: int | None, scheduler: str | None = None
) -> Run:
    """Return a run with other workers, refusing what the executor does not have."""
    executor = executor or run.config.execution.executor
    for option, given, needs in (
        (f"--workers {workers}", workers, ("local", "dask")),
        (f"--scheduler {scheduler}", scheduler, ("dask",)),
    ):
        if given is not None and executor not in needs:
            raise ConfigError(
                Problem(
                    "",
                    option,
                    found=f"executor {executor}, to which this means nothing",
                    wanted=f"executor {' or '.join(needs)}",
                    hint=f"Add --executor {needs[0]}.",
                )
            )
    execution = run.config.execution
    update: dict[str, Any] = {}
    if workers is not None:
        update["workers"] = workers
    if scheduler is not None:
        update["dask"] = _dask(scheduler)
    if not update:
        return run
    config = run.config.model_copy(
        update={"execution": execution.model_copy(update=update)}
    )
    return replace(run, config=config)


def _dask(scheduler: str) -> Dask:
    try:
        return Dask(scheduler=scheduler)
    except ValueError:
        raise ConfigError(
            Problem(
                "",
                "--scheduler",
                found=scheduler,
                wanted="an address such as tcp://10.0.0.5:8786",
                hint="`dask scheduler` prints it.",
            )
        ) from None


def retry_run(
    path: Path, executor: str | None, reason: str | None, ids: Sequence[int | str]
) -> Exit:
    """Forget failures, of a kind or of some pixels, and calibrate those again."""
    if reason is not None and reason not in REASONS:
        raise ConfigError(
            Problem(
                "",
                f"--reason {reason}",
                found=f'"{reason}"',
                wanted="a reason of the closed list",
                hint=did_you_mean(reason, REASONS),
            )
        )
    run = open_run(path)
    chosen = []
    for pixel in choose(run.pixels, ids):
        folder = run.folder.pixel(pixel.id)
        state = state_of(folder)
        failed = state.state in ("failed", "skipped")
        if (failed and reason in (None, state.reason)) or (
            reason == _CHANGED and changed_inputs(run, pixel, read_summary(folder))
        ):
            chosen.append(pixel)
    if not chosen:
        show("no such failed pixels")
        return Exit.DONE
    run.folder.require_writable()
    with alone(path, "calibrating", shared=True):
        start(run)
        for pixel in chosen:
            _forget(run.folder, pixel.id)
        return _calibrate_or_submit(run, chosen, executor)


def _forget(run: RunFolder, pixel_id: int) -> None:
    """Forget a failure; where inputs changed, also what came of the former ones."""
    folder = run.pixel(pixel_id)
    if state_of(folder).reason == _CHANGED:
        folder.checkpoint.unlink(missing_ok=True)
    elif has_posterior(folder):  # finished on other inputs
        former = set_posterior_aside(run, pixel_id)
        show(f"what came of the former inputs is now {former}")
    if is_file(folder.failure):
        folder.failure.unlink(missing_ok=True)


def replay_pixel(path: Path, which: int | str) -> Exit:
    """Calibrate a pixel in this process, logging everything, and compare."""
    run = open_run(path)
    (pixel,) = choose(run.pixels, [which])
    pixel_id = pixel.id
    start(run)
    beside = PixelFolder(run.folder.pixel(pixel_id).path / "replay")
    if lexists(beside.path) and not is_folder(beside.path):
        put_aside(beside.path)
    for old in (beside.posterior, beside.failure, beside.checkpoint):
        if is_file(old):
            old.unlink(missing_ok=True)
    with logged(path, "replay", to_screen=True), threadpool_limits(limits=1):
        state = calibrate_pixel(run, pixel, folder=beside)
    show(f"pixel {pixel_id}: {state.state} {state.reason}\nresult in {beside.path}")
    if beside.failure.exists():
        show(str(read_json(beside.failure)["detail"]))
        return Exit.SOME_FAILED
    before = read_summary(run.folder.pixel(pixel_id))
    if before:
        same = read_summary(beside)["parameters"] == before["parameters"]
        show("the same numbers as before" if same else "OTHER numbers than before")
    return Exit.DONE


def calibrate_task(path: Path, tasks: Path, number: int) -> Exit:
    """Calibrate the pixels of one job of a queue, in this process."""
    run = open_run(path)
    pixels = choose(run.pixels, read_task(tasks, number))
    allowed = run.config.execution.max_failed_fraction * len(run.pixels)
    failed = status_of(run.folder, run.pixels).states["failed"]
    if failed > allowed:
        show(f"{failed} pixels of the run failed: its failure budget is spent")
        return Exit.OVER_BUDGET
    elsewhere = failed - status_of(run.folder, pixels).states["failed"]
    with logged(path, f"task-{number}"):
        left = allowed - elsewhere
        summary = calibrate_pixels(run, pixels, "serial", max_failed=left)
    _show_summary(run, pixels, summary)
    return summary.exit


def describe_run(
    path: Path,
    executor: str | None,
    ids: Sequence[int | str],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
) -> None:
    """Show what ``calibrate`` would do."""
    run = open_run(path)
    run = _with_options(run, executor, workers, scheduler)
    left, summary = pixels_left(run, choose(run.pixels, ids))
    runs = n_model_runs(run, [pixel.id for pixel in left])
    show(
        f"{len(left)} of {summary.n_asked} pixels to calibrate, about {runs} model runs"
    )
    name = executor or run.config.execution.executor
    if left:
        pace = status_of(run.folder, run.pixels).median_minutes
        work, numbers = calibration_work(pace), [pixel.id for pixel in left]
        show(executor_of(name).describe(run, work, numbers))


def _calibrate_or_submit(
    run: Run, pixels: Sequence[Pixel], executor: str | None
) -> Exit:
    executor = executor or run.config.execution.executor
    with logged(run.folder.path, "calibrate"):
        try:
            summary = _calibrate(run, pixels, executor)
        except Submitted as submitted:
            show(f"{submitted}\nfollow with: masm status {run.folder.path} --watch")
            return Exit.DONE
    _show_summary(run, pixels, summary)
    return summary.exit


def _calibrate(run: Run, pixels: Sequence[Pixel], executor: str) -> BatchSummary:
    left, _ = pixels_left(run, pixels)
    if executor in QUEUES:
        return calibrate_pixels(run, pixels, executor)
    if executor == "serial" and len(left) == 1:
        expected = n_model_runs(run, [left[0].id])
        with progress(left[0].name, expected, "model runs") as on_runs:
            return calibrate_pixels(run, pixels, executor, on_runs=on_runs)
    with progress("calibrate", len(left), "pixels") as on_pixels:
        return calibrate_pixels(
            run, pixels, executor, on_pixel=lambda i, state: on_pixels(1)
        )


def _show_summary(run: Run, pixels: Sequence[Pixel], summary: BatchSummary) -> None:
    states = [state.state for state in summary.states.values()]
    counts = "   ".join(
        f"{state} {states.count(state)}"
        for state in ("done", "suspect", "failed", "skipped")
        if state in states
    )
    show(f"calibrate  {counted(len(pixels), 'pixels')}   {counts}")
    for reason, number in summary.reasons.most_common(3):
        show(f"  {reason} {number}")
    if summary.n_failed and len(pixels) == 1:
        show(f"  why: {run.folder.pixel(pixels[0].id).failure}")
    if summary.over_budget:
        allowed = run.config.execution.max_failed_fraction
        show(f"stopped: more than {allowed:.0%} of the pixels failed")
