"""One pixel of a region cube."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr


@dataclass(frozen=True, eq=False)
class PixelData:
    """One pixel of a cube.

    Attributes
    ----------
    id : int
        Of the cell on the global grid.
    lat, lon, elevation, area, forest_fraction : float
        degrees north and east, m, m2, 1.
    state : str
        "ok", or why it is to be skipped: "no_forcing", "no_observations".
    forcing : xarray.Dataset (time,)
        Valid input of ``ibis_dalec.simulate``.
    observations : xarray.Dataset (time,)
        Each stream and ``<stream>_variance``, NaN where nothing was observed; time
        is the first day of each 8-day window.
    """

    id: int
    lat: float
    lon: float
    elevation: float
    area: float
    forest_fraction: float
    state: str
    forcing: xr.Dataset
    observations: xr.Dataset
