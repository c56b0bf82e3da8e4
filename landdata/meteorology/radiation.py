"""Cloud cover from measured shortwave, by the model's own radiation rule backwards.

The model makes its light from cloud cover: at the 24 full hours of a day
coszen from the sun's declination, times the solar constant of the date, times a
transmissivity 0.251 + 0.509 (1 - cloud) (IBIS, Foley et al. 1996, routine
diurnal). Inverting exactly that rule, with the same hours and the same orbit,
gives the cloud cover with which the model receives the light that was measured,
unless the day was darker than overcast or brighter than clear: those days are
clipped, and the caller counts them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landdata.meteorology.sun import cos_zenith, sun_of_dates

Array = NDArray[np.float64]

NIGHT_OFFSET = 15.0
"""Watts below zero that a pyranometer may read under a cold sky [W m-2]."""

NIGHT_OFFSET_MJ = 0.0864 * NIGHT_OFFSET
"""The same over a day [MJ m-2 d-1]."""

OVERCAST_TRANSMISSIVITY = 0.251
CLEAR_SKY_GAIN = 0.509


def extraterrestrial_radiation(time: ArrayLike, lat: float) -> Array:
    """Shortwave above the atmosphere on each day [MJ m-2 d-1].

    The sum that the model's own hours see: coszen at 0:00, 1:00 ... 23:00 local
    solar time, each held for an hour. It is not the exact daily integral:
    up to 1.4 % off on single days below 51 degrees, 0.1 % over a year.

    Parameters
    ----------
    time : array of datetime64 (time,)
    lat : float
        degrees north.
    """
    solar_constant, _, _ = sun_of_dates(time)
    light = np.maximum(cos_zenith(time, lat), 0.0).sum(axis=1)
    return solar_constant * light * 3600.0 / 1.0e6


def light_above_pixels(time: ArrayLike, lat: ArrayLike) -> Array:
    """Shortwave above the atmosphere at many places [MJ m-2 d-1], (place, time).

    Parameters
    ----------
    time : array of datetime64 (time,)
    lat : array (place,)
        degrees north; places of one latitude share the sun.
    """
    latitudes, row = np.unique(np.asarray(lat, np.float64), return_inverse=True)
    rows = [extraterrestrial_radiation(time, float(one)) for one in latitudes]
    return np.stack(rows)[row]


def transmissivity(cloud_cover: ArrayLike) -> Array:
    """Fraction of the light above the atmosphere that the model lets through."""
    cloud = np.asarray(cloud_cover, dtype=np.float64)
    return OVERCAST_TRANSMISSIVITY + CLEAR_SKY_GAIN * (1.0 - cloud)


def cloud_cover_of(through: ArrayLike) -> Array:
    """Cloud cover that lets a fraction of the light through, not clipped."""
    fraction = np.asarray(through, dtype=np.float64)
    return 1.0 - (fraction - OVERCAST_TRANSMISSIVITY) / CLEAR_SKY_GAIN


def cloud_cover_from_shortwave(
    shortwave: ArrayLike, time: ArrayLike, lat: float
) -> Array:
    """Cloud cover that lets the measured shortwave through, not clipped.

    Below 0 where the day was brighter than the model's clear sky, above 1 where
    it was darker than its overcast; NaN in the polar night.

    Parameters
    ----------
    shortwave : array (time,)
        Global radiation at the ground, MJ m-2 d-1 (a mean over all 24 hours,
        not over daylight).
    time : array of datetime64 (time,)
    lat : float
        degrees north.
    """
    return cloud_cover_under(shortwave, extraterrestrial_radiation(time, lat))


def cloud_cover_under(shortwave: ArrayLike, above: ArrayLike) -> Array:
    """Cloud cover from light at the ground and above the atmosphere, not clipped.

    Both in one unit and of one shape; NaN where nothing comes in above.
    """
    light, top = np.asarray(shortwave, np.float64), np.asarray(above, np.float64)
    through = np.full(top.shape, np.nan)
    np.divide(light, top, out=through, where=top > 0.0)
    return cloud_cover_of(through)


def shortwave_from_daylight_mean(
    daylight_mean: ArrayLike, daylength: ArrayLike
) -> Array:
    """Global radiation [MJ m-2 d-1] from a mean over daylight.

    Daymet's srad [W m-2] is such a mean; daylength in seconds. (Daymet V4 user
    guide: daily total = srad * dayl / 1e6 MJ m-2 d-1.)
    """
    return np.asarray(daylight_mean, np.float64) * np.asarray(daylength) / 1.0e6
