"""The commands of a region: upscale, simulate, evaluate, export; what each shows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.cli.evaluate import evaluate_run, simulate_run
from jobs.console import logged, progress, show, table
from jobs.errors import ConfigError, Problem
from jobs.executors.tasks import do_task
from jobs.figures.labels import readable_totals
from jobs.figures.region import draw_diso, draw_totals
from jobs.inputs.pixel_data import synthetic_parts
from jobs.run.file_lock import alone
from jobs.run.pixel_state import FINISHED, state_of
from jobs.run.run import Run, open_run, start
from jobs.run_tables import read_run_table
from jobs.stages.evaluate import is_simulated
from jobs.stages.flux_sites import score_sites
from jobs.stages.region_evaluate import score_region, simulated_sets, summarise_scores
from jobs.stages.region_export import export_region, files_to_export
from jobs.stages.region_parameters import REGIONAL, region_ids, upscaled_file
from jobs.stages.region_simulate import simulate_block, simulate_region
from jobs.stages.region_store import store_path
from jobs.stages.region_totals import region_totals, whole_sets
from jobs.stages.upscale import upscale_region

if TYPE_CHECKING:
    import pandas as pd

_SHORT = {
    "upscaled": "mapped",
    "r2_random": "R2",
    "r2_blocked": "blocked",
    "r2_default": "default",
    "r2_region_mean": "mean",
    "r2_nearest_pixel": "nearest",
    "r2_kriging": "kriging",
    "coverage_random": "within",
    "coverage_blocked": "on blocks",
    "coverage_calibrated": "of means",
    "coverage_posterior": "of draws",
}
"""Columns of ``skill.csv`` as the screen has room for them."""

_AIMS = {"calibrated": "posterior means", "parameter": "posterior draws"}


def is_region(path: Path) -> bool:
    """Return whether a run is of a region cube."""
    return open_run(path).source.is_region


def upscale_command(path: Path) -> None:
    """Train, validate and map, and show how well it went."""
    run = _open_region_run(path, "upscale")
    start(run)
    with alone(path, "upscaling"), logged(path, "upscale"):
        n = len(region_ids(run))
        with progress("covariates", n, "pixels") as on_pixels:
            found = upscale_region(run, on_pixels)
    folder = path / "upscaling"
    show(table(found.counts, "quality control of calibrated pixels", _whole("n_pixels",
         "n_only")))  # fmt: skip
    skill = read_run_table(folder / "skill.csv")
    skill["upscaled"] = skill["upscaled"].map({True: "yes", False: "no: mean"})
    skill = skill.rename(columns=_SHORT)
    numbers = dict.fromkeys(list(_SHORT.values())[1:], ".2f")
    meta = found.upscaler.meta
    label = (
        f"{_label(run)}: {meta['n_training']} training pixels, {meta['n_blocks']} "
        f"blocks of {meta['rules']['block_km']:g} km; R2, and fractions within 90 %"
    )
    show(table(skill, label, numbers))
    not_mapped = skill.loc[skill["mapped"] != "yes", "parameter"]
    if len(not_mapped):
        show(
            f"cannot be upscaled (no skill above the mean): {', '.join(not_mapped)}; "
            "their maps are the region's mean"
        )
    show(
        "R2 on random test pixels; blocked to kriging: R2 on held-out blocks; within: "
        f"fraction of {_AIMS[meta['rules']['intervals_for']]} in the interval, then on "
        "blocks: of the same, of posterior means, and of posterior draws\n"
        f"skill    {folder / 'skill.csv'}\nall      {folder / 'validation.csv'}\n"
        f"maps     {folder / 'parameters.nc'}\ndraws    {folder / 'draws.nc'}\n"
        f"model    {folder / 'model'}"
    )


def simulate_command(path: Path, sets: Sequence[str], executor: str | None) -> bool:
    """Run the region with parameter sets; return whether all of them are whole now.

    Without a set: with all that can be run by now, and the calibrated pixels day by
    day, where that has not been done since their calibration.
    """
    run = _open_region_run(path, "simulate")
    run.folder.require_writable()
    with alone(path, "simulating"):
        if not sets:
            upscaled = all(
                upscaled_file(run, k).exists() for k in ("parameters", "draws")
            )
            sets = REGIONAL if upscaled else REGIONAL[:2]
            stale = _pixels_to_simulate(run)
            if stale:
                simulate_run(path, ["default", "calibrated"], stale)
        start(run)
        whole = True
        with logged(path, "simulate"):
            for name in sets:
                whole &= simulate_region(run, name, executor)
    if whole:
        show("\n".join(f"{name:<10} {store_path(run, name)}" for name in sets))
    return whole


def simulate_task(path: Path, parameter_set: str, tasks: Path, number: int) -> None:
    """Run the blocks of one Slurm task, in this process."""
    run = _open_region_run(path, "simulate")
    work = partial(simulate_block, parameter_set=parameter_set)
    with logged(path, f"simulate-task-{number}"):
        do_task(run, work, tasks, number)


def evaluate_command(path: Path, flux_sites: Path | None) -> None:
    """Score the region before and after, sum it up, and show both."""
    run = _open_region_run(path, "evaluate")
    evaluate_run(path, [])
    sets = simulated_sets(run)
    if "default" not in sets or len(sets) < 2:
        raise ConfigError(
            Problem(
                str(path / "simulations" / "region"),
                "nothing to compare",
                found=f"finished runs: {', '.join(sets) or 'none'}",
                wanted="default, and calibrated or upscaled",
                hint=f"masm simulate {path}",
            )
        )
    scores = score_region(run, sets)
    summary = summarise_scores(scores)
    _write(run, summary, "region_summary")
    shown = summary.drop(columns=["r_mean", "rmse_mean", "ae_mean"])
    formats = dict.fromkeys(("diso_mean", "diso_median", "lowered"), ".3f")
    formats |= dict.fromkeys(("below_0.3", "better"), ".1%") | {"n_pixels": "d"}
    show(table(shown, f"{_label(run)}: DISO of 8-day means", formats))
    draw_diso(scores, run.folder.figures / "region_diso.png", title=_label(run))
    totals = region_totals(run, whole_sets(run))
    _show_totals(run, totals)
    draw_totals(totals, run.folder.figures / "region_totals.png", title=_label(run))
    if flux_sites is not None:
        show_sites(run, flux_sites, [name for name in sets if name != "calibrated"])
    show(f"scores   {run.folder.evaluation}\nfigures  {run.folder.figures}")


def export_command(path: Path) -> None:
    """Write maps, fluxes and samples."""
    run = _open_region_run(path, "export")
    run.folder.require_writable()
    files = []
    n = files_to_export(run)
    with (
        alone(path, "exporting"),
        logged(path, "export"),
        progress("export", n, "files") as on_files,
    ):
        for file in export_region(run):
            files.append(file)
            on_files(1)
    for file in files:
        show(str(file))


def run_region(path: Path, executor: str | None) -> bool:
    """Do what follows the calibration, in order; return whether all of it is done.

    With Slurm a stage that was submitted ends the call: the next one goes on.
    """
    upscale_command(path)
    if not simulate_command(path, [], executor):
        return False
    evaluate_command(path, None)
    export_command(path)
    return True


def _open_region_run(path: Path, command: str) -> Run:
    run = open_run(path)
    if not run.source.is_region:
        raise ConfigError(
            Problem(
                "config.yaml",
                "pixels.source",
                found=run.source.kind,
                wanted=f"region, for masm {command} of a whole region",
                hint="masm init RUN --template region",
            )
        )
    return run


def _show_totals(run: Run, totals: pd.DataFrame) -> None:
    means = totals[totals["year"] == "mean"].drop(columns="year")
    order = ["flux", "parameters", "total", "low", "high", "unit", "change"]
    formats = dict.fromkeys(("total", "low", "high"), ".4g") | {"change": "+.1%"}
    label = f"{_label(run)}: regional totals of carbon, {run.config.periods.observed}"
    show(table(readable_totals(means[order]), label, formats))


def show_sites(run: Run, folder: Path, sets: Sequence[str]) -> None:
    """Score the towers of a folder, and show the table of all years."""
    sites = score_sites(run, folder, sets)
    for site, reason in sites.attrs["left_out"].items():
        show(f"left out: {site}: {reason}")
    if sites.empty:
        show("no tower of --flux-sites lies in a simulated pixel of the run")
        return
    every = sites[sites["year"] == "all"].drop(columns=["year", "pixel"])
    formats = {
        str(name): ".3f" if str(name).startswith("diso") else "+.1%"
        for name in every
        if str(name).startswith(("diso", "improved"))
    }
    show(table(every, f"{_label(run)}: towers, all years", formats | {"n": "d"}))


def _pixels_to_simulate(run: Run) -> list[int]:
    """Return calibrated pixels without a simulation of their own, or an old one."""
    return [
        pixel.id
        for pixel in run.pixels
        if state_of(run.folder.pixel(pixel.id)).state in FINISHED
        and not is_simulated(run, pixel)
    ]


def _write(run: Run, found: pd.DataFrame, name: str) -> None:
    from jobs.files import replacing

    with replacing(run.folder.evaluation / f"{name}.csv") as aside:
        found.to_csv(aside, index=False, float_format="%.6g")


def _label(run: Run) -> str:
    parts = synthetic_parts(run)
    return run.config.name + (f" ({parts})" if parts else "")


def _whole(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "d")
