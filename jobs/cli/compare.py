"""``masm compare``: which calibration method to use for a run, on one of its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import flag

if TYPE_CHECKING:
    import masm
    from jobs.run.pixel import Pixel
    from jobs.run.run import Run

_SHOWN = (
    "method",
    "budget",
    "runs",
    "model_seconds",
    "own_seconds",
    "best_cost",
    "distance",
    "coverage",
    "rank",
    "verdict",
)
_FORMATS = {
    "budget": "d",
    "runs": ".0f",
    "model_seconds": ".2f",
    "own_seconds": ".2f",
    "best_cost": ".4g",
    "distance": ".3f",
    "coverage": ".2f",
    "rank": ".0f",
}
_REASON_WIDTH = 44
_SAVED = "nothing of this comparison is kept. Start again with"


def compare(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="methods, such as emulator,demc; or all; by default emulator, demc, "
            "4dvar and 4denvar",
            show_default=False,
        ),
    ] = "emulator,demc,4dvar,4denvar",
    budget: Annotated[
        str,
        typer.Option(metavar="RUNS", help="largest number of model runs, one or more"),
    ] = "200,1000",
    seeds: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="calibrations of each method and budget"),
    ] = 3,
    reference: Annotated[
        int | None,
        typer.Option(
            metavar="RUNS",
            min=1,
            help="runs of a DE-MC chain to compare with; by default the longest "
            "trusted chain among the methods",
        ),
    ] = None,
    twins: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="twin experiments that measure the coverage of intervals",
        ),
    ] = 0,
    pixel: Annotated[
        str | None, typer.Option("--pixel", metavar="ID", help="which pixel")
    ] = None,
    as_json: Annotated[bool, flag("--json", help="as JSON, for scripts")] = False,
) -> None:
    """Compare calibration methods on one pixel, and recommend one."""
    with error_handler(run, "compare", saved=_SAVED):
        from jobs.run.run import open_run

        opened = open_run(run)
        chosen = _one_pixel(opened, pixel)
        names = _names(methods)
        budgets = _numbers("--budget", budget)
        found = _compared(opened, chosen, names, budgets, seeds, reference, twins)
        _show(opened, chosen, found, as_json=as_json)


def _compared(
    run: Run,
    pixel: Pixel,
    names: list[str],
    budgets: list[int],
    n_seeds: int,
    reference: int | None,
    n_twins: int,
) -> masm.Comparison:
    """Compare, showing progress; write table and figure."""
    from threadpoolctl import threadpool_limits

    from jobs.console import logged, progress
    from jobs.figures.methods import draw_methods
    from jobs.files import sweep
    from jobs.inputs.pixel_data import synthetic_parts
    from jobs.run.file_lock import alone
    from jobs.run.run import start
    from jobs.stages.compare_methods import compare_pixel, write_comparison

    run.folder.require_writable()
    path = run.folder.path
    with alone(path, "comparing"):
        start(run)
        sweep(run.folder.methods.parent)
        bar = progress("compare", len(names) * len(budgets) * n_seeds, "fits")
        with logged(path, "compare"), threadpool_limits(limits=1), bar as advance:
            found = compare_pixel(
                run,
                pixel,
                methods=names,
                budgets=budgets,
                n_seeds=n_seeds,
                reference=reference,
                n_twins=n_twins,
                on_row=lambda row: advance(1),
            )
        write_comparison(found, pixel, run.folder.methods)
        label = pixel.name
        if parts := synthetic_parts(run):
            label += f", {parts}"
        draw_methods(found.table, _figure(run, pixel), title=f"{label}: methods")
    return found


def _figure(run: Run, pixel: Pixel) -> Path:
    from jobs.run.pixels import figure_names

    name = figure_names(run.pixels)[pixel.id]
    return run.folder.figures / f"methods_{name}.png"


def _show(run: Run, pixel: Pixel, found: masm.Comparison, *, as_json: bool) -> None:
    import json
    import math

    from jobs.console import print_out, show, table

    if as_json:
        facts = {
            "pixel": pixel.id,
            "recommendation": found.recommendation,
            "reference": found.reference,
            "floor": found.floor if math.isfinite(found.floor) else None,
            # pandas writes what is no number as null.
            "summary": json.loads(found.summary.to_json(orient="records")),
            "rows": json.loads(found.table.to_json(orient="records")),
        }
        print_out(json.dumps(facts))
        return
    rows = found.summary[list(_SHOWN)].copy()
    rows["verdict"] = [_short(text) for text in rows["verdict"]]
    show(table(rows, f"{pixel.name}: calibration methods", _FORMATS))
    if found.reference:
        show(
            f"distances in prior sd, from {found.reference}, whose halves lie "
            f"{found.floor:.3g} apart"
        )
    blocks = run.config.calibration.blocks
    if len(blocks) > 1 and run.config.calibration.proposals is None:
        show(f"the {len(blocks)} blocks of the run were compared as one joint problem")
    show(
        f"table    {run.folder.methods}\nfigure   {_figure(run, pixel)}\n"
        f"{found.recommendation}"
    )


def _short(text: str) -> str:
    return text if len(text) <= _REASON_WIDTH else f"{text[: _REASON_WIDTH - 1]}…"


def _one_pixel(run: Run, wanted: str | None) -> Pixel:
    from jobs.errors import ConfigError, Problem
    from jobs.run.pixels import choose

    pixels = choose(run.pixels, [] if wanted is None else [wanted])
    if len(pixels) != 1:
        raise ConfigError(
            Problem(
                "",
                "masm compare works on one pixel",
                found=f"{len(pixels)} pixels in the run",
                wanted="--pixel ID",
                hint="The ids are in pixels.csv of a started run; masm check RUN.",
            )
        )
    return pixels[0]


def _names(text: str) -> list[str]:
    """Method names of a list with commas."""
    from jobs.config.methods import method_names
    from jobs.errors import ConfigError, Problem, did_you_mean

    known = method_names()
    names = [word.strip() for word in text.split(",") if word.strip()]
    if names == ["all"]:
        return known
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        found = wrong[0] if wrong else text
        raise ConfigError(
            Problem(
                "",
                "--methods",
                found=f'"{found}"',
                wanted=", ".join(known),
                hint=did_you_mean(found, known),
            )
        )
    return list(dict.fromkeys(names))


def _numbers(option: str, text: str) -> list[int]:
    """Whole numbers above zero of a list with commas."""
    from jobs.errors import ConfigError, Problem

    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(w.isascii() and w.isdigit() and int(w) for w in words):
        raise ConfigError(
            Problem(
                "",
                option,
                found=f'"{text}"',
                wanted="whole numbers above zero with commas between, such as 200,1000",
            )
        )
    return list(dict.fromkeys(int(word) for word in words))
