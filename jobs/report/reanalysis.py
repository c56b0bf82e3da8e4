"""The report of a reanalysis: series of sites, spread against error, ranks, Q, weights.

Everything is gathered from the files of the analyses, so it can be made again at any
time, of a reanalysis that is half done too.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.figures import reanalysis as figures
from jobs.files import replacing, write_text
from jobs.report.page import time_of_making, version_of_masm
from jobs.report.parts import Section, link, picture, table_of
from jobs.run.reanalysis_run import ReanalysisRun
from jobs.spreadsheets import safe_texts
from jobs.stages.reanalysis.results import (
    analyses_of,
    ranks,
    scores,
    truth_of,
    write_product,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_N_SITES = 6
"""Sites whose series are drawn."""
_FORMATS = {"n": "d", "bias": ".3g", "rmse": ".3g", "spread": ".3g", "ratio": ".2f"}


def write_reanalysis_report(run: ReanalysisRun) -> Path:
    """Write product files, figures and ``report.html``.

    Raises
    ------
    ConfigError
        If no analysis is done yet.
    """
    found = analyses_of(run)
    truth = truth_of(run, found)
    write_product(run, found)
    table = scores(found, truth)
    path = run.path / "scores.csv"
    with replacing(path) as aside:
        safe_texts(table).to_csv(aside, index=False, float_format="%.6g")
    title = run.config.name + (", synthetic" if truth is not None else "")
    _draw(run, found, truth, title)
    write_text(run.folder.report, _render(run, found, table, path, title))
    return run.folder.report


def _draw(
    run: ReanalysisRun, found: xr.Dataset, truth: np.ndarray | None, title: str
) -> None:
    folder = run.folder.figures
    for k, site in enumerate(found["site"].to_numpy()[:_N_SITES]):
        figures.draw_site(
            found, str(site), None if truth is None else truth[:, k],
            folder / f"reanalysis_site_{site}.png", title=f"{title}: {site}",
        )  # fmt: skip
    n = found.sizes["member"]
    figures.draw_spread(
        found, folder / "reanalysis_spread.png", title=f"{title}: error and spread"
    )
    figures.draw_ranks(
        ranks(run, found), n, folder / "reanalysis_ranks.png",
        title=f"{title}: ranks of the observations in the forecast",
    )  # fmt: skip
    figures.draw_increments(
        found, folder / "reanalysis_increments.png", title=f"{title}: increments"
    )
    figures.draw_process(
        found, folder / "reanalysis_process.png",
        title=f"{title}: sd of the process error; hollow: from the prior or given",
    )  # fmt: skip
    figures.draw_weights(
        found, folder / "reanalysis_weights.png", title=f"{title}: weights of members"
    )


def _render(
    run: ReanalysisRun,
    found: xr.Dataset,
    table: pd.DataFrame,
    path: Path,
    title: str,
) -> str:
    from jinja2 import Environment, StrictUndefined

    folder = files("jobs.report.templates")

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(text("reanalysis.html.j2"))
    n_all = sum(one.is_analysed for one in run.cycles)
    return template.render(
        title=title,
        fraction=found.sizes["time"] / n_all,
        n_done=found.sizes["time"],
        n_all=n_all,
        made=time_of_making(),
        version=version_of_masm(),
        style=text("report.css"),
        sections=_sections(run, found, table, path),
    )


def _sections(
    run: ReanalysisRun, found: xr.Dataset, table: pd.DataFrame, path: Path
) -> list[Section]:
    notes = _notes(run, found)
    summary = Section("How well it did", "scores", notes=notes)
    summary.tables.append(
        table_of(
            table,
            "Errors over all sites and analyses, in each state's unit. The forecast "
            "had not seen the observations; the analysis had. The ratio is that of "
            "expected to actual error; 1 is best.",
            [link(run, path)],
            _FORMATS,
        )
    )
    parts = [summary]
    for anchor, heading, name, caption in _PICTURES:
        section = Section(heading, anchor)
        for file in sorted(run.folder.figures.glob(name)):
            shown = picture(run, file, caption, caption)
            if shown is not None:
                section.pictures.append(shown)
        if section.pictures:
            parts.append(section)
    product = Section("Files", "files")
    product.notes = [
        "reanalysis/states.nc: states on the analysis days, mean and sd. "
        "reanalysis/fluxes.nc: every day's outputs, weighted mean, sd and quantiles. "
        "reanalysis/cycles/: each forecast and analysis.",
    ]
    return [*parts, product]


def _notes(run: ReanalysisRun, found: xr.Dataset) -> list[str]:
    section = run.section
    notes = [
        f"{found.sizes['site']} sites, {found.sizes['member']} members of "
        f"{run.config.model.name}, {section.years}; filter {section.filter.name}, "
        f"localisation radius {section.localisation.radius_km:g} km."
    ]
    if section.truth is not None:
        notes.append(
            "This run is synthetic: weather, truth and observations were generated."
        )
    few = found["effective_members"].to_numpy()
    n_few = int((few < 5.0).sum())
    if n_few:
        notes.append(
            f"Fewer than 5 effective members at {n_few} of {few.size} sites and "
            "analyses: there the weighted fluxes depend on a few members only."
        )
    n_lost = int(np.isnan(few).sum())
    if n_lost:
        notes.append(
            f"No weights at {n_lost} sites and analyses, where a state has no spread: "
            "their weighted fluxes are missing."
        )
    never = [
        str(state)
        for state in found["state"].to_numpy()
        if not np.isfinite(found["observation"].sel(state=state)).any()
    ]
    if never:
        notes.append(
            f"Never observed: {', '.join(never)}. Its values come from the model, from "
            "the initial pools and from covariances with observed states."
        )
    if section.filter.name in ("tobit_wishart", "enkf", "letkf"):
        notes.append(_between(section.filter.between_states, found))
    return notes


def _between(rule: str, found: xr.Dataset) -> str:
    """Say which covariances between states were used."""
    if rule == "sampled":
        return "Covariances between states are the sample covariances of the members."
    if rule == "apart":
        return "No covariances between states: each state is corrected on its own."
    factor = found["state_factor"].transpose("time", "state", "state_2").to_numpy()
    names = [str(state) for state in found["state"].to_numpy()]
    pairs = [
        f"{names[j]} and {names[k]}: {int((factor[:, j, k] > 0.0).sum())}"
        for j in range(len(names))
        for k in range(j + 1, len(names))
    ]
    return (
        "A covariance between two states is used only where it is significant. Number "
        f"of analyses, of {len(factor)}, that used it: " + "; ".join(pairs) + "."
    )


_PICTURES = (
    (
        "sites", "Sites", "reanalysis_site_*.png",
        "Forecast, analysis and observations of a site, with 90 % intervals.",
    ),
    (
        "spread", "Spread and error", "reanalysis_spread.png",
        "Error of the forecast against observations that it had not seen, and the "
        "error expected from its spread and the observation error.",
    ),
    (
        "ranks", "Ranks", "reanalysis_ranks.png",
        "Ranks of observations among forecast members with observation error. The line "
        "is an even histogram; a U shape means too little spread.",
    ),
    (
        "increments", "Increments", "reanalysis_increments.png",
        "What the analyses changed: mean of the sites, and 5 to 95 % of them.",
    ),
    (
        "process", "Process error", "reanalysis_process.png",
        "Sd of the process error Q from one analysis to the next.",
    ),
    (
        "weights", "Weights", "reanalysis_weights.png",
        "Effective number of members behind the weighted fluxes.",
    ),
    (
        "radius", "Localisation radius", "reanalysis_radius*.png",
        "Spatial correlation that each radius leaves in the residuals.",
    ),
)  # fmt: skip
