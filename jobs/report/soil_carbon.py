"""The page of a soil-carbon run: what was calibrated, scores, maps, totals, figures."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jobs.figures.labels import readable_totals
from jobs.figures.soil_carbon import (
    draw_correlations,
    draw_maps,
    draw_taylor,
    draw_violins,
)
from jobs.files import lexists, make_folder, write_text
from jobs.report.page import time_of_making, version_of_masm
from jobs.report.parts import Fact, Link, Section, link, picture, table_of
from jobs.run.folder import RunFolder
from jobs.run_tables import read_run_table
from jobs.stages.soil_carbon import SoilCarbonRun, open_posterior
from jobs.stages.soil_carbon_maps import fields

_LABELS = {"soc": "SOC density (kg m-2)", "nep": "NEP (g C m-2 yr-1)"}
_STATED = {
    "synthetic": "synthetic", "model": "model", "soc_definition": "SOC is",
    "depth": "depth of the samples", "depth_factor": "depth factor",
    "co2_effect": "CO2 effect", "spinup": "spin-up", "calendar": "calendar",
    "soil": "soil", "soc_period": "years of SOC", "nep_period": "years of NEP",
}  # fmt: skip
_SAID = ("synthetic", "depth", "depth_factor", "co2_effect", "spinup", "soil")
"""Columns of the tables that the page states once."""

_MADE_UP = "weather, soil and observations are made up"
_CITATIONS = (
    ("Zhao, R., Zhang, W., Duan, Z., Chen, S., Shi, Z. (2022)",
     "An improved estimate of soil carbon pool and carbon fluxes in the "
     "Qinghai-Tibetan grasslands using data assimilation with an ecosystem "
     "biogeochemical model: the study design"),
    ("Parton, W. J. et al. (1987, 1993)", "CENTURY, the process model"),
    ("Taylor, K. E. (2001)", "the diagram of standard deviation and correlation"),
)  # fmt: skip


def draw_figures(run: SoilCarbonRun) -> None:
    """Draw maps, Taylor diagram, violins and correlations into ``figures/``."""
    folder, title = run.path / "figures", _title(run)
    make_folder(folder)
    places, found = fields(run)
    for name, label in _LABELS.items():
        period = run.statement[f"{name}_period"]
        draw_maps(places, found[name], folder / f"map_{name}.png", label=label,
                  title=f"{title}: {period}, depth factor "
                  f"{run.statement['depth_factor']}")  # fmt: skip
    scores = read_run_table(run.folder / "scores.csv")
    draw_taylor(scores, folder / "taylor.png", title=f"{title}: withheld observations")
    draws = {
        pair: {name: values.to_numpy().ravel() for name, values in
               open_posterior(run, *pair).posterior.data_vars.items()}
        for pair in run.pairs
    }  # fmt: skip
    parameters = read_run_table(run.folder / "parameters.csv")
    draw_violins({p: {str(n): v for n, v in d.items()} for p, d in draws.items()},
                 parameters, folder / "violins.png", title=title)  # fmt: skip
    draw_correlations(read_run_table(run.folder / "correlations.csv"),
                      folder / "correlations.png", title=title)  # fmt: skip


def write_soil_carbon_report(run: SoilCarbonRun) -> Path:
    """Write ``report.html`` from the tables and figures that are there."""
    from jinja2 import Environment, StrictUndefined

    folder = files("jobs.report.templates")

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(text("sections.html.j2")).render(
        title=run.config.name, made=time_of_making(),
        synthetic=_MADE_UP if run.inputs.synthetic else "",
        sections=[part for part in _sections(run) if not part.empty],
        style=text("report.css"), version=version_of_masm(), citations=_CITATIONS,
    )  # fmt: skip
    path = run.path / "report.html"
    write_text(path, page)
    return path


def _title(run: SoilCarbonRun) -> str:
    name = run.config.name
    said = run.inputs.synthetic and "synthetic" not in name.lower()
    return f"{name} (synthetic)" if said else name


def _sections(run: SoilCarbonRun) -> list[Section]:
    return [_about(run), _calibration(run), _scores(run), _totals(run), _maps(run),
            _parameters(run)]  # fmt: skip


def _anchor(run: SoilCarbonRun) -> Any:
    """What links are made relative to."""
    return SimpleNamespace(folder=RunFolder(run.path))


def _source(run: SoilCarbonRun, name: str) -> Link:
    return link(_anchor(run), run.path / name)


def _about(run: SoilCarbonRun) -> Section:
    source = _source(run, "config.yaml")
    said = {**run.statement, "seed": str(run.config.seed)}
    names = {**_STATED, "seed": "seed"}
    facts = [Fact(names[key], value, source) for key, value in said.items()]
    return Section("What was run", "about", facts=facts)


def _calibration(run: SoilCarbonRun) -> Section:
    part = Section("Calibration", "calibration")
    _add_table(run, part, "calibrations", "Each ecosystem and strategy on its own")
    part.notes.append(_rules(run))
    return part


def _rules(run: SoilCarbonRun) -> str:
    """Say how the observations are split, and how far they are believed."""
    rule = run.config.observations
    split = "by value, at random" if rule.split == "random" else "by place"
    said = [
        f"{rule.fit_share:.0%} of the observations are fitted, the others are withheld "
        f"(split {split})."
    ]
    for name, unit, stream in (
        ("stock", "kg m-2", rule.soc), ("flux", "g m-2 month-1", rule.nep),
    ):  # fmt: skip
        if stream is not None:
            error = stream.error
            said.append(
                f"Error of a {name}: {error.fraction:.0%} of the {error.of}, at least "
                f"{error.floor:g} {unit}."
            )
    return " ".join(said)


def _scores(run: SoilCarbonRun) -> Section:
    part = Section("Withheld observations", "scores")
    _add_table(
        run, part, "scores",
        "Default and posterior means on what was withheld; SOC in kg m-2, NEP in "
        "g C m-2 month-1",
    )  # fmt: skip
    _add_picture(
        run, part, "taylor", "Taylor diagrams of SOC and NEP",
        "Distance from the origin: spread over that of the observations; angle: "
        "correlation; dotted arcs about the star: centred error. A hollow marker is a "
        "negative correlation.",
    )  # fmt: skip
    return part


def _totals(run: SoilCarbonRun) -> Section:
    part = Section("Totals", "totals")
    _add_table(
        run, part, "totals",
        "Totals of carbon in the mapped cells; p05 and p95 are the 5 and 95 % points "
        "of the posterior draws",
    )  # fmt: skip
    return part


def _maps(run: SoilCarbonRun) -> Section:
    part = Section("Maps", "maps")
    for name, what in (("soc", "soil organic carbon density"), ("nep", "NEP")):
        _add_picture(
            run, part, f"map_{name}", f"Maps of {what}: mean, interval, difference",
            f"{what[0].upper()}{what[1:]}: mean of the draws, width of the 5 to 95 % "
            "interval, and mean minus default. White: too few draws have a steady "
            "state.",
        )  # fmt: skip
    return part


def _parameters(run: SoilCarbonRun) -> Section:
    part = Section("Parameters", "parameters")
    _add_picture(
        run, part, "violins", "Violins of the posterior of each parameter",
        "Posterior of each parameter by ecosystem (first letter) and strategy.",
    )  # fmt: skip
    _add_picture(
        run, part, "correlations", "Correlations of parameters with errors",
        "Over posterior draws, with the root mean square error at the fitted places.",
    )  # fmt: skip
    _add_table(run, part, "parameters", "Posterior of each parameter")
    return part


def _add_table(run: SoilCarbonRun, part: Section, name: str, caption: str) -> None:
    path = run.folder / f"{name}.csv"
    if not lexists(path):
        return
    frame = readable_totals(read_run_table(path))
    frame = frame.drop(columns=[name for name in _SAID if name in frame])
    forms = {str(n): ".4g" for n in frame.select_dtypes("number").columns}
    forms |= {str(n): "d" for n in frame.select_dtypes("integer").columns}
    source = [_source(run, f"soil_carbon/{name}.csv")]
    part.tables.append(table_of(frame, caption, source, forms))


def _add_picture(
    run: SoilCarbonRun, part: Section, name: str, alt: str, caption: str
) -> None:
    found = picture(_anchor(run), run.path / "figures" / f"{name}.png", alt, caption)
    if found is not None:
        part.pictures.append(found)
