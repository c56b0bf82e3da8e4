"""Synthetic daily weather of a region: the site generator, correlated in space.

What ``ibis_dalec.inputs.generate_weather`` does for one site (Richardson 1981), with
residuals that are fields: neighbouring pixels share their storms and cold spells.
The monthly normals are those of Harvard Forest; latitude and height move them by
stated gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaincinv, ndtr

from ibis_dalec.inputs.humidity import (
    daily_saturation_vapour_pressure,
    specific_humidity_from_vapour_pressure,
)
from ibis_dalec.inputs.normals import RESIDUALS, WET_DAY, Normals, harvard_normals
from ibis_dalec.inputs.pressure import pressure_from_elevation
from ibis_dalec.inputs.weather import daily_normals
from regions.fields import Waves, autoregression, make_waves
from regions.layout import DRIVERS, days_of

Floats = NDArray[np.float64]

HARVARD_ELEVATION = 340.0  # m, of the tower that the normals are of
LAPSE_RATE = 6.5  # K per km (ISO 2533)
COLDER_NORTHWARD = 0.9  # K per degree of latitude, about that of eastern forests
WETTER_UPWARD = 0.3  # more rain per km, a usual orographic gradient
WEATHER_KM = 400.0  # length scale of temperature, cloud, humidity, wind, pressure
RAIN_KM = 150.0


@dataclass(frozen=True, eq=False)
class RegionalWeather:
    """The factors that all pixels' weather is made of.

    Attributes
    ----------
    normals : Normals
        Of the site.
    years : (first, last)
        Calendar years.
    weather, rain : Waves
        Two correlation lengths.
    residuals : numpy.ndarray (time, factor, residual)
        Of temperature and the rest.
    showers, amounts : numpy.ndarray (time, factor)
        Whether it rains, and how much.
    """

    normals: Normals
    years: tuple[int, int]
    weather: Waves
    rain: Waves
    residuals: Floats
    showers: Floats
    amounts: Floats

    def at(self, lat: Floats, lon: Floats, elevation: Floats) -> Floats:
        """Daily weather (pixel, driver, time) in the order of ``DRIVERS``, float32.

        Parameters
        ----------
        lat, lon, elevation : numpy.ndarray (pixel,)
            degrees, degrees, m.
        """
        time = pd.DatetimeIndex(days_of(self.years).astype("datetime64[ns]"))
        daily = daily_normals(self.normals, time)
        near, rainy = self.weather.loadings(lat, lon), self.rain.loadings(lat, lon)
        score = {
            name: near @ self.residuals[:, :, index].T
            for index, name in enumerate(RESIDUALS)
        }
        wet = _chain(daily, ndtr(rainy @ self.showers.T))
        more = np.maximum(
            1.0 + WETTER_UPWARD * (elevation - HARVARD_ELEVATION) / 1000.0, 0.3
        )[:, None]
        amount = _gamma_quantile(
            ndtr(rainy @ self.amounts.T),
            np.maximum(daily["rain_shape"], 0.05),
            np.maximum(daily["rain_scale"], 0.05),
        )

        def moments(name: str) -> tuple[Floats, Floats]:
            mean = np.where(wet, daily[f"{name}_mean_wet"], daily[f"{name}_mean_dry"])
            sd = np.where(wet, daily[f"{name}_sd_wet"], daily[f"{name}_sd_dry"])
            return mean, np.maximum(sd, 1e-6)

        def normal(name: str) -> Floats:
            mean, sd = moments(name)
            return mean + sd * score[name]

        def gamma(name: str) -> Floats:
            mean, sd = moments(name)
            shape = (mean / sd) ** 2
            return _gamma_quantile(ndtr(score[name]), shape, mean / shape)

        def beta(name: str) -> Floats:
            mean, sd = moments(name)
            mean = np.clip(mean, 0.02, 0.98)
            total = np.maximum(mean * (1.0 - mean) / sd**2 - 1.0, 0.05)
            # Tails beyond a millionth are rounding noise of the inversion.
            quantile = np.clip(ndtr(score[name]), 1e-6, 1.0 - 1e-6)
            return betaincinv(mean * total, (1.0 - mean) * total, quantile)

        shift = (
            -LAPSE_RATE * (elevation - HARVARD_ELEVATION) / 1000.0
            - COLDER_NORTHWARD * (lat - self.normals.lat)
        )[:, None]
        thinner = (
            pressure_from_elevation(elevation)
            / pressure_from_elevation(HARVARD_ELEVATION)
        )[:, None]
        middle = normal("mean_temperature") + shift
        half_range = 0.5 * gamma("temperature_range")
        tmin, tmax = middle - half_range, middle + half_range
        pressure = normal("pressure") * thinner
        vapour = beta("relative_humidity") * daily_saturation_vapour_pressure(
            tmin, tmax
        )
        values = {
            "tmin": tmin,
            "tmax": tmax,
            "prec": np.where(wet, WET_DAY + amount * more, 0.0),
            "wind": gamma("wind"),
            "specific_humidity": specific_humidity_from_vapour_pressure(
                vapour, pressure
            ),
            "pressure": pressure,
            "cloud_cover": beta("cloud_cover"),
        }
        return np.stack([values[name] for name in DRIVERS], axis=1).astype(np.float32)


def make_regional_weather(
    lat: float, lon: float, years: tuple[int, int], rng: np.random.Generator
) -> RegionalWeather:
    """Draw the factors of a region's weather.

    Parameters
    ----------
    lat, lon : float
        Middle of the region, degrees.
    years : (first, last)
        Calendar years, both included.
    rng : numpy.random.Generator
        The only source of chance: pixels add none.
    """
    normals = harvard_normals()
    n_days = days_of(years).size
    weather = make_waves(WEATHER_KM, lat, lon, rng)
    rain = make_waves(RAIN_KM, lat, lon, rng)
    residuals = autoregression(
        normals.lag0, normals.lag1, n_days, weather.n_factors, rng
    )
    showers = rng.standard_normal((n_days, rain.n_factors))
    amounts = rng.standard_normal((n_days, rain.n_factors))
    return RegionalWeather(normals, years, weather, rain, residuals, showers, amounts)


def _chain(daily: dict[str, Floats], chance: Floats) -> NDArray[np.bool_]:
    """Wet days (pixel, time): a two-state chain driven by one chance a day."""
    after_dry = np.clip(daily["wet_after_dry"], 0.0, 1.0)
    after_wet = np.clip(daily["wet_after_wet"], 0.0, 1.0)
    wet = np.empty(chance.shape, dtype=bool)
    # It enters the first day as if it had run for ever.
    wet[:, 0] = chance[:, 0] < after_dry[0] / (1.0 + after_dry[0] - after_wet[0])
    for day in range(1, chance.shape[1]):
        limit = np.where(wet[:, day - 1], after_wet[day], after_dry[day])
        wet[:, day] = chance[:, day] < limit
    return wet


def _gamma_quantile(chance: Floats, shape: Floats, scale: Floats) -> Floats:
    return scale * gammaincinv(shape, np.clip(chance, 1e-9, 1.0 - 1e-9))
