"""Totals of a region year by year, as Fig. 12 of the paper, with intervals.

The interval is for one more draw of the ensemble of parameter maps, by Student's t, so
that it is honest about few draws. It holds the uncertainty of the upscaled parameters
and nothing else: not that of the weather, nor of the model's equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jobs.errors import ConfigError
from jobs.files import replacing
from jobs.run.region_sample import open_region
from jobs.run.run import Run
from jobs.stages.region_evaluate import annual_fluxes

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

CARBON = ("gpp", "er", "nee")


def region_totals(run: Run, sets: Sequence[str]) -> pd.DataFrame:
    """Sum the carbon fluxes over the region, and write ``totals.csv``.

    Parameters
    ----------
    run : Run
        Of a region.
    sets : sequence of str
        Parameter sets whose run covers the whole region.

    Returns
    -------
    pandas.DataFrame
        A row for each flux, parameter set and year: ``total`` in Pg yr-1 of carbon,
        ``low`` and ``high`` (ends of the 90 % interval; of the ensemble, whose
        ``total`` is the mean of the draws), ``change`` (over the default's total, 1)
        and ``share_of_area`` that had a value, 1. In a synthetic region the set
        ``truth`` is beside the others. ``year`` is ``mean`` for the mean of all.
    """
    import pandas as pd

    parts = []
    for name in sets:
        fluxes = annual_fluxes(run, name)
        lat, fraction = fluxes["lat"].to_numpy(), _fraction(run, fluxes)
        parts += [_rows(fluxes[flux], name, lat, fraction) for flux in CARBON]
    if open_region(run.cube).synthetic:
        parts += _truth(run, annual_fluxes(run, sets[0]))
    table = pd.concat(parts, ignore_index=True)
    default = table[table["parameters"] == "default"].set_index(["flux", "year"])
    at = pd.MultiIndex.from_frame(table[["flux", "year"]])
    if len(default):
        before = default["total"].reindex(at).to_numpy()
        table["change"] = (table["total"] - before) / np.abs(before)
    with replacing(run.folder.evaluation / "totals.csv") as aside:
        table.to_csv(aside, index=False, float_format="%.6g")
    return table


def whole_sets(run: Run) -> list[str]:
    """Return the parameter sets whose run of the whole region is finished."""
    found = []
    for name in ("default", "upscaled", "ensemble"):
        try:
            annual_fluxes(run, name)
        except ConfigError:
            continue
        found.append(name)
    return found


def next_draw(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 90 % interval for one more draw.

    Parameters
    ----------
    totals : ndarray (draw, ...)
        At least two draws.

    Returns
    -------
    low, high : ndarray (...)

    Notes
    -----
    Mean -+ t(0.95, n - 1) s sqrt(1 + 1/n), exact for normal draws.
    """
    from scipy.stats import t

    n = len(totals)
    half = t.ppf(0.95, n - 1) * totals.std(axis=0, ddof=1) * np.sqrt(1.0 + 1.0 / n)
    middle = totals.mean(axis=0)
    return middle - half, middle + half


def _rows(
    flux: xr.DataArray, parameter_set: str, lat: np.ndarray, fraction: np.ndarray
) -> pd.DataFrame:
    import pandas as pd

    import upscale

    draws = range(flux.sizes["draw"]) if "draw" in flux.dims else [None]
    each = []
    for draw in draws:
        one = flux if draw is None else flux.isel(draw=draw)
        found = upscale.regional_totals(one, lat, fraction)
        each.append(found["total"].to_numpy())
    years = [str(int(year)) for year in flux["year"].to_numpy()]
    totals = np.array([[*one, one.mean()] for one in each])
    fractions = found["share_of_area"].to_numpy()
    low, high = next_draw(totals) if len(totals) > 1 else (np.nan, np.nan)
    return pd.DataFrame(
        {
            "flux": str(flux.name),
            "parameters": parameter_set,
            "year": [*years, "mean"],
            "total": totals.mean(axis=0),
            "low": low,
            "high": high,
            "unit": "Pg yr-1",
            "share_of_area": [*fractions, fractions.min()],
        }
    )


def _truth(run: Run, like: xr.Dataset) -> list[pd.DataFrame]:
    """Totals of a synthetic region's own fluxes."""
    years = run.config.periods.observed
    ids = like["pixel"].to_numpy()
    try:
        known = open_region(run.cube).true_series(ids.tolist())
    except ValueError:
        return []  # synthetic, but not from the model: nobody kept the truth
    series = known.sel(time=years.years)
    starts = series["time"].to_numpy().astype("datetime64[D]")
    ends = np.append(starts[1:], np.datetime64(f"{years.last + 1}-01-01"))
    days = (ends - starts).astype(float)
    of_year = starts.astype("datetime64[Y]").astype(int) + 1970
    lat, fraction = like["lat"].to_numpy(), _fraction(run, like)
    parts = []
    for flux in CARBON:
        values = series[flux].transpose("pixel", "time")
        weighted = (values * days).assign_coords(year=("time", of_year))
        lengths = np.array([days[of_year == y].sum() for y in np.unique(of_year)])
        annual = weighted.groupby("year").sum("time") / lengths
        annual.attrs = dict(values.attrs)
        parts.append(_rows(annual.rename(flux), "truth", lat, fraction))
    return parts


def _fraction(run: Run, fluxes: xr.Dataset) -> np.ndarray:
    """Share of each pixel that is forest; all of it without a land cover product."""
    static = open_region(run.cube).static.sel(pixel=fluxes["pixel"].to_numpy())
    fraction = static["forest_fraction"].to_numpy().astype(float)
    return np.where(np.isnan(fraction), 1.0, fraction)
