"""Synthetic daily weather from monthly normals, for demonstrations and tests.

Richardson's generator (1981, Water Resources Research 17, 182-190; matrices after
Matalas 1967): rain comes by a Markov chain and gamma amounts; six residuals follow
a first-order autoregression that keeps their correlations within a day and from
day to day; each becomes weather through the distribution that suits it (normal for
temperature and pressure, gamma for range and wind, beta for cloud and humidity).
Wet days are cloudy, humid and even because their normals are.

What comes out is labelled synthetic and must not be taken for a measured pixel.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.meteorology.co2 import mauna_loa_co2
from landdata.meteorology.daily_check import validate_forcing
from landdata.meteorology.humidity import (
    daily_saturation_vapour_pressure,
    specific_humidity_from_vapour_pressure,
)
from landdata.meteorology.normals import RESIDUALS, WET_DAY, Normals
from landdata.variables import DAILY, SITE

Array = NDArray[np.float64]

_DAYS_IN_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def generate_weather(
    normals: Normals, years: tuple[int, int], rng: np.random.Generator
) -> xr.Dataset:
    """Model forcing of one synthetic pixel.

    Parameters
    ----------
    normals : Normals
        Such as ``harvard_normals()``.
    years : (first, last)
        Whole calendar years, both included; CO2 is that of Mauna Loa.
    rng : numpy.random.Generator
        The only source of random numbers.

    Returns
    -------
    xarray.Dataset
        Valid input of ``ibis_dalec.simulate``; attribute ``synthetic`` is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from landdata import generate_weather, harvard_normals
    >>> rng = np.random.default_rng(7)
    >>> forcing = generate_weather(harvard_normals(), (2001, 2003), rng)
    >>> forcing.sizes["time"], forcing.attrs["synthetic"]
    (1095, 1)
    """
    first, last = years
    if first > last:
        raise InputError(
            f"years {first} to {last}",
            found="the first after the last",
            wanted="(first, last)",
        )
    time = pd.date_range(f"{first}-01-01", f"{last}-12-31", freq="D")
    daily = daily_normals(normals, time)
    wet = _rain_days(daily, rng)
    amount = WET_DAY + rng.gamma(
        np.maximum(daily["rain_shape"], 0.05), np.maximum(daily["rain_scale"], 0.05)
    )
    score = dict(zip(RESIDUALS, _residuals(normals, len(time), rng).T, strict=True))

    def normal(name: str) -> Array:
        mean, sd = _moments(daily, name, wet)
        return mean + sd * score[name]

    def gamma(name: str) -> Array:
        mean, sd = _moments(daily, name, wet)
        shape = (mean / sd) ** 2
        return scipy.stats.gamma.ppf(
            scipy.stats.norm.cdf(score[name]), shape, scale=mean / shape
        )

    def beta(name: str) -> Array:
        mean, sd = _moments(daily, name, wet)
        mean = np.clip(mean, 0.02, 0.98)
        # The widest beta of this mean has variance mean (1 - mean).
        total = np.maximum(mean * (1.0 - mean) / sd**2 - 1.0, 0.05)
        quantile = scipy.stats.norm.cdf(score[name])
        return scipy.stats.beta.ppf(quantile, mean * total, (1.0 - mean) * total)

    half_range = 0.5 * gamma("temperature_range")
    middle = normal("mean_temperature")
    tmin, tmax = middle - half_range, middle + half_range
    pressure = normal("pressure")
    vapour_pressure = beta("relative_humidity") * daily_saturation_vapour_pressure(
        tmin, tmax
    )
    values = {
        "tmin": tmin,
        "tmax": tmax,
        "prec": np.where(wet, amount, 0.0),
        "wind": gamma("wind"),
        "specific_humidity": specific_humidity_from_vapour_pressure(
            vapour_pressure, pressure
        ),
        "pressure": pressure,
        "cloud_cover": beta("cloud_cover"),
        "co2": mauna_loa_co2(time.to_numpy()),
    }
    forcing = xr.Dataset(
        {name: ("time", values[name], DAILY[name].attrs) for name in DAILY},
        coords={"time": time.to_numpy("datetime64[ns]")},
        attrs={
            "synthetic": 1,
            "title": "Synthetic weather, not a measured pixel",
            "source": f"weather generator on monthly normals: {normals.source}",
        },
    )
    for name in SITE:
        forcing[name] = xr.DataArray(getattr(normals, name), attrs=SITE[name].attrs)
    return validate_forcing(forcing, where="synthetic weather")


def daily_normals(normals: Normals, time: pd.DatetimeIndex) -> dict[str, Array]:
    """Normals of each day: straight lines that keep every month's mean.

    Lines through the monthly means themselves would flatten summer and winter.
    The values at mid-month are moved so that the average over each month of a
    365-day year is the normal again (a 12 x 12 linear system).
    """
    weights = _month_weights()
    per_month = np.add.reduceat(
        weights, np.r_[0, np.cumsum(_DAYS_IN_MONTH)[:-1]], axis=0
    )
    per_month /= _DAYS_IN_MONTH[:, None]
    knots = np.linalg.solve(per_month, normals.monthly.to_numpy())
    year = weights @ knots  # (365, column)
    day = np.minimum(time.day_of_year.to_numpy(), 365) - 1
    return {
        str(name): year[day, column]
        for column, name in enumerate(normals.monthly.columns)
    }


def _month_weights() -> Array:
    """Weight of each mid-month on each day of a 365-day year, (365, 12)."""
    middle = np.cumsum(_DAYS_IN_MONTH) - 0.5 * _DAYS_IN_MONTH
    knots = np.r_[middle[-1] - 365.0, middle, middle[0] + 365.0]
    days = np.arange(365) + 0.5
    weights = np.zeros((365, 12))
    for month in range(12):
        peak = np.zeros(12)
        peak[month] = 1.0
        weights[:, month] = np.interp(days, knots, np.r_[peak[-1], peak, peak[0]])
    return weights


def _rain_days(daily: dict[str, Array], rng: np.random.Generator) -> NDArray[np.bool_]:
    after_dry = np.clip(daily["wet_after_dry"], 0.0, 1.0)
    after_wet = np.clip(daily["wet_after_wet"], 0.0, 1.0)
    uniform = rng.random(after_dry.size)
    wet = np.zeros(after_dry.size, dtype=bool)
    # The chain enters the first day as if it had run for ever.
    today = uniform[0] < after_dry[0] / (1.0 + after_dry[0] - after_wet[0])
    for day in range(after_dry.size):
        if day > 0:
            today = uniform[day] < (after_wet if today else after_dry)[day]
        wet[day] = today
    return wet


def _residuals(normals: Normals, n_days: int, rng: np.random.Generator) -> Array:
    """Standard normal residuals (day, residual) with the correlations of the site."""
    memory = np.linalg.solve(normals.lag0.T, normals.lag1.T).T
    innovation = _square_root(normals.lag0 - memory @ normals.lag1.T)
    noise = rng.standard_normal((n_days, len(RESIDUALS)))
    residuals = np.empty_like(noise)
    residuals[0] = _square_root(normals.lag0) @ noise[0]
    for day in range(1, n_days):
        residuals[day] = memory @ residuals[day - 1] + innovation @ noise[day]
    return residuals


def _square_root(covariance: Array) -> Array:
    """Symmetric root; rounding in the table may make an eigenvalue negative."""
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _moments(
    daily: dict[str, Array], name: str, wet: NDArray[np.bool_]
) -> tuple[Array, Array]:
    mean = np.where(wet, daily[f"{name}_mean_wet"], daily[f"{name}_mean_dry"])
    sd = np.where(wet, daily[f"{name}_sd_wet"], daily[f"{name}_sd_dry"])
    return mean, np.maximum(sd, 1e-6)
