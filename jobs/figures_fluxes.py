"""Fluxes of a region: towers, and years (Figures 10 and 12 of Ma et al. 2022)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.drawing import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    new_figure,
    put_title,
    save_figure,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_COMPARED = {
    ("gpp", "model/product"): ("0.6", "", "GPP, product"),
    ("gpp", "model/tower"): (VERMILION, "//", "GPP, tower"),
    ("er", "model/tower"): (GREEN, "..", "ER, tower"),
    ("nee", "model/tower"): (BLUE, "xx", "NEE, tower"),
}
_FLUXES = {"gpp": "GPP", "er": "ER", "nee": "NEE"}


def draw_sites(sites: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw how far DISO fell at each tower, by season (Figure 10).

    Parameters
    ----------
    sites : pandas.DataFrame
        ``evaluation/flux_sites.csv``.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    every = sites[sites["year"].astype(str) == "all"]
    names = list(dict.fromkeys(every["site"]))
    seasons = list(dict.fromkeys(every["season"]))
    improved = next(n for n in every.columns if n.startswith("improved_"))
    n_columns = min(4, len(names))
    figure, axes = new_figure(-(-len(names) // n_columns), n_columns, 2.4)
    width = 0.8 / len(_COMPARED)
    for axis, name in zip(axes.flat, names, strict=False):
        here = every[every["site"] == name]
        for k, (key, (colour, hatch, label)) in enumerate(_COMPARED.items()):
            part = here[(here["flux"] == key[0]) & (here["compared"] == key[1])]
            values = part.set_index("season")[improved].reindex(seasons)
            at = np.arange(len(seasons)) + (k - 1.5) * width
            axis.bar(at, values, width, color=colour, hatch=hatch, label=label)
        axis.axhline(0, color="0.2", lw=0.8)
        product = here[here["compared"] == "product/tower"].set_index("season")
        first = next(n for n in every.columns if n.startswith("diso_"))
        if len(product):
            values = product[first].reindex(seasons)
            text = "product's DISO " + ", ".join(f"{v:.2f}" for v in values)
            axis.text(0.02, 0.02, text, transform=axis.transAxes, fontsize=6)
        axis.set_xticks(range(len(seasons)), seasons)
        axis.set_title(name, fontsize=9, parse_math=False)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("fall of DISO,\nshare of the default's", fontsize=8)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    put_title(figure, f"{title}: towers; above zero is better than default")
    save_figure(figure, target, every)


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
        for season, part in of_flux.groupby("season", sort=False):
            below.plot(
                part["year"], 100 * part["change"], "-o", ms=3, label=str(season)
            )
        below.axhline(0, color="0.2", lw=0.8)
        below.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("Pg of carbon a year", fontsize=8)
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
        Area that counts, m2.

    Returns
    -------
    pandas.DataFrame
        ``flux``, ``season``, ``year``, ``change`` over the size of the first, 1.
    """
    import pandas as pd

    month = before["time"].dt.month
    growing = (month >= 5) & (month <= 9)
    seasons = {
        "all year": month > 0,
        "May to September": growing,
        "other months": ~growing,
    }
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
