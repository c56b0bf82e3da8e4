"""Start a run folder from a commented template."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from jobs.errors import ConfigError, Problem
from jobs.files import write_text


class Template(StrEnum):
    """Configurations to start from."""

    DEMO = "demo"
    SITE = "site"
    TOWERS = "towers"
    REGION = "region"
    REANALYSIS = "reanalysis"
    PLATEAU = "plateau"
    SWATH = "swath"
    REGION_SMALL = "region-small"


_SIZES = {
    Template.REGION: (),
    Template.REGION_SMALL: ("--rows 8", "--columns 10", "--years 2001-2003"),
}
"""Options of the synthetic region that a template is for."""


_PLATEAU_FILES = ("soil_samples.csv", "flux_months.csv")
"""Synthetic observations beside the configuration of the plateau."""


class TemplateModel(StrEnum):
    """Process models that templates are written for."""

    IBIS_DALEC = "ibis_dalec"
    SIPNET = "sipnet"


_WITH_A_MODEL: dict[TemplateModel, tuple[Template, ...]] = {
    TemplateModel.IBIS_DALEC: tuple(Template),
    TemplateModel.SIPNET: (Template.DEMO, Template.SITE),
}


def initialise(
    run: Path, template: Template, model: TemplateModel = TemplateModel.IBIS_DALEC
) -> Path:
    """Write ``config.yaml`` into a new or empty run folder.

    Parameters
    ----------
    run : Path
        The folder.
    template : Template
        What to start from.
    model : TemplateModel
        The process model that it runs.

    Raises
    ------
    ConfigError
        If the folder already holds a configuration: nothing is overwritten. If there
        is no such template of the model.
    """
    if template not in _WITH_A_MODEL[model]:
        raise ConfigError(
            Problem(
                "",
                f"--template {template} --model {model}",
                found="no such template",
                wanted="--template " + " or ".join(_WITH_A_MODEL[model]),
                hint="The synthetic region observes what ibis_dalec made: LAI and GPP "
                "of deciduous forest."
                if template is Template.REGION
                else "",
            )
        )
    target = run / "config.yaml"
    if target.exists():
        raise ConfigError(
            Problem(
                str(target),
                "there is a run here already",
                wanted="a new folder",
                hint="Continue it: masm run RUN. Or choose another name.",
            )
        )
    if run.exists() and not run.is_dir():
        raise ConfigError(Problem(str(run), "not a folder", wanted="a new folder"))
    stem = template.value
    if model is not TemplateModel.IBIS_DALEC:
        stem += f"_{model.value}"
    templates = files("jobs.config.templates")
    if template is Template.PLATEAU:
        for name in _PLATEAU_FILES:
            text = templates.joinpath("plateau", name).read_text("utf-8")
            write_text(run / name, text)
    text = templates.joinpath(f"{stem}.yaml").read_text("utf-8")
    write_text(target, text)
    if template is Template.REANALYSIS:
        from jobs.run.reanalysis_run import open_reanalysis
        from jobs.stages.reanalysis.twin import Network, write_twin

        write_twin(open_reanalysis(run), Network())
    return target


def next_steps(run: Path, template: Template) -> str:
    """Return the commands to go on with, one on each line."""
    last = "reanalyse" if template is Template.REANALYSIS else "run"
    steps = [f"masm check {run}", f"masm {last} {run}"]
    if template in _SIZES:
        words = " ".join([str(run / "region.zarr"), *_SIZES[template]])
        steps.insert(0, f"masm region synthetic {words}")
    return "next: " + "\nthen: ".join(steps)
