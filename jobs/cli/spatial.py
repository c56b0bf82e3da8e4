"""``masm spatial``: how well parameters of other sites serve at a left-out site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import flag

if TYPE_CHECKING:
    import pandas as pd

    from jobs.text_tables import TextTable

_FORMATS = {
    "n_sites": "d",
    "rmse": ".3g",
    "diso": ".3g",
    "better_than_default": ".0%",
    "better_than_mean": ".0%",
    "coverage": ".0%",
}
_HEADS = {
    "meaning": "method",
    "n_sites": "sites",
    "rmse": "RMSE",
    "diso": "DISO",
    "better_than_default": "better than default",
    "better_than_mean": "better than mean",
    "coverage": "90 % holds",
}


def spatial(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
    again: Annotated[
        bool, flag("--again", help="repeat it, even if it is done")
    ] = False,
) -> None:
    """Validate predicted parameters at sites left out, and compare with baselines.

    Give it after calibrate, on a run with a table of sites or towers. Each site is
    left out in turn, with its neighbours. The result names the mapper to use, or says
    that none is better than the mean.
    """
    with error_handler(run, "spatial"):
        spatial_run(run, again=again)


def spatial_run(path: Path, *, again: bool = False) -> None:
    """Validate at left-out sites, unless that is done; show what came of it."""
    from threadpoolctl import threadpool_limits

    from jobs.config.process_model import units_of
    from jobs.console import logged, progress, show
    from jobs.errors import ConfigError, Problem
    from jobs.figures.spatial import draw_spatial
    from jobs.run.file_lock import alone
    from jobs.run.run import open_run, start
    from jobs.stages.spatial_validation import open_spatial, validate_spatially

    run = open_run(path)
    if run.config.pixels.source not in ("table", "towers"):
        raise ConfigError(
            Problem(
                "config.yaml",
                "pixels.source",
                found=run.config.pixels.source,
                wanted="towers or table: many sites with observations",
                hint="Maps of a region are validated by masm upscale.",
            )
        )
    run.folder.require_writable()
    with alone(path, "spatial"):
        start(run)
        found = None
        if not again:
            try:
                found = open_spatial(run)
            except ConfigError:
                found = None
        if found is None:
            with (
                logged(path, "spatial"),
                progress("spatial", 2 * len(run.pixels), "sites") as on_sites,
                threadpool_limits(limits=1),
            ):
                found = validate_spatially(run, on_sites)
        title = f"{run.config.name}: left-out sites, validation years"
        units = units_of(run.config)
        draw_spatial(
            found.scores, run.folder.figures / "spatial.png", title=title, units=units
        )
    for stream in dict.fromkeys(found.methods["stream"]):
        show(method_table(found.methods, stream, units[stream], run.config.name))
    for sentence in found.sentences:
        show(sentence)
    for row in found.sites[found.sites["learned_from"] == 0].itertuples():
        show(f"not learned from: {row.name}: {row.reason}")
    show(f"tables   {path / 'spatial'}")


def method_table(
    methods: pd.DataFrame, stream: str, unit: str, title: str
) -> TextTable:
    """Return the table of one stream for the terminal."""
    from jobs.console import table

    shown = methods[methods["stream"] == stream]
    shown = shown[["meaning", *_FORMATS]].rename(columns=_HEADS)
    formats = {_HEADS[key]: form for key, form in _FORMATS.items()}
    unit = "" if unit == "1" else f", RMSE in {unit}"
    return table(shown, f"{title}: {stream} at left-out sites{unit}", formats)
