"""Figures of a calibrated pixel, each beside the table it was drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    ORANGE,
    STREAM_LABELS,
    VERMILION,
    new_figure,
    power_of_ten,
    put_title,
    save_figure,
)
from jobs.figures.labels import with_unit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

_N_BINS = 60


def draw_fit(table: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw observed, default and calibrated window means through time.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``jobs.stages.evaluate.compare`` returns it.
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
        Says where the data come from.
    """
    streams = list(dict.fromkeys(table["stream"]))
    figure, axes = new_figure(len(streams), 1, height=2.6)
    for axis, stream in zip(axes.flat, streams, strict=True):
        part = table[table["stream"] == stream].sort_values("time")
        axis.plot(
            part["time"],
            part["observed"],
            linestyle="none",
            marker="o",
            markersize=3,
            markerfacecolor="none",
            markeredgecolor=BLACK,
            label="observed, mean of its window",
        )
        for name, colour, style in (
            ("default", ORANGE, (0, (4, 2))),
            ("calibrated", BLUE, "-"),
        ):
            times, values = _with_gaps(part["time"], part[name])
            axis.plot(times, values, color=colour, linestyle=style, label=name)
        _shade(axis, part)
        axis.set_ylabel(STREAM_LABELS.get(stream, stream))
        axis.margins(x=0.01)
    put_title(figure, title)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    save_figure(figure, target, table)


def draw_posterior(
    posterior: xr.Dataset,
    target: Path,
    *,
    title: str,
    meanings: Mapping[str, str],
    truth: Mapping[str, float] | None = None,
) -> None:
    """Draw posterior densities inside their prior ranges, the default marked.

    Parameters
    ----------
    posterior : xarray.Dataset
        Draws (chain, draw), with ``prior_low``, ``prior_high``, ``default`` and
        ``units`` in each variable's attributes.
    target : Path
        The PNG; the densities are written beside it as CSV.
    title : str
        Says where the data come from.
    meanings : mapping
        What each parameter is, in words.
    truth : mapping, optional
        Known parameters of a twin, marked too.
    """
    import pandas as pd

    names = [str(name) for name in posterior.data_vars]
    n_columns = min(5, len(names))
    n_rows = -(-len(names) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, height=2.1)
    rows = []
    for axis, name in zip(axes.flat, names, strict=False):
        attrs = posterior[name].attrs
        low, high = float(attrs["prior_low"]), float(attrs["prior_high"])
        default = float(attrs["default"])
        edges = np.linspace(low, high, _N_BINS + 1)
        density, _ = np.histogram(posterior[name].to_numpy(), edges, density=True)
        # Tick labels such as 2e-5 are wide: the power of ten goes to the label.
        power = power_of_ten(high)
        scale = 10.0**-power
        shown, flat = edges * scale, 1 / (high - low) / scale
        axis.stairs([flat], shown[[0, -1]], fill=True, color="0.85", label="prior")
        axis.stairs(density / scale, shown, color=BLUE, fill=True, alpha=0.35)
        axis.stairs(density / scale, shown, color=BLUE, label="posterior")
        mark = {"color": ORANGE, "linestyle": (0, (4, 2)), "label": "default"}
        axis.axvline(default * scale, **mark)
        if truth and name in truth:
            true = truth[name] * scale
            axis.axvline(true, color=VERMILION, label="truth (synthetic)")
        pad = 0.04 * (high - low) * scale
        axis.set_xlim(low * scale - pad, high * scale + pad)
        axis.set_yticks([])
        axis.set_xlabel(
            _parameter_label(name, attrs, meanings[name], power), fontsize=8
        )
        axis.tick_params(labelsize=7)
        rows += [
            {
                "parameter": name,
                "from": edges[k],
                "to": edges[k + 1],
                "density": density[k],
                "prior_low": low,
                "prior_high": high,
                "default": default,
                "truth": (truth or {}).get(name, np.nan),
            }
            for k in range(_N_BINS)
        ]
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("density", fontsize=8)
    put_title(figure, title)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    save_figure(figure, target, pd.DataFrame(rows))


def _with_gaps(time: pd.Series, values: pd.Series) -> tuple[Any, Any]:
    """Put a NaN into each gap longer than a month, so that no line crosses it."""
    time_array, value_array = time.to_numpy(), values.to_numpy(float)
    gaps = np.flatnonzero(np.diff(time_array) > np.timedelta64(31, "D")) + 1
    middle = time_array[gaps - 1] + np.timedelta64(8, "D")
    return np.insert(time_array, gaps, middle), np.insert(value_array, gaps, np.nan)


def _shade(axis: Axes, part: pd.DataFrame) -> None:
    from matplotlib.dates import date2num

    for period, colour in (("calibration", "0.93"), ("validation", "#CDE7DC")):
        times = part.loc[part["period"] == period, "time"]
        if len(times):
            years = [f"{times.min().year}-01-01", f"{times.max().year}-12-31"]
            first, last = date2num(np.array(years, "datetime64[D]"))
            axis.axvspan(first, last, color=colour, zorder=0, lw=0, label=period)
    left_out = part.loc[part["period"] == "left_out", "time"]
    for k, year in enumerate(sorted(set(left_out.dt.year))):
        first, last = date2num(np.array([f"{year}-01-01", f"{year}-12-31"], "M8[D]"))
        label = "left out" if k == 0 else None
        axis.axvspan(first, last, color="#F5DDCF", zorder=0.1, lw=0, label=label)


def _parameter_label(
    name: str, attrs: Mapping[str, Any], meaning: str, power: int
) -> str:
    import textwrap

    unit = str(attrs.get("units", "1"))
    meaning = textwrap.fill(meaning, 32, max_lines=3, placeholder=" ...")
    return f"{with_unit(name, unit, power)}\n{meaning}"
