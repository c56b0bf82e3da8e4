"""Light and vapour pressure deficit for models that take them, as measured where known.

Where a record has cloud cover or another humidity in their place, they follow from
these by the rule table of :mod:`landdata.meteorology.drivers`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.meteorology.drivers import NoRule, derive, measured
from landdata.meteorology.radiation import NIGHT_OFFSET_MJ

Array = NDArray[np.float64]


def shortwave_of(weather: xr.Dataset, where: str = "weather") -> Array:
    """Return global radiation at the ground on each day.

    Parameters
    ----------
    weather : xarray.Dataset
        Over ``time`` (days), or ``pixel`` and ``time``: ``shortwave`` [MJ m-2 d-1], or
        ``cloud_cover`` [1], from which missing days of the other are taken; ``lat``.
    where : str
        What to call the weather in an error.

    Returns
    -------
    numpy.ndarray (time,) or (pixel, time)
        MJ m-2 d-1.

    Raises
    ------
    InputError
        If there is neither, or an input is in another unit than it says here.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from landdata import shortwave_of
    >>> day = np.array(["2003-06-21"], "datetime64[ns]")
    >>> weather = xr.Dataset(
    ...     {"cloud_cover": ("time", [0.4])}, {"time": day, "lat": 42.5}
    ... )
    >>> shortwave_of(weather).round(1)
    array([23.4])
    """
    light = _measured_first(weather, "shortwave", where)
    # A sensor's night offset is no light; more below zero is left for checks to see.
    return np.where((light < 0.0) & (light >= -NIGHT_OFFSET_MJ), 0.0, light)


def vapour_pressure_deficit_of(weather: xr.Dataset, where: str = "weather") -> Array:
    """Return the daily mean vapour pressure deficit.

    Parameters
    ----------
    weather : xarray.Dataset
        Over ``time`` (days), or ``pixel`` and ``time``: ``vpd`` [Pa], or another
        humidity that the rules know (``vapour_pressure`` [Pa], ``dew_point`` [degC],
        ``specific_humidity`` [kg kg-1] with ``pressure`` [Pa], ``relative_humidity``
        [%]), from which missing days of the other are taken; ``tmin`` and ``tmax``
        [degC].
    where : str
        What to call the weather in an error.

    Returns
    -------
    numpy.ndarray (time,) or (pixel, time)
        Pa, not below zero.

    Raises
    ------
    InputError
        If there is neither, or an input is in another unit than it says here.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from landdata import vapour_pressure_deficit_of
    >>> day = np.array(["2003-06-21"], "datetime64[ns]")
    >>> weather = xr.Dataset(
    ...     {"tmin": ("time", [10.0]), "tmax": ("time", [20.0]),
    ...      "vapour_pressure": ("time", [1000.0])},
    ...     {"time": day, "lat": 42.5},
    ... )
    >>> vapour_pressure_deficit_of(weather).round()
    array([779.])
    """
    return np.maximum(_measured_first(weather, "vpd", where), 0.0)


def _measured_first(weather: xr.Dataset, name: str, where: str) -> Array:
    """Take a variable as measured, and its missing days from the next rule, if any."""
    if name not in weather:
        return np.array(derive(weather, name, where)[0].values)
    found = np.array(measured(weather, name, where))
    holes = np.isnan(found)
    if holes.any():
        try:
            other, _ = derive(weather.drop_vars(name), name, where)
        except NoRule:
            return found
        found[holes] = other.values[holes]
    return found
