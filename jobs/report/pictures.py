"""Draw what can be drawn from the result files that are there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from jobs.config.process_model import units_of
from jobs.figures import (
    fluxes as figures_fluxes,
)
from jobs.figures import (
    many_pixels as figures_many,
)
from jobs.figures import (
    reliability as figures_checks,
)
from jobs.files import lexists
from jobs.report.regional import drawings_of_region
from jobs.report.results import Results
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_group
from jobs.run_tables import read_run_table

logger = logging.getLogger(__name__)

_N_CHECKED = 2  # pixels with pictures of chains, surrogate and predictive check


def drawings_of(results: Results) -> Iterator[Callable[[], None]]:
    """Yield what draws each figure: of belief for a few pixels, of many, of a region.

    Parameters
    ----------
    results : Results
        Of a started run whose finished pixels are collected.
    """
    run = results.run
    title = run.config.name
    if results.unreadable:
        title += ", origin not known"
    elif results.synthetic:
        title += f", {results.synthetic}"
    if run.source.is_region:
        yield from drawings_of_region(results, title)
    yield partial(_draw_sites, results, title)
    for pixel in _checked(results):
        yield partial(_draw_checks, results, pixel)
    if len(results.finished) > 1:
        for draw in (_draw_pixels, _draw_coverage, _draw_scores):
            yield partial(draw, results, title)


def _draw_sites(results: Results, title: str) -> None:
    folder = results.run.folder
    path = folder.evaluation / "flux_sites.csv"
    if not lexists(path):
        return
    sites = read_run_table(path, ["site", "flux", "compared", "season"])
    if any(name.startswith("improved_") for name in sites.columns):
        target = folder.figures / "fig10_sites.png"
        figures_fluxes.draw_sites(sites, target, title=title)


def _draw_pixels(results: Results, title: str) -> None:
    folder, store = results.run.folder.figures, results.store()
    figures_many.draw_posteriors(store, folder / "fig02_posteriors.png", title=title)
    figures_many.draw_best_parameters(
        store, folder / "fig03_best_parameters.png", title=title
    )


def _draw_coverage(results: Results, title: str) -> None:
    if len(results.truths) < len(results.finished):
        return
    truths = {
        name: np.array([results.truths[p.id][name] for p in results.finished])
        for name in results.run.bounds
    }
    target = results.run.folder.figures / "coverage.png"
    figures_checks.draw_coverage(results.store(), truths, target, title=title)


def _draw_scores(results: Results, title: str) -> None:
    scores, folder = results.scores, results.run.folder.figures
    if not len(scores) or scores["pixel"].nunique() < 2:
        return
    figures_many.draw_score_distributions(
        scores,
        folder / "fig08_scores.png",
        title=title,
        units=dict(units_of(results.run.config)),
    )
    if len(results.comparison):
        figures_many.draw_fit_of_samples(
            results.comparison, scores, folder / "fig04_fit.png", title=title
        )


def _checked(results: Results) -> list[Pixel]:
    """Return a few finished pixels: a suspect one, if there is any, and a good one."""
    by_state: dict[str, Pixel] = {}
    for pixel in results.finished:
        by_state.setdefault(results.states[pixel.id].state, pixel)
    return list(by_state.values())[:_N_CHECKED]


def _draw_checks(results: Results, pixel: Pixel) -> None:
    run, folder = results.run, results.run.folder.figures
    state = results.states[pixel.id]
    title = f"{pixel.name}: {state.state} {state.reason}".strip()
    pixel_folder = run.folder.pixel(pixel.id)
    groups: dict[str, Any] = {}
    for name in (
        "posterior",
        "runs",
        "observed_data",
        "constant_data",
        "predictive_runs",
        "posterior_predictive",
    ):
        try:
            groups[name] = read_group(pixel_folder, name)
        except (FileNotFoundError, ValueError):
            logger.info("%s has no group %s", pixel_folder.path, name)
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
