"""Hourly drivers of the canopy from daily weather (BETHY; Knorr 2000).

Everything here depends on the weather alone, so hard limits are allowed; it is
computed once, before a run. Hour ``t`` of 0..23 stands for ``t + 0.5`` in local solar
time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmodels.dalec_bethy.equations.day import DAILY_DRIVERS, HOURLY_DRIVERS
from landmodels.dalec_bethy.equations.leaf import GAS_CONSTANT, kinetics

Array = NDArray[np.float64]

_ZERO = 273.15
_MOLAR_MASS = 0.028964  # kg mol-1, dry air
_GRAVITY = 9.80665
_LAPSE = 0.006
#: Sun angle at which the two-stream solution is singular, and how near it may come.
SINGULAR_MU = 0.5 / math.sqrt(0.88)
_NEAR = 0.002
_LOWEST_MU = 0.02
#: Memory of the soil temperature (d).
_SOIL_MEMORY = 30.0


@dataclass(frozen=True)
class Drivers:
    """What the kernels read.

    Attributes
    ----------
    daily : ndarray (day, 7)
        Day of year; mean temperature (degC); extinction at noon (1); soil temperature
        (degC); rain and snowfall (mm d-1); CO2 (mol mol-1).
    hourly : ndarray (day, 18, 24)
        Cosine of the solar zenith angle, direct fraction of the light, photosynthetic
        radiation (mol m-2 s-1), short waves (W m-2), air temperature (degC), vapour
        pressure deficit (Pa), net long waves (W m-2), the kinetics of leaves at
        air temperature, light inhibition of respiration (1), molar volume of air
        (m3 mol-1), slope of saturation (Pa K-1), psychrometer constant (Pa K-1), heat
        capacity of air (J m-3 K-1) and latent heat (J kg-1).
    """

    daily: Array
    hourly: Array

    @property
    def n_days(self) -> int:
        """Number of days."""
        return self.daily.shape[0]


def saturation_pressure(temperature: Array) -> Array:
    """Saturation vapour pressure (Pa) over water, or over ice below 0 degC."""
    t = np.asarray(temperature, float)
    with np.errstate(over="ignore"):
        water = 610.78 * np.exp(17.269 * t / (237.3 + t))
        ice = 610.78 * np.exp(22.33 * t / (271.15 + t))
    return np.where(t < 0.0, ice, water)


def saturation_slope(temperature: Array) -> Array:
    """Derivative of :func:`saturation_pressure` (Pa K-1)."""
    t = np.asarray(temperature, float)
    pressure = saturation_pressure(t)
    water = 17.269 * 237.3 / (237.3 + t) ** 2
    ice = 22.33 * 271.15 / (271.15 + t) ** 2
    return pressure * np.where(t < 0.0, ice, water)


def sun(doy: Array, latitude: float) -> tuple[Array, Array]:
    """Cosine of the solar zenith angle: of each hour (day, 24), and at noon (day,)."""
    declination = np.radians(-23.4) * np.cos(2.0 * np.pi * (doy + 10.0) / 365.0)
    lat = math.radians(latitude)
    high = math.sin(lat) * np.sin(declination)
    wide = math.cos(lat) * np.cos(declination)
    h = np.arange(24) + 0.5
    mu = high[:, None] - wide[:, None] * np.cos(np.pi * h / 12.0)
    return mu, high + wide


def soil_temperature(mean_temperature: Array, start: float | None = None) -> Array:
    """Air temperature with a memory of 30 days (ours), in degC.

    ``start`` is the value of the day before; without it the first year is run through
    once, from its mean.
    """
    keep = math.exp(-1.0 / _SOIL_MEMORY)
    if start is None:
        first = mean_temperature[:365]
        value = float(first.mean())
        for t in first:
            value = keep * value + (1.0 - keep) * t
    else:
        value = start
    result = np.empty_like(mean_temperature)
    for i, t in enumerate(mean_temperature):
        value = keep * value + (1.0 - keep) * t
        result[i] = value
    return result


def _light(mu: Array, shortwave: Array, pressure: Array) -> dict[str, Array]:
    """Direct fraction of the light, its photons, and cloudiness, by clear-sky ratio."""
    day_mean = shortwave.mean(axis=1, keepdims=True)
    above = np.maximum(mu, 0.0)
    used = canopy_angle(mu)
    direct = np.exp(-0.185 / used * pressure[:, None] / 101325.0)
    total = 0.4 + 0.6 * direct
    clear = (600.0 * total * above / 0.43).mean(axis=1, keepdims=True)
    ratio = np.divide(day_mean, clear, out=np.zeros_like(clear), where=clear >= 1.0)
    r = np.minimum(ratio, 0.9)
    beam = np.clip(1.0 - ((0.9 - r) / 0.7) ** (2.0 / 3.0), 0.0, 1.0)
    return {
        "mu": used,
        "fdir": direct / total * beam,
        "par": (0.43 + 0.25 * (1.0 - r) * used) * shortwave / 2.2e5,
        "cloud": np.clip((0.9 - r) / 0.4, 0.0, 1.0),
    }


def canopy_angle(mu: Array) -> Array:
    """Sun angle for the canopy: at least 0.02, and away from the singular angle."""
    used = np.maximum(mu, _LOWEST_MU)
    near = np.abs(used - SINGULAR_MU) < _NEAR
    return np.where(near, SINGULAR_MU + _NEAR, used)


def spread_shortwave(mu: Array, srad: Array) -> Array:
    """Short waves (W m-2) of each hour from the daily mean, by the sun's height."""
    above = np.maximum(mu, 0.0)
    mean = above.mean(axis=1, keepdims=True)
    lit = 1361.0 * mean >= 1.0
    return np.where(
        lit,
        srad[:, None] * np.divide(above, mean, out=np.zeros_like(above), where=lit),
        0.0,
    )


def hourly_temperature(tmin: Array, tmax: Array) -> Array:
    """Air temperature (degC), warmest at 14 h (ours; BETHY: a sine of day length)."""
    h = np.arange(24) + 0.5
    wave = np.cos(2.0 * np.pi * (h - 14.0) / 24.0)
    return ((tmin + tmax) / 2.0)[:, None] + ((tmax - tmin) / 2.0)[:, None] * wave


def make_drivers(
    weather: Mapping[str, Any],
    *,
    latitude: float,
    elevation: float,
    hourly: Mapping[str, Array] | None = None,
    soil_start: float | None = None,
) -> Drivers:
    """Drivers of all days.

    Parameters
    ----------
    weather : mapping
        Arrays over days: ``doy``, ``tmin``, ``tmax`` (degC), ``srad`` (W m-2, mean of
        24 hours), ``vpd`` (Pa, daily mean), ``prec`` (mm d-1), and ``co2``
        (mol mol-1), which may be a number.
    latitude : float
        Degrees north.
    elevation : float
        Metres above the sea.
    hourly : mapping, optional
        Measured arrays (day, 24) that stand for derived ones: any of ``ta`` (degC),
        ``sw`` (W m-2) and ``vpd`` (Pa).
    soil_start : float, optional
        Soil temperature (degC) of the day before the first; by default it is spun up.

    Returns
    -------
    Drivers

    Examples
    --------
    >>> from landmodels.dalec_bethy import make_drivers
    >>> weather = {
    ...     "doy": [180, 181], "tmin": [10.0, 11.0], "tmax": [20.0, 22.0],
    ...     "srad": [250.0, 240.0], "vpd": [800.0, 900.0], "prec": [0.0, 4.0],
    ...     "co2": 410e-6,
    ... }
    >>> make_drivers(weather, latitude=51.0, elevation=430.0).n_days
    2
    """
    measured = dict(hourly or {})
    doy = np.asarray(weather["doy"], float)
    tmin, tmax = np.asarray(weather["tmin"], float), np.asarray(weather["tmax"], float)
    mean = (tmin + tmax) / 2.0
    mu, noon = sun(doy, latitude)
    ta = measured.get("ta", hourly_temperature(tmin, tmax))
    sw = measured.get("sw", spread_shortwave(mu, np.asarray(weather["srad"], float)))
    pressure = 101325.0 * (1.0 / (1.0 + _LAPSE * elevation / (mean + _ZERO))) ** (
        _GRAVITY * _MOLAR_MASS / (GAS_CONSTANT * _LAPSE)
    )
    p = pressure[:, None]
    light = _light(mu, sw, pressure)

    saturated = saturation_pressure(ta)
    if "vpd" in measured:
        vapour = saturated - measured["vpd"]
    else:
        vapour = (saturation_pressure(mean) - np.asarray(weather["vpd"], float))[
            :, None
        ]
    vapour = np.minimum(np.maximum(vapour, 20.0), 0.99 * saturated)
    kelvin = ta + _ZERO
    sky = (1.0 + 0.22 * light["cloud"] ** 2) * 0.64 * (vapour / kelvin) ** (1.0 / 7.0)
    latent = np.where(ta < 0.0, 2.834e6, 2.501e6 - 2380.0 * ta)
    gam, kk, fv, fj, fr, _ = kinetics(np, ta)
    tables: dict[str, Array] = {
        "mu": light["mu"],
        "fdir": light["fdir"],
        "par": light["par"],
        "sw": sw,
        "ta": ta,
        "de": saturated - vapour,
        "lwnet": 5.67e-8 * kelvin**4 * (sky - 0.97),
        "gam": gam,
        "kk": kk,
        "fv": fv,
        "fj": fj,
        "fr": fr,
        "dark": 0.5 + 0.5 * np.exp(-1e5 * sw / 2.2e5),
        "rtp": GAS_CONSTANT * kelvin / p,
        "s": saturation_slope(ta),
        "gamma": p * 1005.0 / (0.622 * latent),
        "rhocp": _MOLAR_MASS * p / (GAS_CONSTANT * kelvin) * 1005.0,
        "lam": latent,
    }
    prec = np.asarray(weather["prec"], float)
    snow_fraction = np.clip((3.3 - mean) / 4.4, 0.0, 1.0)
    days = {
        "doy": doy,
        "tday": mean,
        "k12": 0.5 / np.maximum(noon, 1e-3),
        "tsoil": soil_temperature(mean, soil_start),
        "rain": prec * (1.0 - snow_fraction),
        "snowf": prec * snow_fraction,
        "ca": np.broadcast_to(np.asarray(weather["co2"], float), doy.shape),
    }
    return Drivers(
        np.ascontiguousarray(np.stack([days[n] for n in DAILY_DRIVERS], axis=1)),
        np.ascontiguousarray(np.stack([tables[n] for n in HOURLY_DRIVERS], axis=1)),
    )
