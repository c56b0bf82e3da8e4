"""Figures that say how reliable a posterior is.

Chains (trace and rank plots), the surrogate's error as the model runs came in, the
model at draws of the posterior beside what was observed, and, where truths are known,
how often intervals hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    DIVERGING,
    GREEN,
    SKY,
    STREAM_LABELS,
    new_figure,
    power_of_ten,
    put_title,
    save_figure,
)
from jobs.figures.labels import number

if TYPE_CHECKING:
    import xarray as xr

_N_RANK_BINS, _N_TRACED, _MAX_CHAINS = 10, 4, 10
_PIXELS_AT_ONCE = 500
LEVELS = np.linspace(0.05, 0.95, 19)
"""Nominal levels of the coverage figure, 1."""


def draw_chains(posterior: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw traces of four chains, and how ranks spread over all of them.

    Where chains agree, each holds every part of the pooled ranks equally often: an
    even field. A chain that stays in a corner shows as a dark row (Vehtari et al.
    2021, doi:10.1214/20-BA1221).

    Parameters
    ----------
    posterior : xarray.Dataset
        Draws (chain, draw) of each parameter.
    target : Path
        The PNG; the rank counts are the CSV beside it.
    title : str
        Says where the data come from.
    """
    import pandas as pd

    names = [str(name) for name in posterior.data_vars]
    figure, axes = new_figure(len(names), 2, height=1.1)
    rows = []
    for (trace, ranks), name in zip(axes, names, strict=True):
        draws = posterior[name].to_numpy()
        scale = 10.0 ** -power_of_ten(float(np.max(np.abs(draws))))
        for chain in draws[np.linspace(0, len(draws) - 1, _N_TRACED).astype(int)]:
            trace.plot(chain * scale, lw=0.3)
        power = f" ($10^{{{-round(np.log10(scale))}}}$)" if scale != 1 else ""
        trace.set_ylabel(name + power, fontsize=8)
        trace.margins(x=0)
        fraction = rank_fractions(draws)
        image = ranks.imshow(
            fraction, aspect="auto", cmap=DIVERGING, vmin=0, vmax=2, extent=(0, 1, 0, 1)
        )
        ranks.set_yticks([])
        for axis in (trace, ranks):
            axis.tick_params(labelsize=7, labelbottom=name == names[-1])
        rows.append(
            pd.DataFrame(fraction)
            .rename_axis("chain")
            .reset_index()
            .melt("chain", var_name="rank_bin", value_name="relative_frequency")
            .assign(parameter=name)
        )
    axes[0, 0].set_title("trace of four chains", fontsize=9)
    axes[0, 1].set_title("fraction of each chain's draws by pooled rank", fontsize=9)
    axes[-1, 0].set_xlabel("draw kept", fontsize=8)
    axes[-1, 1].set_xlabel("pooled rank, 0 lowest to 1 highest", fontsize=8)
    bar = figure.colorbar(image, ax=axes[:, 1], shrink=0.6, pad=0.01)
    bar.set_label("relative to an equal fraction", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    put_title(figure, title)
    save_figure(figure, target, pd.concat(rows))


def rank_fractions(draws: np.ndarray) -> np.ndarray:
    """Return how often a chain is in each part of the pooled ranks, 1 if evenly.

    Parameters
    ----------
    draws : ndarray (chain, draw)
        Of one parameter. Neighbouring chains are taken together where there are many.

    Returns
    -------
    ndarray (at most 10 chains, 10)
        Relative to an even fraction.
    """
    from scipy.stats import rankdata

    # Newer SciPy gives ranks as floats.
    ranks = rankdata(draws, method="ordinal").astype(np.int64).reshape(draws.shape) - 1
    bins = ranks * _N_RANK_BINS // draws.size
    counts = np.stack([np.bincount(row, minlength=_N_RANK_BINS) for row in bins])
    groups = np.array_split(counts, min(_MAX_CHAINS, len(counts)))
    return np.stack([part.mean(axis=0) for part in groups]) * (
        _N_RANK_BINS / draws.shape[1]
    )


def draw_surrogate(runs: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw the cost of every model run, and the surrogate's error as they came in.

    A method that works on the model itself has no surrogate, and no second panel.

    Parameters
    ----------
    runs : xarray.Dataset
        Group ``runs`` of a posterior file: ``cost`` (run,) and histories (batch,).
    target : Path
        The PNG; the histories are the CSV beside it.
    title : str
        Says where the data come from.
    """
    import pandas as pd

    histories = _histories(runs)
    predicted = "rmse" in histories
    figure, axes = new_figure(1, 1 + predicted, height=2.9)
    cost = runs["cost"].to_numpy()
    left = axes[0][0]
    left.plot(np.arange(1, cost.size + 1), cost, ".", color=SKY, label="each run")
    # Each block has a cost of its own.
    best = pd.Series(cost).groupby(runs["block"].to_numpy()).cummin().to_numpy()
    left.plot(np.arange(1, cost.size + 1), best, color=BLUE, label="best so far")
    left.set(xlabel="model run", ylabel="cost, $-2\\log L$", yscale="log")
    left.legend(fontsize=8)
    if predicted:
        _draw_errors(axes[0][1], histories)
    put_title(figure, title)
    table = pd.concat(
        [
            pd.DataFrame({"what": "run", "n_runs": range(1, cost.size + 1)}).assign(
                cost=cost, best_cost=best
            ),
            histories.assign(what="surrogate"),
        ]
    )
    save_figure(figure, target, table)


def _draw_errors(axis: Any, histories: Any) -> None:
    for (label, part), style in zip(
        histories.groupby("block", sort=False), ("-o", "--s", ":^"), strict=False
    ):
        axis.plot(part["n_runs"], part["rmse"], style, ms=3, color=BLUE, label=label)
    axis.set(
        xlabel="model runs",
        ylabel="error of predictions made\nbefore the run, in $-2\\log L$",
        yscale="log",
    )
    if histories["block"].nunique() > 1:
        axis.legend(fontsize=8)


def draw_predictive_check(tree: Mapping[str, Any], target: Path, *, title: str) -> None:
    """Draw the model at posterior draws beside the calibration's observations.

    The dark band is the 90 % range of model runs at draws of the posterior, the pale
    one has the observation error added, so it should hold nine observations in ten.

    Parameters
    ----------
    tree : mapping of str to xarray.Dataset
        Groups ``observed_data``, ``constant_data`` and ``predictive_runs`` of a
        posterior file.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    import pandas as pd

    observed = tree["observed_data"]
    # Files of earlier versions have the variances beside the observations, and the
    # model runs as the posterior predictive.
    predicted = tree.get("predictive_runs", tree.get("posterior_predictive"))
    if predicted is None:
        raise KeyError("predictive_runs")
    streams = [str(name) for name in predicted.data_vars if name in observed]
    variances = tree.get("constant_data", observed)
    figure, axes = new_figure(len(streams), 1, height=2.5)
    rows = []
    for axis, name in zip(axes[:, 0], streams, strict=True):
        part = predictive_ranges(
            predicted[name]
            .to_numpy()
            .reshape(-1, predicted.sizes[f"{name}_time"])
            .astype(float),
            observed[name].to_numpy(),
            variances[f"{name}_variance"].to_numpy(),
        )
        time = observed[f"{name}_time"].to_numpy()
        part.insert(0, "time", time)
        part.insert(0, "stream", name)
        held = part["inside"].mean()
        axis.fill_between(
            time, part["low"], part["high"], color=SKY, alpha=0.4, label="with error"
        )
        axis.fill_between(
            time, part["model_low"], part["model_high"], color=BLUE, label="model"
        )
        axis.plot(time, part["observed"], "o", ms=3, mfc="none", mec=BLACK, mew=0.7)
        axis.set_ylabel(STREAM_LABELS.get(name, name.upper()), fontsize=9)
        axis.set_title(
            f"{name.upper()}: {number(held, '.0%')} of {len(part)} observations lie in "
            "the pale 90 % band",
            fontsize=9,
        )
        axis.margins(x=0.01)
        rows.append(part)
    axes[0, 0].legend(fontsize=8, ncols=2)
    put_title(figure, title)
    save_figure(figure, target, pd.concat(rows))


def predictive_ranges(
    runs: np.ndarray, observed: np.ndarray, variance: np.ndarray
) -> Any:
    """Return 90 % ranges of model runs at draws, with and without observation error.

    Parameters
    ----------
    runs : ndarray (draw, time)
        The model at draws of the posterior.
    observed, variance : ndarray (time,)
        What was seen, and its error variance.

    Returns
    -------
    pandas.DataFrame
        ``observed``, ``model_low``, ``model_high``, ``low``, ``high``, ``inside``.
    """
    import pandas as pd

    model_low, model_high = np.quantile(runs, [0.05, 0.95], axis=0)
    # Draws and errors are independent and near Gaussian: their variances add.
    half = 1.645 * np.sqrt(runs.var(axis=0) + variance)
    middle = runs.mean(axis=0)
    return pd.DataFrame(
        {
            "observed": observed,
            "model_low": model_low,
            "model_high": model_high,
            "low": middle - half,
            "high": middle + half,
            "inside": np.abs(observed - middle) <= half,
        }
    )


def coverage(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return how often central intervals of each level hold the truth.

    Parameters
    ----------
    draws : ndarray (pixel, draw)
        Of one parameter; NaN where a pixel has fewer.
    truth : ndarray (pixel,)
        What is known to be true.

    Returns
    -------
    ndarray (level,)
        Fraction of pixels, at each of ``LEVELS``.
    """
    below = np.sum(draws < truth[:, None], axis=1) / np.isfinite(draws).sum(axis=1)
    distance = np.abs(below - 0.5) * 2  # the smallest interval that holds the truth
    return np.mean(distance[:, None] <= LEVELS[None, :], axis=0)


def draw_coverage(
    store: xr.Dataset, truths: Mapping[str, np.ndarray], target: Path, *, title: str
) -> None:
    """Draw how often intervals hold known truths, against how often they should.

    Parameters
    ----------
    store : xarray.Dataset
        ``posteriors.zarr``, finished pixels of a twin.
    truths : mapping of str to ndarray (pixel,)
        True value of each parameter.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    import pandas as pd

    n_pixels = store.sizes["pixel"]
    found = {}
    for name, truth in truths.items():
        parts = []
        for first in range(0, n_pixels, _PIXELS_AT_ONCE):
            some = slice(first, min(first + _PIXELS_AT_ONCE, n_pixels))
            draws = store[name].isel(pixel=some).to_numpy().astype(float)
            parts.append(coverage(draws.reshape(len(draws), -1), truth[some]))
        sizes = [
            min(_PIXELS_AT_ONCE, n_pixels - k * _PIXELS_AT_ONCE)
            for k in range(len(parts))
        ]
        found[name] = np.average(parts, axis=0, weights=sizes)
    overall = np.mean(list(found.values()), axis=0)
    figure, axes = new_figure(1, 1, height=4.2, width=5.5)
    axis = axes[0, 0]
    for fractions in found.values():
        axis.plot(LEVELS, fractions, color="0.7", lw=0.8)
    n = store.sizes["pixel"] * len(found)
    half = 1.96 * np.sqrt(LEVELS * (1 - LEVELS) / n)
    axis.fill_between(
        LEVELS,
        LEVELS - half,
        LEVELS + half,
        color=GREEN,
        alpha=0.25,
        label="sampling noise",
    )
    axis.plot([0, 1], [0, 1], color="0.3", lw=0.8, ls="--", label="right intervals")
    axis.plot(LEVELS, overall, "-o", ms=3, color=BLUE, label="all parameters")
    axis.plot([], [], color="0.7", lw=0.8, label="each parameter")
    axis.set(
        xlabel="level of the interval",
        ylabel="fraction of pixels whose interval holds the truth",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    axis.legend(fontsize=8)
    put_title(figure, title)
    wide = pd.DataFrame({"level": LEVELS, "all": overall, **found})
    save_figure(figure, target, wide.melt("level", var_name="parameter"))


def _histories(runs: xr.Dataset) -> Any:
    """Return the surrogate's history of each block, one after the other."""
    import pandas as pd

    parts = []
    for name in map(str, runs.data_vars):
        if not (name.startswith("history_") and name.endswith("n_runs")):
            continue
        stem = name.removesuffix("n_runs")
        block = stem.removeprefix("history_").strip("_") or "all parameters"
        part = {
            key: runs[stem + key].to_numpy()
            for key in ("n_runs", "rmse", "best_cost", "shift")
            if stem + key in runs
        }
        parts.append(pd.DataFrame(part).assign(block=block))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
