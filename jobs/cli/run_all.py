"""``masm run``: every stage of a run in order, resuming whatever is done."""

from __future__ import annotations

from pathlib import Path

from jobs.cli.calibrate import calibrate_run
from jobs.cli.evaluate import evaluate_run, simulate_run
from jobs.cli.region import is_region, run_region
from jobs.cli.screen import screen_run
from jobs.console import show
from jobs.exit_codes import Exit
from jobs.run.run import open_run
from jobs.run.status import status_of


def run_everything(path: Path, executor: str | None) -> Exit:
    """Do what is left of a run.

    With Slurm, stages that must wait for submitted tasks are left for the next call.
    """
    region = is_region(path)
    if region and not screen_run(path, executor):
        return _wait(path)
    code = calibrate_run(path, executor, [], resume=True)
    if code == Exit.OVER_BUDGET:
        return code
    if not region:
        simulate_run(path, ["default", "calibrated"], [])
        evaluate_run(path, [])
        return code
    run = open_run(path)
    states = status_of(run.folder, run.pixels).states
    if states["waiting"] + states["running"] or not run_region(path, executor):
        return _wait(path)
    return code


def _wait(path: Path) -> Exit:
    show(f"when the submitted tasks are through, go on with: masm run {path}")
    return Exit.DONE
