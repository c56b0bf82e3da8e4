"""Figures of a region: how the fit changed, and what its carbon budget comes to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    STREAM_LABELS,
    new_figure,
    put_title,
    save_figure,
    total_scale,
)

if TYPE_CHECKING:
    import pandas as pd

_STYLES = {
    "default": (ORANGE, (0, (4, 2))),
    "calibrated": (BLUE, "-"),
    "upscaled": (GREEN, "-."),
    "ensemble": (GREEN, "-."),
    "truth": (BLACK, ":"),
}
_FLUX_LABELS = {"gpp": "GPP", "er": "ER", "nee": "NEE"}


def draw_diso(scores: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw the fraction of pixels below each DISO, before and after (Figs. 4 and 8).

    Parameters
    ----------
    scores : pandas.DataFrame
        As ``jobs.stages.region_evaluate.score_region`` returns it.
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    """
    streams = list(dict.fromkeys(scores["stream"]))
    periods = ["calibration", "validation"]
    figure, axes = new_figure(len(streams), len(periods), 2.8)
    for row, stream in enumerate(streams):
        for column, period in enumerate(periods):
            axis = axes[row, column]
            chosen = (scores["stream"] == stream) & (scores["period"] == period)
            for name, part in scores[chosen].groupby("parameters", sort=False):
                diso = np.sort(part["diso"].dropna().to_numpy())
                fraction = np.arange(1, diso.size + 1) / max(diso.size, 1)
                colour, style = _STYLES[str(name)]
                label = f"{name} ({diso.size} pixels)"
                axis.plot(diso, fraction, color=colour, linestyle=style, label=label)
            axis.axvline(0.3, color="0.6", linewidth=0.8)
            axis.set_xlim(left=0.0)
            axis.set_ylim(0.0, 1.0)
            stream_label = STREAM_LABELS.get(stream, stream).split(" (")[0]
            axis.set_title(f"{stream_label}, {period} years", fontsize=9)
            axis.set_xlabel("DISO of 8-day means", fontsize=8)
            axis.set_ylabel("fraction of pixels", fontsize=8)
    put_title(figure, title)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    save_figure(figure, target, scores)


def draw_totals(totals: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw the region's carbon fluxes year by year (Fig. 12 a).

    Parameters
    ----------
    totals : pandas.DataFrame
        As ``jobs.stages.region_totals.region_totals`` returns it.
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    """
    yearly = totals[totals["year"] != "mean"]
    factor, unit = total_scale(float(yearly["total"].abs().max()))
    numbers = ["total", "low", "high"]
    yearly = yearly.assign(**{name: factor * yearly[name] for name in numbers})
    fluxes = list(dict.fromkeys(yearly["flux"]))
    figure, axes = new_figure(1, len(fluxes), 3.2)
    for axis, flux in zip(axes.flat, fluxes, strict=True):
        here = yearly[yearly["flux"] == flux]
        for name, part in here.groupby("parameters", sort=False):
            years = part["year"].astype(int)
            colour, style = _STYLES[str(name)]
            if part["low"].notna().all():
                axis.fill_between(
                    years, part["low"], part["high"], color=colour, alpha=0.2, lw=0,
                    label="ensemble, 90 % interval",
                )  # fmt: skip
                continue  # its middle is the upscaled run's, but for rounding
            axis.plot(years, part["total"], color=colour, linestyle=style, marker="o",
                      markersize=3, label=str(name))  # fmt: skip
        axis.set_title(_FLUX_LABELS[flux], fontsize=10)
        axis.set_ylabel(unit, fontsize=8)
        axis.xaxis.get_major_locator().set_params(integer=True)
    put_title(figure, title)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    save_figure(figure, target, totals)
