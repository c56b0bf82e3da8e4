"""Figures of a reanalysis: series of a site, spread and error, ranks, Q, weights."""

from __future__ import annotations

from collections.abc import Mapping
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
    import xarray as xr

_LABELS = {
    "above_ground_wood": "above-ground wood (g C m-2)",
    "wood": "wood (g C m-2)",
    "lai": "LAI",
    "soil_carbon": "soil carbon (g C m-2)",
}


def label_of(state: str) -> str:
    """Return the axis label of a state."""
    return _LABELS.get(state, state)


def draw_site(
    found: xr.Dataset,
    site: str,
    truth: np.ndarray | None,
    target: Path,
    *,
    title: str,
) -> None:
    """Draw forecast, analysis and observations of a site, and the truth of a twin.

    Parameters
    ----------
    found : xarray.Dataset
        Analyses over (time, site, state).
    site : str
    truth : (time, state), optional
    target : Path
        The PNG; the table is written beside it as CSV.
    title : str
    """
    import pandas as pd

    one = found.sel(site=site)
    states = [str(name) for name in found["state"].to_numpy()]
    time = found["time"].to_numpy()
    figure, axes = new_figure(len(states), 1, 2.3)
    rows = []
    for k, (axis, state) in enumerate(zip(axes[:, 0], states, strict=True)):
        part = one.sel(state=state)
        for what, colour, shift in (("forecast", SKY, -20), ("analysis", BLUE, 20)):
            mean, sd = part[f"{what}_mean"].to_numpy(), part[f"{what}_sd"].to_numpy()
            axis.errorbar(
                time + np.timedelta64(shift, "D"), mean, yerr=1.645 * sd, fmt="o",
                color=colour, markersize=4, capsize=2, label=f"{what}, 90 %",
            )  # fmt: skip
        _observed(axis, part, time)
        if truth is not None:
            axis.plot(time, truth[:, k], color=BLACK, lw=1, label="truth (synthetic)")
        axis.set_ylabel(label_of(state))
        for j, day in enumerate(time):
            rows.append(
                {
                    "site": site,
                    "date": str(day)[:10],
                    "state": state,
                    **{
                        name: float(part[name][j])
                        for name in ("forecast_mean", "forecast_sd", "analysis_mean",
                                     "analysis_sd", "observation", "observation_sd")
                    },
                    "truth": np.nan if truth is None else truth[j, k],
                }
            )  # fmt: skip
    axes[0, 0].legend(fontsize=8, frameon=False, ncols=4)
    put_title(figure, title)
    save_figure(figure, target, pd.DataFrame(rows))


def _observed(axis: Any, part: xr.Dataset, time: np.ndarray) -> None:
    values, sd = part["observation"].to_numpy(), part["observation_sd"].to_numpy()
    seen = np.isfinite(values)
    if seen.any():
        axis.errorbar(
            time[seen], values[seen], yerr=1.645 * sd[seen], fmt="s", color=VERMILION,
            markersize=4, capsize=2, label="observed, 90 %",
        )  # fmt: skip


def draw_spread(found: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw the error of the forecast against what its spread lets expect, by year."""
    import pandas as pd

    states = [str(name) for name in found["state"].to_numpy()]
    n = found.sizes["member"]
    time = found["time"].to_numpy()
    figure, axes = new_figure(1, len(states), 2.8)
    rows = []
    for axis, state in zip(axes[0], states, strict=True):
        one = found.sel(state=state)
        observed = one["observation"].to_numpy()
        off = one["forecast_mean"].to_numpy() - observed
        expected = (n + 1) / n * one["forecast_sd"].to_numpy() ** 2
        expected = expected + one["observation_sd"].to_numpy() ** 2
        error = np.array([_rms(row) for row in off])
        spread = np.array([_rms(np.sqrt(row)) for row in expected])
        if np.isfinite(error).any():
            axis.plot(time, error, "o-", color=VERMILION, label="rms error")
            axis.plot(time, spread, "s--", color=BLUE, label="expected")
            axis.legend(fontsize=8, frameon=False)
        else:
            axis.text(0.5, 0.5, "not observed", ha="center", transform=axis.transAxes)
        axis.set_title(label_of(state), fontsize=9)
        axis.tick_params(axis="x", rotation=45)
        axis.set_ylim(bottom=0.0)
        rows += [
            {"state": state, "date": str(day)[:10], "rms_error": e, "expected": s}
            for day, e, s in zip(time, error, spread, strict=True)
        ]
    put_title(figure, title)
    save_figure(figure, target, pd.DataFrame(rows))


def _rms(values: np.ndarray) -> float:
    seen = values[np.isfinite(values)]
    return float(np.sqrt((seen**2).mean())) if seen.size else np.nan


def draw_ranks(
    ranks: Mapping[str, np.ndarray], n_members: int, target: Path, *, title: str
) -> None:
    """Draw rank histograms; even ones mean that the forecast knows its error."""
    import pandas as pd

    shown = {name: values for name, values in ranks.items() if values.size}
    n_bins = n_members + 1 if n_members < 21 else 10
    figure, axes = new_figure(1, max(1, len(shown)), 2.6)
    rows = []
    for axis, (state, values) in zip(axes[0], shown.items(), strict=False):
        place = (values * n_bins) // (n_members + 1)
        counts = np.bincount(place, minlength=n_bins)
        axis.bar(np.arange(n_bins), counts, color=SKY, edgecolor=BLACK)
        # Ranks do not divide into bins evenly: the count expected in each bin.
        width = np.bincount(
            (np.arange(n_members + 1) * n_bins) // (n_members + 1), minlength=n_bins
        )
        expected = values.size * width / (n_members + 1)
        axis.step(np.arange(n_bins), expected, where="mid", color=VERMILION)
        axis.set_title(label_of(state), fontsize=9)
        axis.set_xlabel("rank of the observation")
        rows += [
            {"state": state, "bin": k, "count": int(c), "expected": e}
            for k, (c, e) in enumerate(zip(counts, expected, strict=True))
        ]
    if not shown:
        axes[0, 0].text(0.5, 0.5, "no observations", ha="center")
    put_title(figure, title)
    save_figure(figure, target, pd.DataFrame(rows, columns=["state", "bin", "count",
                                                            "expected"]))  # fmt: skip


def draw_increments(found: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw what the analyses changed, and the carbon that they added, by year."""
    import pandas as pd

    states = [str(name) for name in found["state"].to_numpy()]
    time = found["time"].to_numpy()
    figure, axes = new_figure(1, len(states) + 1, 2.8, width=12)
    series = {
        state: found["increment"].sel(state=state).mean("member") for state in states
    }
    series["carbon added (g C m-2)"] = found["carbon_added"].mean("member")
    rows = []
    for axis, (name, values) in zip(axes[0], series.items(), strict=True):
        table = values.transpose("time", "site").to_numpy()
        middle = table.mean(axis=1)
        low, high = np.quantile(table, [0.05, 0.95], axis=1)
        axis.axhline(0.0, color=BLACK, lw=0.8)
        axis.fill_between(time, low, high, color=SKY, alpha=0.4)
        axis.plot(time, middle, "o-", color=BLUE)
        axis.set_title(label_of(name), fontsize=9)
        axis.tick_params(axis="x", rotation=45)
        rows += [
            {"of": name, "date": str(d)[:10], "mean": m, "q05": lo, "q95": hi}
            for d, m, lo, hi in zip(time, middle, low, high, strict=True)
        ]
    put_title(figure, title)
    save_figure(figure, target, pd.DataFrame(rows))


def draw_process(found: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw the sd of the process error as it was learned; hollow: from the prior."""
    import pandas as pd

    states = [str(name) for name in found["state"].to_numpy()]
    time = found["time"].to_numpy()
    figure, axes = new_figure(1, len(states), 2.6)
    rows = []
    for k, (axis, state) in enumerate(zip(axes[0], states, strict=True)):
        sd = np.sqrt(found["process_covariance"].to_numpy()[:, k, k])
        source = [str(x) for x in found["process_from"].to_numpy()[:, k]]
        axis.plot(time, sd, color=PURPLE, lw=1)
        for day, value, word in zip(time, sd, source, strict=True):
            face = PURPLE if word == "data" else "none"
            axis.plot([day], [value], "o", color=PURPLE, markerfacecolor=face)
        top = float(np.nanmax(np.where(np.isfinite(sd), sd, np.nan), initial=1e-9))
        axis.set_ylim(0.0, 1.15 * top)
        axis.set_title(label_of(state), fontsize=9)
        axis.tick_params(axis="x", rotation=45)
        rows += [
            {"state": state, "date": str(d)[:10], "sd": v, "from": w}
            for d, v, w in zip(time, sd, source, strict=True)
        ]
    put_title(figure, title)
    save_figure(figure, target, pd.DataFrame(rows))


def draw_weights(found: xr.Dataset, target: Path, *, title: str) -> None:
    """Draw the effective number of members at all sites, by year."""
    import pandas as pd

    time = found["time"].to_numpy()
    values = found["effective_members"].transpose("time", "site").to_numpy()
    figure, axes = new_figure(1, 1, 2.8, width=7)
    axis = axes[0, 0]
    for k in range(values.shape[1]):
        axis.plot(time, values[:, k], ".", color=GREEN, markersize=4)
    middle = np.array([_median(row) for row in values])
    axis.plot(time, middle, "-", color=BLACK, label="median of the sites")
    axis.axhline(5.0, color=ORANGE, ls="--", label="5: below, a few members decide")
    axis.set_ylim(0.0, found.sizes["member"] * 1.05)
    axis.set_ylabel("effective members")
    axis.legend(fontsize=8, frameon=False)
    put_title(figure, title)
    sites = [str(name) for name in found["site"].to_numpy()]
    table = pd.DataFrame(values, columns=sites)
    table.insert(0, "date", [str(day)[:10] for day in time])
    save_figure(figure, target, table)


def _median(values: np.ndarray) -> float:
    seen = values[np.isfinite(values)]
    return float(np.median(seen)) if seen.size else np.nan


def draw_radii(table: pd.DataFrame, chosen: float, target: Path, *, title: str) -> None:
    """Draw the criterion of each localisation radius; the chosen one is marked."""
    figure, axes = new_figure(1, 1, 2.8, width=7)
    axis = axes[0, 0]
    for state, colour in zip(
        dict.fromkeys(table["state"]), (GREEN, ORANGE, PURPLE, SKY), strict=False
    ):
        part = table[table["state"] == state]
        axis.plot(part["radius_km"], part["criterion"], "o--", color=colour,
                  label=label_of(str(state)))  # fmt: skip
    mean = table.groupby("radius_km")["criterion"].mean()
    axis.plot(mean.index, mean, "s-", color=BLACK, label="mean of the states")
    axis.axvline(chosen, color=VERMILION, lw=1, label=f"least: {chosen:g} km")
    axis.set_xlabel("radius (km)")
    axis.set_ylabel("residual spatial correlation, rms")
    axis.legend(fontsize=8, frameon=False)
    put_title(figure, title)
    save_figure(figure, target, table)
