"""``masm soil-carbon``: a soil-carbon run, and the jobs of a queue that do its work.

A file of its own, which imports nothing heavy: the command line reads it at each start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import Executors

_SAVED = "finished calibrations and chunks are saved. Continue with"


def soil_carbon(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
    executor: Executors = None,
    step: Annotated[str, typer.Option(hidden=True)] = "calibrate",
    tasks: Annotated[Path | None, typer.Option(hidden=True)] = None,
    task: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Calibrate, predict and map soil carbon: all stages that are not done yet."""
    with error_handler(run, "soil-carbon", saved=_SAVED):
        if tasks is None:
            from jobs.cli.soil_carbon import run_soil_carbon

            run_soil_carbon(run, executor)
            return
        from jobs.console import logged
        from jobs.executors.tasks import do_task
        from jobs.stages.soil_carbon_tasks import STEPS, opened, unit_run

        with logged(run, f"soil-carbon-{step}-{task}"):
            do_task(unit_run(opened(run)), STEPS[step].work, tasks, task)
