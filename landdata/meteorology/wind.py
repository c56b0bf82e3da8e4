"""Climatological wind of the season, where nobody measured it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from landdata.meteorology.normals import Normals
from landdata.variables import RAW


def climatological_wind(normals: Normals, time: ArrayLike) -> xr.Dataset:
    """Wind of a place's monthly normals, the same on every day of a month.

    The mean of wet and dry days, weighted by how often either comes: a two-state
    chain is wet in the fraction ``p01 / (1 + p01 - p11)`` of its days.

    Parameters
    ----------
    normals : Normals
        Of a place with the same kind of forest.
    time : array of datetime64 (time,)

    Returns
    -------
    xarray.Dataset (time,)
        wind (m s-1), a record for ``assemble_forcing`` that says what it is.

    Examples
    --------
    >>> import pandas as pd
    >>> from landdata import climatological_wind, harvard_normals
    >>> days = pd.date_range("2003-01-01", "2003-01-03").to_numpy()
    >>> wind = climatological_wind(harvard_normals(), days)["wind"]
    >>> wind.units, float(wind.std().round(6))
    ('m s-1', 0.0)
    """
    days = pd.DatetimeIndex(np.asarray(time))
    month = normals.monthly
    after_dry, after_wet = month["wet_after_dry"], month["wet_after_wet"]
    wet = after_dry / (1.0 + after_dry - after_wet)
    usual = wet * month["wind_mean_wet"] + (1.0 - wet) * month["wind_mean_dry"]
    values = usual.to_numpy(np.float64)[days.month - 1]
    return xr.Dataset(
        {"wind": ("time", values, RAW["wind"].attrs)},
        coords={"time": days.to_numpy()},
        attrs={"source": f"monthly normals: {normals.source}"},
    )


usual_wind = climatological_wind  # its name before
