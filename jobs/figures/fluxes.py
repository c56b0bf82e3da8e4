"""Fluxes of a region: towers, and years (Figures 10 and 12 of Ma et al. 2022)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    new_figure,
    put_title,
    save_figure,
    total_scale,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

_COMPARED = {
    ("gpp", "model/product"): ("0.6", "", "GPP, product"),
    ("gpp", "model/tower"): (VERMILION, "//", "GPP, tower"),
    ("er", "model/tower"): (GREEN, "..", "ER, tower"),
    ("nee", "model/tower"): (BLUE, "xx", "NEE, tower"),
}
_SEASONS = {
    "all": "all months",
    "growing": "growing season",
    "non-growing": "other months",
}
_SEASON_STYLES: tuple[dict[str, Any], ...] = (
    {"color": BLACK, "marker": "o", "ls": "-"},
    {"color": GREEN, "marker": "^", "ls": "--"},
    {"color": PURPLE, "marker": "s", "ls": ":"},
)
_FLUXES = {"gpp": "GPP", "er": "ER", "nee": "NEE"}


def draw_sites(sites: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw how far DISO fell at each tower, by season and by year (Figure 10).

    A bar is of all years together, a dot of one year; a dot at an arrow lies beyond
    the axis.

    Parameters
    ----------
    sites : pandas.DataFrame
        ``evaluation/flux_sites.csv``.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    names = list(dict.fromkeys(sites["site"]))
    pairs = set(zip(sites["flux"], sites["compared"], strict=True))
    shown = {key: style for key, style in _COMPARED.items() if key in pairs}
    n_columns = min(3, len(names))
    figure, axes = new_figure(-(-len(names) // n_columns), n_columns, 3.0)
    for axis, name in zip(axes.flat, names, strict=False):
        _draw_site(axis, sites[sites["site"] == name], shown)
        axis.set_title(name, fontsize=9, parse_math=False)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("ΔDISO: its fall, as a fraction\nof the default's", fontsize=8)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=8,
    )
    put_title(figure, f"{title}: towers; above zero is better than default")
    save_figure(figure, target, sites)


def _draw_site(
    axis: Axes, here: pd.DataFrame, shown: dict[tuple[str, str], tuple[str, str, str]]
) -> None:
    """Draw one tower: bars of all years, dots of single ones."""
    improved = next(n for n in here.columns if n.startswith("improved_"))
    first = next(n for n in here.columns if n.startswith("diso_"))
    seasons = list(dict.fromkeys(here["season"]))
    year = here["year"].astype(str)
    every, yearly = here[year == "all"], here[year != "all"]
    bars = every.loc[every["compared"] != "product/tower", improved].dropna()
    low, high = min(-0.2, bars.min()) - 0.25, max(0.2, bars.max()) + 0.15
    width = 0.8 / len(shown)
    for k, (key, (colour, hatch, label)) in enumerate(shown.items()):

        def of(table: pd.DataFrame, key: tuple[str, str] = key) -> pd.DataFrame:
            return table[(table["flux"] == key[0]) & (table["compared"] == key[1])]

        at = np.arange(len(seasons)) + (k - (len(shown) - 1) / 2) * width
        values = of(every).set_index("season")[improved].reindex(seasons)
        axis.bar(at, values, width, color=colour, hatch=hatch, label=label, alpha=0.8)
        dots = of(yearly)
        x = at[[seasons.index(season) for season in dots["season"]]]
        y = dots[improved].to_numpy()
        inside = (y > low) & (y < high)
        style: dict[str, Any] = {"s": 9, "color": "w", "edgecolor": "k", "lw": 0.6}
        style["zorder"] = 3
        axis.scatter(x[inside], y[inside], **style)
        axis.scatter(x[y <= low], np.full((y <= low).sum(), low + 0.03), marker="v",
                     **style)  # fmt: skip
    axis.scatter([], [], s=9, color="w", edgecolor="k", lw=0.6, label="single years")
    axis.axhline(0, color="0.2", lw=0.8)
    axis.set_ylim(low, high)
    product = every[every["compared"] == "product/tower"].set_index("season")
    names = dict(_SEASONS)
    if "growing_months" in here:
        names["growing"] = str(here["growing_months"].iloc[0])
    labels = [names.get(season, season) for season in seasons]
    if len(product):
        own = product[first].reindex(seasons)
        labels = [
            f"{name}\nproduct's DISO {value:.2f}"
            for name, value in zip(labels, own, strict=True)
        ]
    axis.set_xticks(range(len(seasons)), labels)
    axis.tick_params(labelsize=7)


def draw_years(
    totals: pd.DataFrame, seasons: pd.DataFrame, target: Path, *, title: str
) -> None:
    """Draw totals year by year, and the change by season (Figure 12).

    Parameters
    ----------
    totals : pandas.DataFrame
        ``evaluation/totals.csv``: ``flux``, ``parameters``, ``year``, ``total``,
        ``low``, ``high`` in Pg yr-1 of carbon.
    seasons : pandas.DataFrame
        ``flux``, ``season``, ``year``, ``change`` (over the default, 1).
    target : Path
        The PNG; the seasons are the CSV beside it.
    title : str
        Says where the data come from.
    """
    yearly = totals[totals["year"].astype(str) != "mean"]
    factor, unit = total_scale(float(yearly["total"].abs().max()))
    numbers = ["total", "low", "high"]
    yearly = yearly.assign(**{name: factor * yearly[name] for name in numbers})
    figure, axes = new_figure(2, len(_FLUXES), 2.8)
    for j, (flux, label) in enumerate(_FLUXES.items()):
        here = yearly[yearly["flux"] == flux]
        axis = axes[0, j]
        for name, colour, style in (
            ("default", ORANGE, "--o"),
            ("upscaled", BLUE, "-s"),
        ):
            part = here[here["parameters"] == name]
            years = part["year"].astype(int)
            axis.plot(years, part["total"], style, ms=3, color=colour, label=name)
        ensemble = here[here["parameters"] == "ensemble"]
        if len(ensemble):
            axis.fill_between(
                ensemble["year"].astype(int),
                ensemble["low"],
                ensemble["high"],
                color=BLUE,
                alpha=0.2,
                lw=0,
                label="90 % interval",
            )
        axis.set_title(label, fontsize=9)
        axis.xaxis.get_major_locator().set_params(integer=True)
        below = axes[1, j]
        of_flux = seasons[seasons["flux"] == flux]
        for (season, part), look in zip(
            of_flux.groupby("season", sort=False), _SEASON_STYLES, strict=False
        ):
            change = 100 * part["change"]
            below.plot(part["year"], change, ms=4, label=str(season), **look)
        below.axhline(0, color="0.2", lw=0.8)
        below.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel(unit, fontsize=8)
    axes[1, 0].set_ylabel("change over default (%)", fontsize=8)
    axes[0, 0].legend(fontsize=7)
    axes[1, 0].legend(fontsize=7)
    put_title(figure, f"{title}: totals of the region, and how they changed")
    save_figure(figure, target, seasons)


def season_changes(
    before: xr.Dataset, after: xr.Dataset, weight: xr.DataArray
) -> pd.DataFrame:
    """Return how a region's fluxes changed, by year and season.

    Parameters
    ----------
    before, after : xarray.Dataset (pixel, time)
        Monthly means of ``gpp``, ``er`` and ``nee``, of the same months.
    weight : xarray.DataArray (pixel,)
        Area that counts, m2. A region whose coordinate ``lat`` is south of the equator
        grows from November to March of a calendar year.

    Returns
    -------
    pandas.DataFrame
        ``flux``, ``season``, ``year``, ``change`` over the size of the first, 1.
    """
    import pandas as pd

    month = before["time"].dt.month
    name, months = _growing_season(before)
    growing = month.isin(months)
    seasons = {"all year": month > 0, name: growing, "other months": ~growing}
    parts = []
    for flux in _FLUXES:
        sums = [
            (data[flux] * weight).sum("pixel") * data["time"].dt.days_in_month
            for data in (before, after)
        ]
        for season, inside in seasons.items():
            one, other = (
                part.sel(time=inside).groupby("time.year").sum() for part in sums
            )
            change = (other - one) / np.abs(one)
            table = change.to_dataframe("change").reset_index()
            parts.append(table.assign(flux=flux, season=season))
    columns = ["flux", "season", "year", "change"]
    return pd.concat(parts, ignore_index=True)[columns]


def _growing_season(data: xr.Dataset) -> tuple[str, tuple[int, ...]]:
    """Name and months of the season of a region, by the middle of its latitudes."""
    if "lat" in data.coords and float(data["lat"].mean()) < 0.0:
        return "November to March", (11, 12, 1, 2, 3)
    return "May to September", (5, 6, 7, 8, 9)
