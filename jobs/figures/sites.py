"""Parameters of sites, separate, pooled and hierarchical, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.figures.canvas import BLUE, GREEN, VERMILION, new_figure, save_figure
from jobs.figures.labels import with_unit

if TYPE_CHECKING:
    import pandas as pd

_COLOURS = {"separate": BLUE, "pooled": GREEN, "hierarchical": VERMILION}
_MOST = 24  # sites that are drawn


def draw_sites(table: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw mean and standard deviation of each parameter at each site, by each way.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each site and parameter: ``pixel``, ``name``, ``parameter``, ``unit``,
        and ``<way>_mean`` and ``<way>_sd`` of separate, pooled and hierarchical.
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    """
    names = list(dict.fromkeys(table["parameter"]))
    pixels = list(dict.fromkeys(table["pixel"]))[:_MOST]
    figure, axes = new_figure(len(names), 1, 1.6)
    for axis, name in zip(axes.flat, names, strict=True):
        part = table[table["parameter"] == name].set_index("pixel").loc[pixels]
        for shift, (way, colour) in enumerate(_COLOURS.items()):
            axis.errorbar(
                np.arange(len(pixels)) + 0.2 * (shift - 1),
                part[f"{way}_mean"],
                part[f"{way}_sd"],
                fmt="o",
                markersize=4,
                color=colour,
                label=way,
            )
        axis.set_ylabel(with_unit(name, part["unit"].iloc[0]), parse_math=False)
        axis.set_xticks([])
    last = axes.flat[len(names) - 1]
    labels = table.drop_duplicates("pixel").set_index("pixel").loc[pixels, "name"]
    last.set_xticks(range(len(pixels)), labels, rotation=60, ha="right", fontsize=8)
    axes.flat[0].set_title(f"{title}: mean and standard deviation", parse_math=False)
    handles, words = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, words, loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    save_figure(figure, target, table)
