"""``masm swath``: assimilate a synthetic region seen on satellites' footprints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import Executors, flag

if TYPE_CHECKING:
    from jobs.config.swath import SwathConfig
    from jobs.exit_codes import Exit

_SAVED = "finished experiments are saved; go on with"
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


def _show(run: Path, config: SwathConfig, *, as_json: bool) -> None:
    import pandas as pd

    from jobs.console import print_out, show, table
    from jobs.figures.swath import draw_swath
    from jobs.run_tables import read_run_table
    from jobs.stages.swath import read_experiment, swath_folder

    found = [
        read_experiment(run, config, number)
        for number in range(len(config.experiments))
    ]
    facts: list[dict[str, Any]] = [one for one in found if one is not None]
    figure = run / "figures" / "swath.png"
    targets = read_run_table(swath_folder(run) / "targets.csv")
    misfits = _misfits(facts)
    draw_swath(targets, misfits, figure, title=f"{config.name} (synthetic)")
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
    show(
        table(
            rows,
            f"{config.name}: {first['n_cells']} cells, {first['n_controls']} unknowns",
            formats,
        )
    )
    show(first["report"])
    held = misfits[misfits["experiment"] == "without " + misfits["stream"]]
    for row in held.itertuples():
        word = "better" if row.posterior < row.prior else "WORSE"
        show(
            f"{row.stream} withheld: mean squared misfit {row.prior:.2f} -> "
            f"{row.posterior:.2f}, {word}"
        )
    show(f"tables   {swath_folder(run)}\nfigure   {figure}")


def _misfits(facts: list[dict[str, Any]]) -> Any:
    """Misfit of each stream before and after, in every experiment."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "experiment": one["experiment"],
                "stream": stream,
                "prior": value,
                "posterior": one["misfit"][stream],
            }
            for one in facts
            for stream, value in one["misfit_prior"].items()
        ]
    )
