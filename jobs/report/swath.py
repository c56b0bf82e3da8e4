"""The page of a swath run: what was made, each fit, withheld streams, targets."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jobs.config.swath import SwathConfig
from jobs.figures.swath import draw_swath, target_label
from jobs.files import write_text
from jobs.report.page import time_of_making, version_of_masm
from jobs.report.parts import Fact, Link, Section, link, picture, table_of
from jobs.run.folder import RunFolder
from jobs.run_tables import read_run_table
from jobs.stages.swath import read_experiment, swath_folder

if TYPE_CHECKING:
    import pandas as pd

_FIGURE = "swath.png"
_UNITS = {"gpp": "g C m-2 yr-1", "nee": "g C m-2 yr-1", "et": "mm yr-1"}
_POOL_UNIT = "g C m-2"
_CITATIONS = (
    ("Bloom, A. A., Williams, M. (2015)", "DALEC, the carbon cycle of the model"),
    ("Knorr, W. (2000)", "BETHY, its photosynthesis and water"),
    ("Courtier, P. et al. (1994)", "the variational method (4D-Var)"),
)


def results_of(run: Path, config: SwathConfig) -> list[dict[str, Any]]:
    """Return the result of every experiment that is finished."""
    found = [
        read_experiment(run, config, number)
        for number in range(len(config.experiments))
    ]
    return [one for one in found if one is not None]


def misfits_of(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the misfit of each stream before and after, in every experiment."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "experiment": one["experiment"],
                "stream": stream,
                "prior": value,
                "posterior": one["misfit"][stream],
            }
            for one in results
            for stream, value in one["misfit_prior"].items()
        ]
    )


def write_swath_report(run: Path, config: SwathConfig) -> Path:
    """Draw the figure and write ``report.html``, of the experiments that are there."""
    from jinja2 import Environment, StrictUndefined

    results = results_of(run, config)
    misfits, targets = misfits_of(results), _targets(run)
    draw_swath(targets, misfits, run / "figures" / _FIGURE, title=_title(config))
    folder = files("jobs.report.templates")

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(text("sections.html.j2")).render(
        title=config.name,
        synthetic="weather, true parameters and observations are made up",
        made=time_of_making(),
        sections=[
            _about(run, config, results),
            _fits(run, results),
            _withheld(run, misfits),
            _information(run, targets),
        ],
        style=text("report.css"),
        version=version_of_masm(),
        citations=_CITATIONS,
    )
    path = run / "report.html"
    write_text(path, page)
    return path


def _title(config: SwathConfig) -> str:
    said = "synthetic" in config.name.lower()
    return config.name if said else f"{config.name} (synthetic)"


def _targets(run: Path) -> pd.DataFrame:
    return read_run_table(swath_folder(run) / "targets.csv")


def _source(run: Path, name: str) -> Link:
    return link(SimpleNamespace(folder=RunFolder(run)), run / name)


def _about(
    run: Path, config: SwathConfig, results: Sequence[dict[str, Any]]
) -> Section:
    first, grid = results[0], config.swath.grid
    said = {
        "cells": f"{first['n_cells']}",
        "unknowns": f"{first['n_controls']}",
        "observations": f"{first['n_observations']:,}",
        "streams": ", ".join(name.upper() for name in config.swath.streams),
        "years": str(grid.years),
        "vegetation": ", ".join(grid.vegetation),
        "experiments": f"{len(results)} of {len(config.experiments)} done",
        "seed": str(config.seed),
    }
    source = _source(run, "config.yaml")
    facts = [Fact(name, value, source) for name, value in said.items()]
    return Section("What was run", "about", facts=facts)


def _fits(run: Path, results: Sequence[dict[str, Any]]) -> Section:
    import pandas as pd

    part = Section("The fits", "fits")
    frame = pd.DataFrame(
        {
            "experiment": [_shown(one["experiment"]) for one in results],
            "observations": [one["n_observations"] for one in results],
            "cost of the prior": [one["cost_prior"] for one in results],
            "cost of the fit": [one["cost"] for one in results],
            "half of the observations": [one["half_observations"] for one in results],
            "evaluations": [one["n_evaluations"] for one in results],
            "seconds": [one["seconds"] for one in results],
        }
    )
    formats = dict.fromkeys(frame.columns[1:], ",.0f")
    part.tables.append(
        table_of(
            frame,
            "All streams together, and without each in turn. Where errors are as "
            "stated, the cost of the fit is about half of the observations.",
            [_source(run, f"swath/experiment_{n}.json") for n in range(len(results))],
            formats,
        )
    )
    lines = str(results[0]["report"]).splitlines()
    part.notes.append(f"All streams together: {'. '.join(lines)}.")
    return part


def _withheld(run: Path, misfits: pd.DataFrame) -> Section:
    part = Section("Withheld streams", "withheld")
    held = misfits[misfits["experiment"] == "without " + misfits["stream"]]
    if len(held):
        frame = held[["stream", "prior", "posterior"]].assign(
            stream=held["stream"].str.upper(),
            verdict=(held["posterior"] < held["prior"]).map(
                {True: "better", False: "worse"}
            ),
        )
        part.tables.append(
            table_of(
                frame.rename(
                    columns={"prior": "misfit of the prior",
                             "posterior": "misfit of the fit to the others"}
                ),
                "Each stream is predicted by a fit to the others. The misfit is the "
                "mean squared difference over the error variance: 1 is as good as the "
                "stated errors allow.",
                [_source(run, f"figures/{Path(_FIGURE).stem}.csv")],
                dict.fromkeys(
                    ("misfit of the prior", "misfit of the fit to the others"), ".2f"
                ),
            )
        )  # fmt: skip
    else:
        part.notes.append("No stream was withheld (swath.withhold: false).")
    found = picture(
        SimpleNamespace(folder=RunFolder(run)),
        run / "figures" / _FIGURE,
        "Uncertainty reductions of fluxes and pools, and misfits of each stream",
        "Left: uncertainty reduction (1 - posterior sd / prior sd) of yearly fluxes "
        "and of pools, by experiment. Right: misfit of each stream, in every "
        "experiment.",
    )
    if found is not None:
        part.pictures.append(found)
    return part


def _information(run: Path, targets: pd.DataFrame) -> Section:
    part = Section("Fluxes and pools", "targets")
    whole = targets[targets["experiment"] == "all"]
    frame = whole[["target", "value", "prior_sd", "posterior_sd", "reduction"]].assign(
        target=whole["target"].map(target_label),
        unit=[_UNITS.get(name, _POOL_UNIT) for name in whole["target"]],
    )
    frame.columns = [
        "quantity", "value", "prior sd", "posterior sd", "uncertainty reduction",
        "unit",
    ]  # fmt: skip
    formats = dict.fromkeys(("value", "prior sd", "posterior sd"), ".4g")
    part.tables.append(
        table_of(
            frame,
            "Means of the region with all streams.",
            [_source(run, "swath/targets.csv"), _source(run, "swath/controls.csv")],
            {**formats, "uncertainty reduction": ".0%"},
        )
    )
    return part


def _shown(experiment: str) -> str:
    kind, _, stream = experiment.partition(" ")
    return f"{kind} {stream.upper()}" if stream else "all streams"
