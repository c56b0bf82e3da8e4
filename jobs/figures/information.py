"""What each stream is worth: uncertainty reduction with all, and without each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import SEQUENTIAL, new_figure, put_title, save_figure

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 25


def reduction_table(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return uncertainty reductions: a row for each name, a column each experiment.

    Parameters
    ----------
    table : pandas.DataFrame
        With columns ``pixel``, ``experiment``, ``reduction`` and ``key``; the median
        over pixels is taken.
    key : str
        ``"parameter"`` or ``"target"``.
    """
    import pandas as pd

    if not len(table):
        return pd.DataFrame({key: []})
    wide = table.pivot_table(
        index=key, columns="experiment", values="reduction", aggfunc="median",
        sort=False, dropna=False,
    )  # fmt: skip
    order = wide["all"].sort_values(ascending=False, kind="stable").index
    result: pd.DataFrame = wide.loc[order].reset_index()
    result.columns.name = None
    return result


def draw_information(
    parameters: pd.DataFrame, targets: pd.DataFrame, target: Path, *, title: str
) -> None:
    """Draw the reductions of parameters and of targets as two fields of colour.

    Parameters
    ----------
    parameters, targets : pandas.DataFrame
        As ``masm information`` writes them.
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    """
    import pandas as pd

    fields = [
        (reduction_table(parameters, "parameter"), "parameter"),
        (reduction_table(targets, "target"), "target"),
    ]
    rows = min(_MOST_ROWS, max(len(table) for table, _ in fields))
    figure, axes = new_figure(1, 2, 1.2 + 0.24 * rows)
    image = None
    for axis, (table, key) in zip(axes.flat, fields, strict=True):
        image = draw_field(axis, table.head(_MOST_ROWS), key) or image
    if image is not None:
        figure.colorbar(image, ax=list(axes.flat), label="1 - posterior sd / prior sd")
    put_title(figure, title)
    long = pd.concat(
        [
            table.rename(columns={key: "name"}).assign(kind=key)
            for table, key in fields
            if len(table)
        ]
    )
    save_figure(figure, target, long)


def draw_field(axis: Any, table: pd.DataFrame, key: str) -> Any:
    """Draw one table of reductions; return the image, None where there is none."""
    experiments = list(table.columns[1:])
    axis.set_title(f"{key}s", fontsize=9)
    if not len(table):
        axis.set_axis_off()
        return None
    values = table[experiments].to_numpy(float)
    image = axis.imshow(values, cmap=SEQUENTIAL, vmin=0.0, vmax=1.0, aspect="auto")
    axis.set_xticks(range(len(experiments)), experiments, rotation=40, ha="right")
    axis.set_yticks(range(len(table)), table[key].tolist(), parse_math=False)
    axis.tick_params(labelsize=7)
    for i, j in np.ndindex(*values.shape):
        if np.isfinite(values[i, j]):
            colour = "black" if values[i, j] > 0.6 else "white"
            axis.text(
                j, i, f"{values[i, j]:.2f}", ha="center", va="center", fontsize=6,
                color=colour,
            )  # fmt: skip
    return image
