"""What describes a pixel to the upscaling: climate, light, soil, place, vegetation.

The list follows Ma et al. (2022, section 4.2.1 and Table S2): annual means, and
growing-season statistics of temperature, VPD, shortwave and PAR, with day length,
precipitation, soil, elevation, location, mean LAI and mean GPP. The growing season is
May to September, as in their Fig. 10 (November to March south of the equator).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from upscale.covariates import daylight
from upscale.errors import InputError
from upscale.types import Floats

logger = logging.getLogger(__name__)


GROWING_MONTHS = (5, 6, 7, 8, 9)
BASE_TEMPERATURE = 5.0  # degC, of degree days and warm days
WET_DAY = 1.0  # mm d-1, the WMO's wet day
_WHOLE_YEAR = 360  # days: calendars of 360 days and Daymet's leap years are whole
_STATIC = {
    "sand": ("sand",),
    "clay": ("clay",),
    "elevation": ("elevation",),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon"),
    "deciduous_fraction": ("deciduous_fraction", "forest_fraction"),
}


@cache
def _table() -> pd.DataFrame:
    with files("upscale").joinpath("covariates.csv").open(encoding="utf-8") as opened:
        return pd.read_csv(opened)


COVARIATES: pd.DataFrame = _table()
"""Every covariate: columns ``name``, ``unit`` and ``meaning``."""


def covariate_table(
    forcing: xr.Dataset,
    observations: xr.Dataset | None = None,
    static: Mapping[str, Any] | xr.Dataset | None = None,
    *,
    least_months: int = 12,
) -> pd.DataFrame:
    """Covariates of many pixels, one row each; call it with a few hundred at a time.

    Parameters
    ----------
    forcing : xarray.Dataset
        Over (pixel, time), one value a day: tmin, tmax [degC], prec [mm d-1];
        shortwave [W m-2, or MJ m-2 d-1 if its units say so] or cloud_cover [1];
        vpd [Pa], or vapour_pressure [Pa], or specific_humidity [kg kg-1] and pressure
        [Pa]; optionally par [W m-2]. Incomplete calendar years at the ends are left
        out.
    observations : xarray.Dataset, optional
        Over (pixel, time): lai [1] and gpp [g m-2 d-1 of carbon]; NaN is a gap.
    static : mapping or xarray.Dataset, optional
        latitude, longitude [degrees], elevation [m], sand, clay [%],
        deciduous_fraction [1] as numbers or over (pixel,). What is not here is looked
        for in ``forcing``; ``lat``, ``lon`` and ``forest_fraction`` are understood.
    least_months : int
        Months of the year, 6 to 12, that need an observation. Those without one, such
        as a winter under clouds, are then interpolated between the months beside
        them; with 12 they make the mean NaN.

    Returns
    -------
    pandas.DataFrame
        Rows named like the pixels, columns in the order of ``COVARIATES``. What has
        no source is left out; NaN is a number that could not be computed, such as the
        mean LAI of a pixel that has a month without any observation.

    Raises
    ------
    InputError
        If a variable that has no substitute is missing.

    Examples
    --------
    >>> import numpy as np, pandas as pd, upscale, xarray as xr
    >>> time = pd.date_range("2001-01-01", "2001-12-31", name="time")
    >>> weather = {
    ...     "tmin": 5.0, "tmax": 15.0, "prec": 2.0, "shortwave": 150.0, "vpd": 700.0
    ... }
    >>> forcing = xr.Dataset(
    ...     {name: (("pixel", "time"), np.full((2, 365), value))
    ...      for name, value in weather.items()},
    ...     {"time": time, "pixel": [7, 8], "lat": ("pixel", [42.5, 43.0])},
    ... )
    >>> table = upscale.covariate_table(forcing)
    >>> table.loc[7, ["temperature_mean", "precipitation_annual"]].tolist()
    [10.0, 730.0]
    """
    forcing = forcing if "pixel" in forcing.dims else forcing.expand_dims("pixel")
    n = forcing.sizes["pixel"]
    index = pd.Index(
        forcing["pixel"].to_numpy() if "pixel" in forcing.coords else np.arange(n),
        name="pixel",
    )
    if not 6 <= least_months <= 12:
        raise InputError("covariates: least_months", str(least_months), "6 to 12")
    place = _static(static, forcing, n)
    if "latitude" not in place:
        raise InputError(
            "covariates: latitude",
            found="neither in static nor in the forcing",
            wanted="degrees north, for the day length",
        )
    columns = _climate(_whole_years(forcing), place["latitude"]) | place
    if observations is not None:
        columns |= _vegetation(observations, place["latitude"], n, least_months)
    names = [name for name in COVARIATES["name"] if name in columns]
    return pd.DataFrame({name: columns[name] for name in names}, index=index)


def pixel_covariates(
    forcing: xr.Dataset,
    observations: xr.Dataset | None = None,
    static: Mapping[str, Any] | xr.Dataset | None = None,
) -> dict[str, float]:
    """Covariates of one pixel, whose weather is over ``time`` alone.

    Parameters
    ----------
    forcing, observations, static
        As of `covariate_table`, without the dimension ``pixel``.

    Returns
    -------
    dict
        Names of ``COVARIATES`` to numbers in their units.

    Examples
    --------
    >>> import numpy as np, pandas as pd, upscale, xarray as xr
    >>> time = pd.date_range("2001-01-01", "2001-12-31", name="time")
    >>> weather = {
    ...     "tmin": 5.0, "tmax": 15.0, "prec": 2.0, "shortwave": 150.0, "vpd": 700.0
    ... }
    >>> forcing = xr.Dataset(
    ...     {name: ("time", np.full(365, value)) for name, value in weather.items()},
    ...     {"time": time, "lat": 42.5},
    ... )
    >>> upscale.pixel_covariates(forcing)["temperature_mean"]
    10.0
    """
    row = covariate_table(forcing, observations, static).iloc[0]
    return {str(name): float(value) for name, value in row.items()}


def _climate(forcing: xr.Dataset, latitude: Floats) -> dict[str, Floats]:
    time = pd.DatetimeIndex(forcing["time"].to_numpy())
    month, n_years = time.month.to_numpy(), np.unique(time.year).size
    south = latitude < 0.0
    light = _light(forcing, time, latitude)
    tmin, tmax = _daily(forcing, "tmin"), _daily(forcing, "tmax")
    temperature = 0.5 * (tmin + tmax)
    dryness = _dryness(forcing, tmin, tmax)
    rain = _daily(forcing, "prec")
    monthly = np.stack(
        [temperature[:, month == one].mean(axis=1) for one in np.unique(month)], axis=1
    )
    warm = np.maximum(temperature - BASE_TEMPERATURE, 0.0)
    found = {
        "temperature_mean": temperature.mean(axis=1),
        "temperature_range": monthly.max(axis=1) - monthly.min(axis=1),
        "growing_degree_days": warm.sum(axis=1) / n_years,
        "warm_days": (warm > 0.0).sum(axis=1) / n_years,
        "vpd_mean": dryness.mean(axis=1),
        "precipitation_annual": rain.sum(axis=1) / n_years,
        **{f"{name}_mean": values.mean(axis=1) for name, values in light.items()},
    }
    grown: dict[str, Floats] = {}
    for southern in np.unique(south):
        rows = south == southern
        season = np.isin(month, _growing_months(bool(southern)))
        here = _growing_statistics(
            {"temperature": temperature, "vpd": dryness, **light}, rows, season
        )
        here["temperature_growing_p95"] = _p95(tmax[np.ix_(rows, season)])
        wet = rain[np.ix_(rows, season)]
        here["precipitation_growing"] = wet.sum(axis=1) / n_years
        here["wet_days_growing"] = (wet >= WET_DAY).mean(axis=1)
        for name, values in here.items():
            grown.setdefault(name, np.full(latitude.size, np.nan))[rows] = values
    return found | grown


def _growing_statistics(
    daily: Mapping[str, Floats], rows: NDArray, season: NDArray
) -> dict[str, Floats]:
    found = {}
    for name, values in daily.items():
        here = values[np.ix_(rows, season)]
        found[f"{name}_growing_mean"] = here.mean(axis=1)
        if name != "daylength":
            found[f"{name}_growing_sd"] = here.std(axis=1)
        if name == "vpd":
            found["vpd_growing_p95"] = _p95(here)
    return found


def _light(
    forcing: xr.Dataset, time: pd.DatetimeIndex, latitude: Floats
) -> dict[str, Floats]:
    # A year's 366 days for each pixel, then taken by date: the same every year.
    days = np.arange(1, 367)
    of_date = time.day_of_year.to_numpy() - 1
    daylength = daylight.day_length(days, latitude[:, None])[:, of_date]
    if "shortwave" in forcing:
        shortwave = _daily(forcing, "shortwave")
        units = str(forcing["shortwave"].attrs.get("units", "W m-2"))
        if units == "MJ m-2 d-1":
            shortwave = shortwave * 1.0e6 / 86400.0
        elif units != "W m-2":
            raise InputError(
                "forcing.shortwave.units", repr(units), '"W m-2" or "MJ m-2 d-1"'
            )
    else:
        above = daylight.light_above_atmosphere(days, latitude[:, None])[:, of_date]
        cloud = _daily(forcing, "cloud_cover", instead="shortwave")
        shortwave = above * daylight.transmissivity(cloud)
    par = (
        _daily(forcing, "par")
        if "par" in forcing
        else daylight.VISIBLE_FRACTION * shortwave
    )
    return {"shortwave": shortwave, "par": par, "daylength": daylength}


def _dryness(forcing: xr.Dataset, tmin: Floats, tmax: Floats) -> Floats:
    if "vpd" in forcing:
        return _daily(forcing, "vpd")
    if "vapour_pressure" in forcing:
        pressure = _daily(forcing, "vapour_pressure")
    else:
        pressure = daylight.vapour_pressure(
            _daily(forcing, "specific_humidity", instead="vpd"),
            _daily(forcing, "pressure", instead="vpd"),
        )
    return daylight.vapour_pressure_deficit(tmin, tmax, pressure)


def _vegetation(
    observations: xr.Dataset, latitude: Floats, n: int, least_months: int
) -> dict[str, Floats]:
    """Means of monthly means, so that gaps in winter do not raise the mean."""
    if "pixel" not in observations.dims:
        observations = observations.expand_dims("pixel")
    if observations.sizes["pixel"] != n:
        raise InputError(
            "observations",
            f"{observations.sizes['pixel']} pixels",
            f"the {n} of the forcing",
        )
    month = pd.DatetimeIndex(observations["time"].to_numpy()).month.to_numpy()
    found: dict[str, Floats] = {}
    for name in ("lai", "gpp"):
        if name not in observations:
            continue
        values = _daily(observations, name)
        seen = np.isfinite(values)
        total = np.where(seen, values, 0.0)
        sums = np.stack([total[:, month == m].sum(axis=1) for m in range(1, 13)], 1)
        counts = np.stack([seen[:, month == m].sum(axis=1) for m in range(1, 13)], 1)
        monthly = np.full(sums.shape, np.nan)
        np.divide(sums, counts, out=monthly, where=counts > 0)
        monthly = _between_months(monthly, least_months)
        found[f"{name}_mean"] = monthly.mean(axis=1)
        season = [
            monthly[:, np.array(_growing_months(southern)) - 1].mean(axis=1)
            for southern in (False, True)
        ]
        found[f"{name}_growing_mean"] = np.where(latitude < 0.0, season[1], season[0])
    return found


def _between_months(monthly: Floats, least: int) -> Floats:
    """Fill months without a value, on the circle of the year, (pixel, 12)."""
    filled = monthly.copy()
    around = np.arange(-12, 24)
    known = np.isfinite(monthly)
    for row in np.flatnonzero((known.sum(axis=1) >= least) & ~known.all(axis=1)):
        three = np.tile(monthly[row], 3)
        there = np.isfinite(three)
        filled[row] = np.interp(np.arange(12), around[there], three[there])
    return filled


def _growing_months(southern: bool) -> tuple[int, ...]:
    if not southern:
        return GROWING_MONTHS
    return tuple((month + 5) % 12 + 1 for month in GROWING_MONTHS)


def _static(
    static: Mapping[str, Any] | xr.Dataset | None, forcing: xr.Dataset, n: int
) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name, spellings in _STATIC.items():
        for source in (static, forcing):
            if source is None or name in found:
                continue
            for spelling in spellings:
                if spelling in source:
                    values = np.asarray(source[spelling], dtype=np.float64)
                    found[name] = np.broadcast_to(values, (n,)).copy()
                    break
    return found


def _daily(data: xr.Dataset, name: str, *, instead: str = "") -> Floats:
    if name not in data:
        raise InputError(
            f"covariates: {name}",
            found=f"only {', '.join(map(str, data.data_vars))}",
            wanted=f"{name} over (pixel, time)"
            + (f", or {instead}" if instead else ""),
        )
    values = data[name]
    if "pixel" not in values.dims:
        values = values.expand_dims(pixel=data.sizes["pixel"])
    return np.asarray(values.transpose("pixel", "time"), dtype=np.float64)


def _whole_years(forcing: xr.Dataset) -> xr.Dataset:
    time = pd.DatetimeIndex(forcing["time"].to_numpy())
    days = pd.Series(1, index=time).groupby(time.year).sum()
    whole = days.index[days >= _WHOLE_YEAR]
    if not len(whole):
        raise InputError(
            "covariates: forcing.time",
            found=f"{len(time)} days from {time[0]:%Y-%m-%d} to {time[-1]:%Y-%m-%d}",
            wanted="at least one whole calendar year, one value a day",
        )
    if len(whole) == len(days):
        return forcing
    left_out = ", ".join(str(year) for year in days.index.difference(whole))
    logger.info("covariates: incomplete years are left out: %s", left_out)
    return forcing.isel(time=np.isin(time.year, whole))


def _p95(values: Floats) -> Floats:
    return np.percentile(values, 95.0, axis=1)
