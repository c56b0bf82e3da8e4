"""``masm sites``: join the calibrated sites of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler

if TYPE_CHECKING:
    from jobs.run.run import Run
    from jobs.stages.join_sites import JoinedSites


def sites(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
) -> None:
    """Estimate all sites of a run together: separate, pooled and hierarchical.

    Give it after calibrate, on a run with sites: hierarchical or pooled; masm run does
    it by itself. Sites without observations are predicted from the others.
    """
    with error_handler(run, "sites"):
        join_run(run)


def join_run(path: Path) -> None:
    """Join the sites of a run, unless that is done; show what came of it."""
    from threadpoolctl import threadpool_limits

    from jobs.console import logged, progress, show
    from jobs.errors import ConfigError, Problem
    from jobs.figures.sites import draw_sites
    from jobs.inputs.pixel_data import synthetic_parts
    from jobs.run.file_lock import alone
    from jobs.run.run import open_run, start
    from jobs.run.site_results import is_joined
    from jobs.stages.join_sites import join_sites, pixels_to_join

    run = open_run(path)
    if run.config.sites == "separate":
        raise ConfigError(
            Problem(
                "config.yaml",
                "sites",
                found="separate",
                wanted="hierarchical or pooled",
                hint="Add to config.yaml: sites: hierarchical",
            )
        )
    run.folder.require_writable()
    pixels_to_join(run)  # says what is missing, before anything runs
    with alone(path, "joining"):
        start(run)
        if is_joined(run):
            show(f"sites are joined already: {path / 'sites'}")
            return
        bar = progress("sites", None, "model runs")
        # One thread: sums in another order would differ in rounding.
        with logged(path, "sites"), threadpool_limits(limits=1), bar as advance:
            found = join_sites(run, advance)
        label = run.config.name
        if parts := synthetic_parts(run):
            label += f" ({parts})"
        draw_sites(found.parameters, run.folder.figures / "sites.png", title=label)
    _show(run, found, label)


def _show(run: Run, found: JoinedSites, label: str) -> None:
    from jobs.console import show, table
    from jobs.stages.join_sites import WAYS

    shown = found.group[
        ["parameter", "unit", "new_site_mean", "new_site_q05", "new_site_q95",
         "between_sd", "within_sd", "p", "belongs_to"]
    ]  # fmt: skip
    formats = dict.fromkeys(shown.columns[2:5], ".4g")
    formats |= dict.fromkeys(("between_sd", "within_sd"), ".2f") | {"p": ".3f"}
    show(table(shown, f"{label}: the group of sites", formats))
    keys = ["stream", "period", "sites"]
    means = found.scores.groupby(keys, sort=False)[["rmse", "nse"]].mean()
    shown = means.unstack("sites")["nse"][list(WAYS)].reset_index()
    title = f"{label}: Nash-Sutcliffe efficiency, mean of sites"
    show(table(shown, title, dict.fromkeys(WAYS, ".3f")))
    wrong = found.verdicts[found.verdicts["right"] == 0]
    for row in wrong.itertuples():
        show(f"{row.name}: not to be trusted: {row.reason}")
    alone = found.verdicts.loc[found.verdicts["model_runs"] == 0, "name"]
    if len(alone):
        show(f"without observations, predicted from the group: {', '.join(alone)}")
    show(
        f"{run.config.sites} parameters are the calibrated ones of simulate and "
        f"evaluate\nresults  {run.folder.path / 'sites'}\n"
        f"figure   {run.folder.figures / 'sites.png'}"
    )
