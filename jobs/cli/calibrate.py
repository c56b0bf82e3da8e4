"""What the verbs do: read the run, do the work, show what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from jobs.config.methods import expected_runs
from jobs.config.process_model import model_of
from jobs.console import logged, progress, show
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.executors import slurm
from jobs.exit_codes import Exit
from jobs.files import is_file, is_folder, put_aside, read_json, stands
from jobs.inputs.digests import changed_inputs, refuse_changed_inputs
from jobs.run.file_lock import alone
from jobs.run.folder import PixelFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import REASONS, state_of
from jobs.run.pixel_summary import read_summary
from jobs.run.pixels import choose
from jobs.run.run import Run, open_run, start
from jobs.run.status import status_of
from jobs.stages.calibrate_pixel import calibrate_pixel
from jobs.stages.calibrate_pixels import (
    Tally,
    calibrate_pixels,
    pixels_left,
    refuse_overwriting,
)

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
) -> Exit:
    """Calibrate what is left of a run, and show what came of it.

    ``workers``, if given, stands in place of ``execution.workers``; like the executor
    it is of this call alone and not written down.
    """
    run = open_run(path)
    _check_workers(run, executor, workers)
    pixels = choose(run.pixels, ids)
    if run.source.checks_at_start:
        from jobs.cli.check import check

        list(check(run))  # a mistake in the one pixel's files is the user's to mend
    run.folder.require_writable()
    with alone(path, "calibrating", shared=bool(ids)):
        if not resume:
            refuse_overwriting(run, pixels)
        start(run)
        if resume:
            refuse_changed_inputs(run, _finished(run, pixels))
        return _calibrate_or_submit(_with_workers(run, workers), pixels, executor)


def _finished(
    run: Run, pixels: Sequence[Pixel]
) -> Iterator[tuple[Pixel, dict[str, Any]]]:
    """Give pixels that have a result, with its summary; say how far it is, if many."""
    told = progress("inputs of finished pixels", len(pixels), "pixels")
    with told if len(pixels) > _MANY else nullcontext(lambda n: None) as advance:
        for pixel in pixels:
            if summary := read_summary(run.folder.pixel(pixel.id)):
                yield pixel, summary
            advance(1)


def _check_workers(run: Run, executor: str | None, workers: int | None) -> None:
    """Refuse a number of workers where there are none."""
    executor = executor or run.config.execution.executor
    if workers is not None and executor != "local":
        raise ConfigError(
            Problem(
                "",
                f"--workers {workers}",
                found=f"executor {executor}, which has no workers",
                wanted="executor local",
                hint="Add --executor local.",
            )
        )


def _with_workers(run: Run, workers: int | None) -> Run:
    if workers is None:
        return run
    execution = run.config.execution.model_copy(update={"workers": workers})
    config = run.config.model_copy(update={"execution": execution})
    return replace(run, config=config)


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
            _forget(run.folder.pixel(pixel.id))
        return _calibrate_or_submit(run, chosen, executor)


def _forget(folder: PixelFolder) -> None:
    """Forget a failure; where inputs changed, also what came of the former ones."""
    if state_of(folder).reason == _CHANGED:
        folder.checkpoint.unlink(missing_ok=True)
    elif is_file(folder.posterior):  # finished on other inputs
        show(f"what came of the former inputs is now {put_aside(folder.posterior)}")
    if is_file(folder.failure):
        folder.failure.unlink(missing_ok=True)


def replay_pixel(path: Path, which: int | str) -> Exit:
    """Calibrate a pixel in this process, logging everything, and compare."""
    run = open_run(path)
    (pixel,) = choose(run.pixels, [which])
    pixel_id = pixel.id
    start(run)
    beside = PixelFolder(run.folder.pixel(pixel_id).path / "replay")
    if stands(beside.path) and not is_folder(beside.path):
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
    """Calibrate the pixels of one Slurm task, in this process."""
    run = open_run(path)
    pixels = choose(run.pixels, slurm.read_task(tasks, number))
    allowed = run.config.execution.max_failed_fraction * len(run.pixels)
    failed = status_of(run.folder, run.pixels).states["failed"]
    if failed > allowed:
        show(f"{failed} pixels of the run failed: its failure budget is spent")
        return Exit.OVER_BUDGET
    elsewhere = failed - status_of(run.folder, pixels).states["failed"]
    with logged(path, f"task-{number}"):
        tally = calibrate_pixels(run, pixels, "serial", max_failed=allowed - elsewhere)
    _show_tally(run, pixels, tally)
    return tally.exit


def describe_run(
    path: Path,
    executor: str | None,
    ids: Sequence[int | str],
    *,
    workers: int | None = None,
) -> None:
    """Show what ``calibrate`` would do."""
    run = open_run(path)
    _check_workers(run, executor, workers)
    left, tally = pixels_left(run, choose(run.pixels, ids))
    runs = expected_runs(run.config)
    cost = "" if runs is None else f", about {runs * len(left)} model runs"
    show(f"{len(left)} of {tally.n_asked} pixels to calibrate{cost}")
    if (executor or run.config.execution.executor) == "slurm" and left:
        settings = run.config.execution.slurm
        plan = _slurm_plan(run, left)
        offset, n = plan.arrays[0]
        folder = path / "slurm" / "NEXT"
        _show_plan(plan)
        show(slurm.script(path, run.config.name, folder, offset, n, settings))


def _slurm_plan(run: Run, left: Sequence[Pixel]) -> slurm.Plan:
    return slurm.make_plan(
        [pixel.id for pixel in left],
        run.config.execution.slurm,
        status_of(run.folder, run.pixels).median_minutes,
        slurm.max_array_size(),
    )


def _show_plan(plan: slurm.Plan) -> None:
    show(
        f"{len(plan.tasks)} tasks of at most {len(plan.tasks[0])} pixels in "
        f"{len(plan.arrays)} arrays, about {plan.core_hours:.1f} core hours at "
        f"{plan.minutes_per_pixel:.1f} min a pixel"
    )


def _submit(run: Run, pixels: Sequence[Pixel]) -> Exit:
    left, tally = pixels_left(run, pixels)
    if not left:
        _show_tally(run, pixels, tally)
        return tally.exit
    plan = _slurm_plan(run, left)
    _show_plan(plan)
    model_of(run.config).warm_up()
    jobs = slurm.submit(run.folder, run.config.name, plan, run.config.execution.slurm)
    show(
        f"submitted job {', '.join(jobs)}\n"
        f"follow with: masm status {run.folder.path} --watch"
    )
    return Exit.DONE


def _calibrate_or_submit(
    run: Run, pixels: Sequence[Pixel], executor: str | None
) -> Exit:
    executor = executor or run.config.execution.executor
    if executor == "slurm":
        return _submit(run, pixels)
    with logged(run.folder.path, "calibrate"):
        tally = _calibrate(run, pixels, executor)
    _show_tally(run, pixels, tally)
    return tally.exit


def _calibrate(run: Run, pixels: Sequence[Pixel], executor: str) -> Tally:
    left, _ = pixels_left(run, pixels)
    if executor == "serial" and len(left) == 1:
        expected = expected_runs(run.config)
        with progress(left[0].name, expected, "model runs") as on_runs:
            return calibrate_pixels(run, pixels, executor, on_runs=on_runs)
    with progress("calibrate", len(left), "pixels") as on_pixels:
        return calibrate_pixels(
            run, pixels, executor, on_pixel=lambda i, state: on_pixels(1)
        )


def _show_tally(run: Run, pixels: Sequence[Pixel], tally: Tally) -> None:
    states = [state.state for state in tally.states.values()]
    counts = "   ".join(
        f"{state} {states.count(state)}"
        for state in ("done", "suspect", "failed", "skipped")
        if state in states
    )
    show(f"calibrate  {len(pixels)} pixels   {counts}")
    for reason, number in tally.reasons.most_common(3):
        show(f"  {reason} {number}")
    if tally.n_failed and len(pixels) == 1:
        show(f"  why: {run.folder.pixel(pixels[0].id).failure}")
    if tally.over_budget:
        allowed = run.config.execution.max_failed_fraction
        show(f"stopped: more than {allowed:.0%} of the pixels failed")
