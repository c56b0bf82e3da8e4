"""Shortwave radiation from the range of temperature, where it was not measured.

A clear day warms more between its night and its afternoon than an overcast one.
Bristow and Campbell (1984) made this a transmissivity; Thornton and Running (1999)
gave it a clear-sky limit that knows height and humidity, and coefficients for all of
North America. It is the method behind Daymet's own srad. On single days it is some
20 % off; it is an estimate and labelled as one.

References
----------
Thornton, P.E., Running, S.W. (1999): An improved algorithm for estimating incident
daily solar radiation from measurements of temperature, humidity, and precipitation.
Agricultural and Forest Meteorology 93, 211-228, doi:10.1016/S0168-1923(98)00126-9.
Bristow, K.L., Campbell, G.S. (1984): On the relationship between incoming solar
radiation and daily maximum and minimum temperature. Agricultural and Forest
Meteorology 31, 159-166, doi:10.1016/0168-1923(84)90017-0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from landdata.meteorology.pressure import pressure_from_elevation
from landdata.meteorology.radiation import extraterrestrial_radiation
from landdata.meteorology.sun import cos_zenith
from landdata.variables import RAW

Array = NDArray[np.float64]

ESTIMATED = "estimated from the temperature range (Thornton and Running 1999)"

_DRY_TRANSMISSIVITY = 0.870  # nadir, sea level, without vapour
_VAPOUR_EFFECT = -6.1e-5  # Pa-1
# Two values of B0 are in use, 0.013 and 0.031 (MT-CLIM 4.3). Daymet's own srad at
# Oak Ridge comes back within 0.1 % on average with the first and 14 % too bright with
# the second.
_B0, _B1, _B2, _C = 0.013, 0.201, 0.185, 1.5
_DARKEST = 0.1  # fraction of the clear sky's light at a range of zero
_RAIN_FACTOR = 0.75
_SMOOTHING_DAYS = 30
_SEA_LEVEL_PRESSURE = 101325.0  # Pa


def clear_sky_transmissivity(
    time: ArrayLike, lat: float, elevation: float, vapour_pressure: ArrayLike
) -> Array:
    """Fraction of the light above the atmosphere that a cloudless day lets through.

    Thornton and Running (1999): the transmissivity of the dry atmosphere to the
    power of its mass in the line of sight, averaged over the day by potential
    light, less what vapour takes.

    Parameters
    ----------
    time : array of datetime64 (time,)
    lat, elevation : float
        degrees north; m.
    vapour_pressure : array (time,)
        Daily mean, Pa.
    """
    coszen = np.maximum(cos_zenith(time, lat), 0.0)
    relative = float(pressure_from_elevation(elevation)) / _SEA_LEVEL_PRESSURE
    # The sun at the horizon: its light goes through some 38 atmospheres, not more.
    mass = relative / np.maximum(coszen, 1.0 / 38.0)
    light = coszen.sum(axis=1)
    through = np.full(light.shape, np.nan)
    np.divide(
        (coszen * _DRY_TRANSMISSIVITY**mass).sum(axis=1),
        light,
        out=through,
        where=light > 0.0,
    )
    return through + _VAPOUR_EFFECT * np.asarray(vapour_pressure, np.float64)


def cloud_transmissivity(tmin: ArrayLike, tmax: ArrayLike, prec: ArrayLike) -> Array:
    """Fraction of a cloudless day's light that comes through, from the range (time,).

    Parameters
    ----------
    tmin, tmax, prec : array (time,)
        Daily, without missing days; degC, mm d-1.
    """
    spread = np.asarray(tmax, np.float64) - np.asarray(tmin, np.float64)
    # Of the days before; those at the beginning have none and take the first mean.
    means = pd.Series(spread).rolling(_SMOOTHING_DAYS, _SMOOTHING_DAYS // 2).mean()
    usual = means.bfill().to_numpy()
    steepness = _B0 + _B1 * np.exp(-_B2 * usual)
    fraction = 1.0 - (1.0 - _DARKEST) * np.exp(
        -steepness * np.maximum(spread, 0.0) ** _C
    )
    return np.where(np.asarray(prec) > 0.0, _RAIN_FACTOR * fraction, fraction)


def with_estimated_shortwave(
    record: xr.Dataset, *, lat: float, elevation: float
) -> xr.Dataset:
    """Add global radiation to a record of temperature, rain and humidity.

    Parameters
    ----------
    record : xarray.Dataset (time,)
        tmin, tmax (degC), prec (mm d-1), vapour_pressure (Pa) of consecutive days.
    lat, elevation : float
        degrees north; m.

    Returns
    -------
    xarray.Dataset
        With ``shortwave`` (MJ m-2 d-1); its attributes, and ``source`` of the whole,
        say that it was estimated. Missing where an input is.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landdata import with_estimated_shortwave
    >>> season = np.cos(2.0 * np.pi * (np.arange(365) - 200) / 365.0)
    >>> record = xr.Dataset(
    ...     {"tmin": ("time", 2.0 + 10.0 * season),
    ...      "tmax": ("time", 12.0 + 12.0 * season),
    ...      "prec": ("time", np.full(365, 2.0)),
    ...      "vapour_pressure": ("time", 900.0 + 500.0 * season)},
    ...     {"time": pd.date_range("2003-01-01", "2003-12-31")},
    ... )
    >>> made = with_estimated_shortwave(record, lat=42.5, elevation=300.0)
    >>> shortwave = made["shortwave"]
    >>> shortwave.units, bool(shortwave[180] > shortwave[0])
    ('MJ m-2 d-1', True)
    """
    time = record["time"].to_numpy()
    clear = clear_sky_transmissivity(
        time, lat, elevation, record["vapour_pressure"].to_numpy()
    )
    cloudy = cloud_transmissivity(record["tmin"], record["tmax"], record["prec"])
    light = clear * cloudy * extraterrestrial_radiation(time, lat)
    attrs = {**RAW["shortwave"].attrs, "source": ESTIMATED}
    source = f"{record.attrs.get('source', 'record')}; shortwave {ESTIMATED}"
    return record.assign(shortwave=("time", light, attrs)).assign_attrs(source=source)
