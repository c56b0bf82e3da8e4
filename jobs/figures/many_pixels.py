"""Figures of many calibrated pixels: those of Ma et al. (2022) that need no region.

Figure 2 (posteriors of some pixels), 3 (best parameters of all), 4 (fit before and
after) and 8 (distributions of the scores). Each function takes what was read from
result files and leaves a PNG with the CSV it was drawn from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLUE,
    ORANGE,
    SEQUENTIAL,
    STREAM_LABELS,
    new_figure,
    power_of_ten,
    put_title,
    save_figure,
)
from jobs.figures.labels import with_unit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_N_PIXELS, _N_BINS = 10, 40
_MOST_COLUMNS = 7  # parameters side by side
_SCORES = {"r2": "R²", "rmse": "RMSE", "ae": "AE (mean difference)", "diso": "DISO"}
_DEFAULT = {"color": ORANGE, "linestyle": (0, (4, 2)), "label": "default"}


def draw_posteriors(store: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw posterior densities of up to ten pixels (Figure 2).

    Rows are pixels, evenly spaced through those that are finished; columns are
    parameters, from prior bound to prior bound, the default marked. Many parameters
    are divided into bands, one below the other, so that their labels can be read.

    Parameters
    ----------
    store : xarray.Dataset
        ``posteriors.zarr``, finished pixels only.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    import pandas as pd

    names = [str(name) for name in store["parameter"].to_numpy()]
    n = min(_N_PIXELS, store.sizes["pixel"])
    chosen = np.unique(np.linspace(0, store.sizes["pixel"] - 1, n).round().astype(int))
    n_bands = -(-len(names) // _MOST_COLUMNS)
    n_columns = -(-len(names) // n_bands)
    figure, axes = new_figure(
        n_bands * len(chosen), n_columns, height=0.9, width=max(4.0, 1.7 * n_columns)
    )
    rows = []
    for k, pixel in enumerate(chosen):
        for number, name in enumerate(names):
            band, j = divmod(number, n_columns)
            axis = axes[band * len(chosen) + k, j]
            draws = store[name].isel(pixel=pixel)
            low, high = draws.attrs["prior_low"], draws.attrs["prior_high"]
            edges = np.linspace(low, high, _N_BINS + 1)
            values = draws.to_numpy()
            density, _ = np.histogram(values[np.isfinite(values)], edges, density=True)
            scale = 10.0 ** -power_of_ten(high)
            axis.stairs(density, edges * scale, color=BLUE, fill=True, alpha=0.5)
            axis.stairs(density, edges * scale, color=BLUE)
            axis.axvline(draws.attrs["default"] * scale, **_DEFAULT)
            axis.set_xlim(low * scale, high * scale)
            axis.set_yticks([])
            axis.tick_params(labelsize=7, labelbottom=k == len(chosen) - 1)
            if k == len(chosen) - 1:
                axis.set_xlabel(_label(name, draws.attrs), fontsize=8)
            if j == 0:
                axis.set_ylabel(
                    f"{int(store['pixel'][pixel])}", rotation=0, ha="right", fontsize=8
                )
            rows.append(
                pd.DataFrame(
                    {
                        "pixel": int(store["pixel"][pixel]),
                        "parameter": name,
                        "from": edges[:-1],
                        "to": edges[1:],
                        "density": density,
                        "default": draws.attrs["default"],
                    }
                )
            )
    for axis in axes.flat:
        axis.set_visible(axis.has_data())
    _finish(figure, axes[0, 0], f"{title}: posteriors, by pixel id")
    save_figure(figure, target, pd.concat(rows))


def draw_best_parameters(store: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw histograms of posterior means over all pixels (Figure 3).

    Parameters
    ----------
    store : xarray.Dataset
        ``posteriors.zarr``, finished pixels only.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    import pandas as pd

    names = [str(name) for name in store["parameter"].to_numpy()]
    n_columns = min(5, len(names))
    figure, axes = new_figure(-(-len(names) // n_columns), n_columns, height=2.0)
    rows = []
    for j, name in enumerate(names):
        axis, attrs = axes.flat[j], store[name].attrs
        means = store["mean"].sel(parameter=name).to_numpy().astype(float)
        low, high = attrs["prior_low"], attrs["prior_high"]
        edges = np.linspace(low, high, 26)
        counts, _ = np.histogram(means[np.isfinite(means)], edges)
        scale = 10.0 ** -power_of_ten(high)
        axis.stairs(counts, edges * scale, color=BLUE, fill=True, alpha=0.5)
        axis.stairs(counts, edges * scale, color=BLUE)
        axis.axvline(attrs["default"] * scale, **_DEFAULT)
        axis.set_xlim(low * scale, high * scale)
        axis.set_xlabel(_label(name, attrs), fontsize=8)
        axis.tick_params(labelsize=7)
        axis.yaxis.get_major_locator().set_params(integer=True)
        rows.append(
            pd.DataFrame(
                {
                    "parameter": name,
                    "from": edges[:-1],
                    "to": edges[1:],
                    "n_pixels": counts,
                    "default": attrs["default"],
                    "unit": attrs["units"],
                }
            )
        )
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("pixels", fontsize=8)
    _finish(figure, axes[0, 0], f"{title}: posterior means, within prior bounds")
    save_figure(figure, target, pd.concat(rows))


def draw_fit_of_samples(
    comparison: pd.DataFrame, scores: pd.DataFrame, target: Path, *, title: str
) -> None:
    """Draw DISO before and after, and calibrated against observed (Figure 4).

    Parameters
    ----------
    comparison : pandas.DataFrame
        Of all pixels, or of some: ``pixel``, ``stream``, ``period``, ``observed``,
        ``calibrated``, 8-day means.
    scores : pandas.DataFrame
        Of all pixels, with ``diso``.
    target : Path
        The PNG; the scores are the CSV beside it, the points another.
    title : str
        Says where the data come from.
    """
    panels = list(comparison.groupby(["stream", "period"], sort=False))
    figure, axes = new_figure(2, len(panels), height=2.7, width=2.9 * len(panels))
    rows = []
    for k, (key, part) in enumerate(panels):
        stream, period = map(str, key)
        here = scores[(scores["stream"] == stream) & (scores["period"] == period)]
        _before_and_after(axes[0, k], here, "diso")
        axes[0, k].set_title(f"{stream.upper()}, {period} years", fontsize=9)
        axes[0, k].set_xlabel("DISO", fontsize=8)
        axes[0, k].set_ylabel("pixels" if k == 0 else "", fontsize=8)
        r2, rmse = _pooled(part)
        axis = axes[1, k]
        limits = _limits(part)
        axis.hexbin(
            part["observed"],
            part["calibrated"],
            gridsize=35,
            bins="log",
            mincnt=1,
            cmap=SEQUENTIAL,
            extent=(*limits, *limits),
            linewidths=0.1,
        )
        axis.axline((0, 0), slope=1, color="0.3", lw=0.8)
        axis.set(xlim=limits, ylim=limits, aspect="equal")
        axis.set_xlabel(f"observed {STREAM_LABELS.get(stream, stream)}", fontsize=8)
        axis.set_ylabel("calibrated" if k == 0 else "", fontsize=8)
        axis.text(
            0.04,
            0.96,
            f"R² {r2:.2f}\nRMSE {rmse:.2f}",
            transform=axis.transAxes,
            va="top",
            fontsize=8,
        )
        axis.tick_params(labelsize=7)
        rows.append({"stream": stream, "period": period, "r2": r2, "rmse": rmse})
    shown, n = _n_pixels(comparison), scores["pixel"].nunique()
    if n > comparison["pixel"].nunique():
        shown += f" of {n}"
    _finish(figure, axes[0, 0], f"{title}: window means, {shown}")
    import pandas as pd

    pooled = pd.DataFrame(rows)
    pooled = pooled.assign(parameters=f"calibrated, {shown} pooled", pixel="")
    save_figure(figure, target, pd.concat([scores, pooled], ignore_index=True))


def draw_score_distributions(
    scores: pd.DataFrame,
    target: Path,
    *,
    title: str,
    units: dict[str, str],
    after: str = "calibrated",
) -> None:
    """Draw R², RMSE, AE and DISO of all pixels, before and after (Figure 8).

    Parameters
    ----------
    scores : pandas.DataFrame
        Of all pixels, both periods.
    target : Path
        The PNG; the scores are the CSV beside it.
    title : str
        Says where the data come from.
    units : dict
        Unit of each stream.
    after : str
        The parameter set that is laid beside the default.
    """
    streams = list(dict.fromkeys(scores["stream"]))
    figure, axes = new_figure(len(streams), len(_SCORES), height=2.2)
    for i, stream in enumerate(streams):
        part = scores[scores["stream"] == stream]
        for j, (score, label) in enumerate(_SCORES.items()):
            axis = axes[i, j]
            _before_and_after(axis, part, score, after)
            unit = units[stream] if score in ("rmse", "ae") else "1"
            axis.set_xlabel(with_unit(label, unit), fontsize=8)
            if score == "ae":
                axis.axvline(0, color="0.3", lw=0.8)
        axes[i, 0].set_ylabel(f"{stream.upper()}\npixels x periods", fontsize=8)
    _finish(figure, axes[0, 0], f"{title}: {_n_pixels(scores)}")
    save_figure(figure, target, scores)


def _before_and_after(
    axis: Any, scores: pd.DataFrame, column: str, after: str = "calibrated"
) -> None:
    """Draw histograms of a score with default parameters and with others."""
    values = scores[column].to_numpy(float)
    values = values[np.isfinite(values)]
    if not values.size:
        return
    low, high = np.percentile(values, [0, 98])
    edges = np.linspace(low, high if high > low else low + 1e-6, 21)
    for parameters, colour, hatch in (
        ("default", ORANGE, "////"),
        (after, BLUE, None),
    ):
        part = scores.loc[scores["parameters"] == parameters, column].to_numpy(float)
        # What lies beyond the 98th percentile counts in the last bin.
        counts, _ = np.histogram(
            np.clip(part[np.isfinite(part)], low, edges[-1]), edges
        )
        axis.stairs(
            counts, edges, color=colour, fill=True, alpha=0.35, hatch=hatch, lw=0
        )
        axis.stairs(counts, edges, color=colour, label=parameters)
    axis.tick_params(labelsize=7)
    axis.yaxis.get_major_locator().set_params(integer=True)


def _pooled(part: pd.DataFrame) -> tuple[float, float]:
    from masm.results.scores import scores

    found = scores(part["calibrated"], part["observed"])
    return float(found["r2"]), float(found["rmse"])


def _limits(part: pd.DataFrame) -> tuple[float, float]:
    both = part[["observed", "calibrated"]].to_numpy(float)
    low, high = np.nanpercentile(both, [0, 99.9])
    return float(min(0.0, low)), float(high * 1.05 + 1e-9)


def _label(name: str, attrs: dict[str, Any]) -> str:
    power = power_of_ten(attrs["prior_high"])
    return with_unit(f"{name}\n", attrs["units"], power).replace("\n (", "\n(").rstrip()


def _n_pixels(scores: pd.DataFrame) -> str:
    n = scores["pixel"].nunique()
    return f"{n} pixel{'s' if n > 1 else ''}"


def _finish(figure: Any, axis: Any, title: str) -> None:
    put_title(figure, title)
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
