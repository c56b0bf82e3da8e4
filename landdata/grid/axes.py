"""Where the pixels of a netCDF variable lie: axes, units, projection.

Latitude and longitude, or x and y with a CF grid mapping that is compared with the
file's own latitudes and longitudes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from landdata.errors import InputError
from landdata.grid.grid import CRS as MODEL_CRS
from landdata.grid.regrid import Axes

if TYPE_CHECKING:
    from pyproj import CRS

_LAT = ("lat", "latitude")
_LON = ("lon", "longitude")
_NORTH = ("degrees_north", "degree_north", "degrees_n")
_EAST = ("degrees_east", "degree_east", "degrees_e")


def axes_of(dataset: xr.Dataset, variable: xr.DataArray, path: str | Path) -> Axes:
    """The grid of a variable: latitude and longitude, or x and y with a projection."""
    where = f"{path}  {variable.name}"
    names = {str(dim).lower(): str(dim) for dim in variable.dims}
    lat = next((names[name] for name in _LAT if name in names), None)
    lon = next((names[name] for name in _LON if name in names), None)
    if lat and lon:
        _coordinates_in(dataset, lat, _NORTH, path)
        _coordinates_in(dataset, lon, _EAST, path)
        from pyproj import CRS

        return _degrees(dataset, lon, lat, CRS(MODEL_CRS), path)
    if "x" in names and "y" in names:
        return _projected_axes(dataset, variable, names["x"], names["y"], path)
    raise InputError(
        where,
        found=f"dimensions {variable.dims}",
        wanted="lat and lon, or y and x with a grid mapping",
    )


def _degrees(
    dataset: xr.Dataset, lon: str, lat: str, crs: CRS, path: str | Path
) -> Axes:
    x, y = (dataset[name].to_numpy().astype(np.float64) for name in (lon, lat))
    most = [np.nanmax(np.abs(values), initial=0.0) for values in (y, x)]
    if most[0] > 90.0 or most[1] > 360.0 or (x.size and np.nanmin(x) < -180.5):
        raise InputError(
            f"{path}  {lat}, {lon}",
            found=f"up to {most[0]:g} and {most[1]:g}",
            wanted="degrees: at most 90 and 360",
            hint="A projected grid has to come with its projection; a value such as "
            "9.97e36 is that of a coordinate that was never written.",
        )
    return Axes(x, y, crs, str(path))


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
    spelled = found.lower().replace(" ", "_")
    if spelled not in (*units, "degrees", "degree", "decimal_degrees"):
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
    if mapping is None:
        # Written by rioxarray's users: the variable is there, and nothing names it.
        mapping = next(
            (name for name in ("spatial_ref", "crs") if name in dataset.variables), None
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
    from pyproj import CRS

    crs = CRS.from_cf(attrs)
    if crs.is_geographic:
        for name, degrees in ((x, _EAST), (y, _NORTH)):
            _coordinates_in(dataset, name, degrees, path)
        return _degrees(dataset, x, y, crs, path)
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
        if not units:
            # Written without: the projection itself says what its axes are in.
            units = str(crs.axis_info[0].unit_name) if crs.axis_info else "metre"
            factors |= {"kilometre": 1000.0}
        if units not in factors:
            raise InputError(
                f"{path}  {name}.units", found=repr(units), wanted="'m' or 'km'"
            )
        coordinates.append(dataset[name].to_numpy().astype(float) * factors[units])
    _check_on_earth(coordinates, crs, path)
    axes = Axes(coordinates[0], coordinates[1], crs, str(path))
    _check_against_places(dataset, axes, str(mapping), path)
    return axes


def _check_on_earth(coordinates: list[np.ndarray], crs: CRS, path: str | Path) -> None:
    """Refuse axes whose middle is no place on the earth: a wrong unit."""
    if any(values.size == 0 or not np.isfinite(values).all() for values in coordinates):
        return  # the axes themselves say what is wrong
    x, y = (float(values[values.size // 2]) for values in coordinates)
    from pyproj import Transformer

    to_places = Transformer.from_crs(crs, MODEL_CRS, always_xy=True)
    lon, lat = to_places.transform(x, y)
    if np.isfinite([lon, lat]).all() and max(abs(x), abs(y)) < 3.0e7:
        return
    raise InputError(
        f"{path}  x, y",
        found=f"{x:g}, {y:g} m in the middle",
        wanted="a place on the earth in the file's projection",
        hint="Another unit of x and y, or another projection.",
    )


def _check_against_places(
    dataset: xr.Dataset, axes: Axes, mapping: str, path: str | Path
) -> None:
    """Compare x, y and projection with the file's own latitudes and longitudes."""
    shape = (axes.y.size, axes.x.size)
    lat = next((dataset[n] for n in _LAT if n in dataset.variables), None)
    lon = next((dataset[n] for n in _LON if n in dataset.variables), None)
    if lat is None or lon is None or lat.shape != shape or lon.shape != shape:
        return
    rows = np.unique(np.linspace(0, shape[0] - 1, 5).astype(int))
    columns = np.unique(np.linspace(0, shape[1] - 1, 5).astype(int))
    theirs_lat = lat[rows, columns].to_numpy()
    theirs_lon = lon[rows, columns].to_numpy()
    from pyproj import Transformer

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
