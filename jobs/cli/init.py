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
    REGION_SMALL = "region-small"


_SIZES = {
    Template.REGION: (),
    Template.REGION_SMALL: ("--rows 8", "--columns 10", "--years 2001-2003"),
}
"""Options of the synthetic region that a template is for."""


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
    text = (
        files("jobs.config.templates").joinpath(f"{template}.yaml").read_text("utf-8")
    )
    write_text(target, text)
    return target


def next_steps(run: Path, template: Template) -> str:
    """Return the commands to go on with, one on each line."""
    steps = [f"next: masm check {run}"]
    if template in _SIZES:
        words = " ".join([str(run / "region.zarr"), *_SIZES[template]])
        steps = [f"next: masm region synthetic {words}", *steps]
    return "\n".join(steps)
