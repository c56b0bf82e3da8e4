"""A swath run: what streams say of the region's fluxes and stocks, and their fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.figures.canvas import BLUE, ORANGE, new_figure, put_title, save_figure
from jobs.figures.information import draw_field, reduction_table

if TYPE_CHECKING:
    import pandas as pd


_POOLS = {
    "lab": "labile carbon", "fol": "foliage", "roo": "fine roots", "woo": "wood",
    "lit": "litter", "som": "soil carbon",
}  # fmt: skip


def target_label(name: str) -> str:
    """Return the name of a target in words.

    Examples
    --------
    >>> target_label("gpp"), target_label("cfol_final"), target_label("csom_initial")
    ('GPP', 'foliage, end', 'soil carbon, start')
    """
    pool, _, when = name.partition("_")
    if pool[1:] not in _POOLS:
        return name.upper()
    return f"{_POOLS[pool[1:]]}, {'end' if when == 'final' else 'start'}"


def draw_swath(
    targets: pd.DataFrame, misfits: pd.DataFrame, target: Path, *, title: str
) -> None:
    """Draw uncertainty reductions of targets, and misfits before and after.

    Parameters
    ----------
    targets : pandas.DataFrame
        Columns ``experiment``, ``target``, ``reduction``.
    misfits : pandas.DataFrame
        Columns ``experiment``, ``stream``, ``prior``, ``posterior``: mean squared
        misfit over error variance.
    target : Path
        The PNG; the misfits are written beside it as CSV.
    title : str
        Says where the data come from.
    """
    figure, axes = new_figure(1, 2, 4.2)
    left, right = axes.flat
    named = targets.assign(pixel=0, target=targets["target"].map(target_label))
    table = reduction_table(named, "target")
    image = draw_field(left, table, "target")
    left.set_title("uncertainty reduction", fontsize=9)
    if image is not None:
        figure.colorbar(image, ax=left, label="1 - posterior sd / prior sd")
    place = np.arange(len(misfits))
    right.barh(place - 0.2, misfits["prior"], height=0.4, color=ORANGE, label="prior")
    right.barh(place + 0.2, misfits["posterior"], height=0.4, color=BLUE,
               label="posterior")  # fmt: skip
    names = (misfits["stream"].str.upper() + ", " + misfits["experiment"]).tolist()
    right.set_yticks(place, names, fontsize=7, parse_math=False)
    right.invert_yaxis()
    right.axvline(1.0, color="black", linewidth=0.8)
    right.set_title("misfit of each stream, by experiment", fontsize=9)
    right.set_xlabel("mean squared misfit over error variance", fontsize=9)
    right.tick_params(axis="x", labelsize=8)
    right.legend(frameon=False, fontsize=8)
    put_title(figure, title)
    save_figure(figure, target, misfits)
