"""Weather variables that a model needs, from those that a record has.

Shortwave radiation and the vapour pressure deficit are taken as measured. Where a
record has cloud cover and specific humidity in their place, they follow from these by
the same relations, the other way round.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.meteorology import humidity, radiation

Array = NDArray[np.float64]

_RATIO = 0.622  # molar mass of water over that of dry air


def shortwave_of(weather: xr.Dataset, where: str = "weather") -> Array:
    """Return global radiation at the ground on each day.

    Parameters
    ----------
    weather : xarray.Dataset
        Over ``time`` (days): ``shortwave`` [MJ m-2 d-1], or ``cloud_cover`` [1], from
        which missing days of the other are taken; the scalar ``lat``.
    where : str
        What to call the weather in an error.

    Returns
    -------
    numpy.ndarray (time,)
        MJ m-2 d-1.

    Raises
    ------
    InputError
        If there is neither.
    """
    names = [name for name in ("shortwave", "cloud_cover") if name in weather]
    if not names:
        raise InputError(
            f"{where}  shortwave",
            found=f"variables {', '.join(map(str, weather.data_vars))}",
            wanted="shortwave radiation, or cloud cover",
        )
    found = np.full(weather.sizes["time"], np.nan)
    if "shortwave" in weather:
        found = np.asarray(weather["shortwave"].to_numpy(), dtype=np.float64).copy()
    holes = np.isnan(found)
    if holes.any() and "cloud_cover" in weather:
        above = radiation.extraterrestrial_radiation(
            weather["time"].to_numpy(), float(weather["lat"])
        )
        cloud = weather["cloud_cover"].to_numpy()
        found[holes] = (radiation.transmissivity(cloud) * above)[holes]
    return found


def vapour_pressure_deficit_of(weather: xr.Dataset, where: str = "weather") -> Array:
    """Return the daily mean vapour pressure deficit.

    Parameters
    ----------
    weather : xarray.Dataset
        Over ``time`` (days): ``vpd`` [Pa], or ``specific_humidity`` [kg kg-1] and
        ``pressure`` [Pa], from which missing days of the other are taken; ``tmin``
        and ``tmax`` [degC].
    where : str
        What to call the weather in an error.

    Returns
    -------
    numpy.ndarray (time,)
        Pa, not below zero.

    Raises
    ------
    InputError
        If there is neither.
    """
    if "vpd" not in weather and not {"specific_humidity", "pressure"} <= set(weather):
        raise InputError(
            f"{where}  vpd",
            found=f"variables {', '.join(map(str, weather.data_vars))}",
            wanted="vpd, or specific humidity with pressure",
        )
    found = np.full(weather.sizes["time"], np.nan)
    if "vpd" in weather:
        found = np.asarray(weather["vpd"].to_numpy(), dtype=np.float64).copy()
    holes = np.isnan(found)
    if holes.any() and {"specific_humidity", "pressure"} <= set(weather):
        q = weather["specific_humidity"].to_numpy()
        vapour = q * weather["pressure"].to_numpy() / (_RATIO + (1.0 - _RATIO) * q)
        saturation = humidity.daily_saturation_vapour_pressure(
            weather["tmin"].to_numpy(), weather["tmax"].to_numpy()
        )
        found[holes] = (saturation - vapour)[holes]
    return np.maximum(found, 0.0)
