"""``masm status`` and ``masm collect``."""

from __future__ import annotations

import json
from pathlib import Path

from jobs.cli.calibrate import _WATCH_SECONDS
from jobs.console import follow, print_out, progress, show
from jobs.run.run import open_run
from jobs.run.status import lines, status_of
from jobs.stages.collect import collect
from jobs.stages.stage_states import stages_of


def show_status(path: Path, *, watch: bool, as_json: bool) -> None:
    """Show the state of a run."""
    run = open_run(path)

    def read() -> tuple[str, float, bool]:
        status = status_of(run.folder, run.pixels)
        left = status.states["running"] + status.states["waiting"]
        stages = stages_of(run, status)
        text = "\n".join([*lines(status, path, stages)])
        if as_json:
            text = json.dumps(status.as_dict() | {"stages": stages})
        return text, 1 - left / status.n_pixels, left > 0

    if watch:
        follow(read, _WATCH_SECONDS, in_place=not as_json)
    elif as_json:
        print_out(read()[0])
    else:
        show(read()[0])


def collect_run(path: Path) -> None:
    """Gather finished pixels."""
    run = open_run(path)
    with progress("collect", len(run.pixels), "pixels") as on_pixels:
        new = collect(run, on_pixels)
    status = status_of(run.folder, run.pixels)
    done = status.states["done"] + status.states["suspect"]
    show(
        f"{path / 'posteriors.zarr'}: {done} of {status.n_pixels} pixels "
        f"({done / status.n_pixels:.0%}), {new} new"
    )
