"""Totals of a region, Pg of carbon a year, with intervals from an ensemble.

A pixel counts with its area on the WGS 84 ellipsoid times its fraction of forest.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from upscale.errors import InputError
from upscale.types import Floats

GRAMS_PER_PETAGRAM = 1.0e15
_PER_YEAR = ("g m-2 yr-1", "g m-2 a-1", "g m-2 year-1")
_PER_DAY = ("g m-2 d-1", "g m-2 day-1")


def cell_area(latitude: ArrayLike, step: float = 0.05) -> Floats:
    """Area [m2] of cells of ``step`` degrees, by the latitude of their middle.

    Polygons on the WGS 84 ellipsoid (Karney 2013, Journal of Geodesy 87, 43-55).
    Their edges are geodesics and not parallels; for cells of 0.05 degrees that
    changes the area by less than 2e-7 of itself.

    Parameters
    ----------
    latitude : array
        degrees north.
    step : float
        Width and height, degrees.

    Examples
    --------
    >>> import upscale
    >>> (upscale.cell_area([0.025, 60.025]) / 1e6).round(2)
    array([30.77, 15.53])
    """
    from pyproj import Geod

    ellipsoid = Geod(ellps="WGS84")
    latitude = np.asarray(latitude, dtype=np.float64)
    half = 0.5 * step
    rows, position = np.unique(latitude, return_inverse=True)
    areas = np.empty(rows.size)
    for index, middle in enumerate(rows):
        south, north = max(middle - half, -90.0), min(middle + half, 90.0)
        area, _ = ellipsoid.polygon_area_perimeter(
            [0.0, step, step, 0.0], [south, south, north, north]
        )
        areas[index] = area
    return areas[position].reshape(latitude.shape)


def regional_totals(
    flux: xr.DataArray,
    latitude: ArrayLike,
    fraction: ArrayLike,
    *,
    step: float = 0.05,
) -> pd.DataFrame:
    """Total of a flux over all pixels, for each year.

    Parameters
    ----------
    flux : xarray.DataArray
        Over (pixel, year) and perhaps (draw,): carbon in g m-2 yr-1, or a year's mean
        in g m-2 d-1 (times its 365 or 366 days), as ``attrs["units"]`` says.
    latitude : array (pixel,)
        Of the middle of each pixel, degrees north.
    fraction : array (pixel,)
        Fraction of each pixel that counts, such as its deciduous forest, 0 to 1.
    step : float
        Size of a pixel, degrees.

    Returns
    -------
    pandas.DataFrame
        Indexed by year: ``total`` (the mean of the draws), and with draws ``sd``,
        ``p05`` and ``p95``, Pg yr-1; ``area`` [m2] that was counted, and
        ``share_of_area`` of the whole that had a value in that year [1]. Where it is
        below 1 the total is of that fraction alone: nothing is filled.

    Raises
    ------
    InputError
        If units, dimensions or fractions cannot be right.

    Examples
    --------
    >>> import upscale, xarray as xr
    >>> gpp = xr.DataArray(
    ...     [[1200.0], [1000.0]], dims=("pixel", "year"), coords={"year": [2003]},
    ...     attrs={"units": "g m-2 yr-1"},
    ... )
    >>> table = upscale.regional_totals(gpp, [42.525, 42.525], [1.0, 0.5])
    >>> round(1e6 * float(table.loc[2003, "total"]), 1)
    38.8
    """
    wanted = {"pixel", "year"} | ({"draw"} & set(flux.dims))
    if set(flux.dims) != wanted:
        raise InputError(
            f"totals of {flux.name}: dimensions",
            ", ".join(map(str, flux.dims)),
            "pixel, year and perhaps draw",
        )
    counted = np.asarray(fraction, dtype=np.float64)
    area = cell_area(latitude, step) * counted
    if (
        area.shape != (flux.sizes["pixel"],)
        or not ((counted >= 0) & (counted <= 1)).all()
    ):
        raise InputError(
            f"totals of {flux.name}: fraction",
            f"{area.shape} fractions from {counted.min():g} to {counted.max():g}",
            f"one from 0 to 1 for each of {flux.sizes['pixel']} pixels",
        )
    years = flux["year"].to_numpy()
    per_year = flux.transpose(..., "pixel", "year").to_numpy() * _days(flux, years)
    if "draw" not in flux.dims:
        per_year = per_year[None]
    # A pixel counts in a year if it has a value in every draw.
    known = np.isfinite(per_year).all(axis=0)
    counted = np.where(known, area[:, None], 0.0)
    totals = (
        np.einsum("py,dpy->dy", counted, np.where(known, per_year, 0.0))
        / GRAMS_PER_PETAGRAM
    )
    totals[:, ~known.any(axis=0)] = np.nan
    table = pd.DataFrame({"total": totals.mean(axis=0)}, index=pd.Index(years))
    table.index.name = "year"
    if "draw" in flux.dims:
        table["sd"] = totals.std(axis=0, ddof=1) if len(totals) > 1 else np.nan
        table["p05"], table["p95"] = np.quantile(totals, [0.05, 0.95], axis=0)
    table["area"] = counted.sum(axis=0)
    table["share_of_area"] = table["area"] / area.sum() if area.sum() > 0 else np.nan
    table.attrs["units"] = "Pg yr-1"
    return table


def _days(flux: xr.DataArray, years: NDArray) -> Floats:
    units = str(flux.attrs.get("units", "no units"))
    if units in _PER_YEAR:
        return np.ones(years.size)
    if units in _PER_DAY:
        first = pd.to_datetime([f"{int(year)}-01-01" for year in years])
        return np.where(first.is_leap_year, 366.0, 365.0)
    raise InputError(
        f"totals of {flux.name}: units", repr(units), f'"{_PER_YEAR[0]}" or "g m-2 d-1"'
    )
