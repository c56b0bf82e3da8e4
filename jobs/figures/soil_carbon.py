"""Figures of a soil-carbon run: maps, Taylor diagram, violins, correlations.

After Figures 4, 5, 6 and 8 of Zhao et al. (2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    DIVERGING,
    GREEN,
    ORANGE,
    PURPLE,
    SEQUENTIAL,
    SKY,
    VERMILION,
    new_figure,
    put_title,
    save_figure,
)
from jobs.figures.maps import draw_field

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
_MARKERS = ("o", "s", "^", "D", "v")
_STREAMS = {"soc": "SOC density", "nep": "NEP"}


def draw_maps(
    places: pd.DataFrame,
    fields: Mapping[str, np.ndarray],
    target: Path,
    *,
    label: str,
    title: str,
) -> None:
    """Draw mean, width of the interval, and difference to the default, side by side.

    Parameters
    ----------
    places : pandas.DataFrame (cell)
        ``latitude`` and ``longitude``, degrees.
    fields : mapping
        ``mean``, ``p05``, ``p95`` and ``default``, (cell,) each.
    target : Path
        The PNG; its table is the CSV beside it.
    label : str
        Quantity and unit.
    title : str
        Says where the data come from.
    """
    figure, axes = new_figure(1, 3, 3.5, width=13)
    mean, default = fields["mean"], fields["default"]
    width, change = fields["p95"] - fields["p05"], mean - default
    largest = _largest(change)
    panels: tuple[tuple[str, np.ndarray, Any, Any], ...] = (
        (f"{label}, mean of the draws", mean, *_scale(mean)),
        (f"{label}, width from 5 to 95 %", width, None, SEQUENTIAL),
        (f"{label}, mean less default", change, (-largest, largest), DIVERGING),
    )
    for axis, (name, values, limits, cmap) in zip(axes.flat, panels, strict=True):
        draw_field(axis, places, values, label=name, limits=limits, cmap=cmap)
    put_title(figure, title)
    table = places.reset_index()
    for name, values in fields.items():
        table[name] = values
    save_figure(figure, target, table)


def _scale(values: np.ndarray) -> tuple[tuple[float, float] | None, Any]:
    """Limits and colours of a field; where sinks and sources are, 0 is the middle."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.05, 0.95]) if known.size else (0.0, 0.0)
    if not low < 0.0 < high:
        return None, SEQUENTIAL
    largest = _largest(values)
    return (-largest, largest), DIVERGING


def _largest(values: np.ndarray) -> float:
    known = np.abs(values[np.isfinite(values)])
    return float(np.quantile(known, 0.99)) or 1.0 if known.size else 1.0


def draw_taylor(scores: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw Taylor diagrams of the withheld observations (Taylor 2001).

    Parameters
    ----------
    scores : pandas.DataFrame
        Rows of ``parameters``, ``ecosystem`` and ``stream`` with ``correlation`` and
        ``sd_ratio``.
    target, title
        As for `draw_maps`.
    """
    streams = list(dict.fromkeys(scores["stream"]))
    figure, axes = new_figure(1, len(streams), 4.6, width=7.4 * len(streams))
    for axis, stream in zip(axes.flat, streams, strict=True):
        part = scores[(scores["stream"] == stream) & scores["correlation"].notna()]
        _taylor_frame(axis, max(1.3, 1.15 * float(part["sd_ratio"].max() or 1.0)))
        for k, ecosystem in enumerate(dict.fromkeys(part["ecosystem"])):
            for j, name in enumerate(dict.fromkeys(part["parameters"])):
                row = part[(part["ecosystem"] == ecosystem)
                           & (part["parameters"] == name)]  # fmt: skip
                if len(row):
                    r, s = float(row["correlation"].iloc[0]), row["sd_ratio"].iloc[0]
                    # The quadrant has no place for it: hollow, at correlation 0.
                    below = "" if r >= 0.0 else f" (r = {r:.2f})"
                    angle = np.arccos(np.clip(r, 0.0, 1.0))
                    axis.plot(
                        s * np.cos(angle), s * np.sin(angle), _MARKERS[k % 5],
                        color=_COLOURS[j % 5], markersize=8, clip_on=False,
                        markeredgecolor=BLACK, label=f"{name}, {ecosystem}{below}",
                        fillstyle="full" if r >= 0.0 else "none",
                    )  # fmt: skip
        axis.set_title(_STREAMS.get(stream, stream), fontsize=10)
        axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    put_title(figure, title)
    save_figure(figure, target, scores)


def _taylor_frame(axis: Axes, radius: float) -> None:
    """Draw the arcs of a Taylor diagram: spread, correlation, centred error."""
    from matplotlib.patches import Arc

    for size in np.arange(0.5, radius + 0.01, 0.5):
        axis.add_patch(Arc((0, 0), 2 * size, 2 * size, theta1=0, theta2=90,
                           color="0.75", lw=0.7))  # fmt: skip
    axis.add_patch(Arc((0, 0), 2, 2, theta1=0, theta2=90, color=BLACK, ls="--", lw=1))
    axis.plot([], [], color=BLACK, ls="--", lw=1, label="observed spread")
    axis.add_patch(Arc((0, 0), 2 * radius, 2 * radius, theta1=0, theta2=90,
                       color=BLACK, lw=1))  # fmt: skip
    for r in (0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99):
        x, y = radius * r, radius * np.sqrt(1.0 - r**2)
        axis.plot([0, x], [0, y], color="0.85", lw=0.6, zorder=0)
        axis.text(1.02 * x, 1.02 * y, f"{r:g}", fontsize=7, ha="left", va="bottom")
    for error in (0.5, 1.0):
        around = np.linspace(0, np.pi, 90)
        across, up = 1.0 + error * np.cos(around), error * np.sin(around)
        inside = (across >= 0) & (across**2 + up**2 <= radius**2)
        axis.plot(
            np.where(inside, across, np.nan), up, color=GREEN, lw=0.7, ls=":",
            label="error of 0.5 and 1" if error == 0.5 else None,
        )  # fmt: skip
    axis.plot([1.0], [0.0], "*", color=VERMILION, markersize=13, clip_on=False,
              label="observations")  # fmt: skip
    axis.set(xlim=(0, 1.12 * radius), ylim=(0, 1.12 * radius), aspect="equal")
    axis.set_xlabel("standard deviation over that of the observations", fontsize=8)
    axis.text(0.77 * radius, 0.77 * radius, "correlation", rotation=-45, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=7)


def draw_violins(
    draws: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
    parameters: pd.DataFrame,
    target: Path,
    *,
    title: str,
) -> None:
    """Draw posteriors as violins; each axis spans the prior (Zhao et al., Fig. 4).

    Parameters
    ----------
    draws : mapping
        Ecosystem and strategy to the draws of each parameter, (draw,).
    parameters : pandas.DataFrame
        Of ``parameters.csv``: id, parameter, ecosystem, prior_low, prior_high,
        default.
    target, title
        As for `draw_maps`.
    """
    names = list(dict.fromkeys(parameters["id"]))
    pairs = list(draws)
    n_columns = min(4, len(names))
    n_rows = -(-len(names) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, 2.4, width=11)
    for axis, name in zip(axes.flat, names, strict=False):
        rows = parameters[parameters["id"] == name]
        for k, (ecosystem, strategy) in enumerate(pairs):
            colour = _COLOURS[k % 5]
            values = np.asarray(draws[ecosystem, strategy][name], float)
            if np.ptp(values) > 0.0:
                made: Any = axis.violinplot(values, [k], widths=0.8, showextrema=False)
                for body in made["bodies"]:
                    body.set(facecolor=colour, alpha=0.75, edgecolor=BLACK)
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            axis.plot([k, k], [low, high], color=BLACK, lw=2.5)
            axis.plot([k], [middle], "o", color="white", markersize=3.5, zorder=3)
            one = rows[rows["ecosystem"] == ecosystem].iloc[0]
            axis.plot([k - 0.35, k + 0.35], [one["default"]] * 2, color=VERMILION, lw=1)
        axis.set_ylim(rows["prior_low"].min(), rows["prior_high"].max())
        axis.set_xticks(range(len(pairs)))
        axis.set_xticklabels([f"{e}\n{s}" for e, s in pairs], fontsize=7)
        axis.set_title(str(rows["parameter"].iloc[0]), fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    put_title(figure, f"{title}: posteriors; axes span the prior, red: default")
    save_figure(figure, target, parameters)


def draw_correlations(table: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw correlations of parameters with errors (Zhao et al., Fig. 5).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ecosystem, strategy, parameter, stream, correlation, draws.
    target, title
        As for `draw_maps`.
    """
    names = list(dict.fromkeys(table["parameter"]))
    columns = list(dict.fromkeys(zip(table["ecosystem"], table["strategy"],
                                     table["stream"], strict=True)))  # fmt: skip
    figure, axes = new_figure(1, 1, 1.2 + 0.3 * len(names), width=8)
    axis = axes[0, 0]
    grid = np.full((len(names), len(columns)), np.nan)
    for row in table.itertuples():
        column = columns.index((row.ecosystem, row.strategy, row.stream))
        grid[names.index(row.parameter), column] = row.correlation
    drawn = axis.imshow(grid, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(grid):
        # Adding 0 takes the sign from a zero.
        text = f"{round(value, 2) + 0.0:.2f}" if np.isfinite(value) else "–"
        axis.text(j, i, text, ha="center", va="center", fontsize=7,
                  color="white" if abs(value) > 0.7 else BLACK)  # fmt: skip
    axis.set_xticks(range(len(columns)))
    axis.set_xticklabels(_column_labels(columns), fontsize=7)
    axis.set_yticks(range(len(names)))
    axis.set_yticklabels(names, fontsize=8)
    figure.colorbar(drawn, ax=axis, label="correlation with the error (RMSE)")
    put_title(figure, f"{title}: parameters and errors, {table['draws'].max()} draws")
    save_figure(figure, target, table)


def _column_labels(columns: Sequence[tuple[str, str, str]]) -> list[str]:
    return [f"{ecosystem}\n{strategy}\n{_STREAMS.get(stream, stream)}"
            for ecosystem, strategy, stream in columns]  # fmt: skip
