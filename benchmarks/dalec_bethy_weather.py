"""Synthetic daily weather for the studies and tests of DALEC-BETHY."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landmodels.dalec_bethy.drivers import Drivers, make_drivers, sun


@dataclass(frozen=True)
class Climate:
    """A place and its weather: means, yearly amplitude, and rain."""

    latitude: float
    elevation: float
    mean: float  # degC
    amplitude: float  # K, half the yearly range
    daily_range: float  # K
    dryness: float  # fraction of the saturation deficit at the warmest hour
    wet_fraction: float
    rain: float  # mm on a wet day
    wettest: float  # day of the year


CLIMATES = {
    "boreal": Climate(67.4, 180.0, 0.5, 14.0, 9.0, 0.75, 0.45, 3.0, 210.0),
    "savanna": Climate(39.9, 260.0, 16.5, 9.0, 13.0, 0.85, 0.28, 6.0, 350.0),
    "temperate": Climate(51.1, 430.0, 8.5, 9.5, 9.0, 0.7, 0.42, 4.5, 190.0),
}


def weather(place: str, n_years: int, seed: int) -> dict[str, np.ndarray]:
    """Daily weather of a place, in years of 365 days.

    Parameters
    ----------
    place : str
        One of ``CLIMATES``.
    n_years : int
    seed : int

    Returns
    -------
    dict
        doy, tmin, tmax (degC), srad (W m-2), vpd (Pa), prec (mm d-1), co2 (mol mol-1).
    """
    climate = CLIMATES[place]
    rng = np.random.default_rng(seed)
    n = 365 * n_years
    doy = np.arange(n) % 365 + 1.0
    season = np.cos(2.0 * np.pi * (doy - 200.0) / 365.0)
    noise = np.empty(n)
    value = 0.0
    for i, kick in enumerate(rng.standard_normal(n)):
        value = 0.8 * value + 0.6 * kick
        noise[i] = value
    wet_season = 1.0 + 0.5 * np.cos(2.0 * np.pi * (doy - climate.wettest) / 365.0)
    wet = rng.random(n) < climate.wet_fraction * wet_season
    mean = climate.mean + climate.amplitude * season + 3.0 * noise
    half = climate.daily_range * (0.5 + 0.2 * season) * np.where(wet, 0.6, 1.0)
    prec = np.where(wet, rng.gamma(0.8, climate.rain / 0.8, n), 0.0)
    mu, _ = sun(doy, climate.latitude)
    above = 1361.0 * np.maximum(mu, 0.0).mean(axis=1)
    clearness = np.clip(
        np.where(wet, 0.35, 0.62) + 0.08 * rng.standard_normal(n), 0.1, 0.78
    )
    tmax = mean + half
    deficit = 610.78 * np.exp(17.269 * tmax / (237.3 + tmax))
    vpd = np.where(wet, 0.3, 1.0) * climate.dryness * 0.5 * deficit
    return {
        "doy": doy,
        "tmin": mean - half,
        "tmax": tmax,
        "srad": above * clearness,
        "vpd": vpd,
        "prec": prec,
        "co2": np.full(n, 410e-6),
    }


def place_drivers(place: str, n_years: int, seed: int) -> Drivers:
    """Drivers of a place's synthetic weather."""
    climate = CLIMATES[place]
    return make_drivers(
        weather(place, n_years, seed),
        latitude=climate.latitude,
        elevation=climate.elevation,
    )
