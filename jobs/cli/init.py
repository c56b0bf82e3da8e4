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
    REGION = "region"
    PLATEAU = "plateau"


_PLATEAU_FILES = ("soil_samples.csv", "flux_months.csv")
"""Synthetic observations beside the configuration of the plateau."""


def initialise(run: Path, template: Template) -> Path:
    """Write ``config.yaml`` into a new or empty run folder.

    Raises
    ------
    ConfigError
        If the folder already holds a configuration: nothing is overwritten.
    """
    target = run / "config.yaml"
    if target.exists():
        raise ConfigError(
            Problem(
                str(target),
                "there is a run here already",
                wanted="a new folder",
                hint="Go on with it: masm run RUN. Or choose another name.",
            )
        )
    if run.exists() and not run.is_dir():
        raise ConfigError(Problem(str(run), "not a folder", wanted="a new folder"))
    templates = files("jobs.config.templates")
    if template is Template.PLATEAU:
        for name in _PLATEAU_FILES:
            text = templates.joinpath("plateau", name).read_text("utf-8")
            write_text(run / name, text)
    text = templates.joinpath(f"{template}.yaml").read_text("utf-8")
    write_text(target, text)
    return target


def next_steps(run: Path, template: Template) -> str:
    """Return the commands to go on with, one on each line."""
    steps = [f"next: masm check {run}"]
    if template is Template.REGION:
        steps = [f"next: masm region synthetic {run / 'region.zarr'}", *steps]
    return "\n".join(steps)
