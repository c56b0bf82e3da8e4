"""Draw what can be drawn from the result files that are there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from jobs import figures_checks, figures_many
from jobs.config_checks import STREAMS
from jobs.parameters import prior_bounds
from jobs.pixels import Pixel
from jobs.report.regional import draw_regional
from jobs.report.results import Results
from jobs.sources import synthetic_parts

logger = logging.getLogger(__name__)

_N_CHECKED = 2  # pixels with pictures of chains, surrogate and predictive check


def draw_all(results: Results) -> None:
    """Draw the figures of many pixels, and those of belief for a few of them."""
    run, folder = results.run, results.run.folder.figures
    title = run.config.name
    parts = synthetic_parts(run)
    if parts:
        title += f", {parts}"
    if run.config.pixels.source == "region":
        draw_regional(results, title)
    if not results.finished:
        return
    for pixel in _checked(results):
        _draw_checks(results, pixel)
    store = results.store()
    if len(results.finished) > 1:
        figures_many.draw_posteriors(
            store, folder / "fig02_posteriors.png", title=title
        )
        figures_many.draw_best_parameters(
            store, folder / "fig03_best_parameters.png", title=title
        )
    if len(results.finished) > 1 and len(results.truths) == len(results.finished):
        figures_checks.draw_coverage(
            store,
            {
                name: np.array([results.truths[p.id][name] for p in results.finished])
                for name in prior_bounds(run.config)
            },
            folder / "coverage.png",
            title=title,
        )
    if len(results.scores) and results.scores["pixel"].nunique() > 1:
        figures_many.draw_score_distributions(
            results.scores, folder / "fig08_scores.png", title=title, units=STREAMS
        )
        if len(results.comparison):
            figures_many.draw_fit_of_samples(
                results.comparison,
                results.scores,
                folder / "fig04_fit.png",
                title=title,
            )


def _checked(results: Results) -> list[Pixel]:
    """Return a few finished pixels: a suspect one, if there is any, and a good one."""
    by_state: dict[str, Pixel] = {}
    for pixel in results.finished:
        by_state.setdefault(results.states[pixel.id].state, pixel)
    return list(by_state.values())[:_N_CHECKED]


def _draw_checks(results: Results, pixel: Pixel) -> None:
    import xarray as xr

    run, folder = results.run, results.run.folder.figures
    state = results.states[pixel.id]
    title = f"{pixel.name}: {state.state} {state.reason}".strip()
    path = run.folder.pixel(pixel.id).posterior
    groups: dict[str, Any] = {}
    for name in ("posterior", "runs", "observed_data", "posterior_predictive"):
        try:
            groups[name] = xr.load_dataset(path, group=name, engine="h5netcdf")
        except (OSError, KeyError):
            logger.info("%s has no group %s", path, name)
    draw: list[tuple[str, tuple[str, ...], Callable[..., None], Any]] = [
        (
            "chains",
            ("posterior",),
            figures_checks.draw_chains,
            groups.get("posterior"),
        ),
        ("surrogate", ("runs",), figures_checks.draw_surrogate, groups.get("runs")),
        (
            "predictive",
            ("observed_data", "posterior_predictive"),
            figures_checks.draw_predictive_check,
            groups,
        ),
    ]
    for stem, needed, function, data in draw:
        if all(name in groups for name in needed):
            function(data, folder / f"{stem}_{pixel.id:05d}.png", title=title)
