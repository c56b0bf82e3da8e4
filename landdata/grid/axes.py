"""Where the pixels of a netCDF variable lie: axes, units, projection.

Latitude and longitude, or x and y with a CF grid mapping that is held against the
file's own latitudes and longitudes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from pyproj import CRS, Transformer

from ibis_dalec.errors import InputError
from landdata.grid.grid import CRS as MODEL_CRS
from landdata.grid.regrid import Axes

_LAT = ("lat", "latitude")
_LON = ("lon", "longitude")


def axes_of(dataset: xr.Dataset, variable: xr.DataArray, path: str | Path) -> Axes:
    """The grid of a variable: latitude and longitude, or x and y with a projection."""
    where = f"{path}  {variable.name}"
    names = {str(dim).lower(): str(dim) for dim in variable.dims}
    lat = next((names[name] for name in _LAT if name in names), None)
    lon = next((names[name] for name in _LON if name in names), None)
    if lat and lon:
        _coordinates_in(dataset, lat, ("degrees_north", "degree_north"), path)
        _coordinates_in(dataset, lon, ("degrees_east", "degree_east"), path)
        axes = Axes(
            dataset[lon].to_numpy(), dataset[lat].to_numpy(), CRS(MODEL_CRS), str(path)
        )
        if np.abs(axes.y).max() > 90.0 or np.abs(axes.x).max() > 180.0:
            raise InputError(
                f"{path}  {lat}, {lon}",
                found=f"up to {np.abs(axes.y).max():g} and {np.abs(axes.x).max():g}",
                wanted="degrees: at most 90 and 360",
                hint="A projected grid has to come with its projection.",
            )
        return axes
    if "x" in names and "y" in names:
        return _projected_axes(dataset, variable, names["x"], names["y"], path)
    raise InputError(
        where,
        found=f"dimensions {variable.dims}",
        wanted="lat and lon, or y and x with a grid mapping",
    )


def _coordinates_in(
    dataset: xr.Dataset, name: str, units: tuple[str, ...], path: str | Path
) -> None:
    if name not in dataset.coords:
        raise InputError(
            f"{path}  {name}",
            found="a dimension without coordinates",
            wanted=f"coordinates in {units[0]}",
        )
    found = str(dataset[name].attrs.get("units", "")).strip()
    if found not in units:
        raise InputError(
            f"{path}  {name}.units",
            found=repr(found),
            wanted=" or ".join(map(repr, units)),
        )


def _projected_axes(
    dataset: xr.Dataset, variable: xr.DataArray, x: str, y: str, path: str | Path
) -> Axes:
    mapping = variable.encoding.get("grid_mapping") or variable.attrs.get(
        "grid_mapping"
    )
    if mapping is None or mapping not in dataset.variables:
        raise InputError(
            f"{path}  {variable.name}.grid_mapping",
            found=f"{mapping!r}",
            wanted="the name of a variable that describes the projection",
        )
    attrs = dict(dataset[mapping].attrs)
    # NARR gives its sphere nowhere: NCEP's grids are on one of 6371200 m.
    if not any(key in attrs for key in ("semi_major_axis", "earth_radius", "crs_wkt")):
        attrs["earth_radius"] = 6371200.0
    crs = CRS.from_cf(attrs)
    factors = {"m": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "km": 1000.0}
    coordinates = []
    for name in (x, y):
        if name not in dataset.coords:
            raise InputError(
                f"{path}  {name}",
                found="a dimension without coordinates",
                wanted="metres in the projection",
            )
        units = str(dataset[name].attrs.get("units", "")).strip()
        if units not in factors:
            raise InputError(
                f"{path}  {name}.units", found=repr(units), wanted="'m' or 'km'"
            )
        coordinates.append(dataset[name].to_numpy().astype(float) * factors[units])
    axes = Axes(coordinates[0], coordinates[1], crs, str(path))
    _check_against_places(dataset, axes, str(mapping), path)
    return axes


def _check_against_places(
    dataset: xr.Dataset, axes: Axes, mapping: str, path: str | Path
) -> None:
    """Hold x, y and projection against the file's own latitudes and longitudes."""
    shape = (axes.y.size, axes.x.size)
    lat = next((dataset[n] for n in _LAT if n in dataset.variables), None)
    lon = next((dataset[n] for n in _LON if n in dataset.variables), None)
    if lat is None or lon is None or lat.shape != shape or lon.shape != shape:
        return
    rows = np.unique(np.linspace(0, shape[0] - 1, 5).astype(int))
    columns = np.unique(np.linspace(0, shape[1] - 1, 5).astype(int))
    theirs_lat = lat[rows, columns].to_numpy()
    theirs_lon = lon[rows, columns].to_numpy()
    to_source = Transformer.from_crs(MODEL_CRS, axes.crs, always_xy=True)
    x, y = to_source.transform(theirs_lon, theirs_lat)
    off_x = np.abs(x - axes.x[columns][None, :]) / abs(axes.dx)
    off_y = np.abs(y - axes.y[rows][:, None]) / abs(axes.dy)
    off = np.maximum(off_x, off_y)
    # NARR's latitudes are on a sphere that the file does not name: allow a half.
    if not np.nanmax(np.where(np.isfinite(theirs_lat), off, 0.0)) <= 0.5:
        raise InputError(
            f"{path}  {mapping}",
            found=f"a projection that misses the file's own latitudes and longitudes "
            f"by up to {np.nanmax(off):.3g} pixels",
            wanted="the projection of the data",
            hint="The projection or the coordinates are another product's.",
        )
