"""Climate of places by a few means, as used to choose sites by their environment.

Potential evapotranspiration is that of Hargreaves (1975), from radiation and
temperature alone. A bucket of 150 mm holds the water of the soil: actual
evapotranspiration is potential while it is more than half full and falls in proportion
below (Thornthwaite and Mather 1955, with Hargreaves' demand); what is wanted and not
there is the climatic water deficit (Stephenson 1990). Precipitation on days with a mean
at or below 0 degC is snow, which melts by 3 mm for each degree and day.

References
----------
Hargreaves (1975), Transactions of the ASAE 18, 980-984. Stephenson (1990), American
Naturalist 135, 649-670. Thornthwaite and Mather (1955), Publications in Climatology 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from landdata.meteorology.derive import shortwave_of

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]

CLIMATE = {
    "tmax": "degC",
    "tmin": "degC",
    "shortwave": "MJ m-2 d-1",
    "evapotranspiration": "mm yr-1",
    "water_deficit": "mm yr-1",
    "rain": "mm yr-1",
    "snow": "mm yr-1",
}
"""Means that `climate_means` gives, with their units."""

_LATENT_HEAT = 2.45  # MJ kg-1
_BUCKET_MM = 150.0
_MELT = 3.0  # mm degC-1 d-1
_DAYS = 365.25


def climate_means(weather: xr.Dataset) -> xr.Dataset:
    """Return the climate of each pixel.

    Parameters
    ----------
    weather : xarray.Dataset
        Over (pixel, time), days without a gap: ``tmin``, ``tmax`` [degC], ``prec``
        [mm d-1], ``cloud_cover`` [1] or ``shortwave`` [MJ m-2 d-1]; ``lat`` over
        (pixel,) [degrees_north].

    Returns
    -------
    xarray.Dataset
        Over (pixel,): the variables of ``CLIMATE``.
    """
    import xarray as xr

    tmin, tmax, prec = (
        weather[name].transpose("pixel", "time").to_numpy()
        for name in ("tmin", "tmax", "prec")
    )
    light = shortwave_of(weather.transpose("pixel", "time"))
    mean = 0.5 * (tmin + tmax)
    wanted = np.maximum(0.0135 * light / _LATENT_HEAT * (mean + 17.8), 0.0)
    rain, snow = np.where(mean > 0.0, prec, 0.0), np.where(mean > 0.0, 0.0, prec)
    actual = _evapotranspiration(rain, snow, mean, wanted)
    found = {
        "tmax": tmax.mean(axis=1),
        "tmin": tmin.mean(axis=1),
        "shortwave": light.mean(axis=1),
        "evapotranspiration": _DAYS * actual,
        "water_deficit": _DAYS * (wanted.mean(axis=1) - actual),
        "rain": _DAYS * rain.mean(axis=1),
        "snow": _DAYS * snow.mean(axis=1),
    }
    return xr.Dataset(
        {
            name: ("pixel", found[name], {"units": unit})
            for name, unit in CLIMATE.items()
        },
        {"pixel": weather["pixel"]},
    )


def _evapotranspiration(
    rain: Array, snow: Array, temperature: Array, wanted: Array
) -> Array:
    """Mean actual evapotranspiration, (pixel,) [mm d-1].

    The first year is gone through once more before it counts: the bucket starts as
    full as that leaves it.
    """
    soil, pack = np.full(len(rain), _BUCKET_MM), np.zeros(len(rain))
    n = rain.shape[1]
    total = np.zeros(len(rain))
    for days in (range(min(365, n)), range(n)):
        total[:] = 0.0
        for day in days:
            warmth = np.maximum(temperature[:, day], 0.0)
            melt = np.minimum(pack + snow[:, day], _MELT * warmth)
            pack += snow[:, day] - melt
            soil = np.minimum(soil + rain[:, day] + melt, _BUCKET_MM)
            used = wanted[:, day] * np.minimum(soil / (0.5 * _BUCKET_MM), 1.0)
            used = np.minimum(used, soil)
            soil -= used
            total += used
    return total / n
