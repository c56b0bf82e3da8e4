"""``masm swath``: assimilate a synthetic region seen on satellites' footprints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import Executors, flag

if TYPE_CHECKING:
    from jobs.config.swath import SwathConfig
    from jobs.exit_codes import Exit

_SAVED = "finished experiments are saved. Continue with"
_GUESS_MINUTES = 0.5  # of an experiment for each cell


def swath(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
    executor: Executors = None,
    as_json: Annotated[bool, flag("--json", help="as JSON, for scripts")] = False,
    tasks: Annotated[Path | None, typer.Option(hidden=True)] = None,
    task: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Assimilate satellite streams: all together, then with each one left out."""
    with error_handler(run, "swath", saved=_SAVED):
        if tasks is not None:
            _task(run, tasks, task)
            return
        run_swath(run, executor, as_json=as_json)


def run_swath(run: Path, executor: str | None, *, as_json: bool = False) -> Exit:
    """Do what is left of a swath run, and show what came of it."""
    from jobs.console import logged
    from jobs.executors.tasks import do_units
    from jobs.exit_codes import Exit
    from jobs.files import sweep
    from jobs.run.file_lock import alone
    from jobs.stages.swath import (
        assimilate,
        experiments_left,
        open_swath,
        swath_folder,
        swath_run,
    )

    config = open_swath(run)
    chosen = executor or config.execution.executor
    with alone(run, "assimilating"), logged(run, "swath"):
        whole = do_units(
            swath_run(run, config),
            assimilate,
            experiments_left(run, config),
            command=["swath"],
            unit="experiments",
            # The workers of this machine run the cells of one experiment.
            executor="serial" if chosen == "local" else chosen,
            minutes=_GUESS_MINUTES * config.swath.grid.rows * config.swath.grid.columns,
        )
        if whole:
            sweep(swath_folder(run))  # no task is left that could be writing
    if whole:
        _show(run, config, as_json=as_json)
    return Exit.DONE


def check_swath(run: Path, doubts: list[str] | None = None) -> list[str]:
    """Make the region of a swath run and say what it holds; nothing is assimilated.

    All of it is made, so that nothing of it can be in doubt.
    """
    del doubts
    from jobs.inputs.swath import SYNTHETIC, make_twin
    from jobs.stages.swath import open_swath

    config = open_swath(run)
    twin = make_twin(config)
    problem = twin.problem()
    count = {
        name: int((twin.observations.stream == name).sum())
        for name in config.swath.streams
    }
    counts = ", ".join(f"{name} {n}" for name, n in count.items())
    return [
        f"{config.name}: {SYNTHETIC}",
        f"{len(twin.cells)} cells, years {config.swath.grid.years}, control vector of "
        f"{problem.n} elements",
        f"observations {counts}; {twin.n_outside} footprints outside the grid",
        f"experiments {', '.join(config.experiments)}",
    ]


def _task(run: Path, tasks: Path, number: int) -> None:
    from jobs.console import logged
    from jobs.executors.tasks import do_task
    from jobs.stages.swath import assimilate, open_swath, swath_run

    with logged(run, f"swath-task-{number}"):
        do_task(swath_run(run, open_swath(run)), assimilate, tasks, number)


def report_swath(run: Path) -> None:
    """Write the report of a run with at least its first experiment, and say where."""
    from jobs.console import show
    from jobs.errors import ConfigError, Problem
    from jobs.report.swath import write_swath_report
    from jobs.run.folder import RunFolder
    from jobs.stages.swath import open_swath, read_experiment

    config = open_swath(run)
    RunFolder(run).require_writable()
    if read_experiment(run, config, 0) is None:
        raise ConfigError(
            Problem(
                str(run / "swath"),
                "nothing to report yet",
                wanted="the first experiment, with all streams",
                hint=f"masm run {run}",
            )
        )
    show(f"wrote {write_swath_report(run, config)}")


def status_swath(run: Path) -> Iterator[str]:
    """Say how many experiments are done."""
    from jobs.files import is_file
    from jobs.stages.swath import experiments_left, open_swath

    config = open_swath(run)
    left = [config.experiments[number] for number in experiments_left(run, config)]
    n = len(config.experiments)
    yield f"assimilate  {n - len(left)} of {n} experiments done"
    if left:
        yield f"  to do: {', '.join(left)}"
    yield f"report      {'done' if is_file(run / 'report.html') else 'not yet'}"


def _show(run: Path, config: SwathConfig, *, as_json: bool) -> None:
    import pandas as pd

    from jobs.console import print_out, show, table
    from jobs.report.swath import misfits_of, results_of, write_swath_report
    from jobs.stages.swath import swath_folder

    facts = results_of(run, config)
    report = write_swath_report(run, config)
    if as_json:
        print_out(json.dumps({"experiments": facts}))
        return
    rows = pd.DataFrame(
        {
            "experiment": [one["experiment"] for one in facts],
            "n": [one["n_observations"] for one in facts],
            "prior": [one["cost_prior"] for one in facts],
            "minimum": [one["cost"] for one in facts],
            "half n": [one["half_observations"] for one in facts],
            "evaluations": [one["n_evaluations"] for one in facts],
            "seconds": [one["seconds"] for one in facts],
            "MB": [one["memory_mb"] for one in facts],
        }
    )
    formats = dict.fromkeys(("prior", "minimum", "half n", "seconds", "MB"), ".0f")
    first = facts[0]
    title = f"{config.name}: {first['n_cells']} cells, {first['n_controls']} unknowns"
    show(table(rows, title, formats))
    show(first["report"])
    misfits = misfits_of(facts)
    held = misfits[misfits["experiment"] == "without " + misfits["stream"]]
    for stream, before, after in held[["stream", "prior", "posterior"]].to_numpy():
        word = "better" if after < before else "WORSE"
        show(
            f"{stream} withheld: mean squared misfit {before:.2f} -> {after:.2f}, "
            f"{word}"
        )
    show(f"tables   {swath_folder(run)}\nreport   {report}")
