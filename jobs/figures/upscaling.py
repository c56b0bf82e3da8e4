"""How well upscaled parameters do: Figures 5 and 6 of Ma et al. (2022)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.figures.canvas import (
    BLUE,
    GREEN,
    VERMILION,
    new_figure,
    power_of_ten,
    put_title,
    save_figure,
)
from jobs.figures.labels import number, with_unit

if TYPE_CHECKING:
    import pandas as pd

_SPLITS = {
    "random_train": (BLUE, "o", "trained on"),
    "random": (VERMILION, "s", "random test"),
    "blocked": (GREEN, "^", "held-out block"),
}
_SCORES = {"r2": "R²", "rmse": "RMSE", "diso": "DISO"}


def draw_upscaled(
    points: pd.DataFrame, target: Path, *, title: str, units: Mapping[str, str]
) -> None:
    """Draw upscaled against calibrated parameters, by split (Figure 5).

    Parameters
    ----------
    points : pandas.DataFrame
        ``parameter``, ``split`` (random_train, random, blocked), ``calibrated``,
        ``predicted``, in the parameter's unit.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    units : mapping
        Unit of each parameter.
    """
    names = list(dict.fromkeys(points["parameter"]))
    n_columns = min(5, len(names))
    figure, axes = new_figure(
        -(-len(names) // n_columns), n_columns, 2.7, width=2 + 2.6 * n_columns
    )
    for axis, name in zip(axes.flat, names, strict=False):
        part = points[points["parameter"] == name]
        power = power_of_ten(float(part["calibrated"].abs().max()))
        lines = []
        for split, (colour, marker, label) in _SPLITS.items():
            chosen = part[part["split"] == split]
            x = chosen["calibrated"].to_numpy(float) * 10.0**-power
            y = chosen["predicted"].to_numpy(float) * 10.0**-power
            axis.plot(x, y, marker, ms=3, mfc="none", color=colour, label=label)
            lines.append(f"{label}: R² {efficiency(y, x):.2f}")
        axis.axline((x.mean(), x.mean()), slope=1, color="0.3", lw=0.8)
        axis.set_title(with_unit(name, units[name], power), fontsize=8)
        low, high = axis.get_ylim()
        axis.set_ylim(low, high + 0.3 * (high - low))  # room for the words
        ground = {"fc": "w", "ec": "none", "alpha": 0.8, "pad": 1}
        axis.text(0.03, 0.97, "\n".join(lines), transform=axis.transAxes, va="top",
                  fontsize=6, bbox=ground)  # fmt: skip
        axis.set_xlabel("calibrated", fontsize=8)
        axis.set_ylabel("upscaled", fontsize=8)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    put_title(figure, f"{title}: upscaled against calibrated parameters")
    save_figure(figure, target, points)


def draw_upscaled_scores(
    scores: pd.DataFrame, target: Path, *, title: str, units: Mapping[str, str]
) -> None:
    """Draw scores with upscaled against those with calibrated parameters (Figure 6).

    Parameters
    ----------
    scores : pandas.DataFrame
        ``evaluation/region_scores.csv``; pixels with both sets are drawn.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    units : mapping
        Unit of each stream.
    """
    whole = scores[scores["period"] == "all"]
    streams = list(dict.fromkeys(whole["stream"]))
    figure, axes = new_figure(len(streams), len(_SCORES), 2.9)
    tables = []
    for i, stream in enumerate(streams):
        for j, (score, label) in enumerate(_SCORES.items()):
            wide = whole[whole["stream"] == stream].pivot(
                index="pixel", columns="parameters", values=score
            )
            both = wide[["calibrated", "upscaled"]].dropna()
            axis = axes[i, j]
            axis.plot(both["calibrated"], both["upscaled"], "o", ms=3, mfc="none",
                      color=BLUE)  # fmt: skip
            if len(both):
                middle = float(both.to_numpy().mean())
                axis.axline((middle, middle), slope=1, color="0.3", lw=0.8)
            gain = (both["upscaled"] - both["calibrated"]).dropna()
            better = (gain >= 0 if score == "r2" else gain <= 0).mean()
            unit = units[stream] if score == "rmse" else "1"
            axis.set_title(
                f"{stream.upper()}, {with_unit(label, unit)}: as good or better in "
                f"{number(better, '.0%')}",
                fontsize=8,
            )
            axis.set_xlabel("with calibrated parameters", fontsize=8)
            axis.set_ylabel("with upscaled", fontsize=8)
            axis.tick_params(labelsize=7)
            tables.append(both.assign(stream=stream, score=score).reset_index())
    import pandas as pd

    put_title(figure, f"{title}: 8-day means, all years")
    save_figure(figure, target, pd.concat(tables, ignore_index=True))


def efficiency(predicted: np.ndarray, known: np.ndarray) -> float:
    """Return one minus the squared error over the variance (Nash and Sutcliffe)."""
    spread = np.sum((known - known.mean()) ** 2) if known.size else 0.0
    if spread == 0.0:
        return float("nan")
    return float(1 - np.sum((predicted - known) ** 2) / spread)
