"""Day length, light and dryness of the air from daily weather; pure functions.

Sun and day length follow FAO Irrigation and Drainage Paper 56 (Allen et al. 1998),
eq. 21 to 34; light under clouds the transmissivity rule of IBIS (Foley et al. 1996),
with which the process model makes its own solar radiation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from upscale.types import Floats

SOLAR_CONSTANT = 1367.0  # W m-2, FAO-56
VISIBLE_FRACTION = 0.46  # of shortwave; IBIS, and near the 0.45-0.50 that is measured


def day_length(day_of_year: ArrayLike, lat: ArrayLike) -> Floats:
    """Hours from sunrise to sunset (FAO-56 eq. 24, 25, 34): 0 to 24.

    Parameters
    ----------
    day_of_year : array
        1 to 366.
    lat : array
        degrees north; broadcasts against the days.

    Examples
    --------
    >>> float(day_length(81, 0.0).round(2))
    12.0
    """
    return 24.0 / np.pi * _sunset_angle(day_of_year, lat)


def light_above_atmosphere(day_of_year: ArrayLike, lat: ArrayLike) -> Floats:
    """Shortwave above the atmosphere, mean of the 24 hours [W m-2] (FAO-56 eq. 21).

    Parameters
    ----------
    day_of_year, lat : array
        As of `day_length`.
    """
    day, phi = np.asarray(day_of_year, float), np.radians(np.asarray(lat, float))
    distance = 1.0 + 0.033 * np.cos(2.0 * np.pi * day / 365.0)
    declination = _declination(day)
    sunset = _sunset_angle(day, lat)
    height = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(
        declination
    ) * np.sin(sunset)
    return SOLAR_CONSTANT / np.pi * distance * np.maximum(height, 0.0)


def transmissivity(cloud_cover: ArrayLike) -> Floats:
    """Share of the light above the atmosphere that reaches the ground (IBIS).

    Parameters
    ----------
    cloud_cover : array
        0 (clear) to 1 (overcast).
    """
    return 0.251 + 0.509 * (1.0 - np.asarray(cloud_cover, float))


def saturation_vapour_pressure(temperature: ArrayLike) -> Floats:
    """Saturation vapour pressure over water [Pa] at a temperature [degC].

    Magnus form with the constants of WMO-No. 8, Annex 4.B.
    """
    t = np.asarray(temperature, float)
    return 611.2 * np.exp(17.62 * t / (243.12 + t))


def vapour_pressure(specific_humidity: ArrayLike, pressure: ArrayLike) -> Floats:
    """Vapour pressure [Pa] from specific humidity [kg kg-1] and air pressure [Pa]."""
    q = np.asarray(specific_humidity, float)
    return q * np.asarray(pressure, float) / (0.622 + 0.378 * q)


def vapour_pressure_deficit(
    tmin: ArrayLike, tmax: ArrayLike, vapour_pressure: ArrayLike
) -> Floats:
    """Daily mean vapour pressure deficit [Pa], never negative.

    Saturation is the mean of its values at both extremes (FAO-56 eq. 12).
    """
    saturated = 0.5 * (
        saturation_vapour_pressure(tmin) + saturation_vapour_pressure(tmax)
    )
    return np.maximum(saturated - np.asarray(vapour_pressure, float), 0.0)


def _declination(day: Floats) -> Floats:
    return 0.409 * np.sin(2.0 * np.pi * day / 365.0 - 1.39)


def _sunset_angle(day_of_year: ArrayLike, lat: ArrayLike) -> Floats:
    phi = np.radians(np.asarray(lat, float))
    declination = _declination(np.asarray(day_of_year, float))
    # Clipped where the sun does not set or does not rise.
    return np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0))
