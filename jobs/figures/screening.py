"""Sensitivity of each stream to every parameter, as Fig. 1 of Ma et al. (2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    STREAM_LABELS,
    VERMILION,
    new_figure,
    save_figure,
)

if TYPE_CHECKING:
    import pandas as pd


def draw_screening(
    table: pd.DataFrame,
    target: Path,
    *,
    title: str,
    selected: Sequence[str],
    of: str = "summed μ*",
) -> None:
    """Draw the spread over pixels of each parameter's importance, stream by stream.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each pixel, stream and parameter: ``pixel``, ``stream``,
        ``parameter``, ``share`` (1).
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    selected : sequence of str
        Parameters to mark.
    of : str
        What the fractions are of.
    """
    streams = list(dict.fromkeys(table["stream"]))
    names = list(dict.fromkeys(table["parameter"]))
    figure, axes = new_figure(len(streams), 1, 2.7)
    for axis, stream in zip(axes.flat, streams, strict=True):
        part = table[table["stream"] == stream]
        values = [
            part.loc[part["parameter"] == name, "share"].dropna().to_numpy()
            for name in names
        ]
        drawn = axis.boxplot(
            values,
            whis=(0, 100),
            showmeans=True,
            patch_artist=True,
            widths=0.6,
            medianprops={"color": BLUE},
            meanprops={
                "marker": "o",
                "markersize": 4,
                "markerfacecolor": VERMILION,
                "markeredgecolor": VERMILION,
            },
        )
        for box, name in zip(drawn["boxes"], names, strict=True):
            box.set_facecolor("#CDE7DC" if name in selected else "white")
        axis.set_xticks(range(1, len(names) + 1), names, rotation=60, ha="right")
        axis.tick_params(axis="x", labelsize=8)
        label = STREAM_LABELS.get(stream, stream).split(" (")[0]
        axis.set_ylabel(f"{label}: fraction of {of}")
        axis.set_ylim(bottom=0.0)
        axis.margins(x=0.01)
    axes.flat[0].set_title(title, fontsize=10, parse_math=False)
    handles = _legend()
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8
    )
    save_figure(figure, target, table)


def importance_table(
    fractions: np.ndarray, pixels: Sequence[int], streams: Sequence[str],
    parameters: Sequence[str],
) -> pd.DataFrame:  # fmt: skip
    """Turn fractions (pixel, stream, parameter) into the rows that are drawn."""
    import pandas as pd

    index = pd.MultiIndex.from_product(
        [list(pixels), list(streams), list(parameters)],
        names=["pixel", "stream", "parameter"],
    )
    return pd.DataFrame({"share": fractions.ravel()}, index=index).reset_index()


def _legend() -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], marker="o", color=VERMILION, linestyle="none", label="mean"),
        Line2D([], [], color=BLUE, label="median"),
        Patch(facecolor="white", edgecolor=BLACK, label="quartiles; whiskers: range"),
        Patch(facecolor="#CDE7DC", edgecolor=BLACK, label="selected"),
    ]
