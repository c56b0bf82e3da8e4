"""``masm reanalyse``: members run forward, observations correct them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.console import logged, show
from jobs.errors import ConfigError, Problem
from jobs.executors.tasks import do_task
from jobs.run.file_lock import alone
from jobs.run.reanalysis_run import ReanalysisRun, open_reanalysis
from jobs.stages.reanalysis import read_inputs, reanalyse, steps_left
from jobs.stages.reanalysis.forecast import forecast_unit, n_blocks
from jobs.stages.reanalysis.prepare import Inputs, check_weather

if TYPE_CHECKING:
    from jobs.exit_codes import Exit


def reanalyse_run(
    path: Path, executor: str | None, *, wait: bool = False, dry_run: bool = False
) -> Exit:
    """Do what is left of a reanalysis, and write its report when all is done."""
    from jobs.exit_codes import Exit

    run = open_reanalysis(path)
    if dry_run:
        for line in describe(run, read_inputs(run)):
            show(line)
        return Exit.DONE
    if wait and (executor or run.config.execution.executor) != "slurm":
        raise ConfigError(
            Problem("", "--wait", "without a queue of Slurm", "--executor slurm")
        )
    run.folder.require_writable()
    with alone(path, "reanalysing"), logged(path, "reanalyse"):
        done = reanalyse(run, executor, wait=wait)
    if not done:
        return Exit.DONE
    report_run(path)
    return Exit.DONE


def reanalyse_task(path: Path, tasks: Path, number: int) -> None:
    """Do the forecast steps of one Slurm task."""
    run = open_reanalysis(path)
    with logged(path, "reanalyse"):
        do_task(run, forecast_unit, tasks, number)


def check_run(path: Path, doubts: list[str] | None = None) -> Iterator[str]:
    """Open every input and say what there is; writes nothing.

    What is suspicious is put into ``doubts``.
    """
    run = open_reanalysis(path)
    inputs = read_inputs(run)
    found = [*inputs.doubts, *check_weather(run, inputs)]
    if doubts is not None:
        doubts += found
    yield from describe(run, inputs)
    if found:
        return
    yield (
        "nothing wrong was found; checked: tables, observations, initial pools, "
        "parameters, weather; the drivers of every site were made"
    )


def describe(run: ReanalysisRun, inputs: Inputs) -> Iterator[str]:
    """Say what a reanalysis is of, and what is left of it."""
    section, seen = run.section, inputs.observations
    years = section.years.last - section.years.first + 1
    n_sites = len(inputs.sites.names)
    low = f", {seen.n_low_quality} left out for quality" if seen.n_low_quality else ""
    yield (
        f"{run.config.name}: {n_sites} sites, {section.members} members of "
        f"{run.config.model.name}, {years} years"
    )
    yield (
        f"states {', '.join(run.states)}; filter {section.filter.name}; "
        f"{seen.n_used} observations{low}"
    )
    left = steps_left(run, n_sites)
    n = len(run.cycles)
    yield (
        f"left: {left.forecasts} of {n * n_blocks(run, n_sites)} forecast steps, "
        f"{left.analyses} of {n} analyses"
    )


def report_run(path: Path) -> None:
    """Draw the figures and write the report of what is done."""
    from jobs.report.reanalysis import write_reanalysis_report

    run = open_reanalysis(path)
    run.folder.require_writable()
    show(f"wrote {write_reanalysis_report(run)}")


def export_run(path: Path) -> None:
    """Write the maps of the states, a folder for each year."""
    from jobs.console import progress
    from jobs.stages.reanalysis.maps import maps_of, write_maps_of

    run = open_reanalysis(path)
    maps_of(run)
    run.folder.require_writable()
    with (
        alone(path, "exporting"),
        logged(path, "export"),
        progress("export", None, "files") as on_files,
    ):
        for file in write_maps_of(run):
            on_files(1)
            show(str(file))


def choose_radius_of(path: Path, text: str, *, again: bool = False) -> None:
    """Compare localisation radii on the forecasts of a run, or on runs of their own."""
    from jobs.console import progress, table
    from jobs.figures.reanalysis import draw_radii
    from jobs.stages.reanalysis.radius import compare_radii

    radii = _kilometres(text)
    run = open_reanalysis(path)
    run.folder.require_writable()
    with (
        alone(path, "reanalysing"),
        logged(path, "reanalyse"),
        progress("radius", len(radii), "radii") as advance,
    ):
        found, chosen = compare_radii(run, radii, advance, again=again)
    name = "reanalysis_radius_again.png" if again else "reanalysis_radius.png"
    figure = run.folder.figures / name
    title = f"{run.config.name}: residual correlation by localisation radius"
    draw_radii(found, chosen, figure, title=title)
    wide = found.pivot(index="radius_km", columns="state", values="criterion")
    wide["mean"] = wide.mean(axis=1)
    formats = dict.fromkeys(map(str, wide.columns), ".3f")
    show(table(wide.reset_index(), "residual spatial correlation", formats))
    show(
        f"figure   {figure}\nleast with {chosen:g} km: set localisation.radius_km in a "
        "new run."
        + ("" if again else " Members were not run again: --run-again does that.")
    )


def _kilometres(text: str) -> list[float]:
    """Radii of a list with commas."""
    try:
        radii = [float(word) for word in text.split(",")]
    except ValueError:
        radii = []
    if len(radii) < 2 or not all(0.0 <= radius < 1e5 for radius in radii):
        raise ConfigError(
            Problem(
                "",
                "--choose-radius",
                found=f'"{text}"',
                wanted="two or more distances in km, such as 0,250,500,900",
            )
        )
    return sorted(set(radii))
