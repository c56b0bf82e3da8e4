"""Errors at left-out sites: each method, a point for each site."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.figures.canvas import BLUE, GREEN, VERMILION, new_figure, save_figure
from jobs.figures.labels import with_unit

if TYPE_CHECKING:
    import pandas as pd

_WITHOUT_MODEL = ("climatology", "weather")
_SEES_TARGET = ("own", "joint")
_KINDS = {
    "parameters of other sites": BLUE,
    "has seen the target": GREEN,
    "no process model": VERMILION,
}


def draw_spatial(
    scores: pd.DataFrame, target: Path, *, title: str, units: Mapping[str, str]
) -> None:
    """Draw the RMSE of every method at every left-out site, and their mean.

    Parameters
    ----------
    scores : pandas.DataFrame
        A row for each site, stream and method: ``stream``, ``method``, ``rmse``.
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    units : mapping
        Of each stream.
    """
    streams = list(dict.fromkeys(scores["stream"]))
    methods = list(dict.fromkeys(scores["method"]))[::-1]
    height = 1.0 + 0.26 * len(methods)
    figure, axes = new_figure(len(streams), 1, height)
    for axis, stream in zip(axes.flat, streams, strict=False):
        part = scores[scores["stream"] == stream]
        for row, method in enumerate(methods):
            rmse = part.loc[part["method"] == method, "rmse"].to_numpy()
            colour = _KINDS[_kind(method)]
            axis.plot(rmse, np.full(rmse.size, row), "o", ms=4, alpha=0.5, color=colour)
            if rmse.size:
                axis.plot([rmse.mean()], [row], "|", ms=16, mew=2.5, color=colour)
        axis.set_yticks(range(len(methods)), [m.replace("_", " ") for m in methods])
        axis.set_xlim(left=0.0)
        axis.set_xlabel(with_unit(f"RMSE of {stream.upper()}", units[stream]))
        axis.grid(axis="x", alpha=0.3)
    axes.flat[0].set_title(title, parse_math=False)
    for kind, colour in _KINDS.items():
        axes.flat[0].plot([], [], "o", color=colour, label=kind)
    axes.flat[0].plot([], [], "|", ms=12, mew=2.5, color="grey", label="mean of sites")
    handles, words = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, words, loc="outside lower center", ncols=4, frameon=False, fontsize=8
    )
    save_figure(figure, target, scores)


def _kind(method: str) -> str:
    if method in _WITHOUT_MODEL:
        return "no process model"
    if method in _SEES_TARGET:
        return "has seen the target"
    return "parameters of other sites"
