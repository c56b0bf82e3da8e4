"""``masm screen``: screen what is left, select, and show what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.console import logged, show, table
from jobs.executors.tasks import do_task, do_units, minutes_for
from jobs.figures.screening import draw_screening, importance_table
from jobs.inputs.pixel_data import synthetic_parts
from jobs.run.pixel import Pixel
from jobs.run.run import Run, open_run, start
from jobs.stages.price import years_of
from jobs.stages.screen import (
    check_screening,
    comparison,
    confirm,
    effects_file,
    gather,
    pixels_left,
    runs_of_a_pixel,
    screen_unit,
    screening_pixels,
    selection_of,
    title_of,
    write_selection,
)

if TYPE_CHECKING:
    import xarray as xr

_MUCH = 0.02  # fraction of variance that should not be left out unseen
_UNITS = {
    "morris": "trajectories",
    "sobol": "base points",
    "sums_of_squares": "runs",
    "fast": "curves",
    "derivatives": "points",
}
_N_RANKED = 10  # parameters shown of each output, by either method


def screen_run(path: Path, executor: str | None) -> bool:
    """Screen what is left of a run's screening pixels, and show the selection.

    Returns
    -------
    bool
        Whether it is done; False when it was submitted to Slurm.
    """
    run = open_run(path)
    check_screening(run.config)
    start(run)
    pixels = screening_pixels(run)
    if not pixels:
        show("no pixel is screened: pixels.sample.screening is 0")
        return True
    left = [pixel.id for pixel in pixels_left(run, pixels)]
    with logged(path, "screen"):
        whole = do_units(
            run,
            screen_unit,
            left,
            command=["screen"],
            unit="pixels",
            executor=executor,
            minutes=_minutes(run),
        )
        if whole:
            _show(run, pixels)
    return whole


def screen_task(path: Path, tasks: Path, number: int) -> None:
    """Screen the pixels of one Slurm task, in this process."""
    with logged(path, f"screen-task-{number}"):
        do_task(open_run(path), screen_unit, tasks, number)


def _minutes(run: Run) -> float:
    return minutes_for(run, runs_of_a_pixel(run.config), years_of(run)[0])


def _show(run: Run, pixels: Sequence[Pixel]) -> None:
    import masm
    from masm.sensitivity.selection import has_fractions

    effects = gather(run, pixels)
    selected = selection_of(run.config, effects)
    written = write_selection(run, selected)
    fractions = masm.importance(effects, run.config.screening.statistics)
    fractions = fractions.transpose("pixel", "stream", "parameter")
    of_variance = has_fractions(effects)
    n = effects.sizes["pixel"]
    label = f"{run.config.name}, {n} pixel{'s' if n > 1 else ''}"
    if parts := synthetic_parts(run):
        label += f" ({parts})"
    figure = run.folder.figures / "screening.png"
    draw_screening(
        importance_table(
            fractions.to_numpy(),
            fractions["pixel"].to_numpy().tolist(),
            [str(name) for name in fractions["stream"].to_numpy()],
            [str(name) for name in fractions["parameter"].to_numpy()],
        ),
        figure,
        title=f"{label}: {title_of(run.config)}",
        selected=selected.parameters,
        of="variance" if of_variance else "summed μ*",
    )
    found = comparison(selected, run.config)
    words = {True: "yes", False: ""}
    formats = {str(name): ".1%" for name in found if str(name).startswith("share_")}
    shown = found.assign(
        **{
            name: found[name].map(words)
            for name in ("selected", "calibrated", "paper")
            if name in found
        }
    )
    show(table(shown, f"{label}: selected by {selected.rule}", formats))
    lost = int(effects["n_dropped"].sum())
    failed = len(pixels) - effects.sizes["pixel"]
    unit = _UNITS[run.config.screening.method]
    show(
        f"{int(effects['n_used'].sum())} {unit} used, {lost} dropped for "
        f"{int(effects['n_failed_runs'].sum())} failed runs; {failed} pixels failed"
    )
    if "describes" in effects:
        _show_doubts(effects)
    differing = found[found["selected"] != found["calibrated"]]
    if len(differing):
        more = differing.loc[differing["selected"], "parameter"]
        less = differing.loc[differing["calibrated"], "parameter"]
        show(
            "the run calibrates what calibration.blocks names\n"
            f"  selected, but not named there: {', '.join(more) or 'none'}\n"
            f"  named there, but not selected: {', '.join(less) or 'none'}"
        )
    if run.config.screening.sobol_pixels and not of_variance:
        _show_sobol(run, pixels, effects, selected.parameters)
    show(f"effects  {effects_file(run)}\nshares   {written}\nfigure   {figure}")


def _show_doubts(effects: xr.Dataset) -> None:
    """Say where the regression does not describe the model."""
    from masm.sensitivity.sums_of_squares import R2_LIMIT

    dims = [dim for dim in effects["adjusted_r2"].dims if dim != "stream"]
    worst = effects["adjusted_r2"].min(dims)
    for name in effects["stream"].to_numpy():
        value = float(worst.sel(stream=name))
        if not value >= R2_LIMIT:
            show(
                f"{name}: the regression does not describe the model (adjusted R2 down "
                f"to {value:.2f}, wanted {R2_LIMIT:g}): effects are curved or of "
                "higher order. Do not use these fractions; use screening.method: sobol"
            )


def _show_sobol(
    run: Run, pixels: Sequence[Pixel], effects: xr.Dataset, selected: Sequence[str]
) -> None:
    found = confirm(run, pixels, effects)
    found = found[found["statistic"].isin(["annual", "cost"])]
    means = found.groupby(["stream", "statistic", "parameter"])[
        ["mu_star_share", "linear", "total", "total_conf", "bent"]
    ].mean()
    ranks = means.groupby(["stream", "statistic"])[["mu_star_share", "total"]].rank(
        ascending=False
    )
    means["rank_morris"], means["rank_sobol"] = ranks.to_numpy().T
    best = means[["rank_morris", "rank_sobol"]].min(axis=1) <= _N_RANKED
    shown = means[best].reset_index().sort_values(["stream", "statistic", "rank_sobol"])
    formats = dict.fromkeys(("mu_star_share", "linear", "total", "total_conf"), ".3f")
    formats |= {"bent": ".2f", "rank_morris": ".0f", "rank_sobol": ".0f"}
    n = found["pixel"].nunique()
    show(table(shown, f"Morris beside Sobol, mean of {n} pixels", formats))
    # Where the interval reaches zero the index is not distinguishable from none.
    certain = means["total"] - means["total_conf"] > _MUCH
    left_out = ~means.index.get_level_values("parameter").isin(selected)
    missed = means[certain & left_out].index.get_level_values("parameter").unique()
    show(
        f"left out by Morris though they hold more than {_MUCH:.0%} of the variance of "
        f"an output (curvature, interactions): {', '.join(missed) or 'none'}"
    )
