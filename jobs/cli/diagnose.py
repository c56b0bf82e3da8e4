"""``masm diagnose``: why the calibrated model of a run misses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import flag

_MOST = 12  # pixels, unless they are named
_SHOWN_ROWS = 6
_SAVED = "finished pixels are saved. Continue with"


def diagnose(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
    pixel: Annotated[
        list[str] | None,
        typer.Option("--pixel", metavar="ID", help="only this pixel; may be repeated"),
    ] = None,
    again: Annotated[
        bool,
        flag("--again", help="repeat pixels that are done"),
    ] = False,
) -> None:
    """Find why the calibrated model misses: season, weather, years, parameters.

    Varies the parameters that were not calibrated, one at a time, with about a hundred
    model runs for each pixel. Without --pixel it takes the first twelve calibrated
    pixels.
    """
    with error_handler(run, "diagnose", saved=_SAVED):
        diagnose_run(run, pixel or [], again=again)


def diagnose_run(path: Path, ids: list[str], *, again: bool = False) -> None:
    """Diagnose pixels, draw their figures, and show what was found."""
    from threadpoolctl import threadpool_limits

    from jobs.config.process_model import units_of
    from jobs.console import logged, progress, show, table
    from jobs.figures.diagnosis import draw_diagnosis
    from jobs.files import sweep
    from jobs.run.file_lock import alone
    from jobs.run.pixels import choose, figure_names
    from jobs.run.run import open_run, start
    from jobs.stages.diagnose import diagnose as diagnose_pixel
    from jobs.stages.diagnose import pixels_to_diagnose, read_diagnosis

    run = open_run(path)
    pixels = pixels_to_diagnose(run, choose(run.pixels, ids))
    run.folder.require_writable()
    left = len(pixels) - _MOST if not ids else 0
    pixels = pixels if ids else pixels[:_MOST]
    names = figure_names(run.pixels)
    with alone(path, "diagnosis"):
        start(run)
        sweep(path / "diagnosis")
        with (
            logged(path, "diagnose"),
            progress("diagnose", len(pixels), "pixels") as on_pixels,
            threadpool_limits(limits=1),
        ):
            for one in pixels:
                found = None if again else read_diagnosis(run, one)
                found = found or diagnose_pixel(run, one)
                draw_diagnosis(
                    found.tables,
                    run.folder.figures / f"diagnosis_{names[one.id]}.png",
                    title=f"{one.name}: residuals of the calibrated model",
                    units=units_of(run.config),
                )
                on_pixels(1)
    for one in pixels:
        found = read_diagnosis(run, one)
        if found is None:
            continue
        scan = found.tables["scan"].head(_SHOWN_ROWS)[
            ["parameter", "default", "best", "unit", "lowered", "lowered_adjusted",
             "confirmed", "validation"]
        ]  # fmt: skip
        formats = dict.fromkeys(("default", "best"), ".4g")
        formats |= dict.fromkeys(
            ("lowered", "lowered_adjusted", "confirmed", "validation"), ".0%"
        )
        title = f"{one.name}: fraction of the misfit that another parameter takes away"
        show(table(scan, title, formats))
        for sentence in found.sentences:
            show(f"  {sentence}")
    if left > 0:
        show(f"{left} more pixels are calibrated: masm diagnose {path} --pixel ID")
    show(f"tables   {path / 'diagnosis'}\nfigures  {run.folder.figures}")
