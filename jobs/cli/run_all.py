"""``masm run``: every stage of a run in order, resuming whatever is done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer

from jobs.cli.calibrate import calibrate_run
from jobs.cli.error_handler import SAVED, reported
from jobs.cli.evaluate import evaluate_run, simulate_run
from jobs.cli.region import is_region, run_region
from jobs.cli.run_kinds import commands_of
from jobs.cli.screen import screen_run
from jobs.cli.sites import join_run
from jobs.console import OutputLost, show
from jobs.errors import ConfigError
from jobs.exit_codes import Exit
from jobs.report import write_report
from jobs.run.folder import RunFolder
from jobs.run.run import open_run
from jobs.run.status import status_of


def run_everything(path: Path, executor: str | None) -> Exit:
    """Do what is left of a run, and write its report whatever became of it.

    With Slurm, stages that must wait for submitted tasks are left for the next call.

    Returns
    -------
    Exit
        Of the stages. A user's mistake counts as `Exit.WRONG` only where it was found
        before any work began; later it is `Exit.SOME_FAILED`.
    """
    commands = commands_of(path)
    if commands is not None:
        return commands.run(path, executor)
    before = _traces(path)
    passed: list[Exit] = []
    try:
        code = _stages(path, executor, passed.append)
    except (OutputLost, typer.Exit):
        raise
    except Exception as exc:
        code = reported(exc, path, "run", f"{SAVED}: masm run {path}")
        if code == Exit.WRONG and (passed or _traces(path) != before):
            code = Exit.SOME_FAILED
    return _report(path, code)


def _stages(path: Path, executor: str | None, on_stage: Callable[[Exit], None]) -> Exit:
    """Do every stage; ``on_stage`` is called with what each came to."""
    region = is_region(path)
    if region:
        if not screen_run(path, executor):
            return _wait(path)
        on_stage(Exit.DONE)
    code = calibrate_run(path, executor, [], resume=True)
    on_stage(code)
    if code == Exit.OVER_BUDGET:
        return code
    if open_run(path).config.sites != "separate":
        states = status_of(RunFolder(path), open_run(path).pixels).states
        if states["waiting"] + states["running"]:
            return _wait(path)
        join_run(path)
        on_stage(Exit.DONE)
    if not region:
        simulate_run(path, ["default", "calibrated"], [])
        evaluate_run(path, [])
        return code
    run = open_run(path)
    states = status_of(run.folder, run.pixels).states
    if states["waiting"] + states["running"] or not run_region(path, executor):
        return _wait(path)
    return code


def _report(path: Path, code: Exit) -> Exit:
    """Write the report of a run that has started, and return the exit code."""
    if not RunFolder(path).record.exists():
        return code  # nothing started: why has been said
    if code == Exit.WRONG:
        # What was refused may be what a report needs; that has been said too.
        with suppress(ConfigError):
            show(f"report   {write_report(open_run(path))}")
        return code
    try:
        show(f"report   {write_report(open_run(path))}")
    except (OutputLost, typer.Exit):
        raise
    except Exception as exc:
        failed = reported(exc, path, "run", f"{SAVED}: masm report {path}")
        if code == Exit.DONE:
            return Exit.SOME_FAILED if failed == Exit.WRONG else failed
    return code


def _traces(path: Path) -> set[tuple[str, int, int]]:
    """Return what work on pixels leaves behind first: its history and screenings."""
    found = set()
    for name in ("ledger", "screening"):
        with suppress(OSError):
            for one in (path / name).iterdir():
                facts = one.lstat()
                found.add((f"{name}/{one.name}", facts.st_size, facts.st_mtime_ns))
    return found


def _wait(path: Path) -> Exit:
    show(f"when the submitted tasks have ended, continue with: masm run {path}")
    return Exit.DONE
