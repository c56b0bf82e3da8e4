"""Synthetic daily weather of a region: the site generator, correlated in space.

What ``landdata.generate_weather`` does for one site (Richardson 1981), with
residuals that are fields: neighbouring pixels share their storms and cold spells.
The monthly normals are those of real forests, blended by distance and moved to each
pixel's height and latitude (``landdata.synthetic.site_normals``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaincinv, ndtr

from landdata.cube.layout import days_of
from landdata.meteorology.humidity import (
    daily_saturation_vapour_pressure,
    specific_humidity_from_vapour_pressure,
)
from landdata.meteorology.normals import RESIDUALS, WET_DAY
from landdata.synthetic.random_fields import Waves, autoregression, make_waves
from landdata.synthetic.site_normals import SiteNormals, blend, site_normals
from landdata.synthetic.weather_generator import daily_normals
from landdata.variables import DRIVERS

Floats = NDArray[np.float64]

WEATHER_KM = 400.0  # length scale of temperature, cloud, humidity, wind, pressure
RAIN_KM = 150.0


@dataclass(frozen=True, eq=False)
class RegionalWeather:
    """The factors that all pixels' weather is made of.

    Attributes
    ----------
    sites : tuple of SiteNormals
        Whose monthly normals are blended.
    years : (first, last)
        Calendar years.
    weather, rain : Waves
        Two correlation lengths.
    residuals : numpy.ndarray (time, factor, residual)
        Of temperature and the rest.
    showers, amounts : numpy.ndarray (time, factor)
        Whether it rains, and how much.
    """

    sites: tuple[SiteNormals, ...]
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
        mixed = blend(self.sites, lat, lon, elevation)
        normals = _DailyNormals(
            mixed.weights, [daily_normals(site.normals, time) for site in self.sites]
        )
        wet = _chain(
            normals["wet_after_dry"],
            normals["wet_after_wet"],
            ndtr(self.rain.field(lat, lon, self.showers.T)),
        )
        amount = _gamma_quantile(
            ndtr(self.rain.field(lat, lon, self.amounts.T)),
            np.maximum(normals["rain_shape"], 0.05),
            np.maximum(normals["rain_scale"], 0.05),
        )
        drawn = {
            name: _DRAW[name](
                *normals.moments(name, wet),
                self.weather.field(lat, lon, self.residuals[:, :, index].T),
            )
            for index, name in enumerate(RESIDUALS)
        }
        middle = drawn["mean_temperature"] + mixed.warmer[:, None]
        tmin = middle - 0.5 * drawn["temperature_range"]
        tmax = middle + 0.5 * drawn["temperature_range"]
        pressure = drawn["pressure"] * mixed.denser[:, None]
        vapour = drawn["relative_humidity"] * daily_saturation_vapour_pressure(
            tmin, tmax
        )
        values = {
            "tmin": tmin,
            "tmax": tmax,
            "prec": np.where(wet, WET_DAY + amount * mixed.wetter[:, None], 0.0),
            "wind": drawn["wind"],
            "specific_humidity": specific_humidity_from_vapour_pressure(
                vapour, pressure
            ),
            "pressure": pressure,
            "cloud_cover": drawn["cloud_cover"],
        }
        return np.stack([values[name] for name in DRIVERS], axis=1).astype(np.float32)


def make_regional_weather(
    lat: float,
    lon: float,
    years: tuple[int, int],
    rng: np.random.Generator,
    sites: tuple[SiteNormals, ...] | None = None,
) -> RegionalWeather:
    """Draw the factors of a region's weather.

    Parameters
    ----------
    lat, lon : float
        Origin of the fields, degrees.
    years : (first, last)
        Calendar years, both included.
    rng : numpy.random.Generator
        The only source of random numbers: pixels add none.
    sites : tuple of SiteNormals, optional
        By default those that come with the package. The first one's correlations
        from day to day hold for all.
    """
    sites = site_normals() if sites is None else sites
    n_days = days_of(years).size
    weather = make_waves(WEATHER_KM, lat, lon, rng)
    rain = make_waves(RAIN_KM, lat, lon, rng)
    lag0, lag1 = sites[0].normals.lag0, sites[0].normals.lag1
    residuals = autoregression(lag0, lag1, n_days, weather.n_factors, rng)
    showers = rng.standard_normal((n_days, rain.n_factors))
    amounts = rng.standard_normal((n_days, rain.n_factors))
    return RegionalWeather(sites, years, weather, rain, residuals, showers, amounts)


def _chain(after_dry: Floats, after_wet: Floats, uniform: Floats) -> NDArray[np.bool_]:
    """Wet days (pixel, time): a two-state chain driven by one uniform number a day."""
    after_dry, after_wet = np.clip(after_dry, 0.0, 1.0), np.clip(after_wet, 0.0, 1.0)
    wet = np.empty(uniform.shape, dtype=bool)
    # It enters the first day as if it had run for ever.
    wet[:, 0] = uniform[:, 0] < after_dry[:, 0] / (
        1.0 + after_dry[:, 0] - after_wet[:, 0]
    )
    for day in range(1, uniform.shape[1]):
        limit = np.where(wet[:, day - 1], after_wet[:, day], after_dry[:, day])
        wet[:, day] = uniform[:, day] < limit
    return wet


class _DailyNormals:
    """Normals of some places, (pixel, time): those of the sites, weighed."""

    def __init__(self, weights: Floats, of_sites: list[dict[str, Floats]]):
        self._weights = weights
        self._of_sites = of_sites

    def __getitem__(self, name: str) -> Floats:
        total = np.zeros((len(self._weights), self._of_sites[0][name].size))
        for weight, site in zip(self._weights.T, self._of_sites, strict=True):
            total += weight[:, None] * site[name]
        return total

    def moments(self, name: str, wet: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Mean and standard deviation, by whether it rains."""
        mean = np.where(wet, self[f"{name}_mean_wet"], self[f"{name}_mean_dry"])
        sd = np.where(wet, self[f"{name}_sd_wet"], self[f"{name}_sd_dry"])
        return mean, np.maximum(sd, 1e-6)


def _normal(mean: Floats, sd: Floats, score: Floats) -> Floats:
    return mean + sd * score


def _gamma(mean: Floats, sd: Floats, score: Floats) -> Floats:
    shape = (mean / sd) ** 2
    return _gamma_quantile(ndtr(score), shape, mean / shape)


def _beta(mean: Floats, sd: Floats, score: Floats) -> Floats:
    mean = np.clip(mean, 0.02, 0.98)
    total = np.maximum(mean * (1.0 - mean) / sd**2 - 1.0, 0.05)
    # Tails beyond a millionth are rounding noise of the inversion.
    quantile = np.clip(ndtr(score), 1e-6, 1.0 - 1e-6)
    return betaincinv(mean * total, (1.0 - mean) * total, quantile)


_DRAW: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "mean_temperature": _normal,
    "temperature_range": _gamma,
    "cloud_cover": _beta,
    "relative_humidity": _beta,
    "wind": _gamma,
    "pressure": _normal,
}


def _gamma_quantile(uniform: Floats, shape: Floats, scale: Floats) -> Floats:
    return scale * gammaincinv(shape, np.clip(uniform, 1e-9, 1.0 - 1e-9))
