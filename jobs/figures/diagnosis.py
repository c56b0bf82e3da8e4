"""Residuals of a calibrated model: course of the year, years, and the scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    GREEN,
    VERMILION,
    new_figure,
    put_title,
    save_figure,
)
from jobs.figures.labels import with_unit

if TYPE_CHECKING:
    import pandas as pd

_WINDOW = 8
_SCANNED = 8


def draw_diagnosis(
    tables: Mapping[str, pd.DataFrame],
    target: Path,
    *,
    title: str,
    units: Mapping[str, str],
) -> None:
    """Draw, for each stream, its mean year and yearly residuals; and the scan.

    Parameters
    ----------
    tables : mapping
        As `jobs.stages.diagnose.Diagnosis` has them: ``series`` and ``scan``.
    target : Path
        The PNG; the series are written beside it as CSV.
    title : str
        Says where the data come from.
    units : mapping
        Of each stream.
    """
    series = tables["series"].copy()
    series["time"] = series["time"].astype("datetime64[ns]")
    streams = list(dict.fromkeys(series["stream"]))
    figure, axes = new_figure(len(streams) + 1, 2, 2.6)
    for row, stream in enumerate(streams):
        part = series[series["stream"] == stream]
        _draw_year(axes[row, 0], part)
        axes[row, 0].set_ylabel(with_unit(stream, units[stream]), parse_math=False)
        _draw_residuals(axes[row, 1], part)
    axes[0, 0].set_title("mean course of the year", fontsize=9)
    axes[0, 1].set_title("simulated less observed, mean of each year", fontsize=9)
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, words, loc="outside lower center", ncols=4, frameon=False, fontsize=8
    )
    _draw_scan(axes[-1, 0], tables["scan"])
    _draw_rain(axes[-1, 1], tables["weather"])
    put_title(figure, title)
    save_figure(figure, target, series)


def _draw_year(axis: Any, part: pd.DataFrame) -> None:
    day = part["time"].dt.day_of_year.to_numpy()
    window = (day - 1) // _WINDOW
    colours = {"observed": BLACK, "default": VERMILION, "calibrated": BLUE}
    for name, colour in colours.items():
        mean = part[name].groupby(window).mean()
        axis.plot(mean.index * _WINDOW + 4, mean, color=colour, label=name, lw=1.5)
    axis.set_xlim(0, 366)
    axis.set_xlabel("day of the year")


def _draw_residuals(axis: Any, part: pd.DataFrame) -> None:
    year = part["time"].dt.year
    mean = (part["calibrated"] - part["observed"]).groupby(year).mean()
    held = part["held_out"].groupby(year).max().to_numpy() > 0
    colours = np.where(held, GREEN, BLUE)
    axis.bar(mean.index, mean, color=colours, width=0.7)
    axis.axhline(0.0, color="grey", lw=0.8)
    axis.plot([], [], "s", color=GREEN, label="validation years")
    if held.any():
        axis.legend(frameon=False, fontsize=8)
    axis.xaxis.get_major_locator().set_params(integer=True)


def _draw_scan(axis: Any, scan: pd.DataFrame) -> None:
    top = scan.head(_SCANNED).iloc[::-1]
    place = np.arange(len(top))
    full = top["confirmed"].to_numpy(float)
    guess = top["lowered_adjusted"].clip(lower=0.0).to_numpy(float)
    axis.barh(place, 100 * guess, color="lightgrey", label="linear estimate")
    axis.barh(place, 100 * np.nan_to_num(full), 0.4, color=BLUE, label="run in full")
    axis.set_yticks(place, top["parameter"], fontsize=8)
    axis.set_xlabel("% of the misfit, if calibrated too")
    axis.legend(frameon=False, fontsize=8)


def _draw_rain(axis: Any, related: pd.DataFrame) -> None:
    top = related.assign(size=related["r"].abs()).nlargest(_SCANNED, "size").iloc[::-1]
    place = np.arange(len(top))
    axis.barh(place, top["r"], color=BLUE)
    labels = [f"{r.stream}: {r.weather}" for r in top.itertuples()]
    axis.set_yticks(place, labels, fontsize=7)
    axis.axvline(0.0, color="grey", lw=0.8)
    axis.set_xlim(-1, 1)
    axis.set_xticks([-1, -0.5, 0, 0.5, 1])
    axis.set_xlabel("correlation of residuals with weather, growing season")
