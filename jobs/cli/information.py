"""``masm information``: what each stream of a calibrated run is worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import Executors, flag

if TYPE_CHECKING:
    import pandas as pd

    from jobs.run.run import Run

_SAVED = "finished pixels are saved. Continue with"
_DERIVATIVES = ("auto", "exact", "differences")


def information(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
    derivatives: Annotated[
        str,
        typer.Option(metavar="KIND", help="auto, exact, or differences of model runs"),
    ] = "auto",
    pixel: Annotated[
        list[str] | None,
        typer.Option("--pixel", metavar="ID", help="only this pixel; may be repeated"),
    ] = None,
    executor: Executors = None,
    as_json: Annotated[bool, flag("--json", help="as JSON, for scripts")] = False,
    tasks: Annotated[Path | None, typer.Option(hidden=True)] = None,
    task: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Show how much each data stream narrows parameters, annual fluxes and stocks."""
    with error_handler(run, "information", saved=_SAVED):
        from jobs.run.run import open_run

        work = _checked(derivatives)
        opened = open_run(run)
        if tasks is not None:
            from jobs.console import logged
            from jobs.executors.tasks import do_task
            from jobs.stages.information import UNITS

            with logged(run, f"information-task-{task}"):
                do_task(opened, UNITS[work], tasks, task)
            return
        _inform(opened, work, pixel or [], executor, as_json=as_json)


def _checked(derivatives: str) -> str:
    from jobs.errors import ConfigError, Problem, did_you_mean

    if derivatives not in _DERIVATIVES:
        raise ConfigError(
            Problem(
                "",
                "--derivatives",
                found=f'"{derivatives}"',
                wanted=", ".join(_DERIVATIVES),
                hint=did_you_mean(derivatives, _DERIVATIVES),
            )
        )
    return derivatives


def _inform(
    run: Run,
    derivatives: str,
    ids: Sequence[str],
    executor: str | None,
    *,
    as_json: bool,
) -> None:
    from jobs.console import logged
    from jobs.executors.tasks import do_units, minutes_for
    from jobs.files import sweep
    from jobs.run.file_lock import alone
    from jobs.run.pixels import choose
    from jobs.run.run import start
    from jobs.stages.information import (
        UNITS,
        gather_information,
        left_to_inform,
        pixels_informed,
    )
    from jobs.stages.price import years_of

    pixels = pixels_informed(run, choose(run.pixels, ids))
    run.folder.require_writable()
    path = run.folder.path
    command = ["information", "--derivatives", derivatives]
    n_years, _ = years_of(run)
    with alone(path, "information"):
        start(run)
        with logged(path, "information"):
            whole = do_units(
                run,
                UNITS[derivatives],
                left_to_inform(run, pixels, derivatives),
                command=command,
                unit="pixels",
                executor=executor,
                minutes=minutes_for(run, 50, n_years),
            )
        if not whole:
            return
        sweep(run.folder.information)  # no task is left that could be writing
        tables = gather_information(run, pixels)
        figure = _draw(run, tables)
        _show(run, tables, figure, as_json=as_json)


def _draw(run: Run, tables: dict[str, pd.DataFrame]) -> Path:
    from jobs.figures.information import draw_information
    from jobs.inputs.pixel_data import synthetic_parts

    figure = run.folder.figures / "information.png"
    label = run.config.name
    if parts := synthetic_parts(run):
        label += f" ({parts})"
    draw_information(
        tables["parameters"], tables["targets"], figure, title=f"{label}: information"
    )
    return figure


def _show(
    run: Run, tables: dict[str, pd.DataFrame], figure: Path, *, as_json: bool
) -> None:
    from jobs.console import print_out, show, table
    from jobs.figures.information import reduction_table

    if as_json:
        facts = {
            # pandas writes what is no number as null.
            name: json.loads(rows.to_json(orient="records"))
            for name, rows in tables.items()
        }
        print_out(json.dumps(facts))
        return
    n = tables["streams"]["pixel"].nunique()
    over = f"median of {n} pixels" if n > 1 else "one pixel"
    for name, key in (("targets", "target"), ("parameters", "parameter")):
        rows = reduction_table(tables[name], key)
        if len(rows):
            formats = {str(column): ".2f" for column in rows.columns[1:]}
            title = f"uncertainty reduction of {name}, {over}"
            show(table(rows, title, formats))
    dead = tables["streams"].loc[tables["streams"]["collapsed"] != "", "pixel"].unique()
    if len(dead):
        show(
            f"{len(dead)} pixels have a canopy that died out; their information "
            f"content means nothing: {', '.join(map(str, dead[:5]))}"
        )
    kinds = ", ".join(sorted(set(tables["streams"]["derivatives"])))
    show(f"derivatives {kinds}\ntables   {run.folder.information}\nfigure   {figure}")
