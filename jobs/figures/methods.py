"""Calibration methods side by side: how near, how good and how dear, against runs."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    put_title,
    save_figure,
)

if TYPE_CHECKING:
    import pandas as pd

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_PANELS = (
    ("distance", "distance of marginals (prior sd)"),
    ("above_best", "cost above the lowest found"),
    ("model_seconds", "seconds in the model"),
    ("own_seconds", "own CPU seconds"),
)


def draw_methods(table: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw distance, cost and seconds of each calibration against its model runs.

    Results that cannot be trusted are hollow; the methods that gave none are named
    below. Both axes are logarithmic, and the cost is linear near the lowest.

    Parameters
    ----------
    table : pandas.DataFrame
        `masm.Comparison.table`.
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    """
    drawn = table.assign(above_best=table["best_cost"] - table["best_cost"].min())
    names = list(dict.fromkeys(drawn["method"]))
    figure, axes = new_figure(2, 2, 3.0)
    for axis, (column, label) in zip(axes.flat, _PANELS, strict=True):
        for k, name in enumerate(names):
            _points(axis, drawn[drawn["method"] == name], column, k)
        axis.set_xlabel("model runs")
        axis.set_ylabel(label)
        _scale(axis, drawn, column)
    floor = drawn["floor"].to_numpy(float)
    if np.isfinite(floor).any():
        axes.flat[0].axhspan(0.0, float(np.nanmax(floor)), color="#DDDDDD", zorder=0)
    put_title(figure, title)
    figure.legend(
        handles=_legend(names, np.isfinite(floor).any()),
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=8,
        title=_without_result(drawn),
        title_fontsize=8,
    )
    save_figure(figure, target, table)


def _points(axis: Any, part: pd.DataFrame, column: str, k: int) -> None:
    trusted = (part["verdict"] == "done").to_numpy()
    colour, marker = _look(k)
    for chosen, face in ((trusted, colour), (~trusted, "none")):
        axis.plot(
            part["runs"].to_numpy(float)[chosen],
            part[column].to_numpy(float)[chosen],
            linestyle="none",
            marker=marker,
            markersize=6,
            markeredgecolor=colour,
            markerfacecolor=face,
        )


def _look(k: int) -> tuple[str, str]:
    return _COLOURS[k % len(_COLOURS)], _MARKERS[k // len(_COLOURS) % len(_MARKERS)]


def _scale(axis: Any, drawn: pd.DataFrame, column: str) -> None:
    """Logarithmic axes, where there is anything to show on them."""
    runs, values = drawn["runs"].to_numpy(float), drawn[column].to_numpy(float)
    shown = np.isfinite(runs) & np.isfinite(values)
    if not shown.any():
        axis.set_xticks([])
        axis.set_yticks([])
        axis.text(0.5, 0.5, "no values", ha="center", transform=axis.transAxes)
        return
    axis.set_xscale("log")
    if column == "above_best":
        axis.set_yscale("symlog", linthresh=1.0)
        axis.set_ylim(-0.2, 2.0 * max(1.0, float(values[shown].max())))
    elif (values[shown] > 0.0).any():
        axis.set_yscale("log")


def _without_result(drawn: pd.DataFrame) -> str:
    """Name the methods and budgets that gave no result."""
    lost = drawn[drawn["runs"].isna()]
    named = dict.fromkeys(
        f"{row.method} {row.budget} {row.verdict}" for row in lost.itertuples()
    )
    return textwrap.fill("no result: " + ", ".join(named), 150) if named else ""


def _legend(names: list[str], with_floor: bool) -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for k, name in enumerate(names):
        colour, marker = _look(k)
        handles.append(
            Line2D([], [], color=colour, marker=marker, linestyle="none", label=name)
        )
    handles.append(
        Line2D(
            [],
            [],
            color=BLACK,
            marker="o",
            markerfacecolor="none",
            linestyle="none",
            label="no posterior to trust",
        )
    )
    if with_floor:
        handles.append(
            Patch(facecolor="#DDDDDD", label="not ranked: halves of the reference")
        )
    return handles
