"""Air pressure at the height of the site.

Both rules are those of the standard atmosphere (ISO 2533): 6.5 K per km, dry air.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

GRAVITY = 9.80665  # m s-2
DRY_AIR = 287.05  # J kg-1 K-1
LAPSE_RATE = 0.0065  # K m-1
SEA_LEVEL_PRESSURE = 101325.0  # Pa
SEA_LEVEL_TEMPERATURE = 288.15  # K


def pressure_from_elevation(elevation: ArrayLike) -> NDArray[np.float64]:
    """Pressure [Pa] of the standard atmosphere at an elevation [m].

    Good to the weather, about 1 % of a day's value.
    """
    z = np.asarray(elevation, dtype=np.float64)
    exponent = GRAVITY / (DRY_AIR * LAPSE_RATE)
    return (
        SEA_LEVEL_PRESSURE * (1.0 - LAPSE_RATE * z / SEA_LEVEL_TEMPERATURE) ** exponent
    )


def station_pressure_from_sea_level(
    sea_level_pressure: ArrayLike, elevation: ArrayLike, temperature: ArrayLike
) -> NDArray[np.float64]:
    """Pressure at the station [Pa] from pressure reduced to sea level [Pa].

    Hypsometric equation. The air that the reduction imagines below the station is
    as warm in its middle as the station plus half the height at the standard
    lapse rate (WMO-No. 8, chapter 3).

    Parameters
    ----------
    sea_level_pressure : array (time,)
        Pa.
    elevation : float
        Station height, m.
    temperature : array (time,)
        Daily mean at the station, degC.
    """
    z = np.asarray(elevation, dtype=np.float64)
    kelvin = np.asarray(temperature, dtype=np.float64) + 273.15 + 0.5 * LAPSE_RATE * z
    return np.asarray(sea_level_pressure, np.float64) * np.exp(
        -GRAVITY * z / (DRY_AIR * kelvin)
    )
