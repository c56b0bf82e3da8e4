"""Put the parts into the page and write it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.console import progress
from jobs.errors import ConfigError, Problem
from jobs.files import replacing, write_text
from jobs.report.details import Embedded, write_details
from jobs.report.mapping import map_payload
from jobs.report.parts import Section, whole_parts
from jobs.report.pictures import drawings_of
from jobs.report.results import Results
from jobs.report.sections import WITHOUT_CUBE, sections
from jobs.run.status import status_of
from jobs.spreadsheets import safe_texts
from jobs.stages.collect import collect
from jobs.stages.stage_states import stages_of

if TYPE_CHECKING:
    from jobs.run.run import Run

logger = logging.getLogger(__name__)


def write_report(run: Run) -> Path:
    """Collect what is finished, draw it, and write ``report.html``.

    The tables it shows are in ``report/`` too, as CSV, and so do details of pixels
    that the page loads when they are chosen.

    Parameters
    ----------
    run : Run
        A run that has started; it may be half finished.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ConfigError
        If nothing has started yet.
    """
    if not run.folder.record.exists():
        raise ConfigError(
            Problem(
                str(run.folder.path),
                "there is nothing to report: the run has not started",
                wanted="run.json, which the first start writes",
                hint=f"masm calibrate {run.folder.path}",
            )
        )
    run.folder.require_writable()
    with progress("collect", len(run.pixels), "pixels") as on_pixels:
        collect(run, on_pixels)
    results = Results(run)
    if results.unreadable:
        logger.warning("%s\n%s", WITHOUT_CUBE, results.unreadable)
    _write_tables(results)
    drawings = list(drawings_of(results))
    with progress("figures", len(drawings), "figures") as on_figures:
        for draw in drawings:
            whole_parts("a figure", "figure", partial(_drawn, draw), results.errors)
            on_figures(1)
    with progress("map details", len(run.pixels), "pixels") as on_pixels:
        embedded = write_details(results, on_pixels)
    write_text(run.folder.report, render(results, embedded))
    if results.errors:
        raise results.errors[0]  # the page is written; the log holds the others
    return run.folder.report


def _drawn(draw: Callable[[], None]) -> list[Section]:
    draw()
    return []


def render(results: Results, embedded: Embedded) -> str:
    """Return the page as text.

    Parameters
    ----------
    results : Results
        Of a started run whose figures are drawn.
    embedded : Embedded
        Details of pixels, as `write_details` gives them.
    """
    from jinja2 import Environment, StrictUndefined

    folder = files("jobs.report.templates")

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    # Names of places come from anybody's table: everything is escaped.
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(text("report.html.j2"))
    n_done, n = len(results.finished), len(results.pixels)
    every = sections(results)
    states = Counter(results.pixels["state"])
    context: dict[str, Any] = {
        "title": results.run.config.name,
        "fraction": n_done / n,
        "n_done": n_done,
        "n_pixels": n,
        "made": time_of_making(),
        "stages": _stages(results),
        "n_suspect": states["suspect"],
        "n_failed": states["failed"] + states["skipped"],
        "sections": every,
        "missing": [part for part in every if part.empty],
        "payload": map_payload(results, embedded),
        "style": text("report.css"),
        "script": text("report.js"),
        "version": version_of_masm(),
        "citations": CITATIONS,
    }
    return template.render(context)


def _stages(results: Results) -> dict[str, str]:
    """Return each stage and how far it is; the report itself is being made."""
    run = results.run
    found = stages_of(run, status_of(run.folder, run.pixels))
    if results.unreadable and found.get("simulate") == "not yet":
        found["simulate"] = "not known"  # its fields are checked with the cube
    return {name: word for name, word in found.items() if name != "report"}


CITATIONS = (
    (
        "Ma, R., Xiao, J., Liang, S., Ma, H., He, T., Guo, D., Liu, X., Lu, H. (2022), "
        "doi:10.5194/gmd-15-6637-2022",
        "Pixel-level parameter optimization of a terrestrial biosphere model for "
        "improving estimation of carbon fluxes with an efficient model-data fusion "
        "method and satellite-derived LAI and GPP data: the method",
    ),
    (
        "Gong, W., Duan, Q. (2017), doi:10.1016/j.envsoft.2017.05.005",
        "the surrogate loop (ASMO-PODE)",
    ),
    ("Foley, J. A. et al. (1996)", "IBIS, the process model"),
    ("Hu, Z. et al. (2019), doi:10.1002/joc.5972", "the score DISO"),
)


def _write_tables(results: Results) -> None:
    folder = results.run.folder.path / "report"
    tables = {
        "pixels": results.pixels,
        "parameters": results.parameter_rows,
        "error_scale": results.error_rows,
        "scores": results.scores,
    }
    for name, table in tables.items():
        if len(table):
            with replacing(folder / f"{name}.csv") as aside:
                safe_texts(table).to_csv(aside, index=False, float_format="%.6g")


def time_of_making() -> str:
    """Return when a page is made, for the page."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def version_of_masm() -> str:
    """Return the version of this software, or ``unknown``."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("masm")
    except PackageNotFoundError:
        return "unknown"
