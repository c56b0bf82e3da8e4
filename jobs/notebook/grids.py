"""Values of a region's pixels laid out on the grid that the pixels are cells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

_STEP = 0.05  # degrees, of one pixel alone


def on_grid(
    values: xr.Dataset, latitude: xr.DataArray, longitude: xr.DataArray
) -> xr.Dataset:
    """Return values over (lat, lon) in place of ``pixel``, NaN where no pixel is.

    Parameters
    ----------
    values : xarray.Dataset
        With some variables over ``pixel``; others stay as they are.
    latitude, longitude : xarray.DataArray (pixel)
        Middle of each pixel's cell, degrees.

    Returns
    -------
    xarray.Dataset
        ``lat`` from north to south, ``lon`` from west to east, evenly spaced.

    Examples
    --------
    >>> import xarray as xr
    >>> at = {"pixel": [5, 9]}
    >>> two = xr.Dataset({"a": ("pixel", [1.0, 2.0])}, at)
    >>> lat = xr.DataArray([42.1, 42.0], dims="pixel", coords=at)
    >>> lon = xr.DataArray([-72.0, -71.8], dims="pixel", coords=at)
    >>> on_grid(two, lat, lon)["a"].values.tolist()
    [[1.0, nan, nan], [nan, nan, 2.0]]
    """
    import xarray as xr

    ids = values["pixel"].to_numpy()
    north = latitude.sel(pixel=ids).to_numpy()
    east = longitude.sel(pixel=ids).to_numpy()
    step = min([*_steps(north), *_steps(east)], default=_STEP)
    lat = _axis(north, step)[::-1]
    lon = _axis(east, step)
    rows = np.rint((lat[0] - north) / step).astype(int)
    columns = np.rint((east - lon[0]) / step).astype(int)

    def laid(array: xr.DataArray) -> xr.DataArray:
        if "pixel" not in array.dims:
            return array
        last = array.transpose(..., "pixel")
        found = np.full((*last.shape[:-1], lat.size, lon.size), np.nan)
        found[..., rows, columns] = last.to_numpy()
        return xr.DataArray(
            found, dims=(*last.dims[:-1], "lat", "lon"), attrs=array.attrs
        )

    kept = {name: c for name, c in values.coords.items() if "pixel" not in c.dims}
    coords = {
        **kept,
        "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    data = {
        str(name): laid(array.drop_vars([c for c in array.coords if c not in kept]))
        for name, array in values.data_vars.items()
    }
    return xr.Dataset(data, coords, values.attrs)


def _steps(places: NDArray[np.float64]) -> list[float]:
    """Return distances of neighbouring places that are not the same."""
    return [float(one) for one in np.diff(np.unique(np.round(places, 6)))]


def _axis(places: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    n = round((places.max() - places.min()) / step) + 1
    return np.asarray(np.round(places.min() + step * np.arange(n), 8))
