"""What all gridded netCDF products share: axes, projection, time, units, limits.

A product's own module says which variables it has and what is odd about them;
everything that can be wrong with a file in general is refused here, by file,
variable and date. Data are read in blocks of days of the window that the region
needs, so memory does not grow with the size of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import Driver
from regions.files import open_netcdf
from regions.grid import CRS as MODEL_CRS
from regions.grid import Cells, Grid
from regions.regrid import Axes, Regridder
from regions.units import conversion

BLOCK_BYTES = 32 * 2**20
_LAT = ("lat", "latitude")
_LON = ("lon", "longitude")
_TIME = ("time", "day")
TIME_ATTRS = {"standard_name": "time", "long_name": "day", "axis": "T"}


@dataclass(frozen=True, eq=False)
class Field:
    """A variable of a provider's file and what becomes of it.

    Attributes
    ----------
    name : str
        In the file.
    variable : Driver
        Name, unit and limits here.
    units : str, optional
        The file's unit, where the file is wrong about it or silent.
    aliases : mapping
        Units as the file spells them, and what that means in this product.
    slack : float
        How far beyond the limits a value may lie, in the unit here, and still be
        taken for the limit (packing rounds).
    """

    name: str
    variable: Driver
    units: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    slack: float = 0.0


@dataclass
class Piece:
    """One variable of one file on the model's cells, before the division."""

    path: Path
    days: NDArray
    total: NDArray
    weight: NDArray
    regridder: Regridder


@dataclass
class RegridderCache:
    """One regridder per grid met: its weights take seconds for a region."""

    cells: Cells
    method: str | None = None
    known: list[Regridder] = field(default_factory=list)

    def __call__(self, axes: Axes) -> Regridder:
        """The regridder for a grid, made at most once."""
        for regridder in self.known:
            if regridder.axes.same_as(axes):
                return regridder
        self.known.append(Regridder(axes, self.cells, self.method))
        return self.known[-1]


def wanted_variable(dataset: xr.Dataset, name: str, path: str | Path) -> xr.DataArray:
    """A variable of a file, or a refusal that lists what is there."""
    if name in dataset.variables:
        return dataset[name]
    raise InputError(
        f"{path}  {name}",
        found=f"variables {', '.join(map(str, dataset.data_vars)) or 'none'}",
        wanted=f"a variable {name}",
    )


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


def times_of(dataset: xr.Dataset, name: str, path: str | Path) -> NDArray:
    """The file's dates and hours, datetime64[s], each after the one before."""
    if name not in dataset.coords:
        raise InputError(
            f"{path}  {name}", found="no time coordinate", wanted="dates that rise"
        )
    time = dataset[name].to_numpy()
    if not np.issubdtype(time.dtype, np.datetime64) or np.isnat(time).any():
        calendar = dataset[name].encoding.get("calendar", "unknown")
        raise InputError(
            f"{path}  {name}",
            found=f"calendar {calendar!r}, values such as {time[:1]}",
            wanted="dates of the real calendar (standard or proleptic_gregorian)",
            hint="Dates of a calendar without leap days cannot be told from real ones: "
            "from 1 March they may be a day off. Get the provider's own file."
            if calendar in ("noleap", "365_day", "all_leap", "366_day", "360_day")
            else "Is the unit written as 'days since 1950-01-01'?",
        )
    time = time.astype("datetime64[s]")
    steps = np.diff(time).astype(int)
    if time.size == 0 or (steps <= 0).any():
        found = "no times"
        if time.size:
            first = int(np.argmax(steps <= 0))
            found = f"{time[first]} and then {time[first + 1]}"
        raise InputError(f"{path}  {name}", found=found, wanted="times that rise")
    return time


def time_name(variable: xr.DataArray, path: str | Path) -> str:
    """The dimension of a variable that is time."""
    name = next((str(dim) for dim in variable.dims if dim in _TIME), None)
    if name is None or variable.ndim != 3:
        raise InputError(
            f"{path}  {variable.name}",
            found=f"dimensions {variable.dims}",
            wanted="time and two dimensions of space",
        )
    return name


def blocks(
    variable: xr.DataArray,
    regridder: Regridder,
    time: NDArray,
    source: Field,
    path: str | Path,
    *,
    limits: bool = True,
) -> Iterator[tuple[slice, NDArray]]:
    """Windows of a variable in the unit here, a few times at once.

    Yields
    ------
    times : slice
        Positions along time.
    values : numpy.ndarray (time, row, column)
        NaN where missing; within the variable's limits.
    """
    name = time_name(variable, path)
    row, column = (str(dim) for dim in variable.dims if dim != name)
    if row.lower() not in ("y", *_LAT):
        row, column = column, row
    window = variable.isel({row: regridder.rows, column: regridder.columns})
    window = window.transpose(name, row, column)
    units = source.units
    if units is None:
        units = str(variable.attrs.get("units", "")).strip()
        units = source.aliases.get(units, units)
    factor, offset = conversion(
        units, source.variable.units, f"{path}  {variable.name}"
    )
    per_time = 8 * window.shape[1] * window.shape[2]
    step = max(1, BLOCK_BYTES // per_time)
    for first in range(0, time.size, step):
        part = slice(first, min(first + step, time.size))
        values = window.isel({name: part}).to_numpy().astype(np.float64)
        values = values * factor + offset
        if limits:
            values = within_limits(values, time[part], source, f"{path}")
        yield part, values


def within_limits(values: NDArray, time: NDArray, source: Field, path: str) -> NDArray:
    """Refuse what cannot be; bring what rounding put just outside to the limit."""
    driver = source.variable
    with np.errstate(invalid="ignore"):
        low = values < driver.low - source.slack
        high = values > driver.high + source.slack
    bad = low | high | np.isinf(values)
    if bad.any():
        first = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise InputError(
            f"{path}  {source.name} on {str(time[first[0]]).replace('T00:00:00', '')}",
            found=f"{values[first]:g} {driver.units} ({int(bad.sum())} values like it)",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
            hint="A wrong unit, a missing-value code that is not declared, or damage.",
        )
    return np.clip(values, driver.low, driver.high) if source.slack else values


def read_daily(
    files: list[Path],
    cells: Cells,
    fields: Mapping[str, Field],
    *,
    check_days: Callable[[NDArray, xr.Dataset, Path], NDArray] | None = None,
    method: str | None = None,
    years: tuple[int, int] | None = None,
) -> xr.Dataset:
    """Daily files on the model's cells.

    Parameters
    ----------
    files : list of path
        Each with one or more of the fields.
    cells : Cells
        Where values are wanted.
    fields : mapping
        By name in the file.
    check_days : callable, optional
        (days, dataset, path) -> days: a product's own calendar rules.
    method : {"area", "bilinear"}, optional
        See ``Regridder``.
    years : (first, last), optional
        Days of other years are left out.

    Returns
    -------
    xarray.Dataset
        Over (time, pixel), float32, days in order.
    """
    regridders = RegridderCache(cells, method)
    pieces: dict[str, list[Piece]] = {}
    for path in files:
        with open_netcdf(path) as dataset:
            here = [name for name in fields if name in dataset.variables]
            if not here:
                raise InputError(
                    str(path),
                    found=f"variables {', '.join(map(str, dataset.data_vars))}",
                    wanted=f"one of {', '.join(fields)}",
                )
            for name in here:
                piece = _piece(
                    dataset, fields[name], path, regridders, check_days, years
                )
                if piece is not None:
                    pieces.setdefault(name, []).append(piece)
    if not pieces:
        raise InputError(
            f"{files[0]} to {files[-1].name}" if len(files) > 1 else str(files[0]),
            found=f"no day of the years {years}",
            wanted="some days of them",
        )
    data = {
        fields[name].variable.name: _joined(parts, fields[name].variable, cells)
        for name, parts in pieces.items()
    }
    return xr.Dataset(data)


def _piece(
    dataset: xr.Dataset,
    source: Field,
    path: Path,
    regridders: RegridderCache,
    check_days: Callable[[NDArray, xr.Dataset, Path], NDArray] | None,
    years: tuple[int, int] | None,
) -> Piece | None:
    variable = wanted_variable(dataset, source.name, path)
    time = times_of(dataset, time_name(variable, path), path)
    days = time.astype("datetime64[D]")
    twice = np.flatnonzero(np.diff(days).astype(int) == 0)
    if twice.size:
        raise InputError(
            f"{path}  {source.name} on {days[twice[0]]}",
            found=f"{time[twice[0]]} and {time[twice[0] + 1]}",
            wanted="one value a day",
        )
    if check_days is not None:
        days = check_days(days, dataset, path)
    kept = slice(0, days.size)
    if years is not None:
        year = days.astype("datetime64[Y]").astype(int) + 1970
        inside = np.flatnonzero((year >= years[0]) & (year <= years[1]))
        if inside.size == 0:
            return None
        kept = slice(int(inside[0]), int(inside[-1]) + 1)
    regridder = regridders(axes_of(dataset, variable, path))
    name = time_name(variable, path)
    variable, days = variable.isel({name: kept}), days[kept]
    total = np.empty((days.size, regridder.n_cells), dtype=np.float32)
    weight = np.empty_like(total)
    for part, values in blocks(variable, regridder, days, source, path):
        total[part], weight[part] = regridder.parts(values)
    return Piece(path, days, total, weight, regridder)


def _joined(pieces: list[Piece], driver: Driver, cells: Cells) -> xr.DataArray:
    """Files of one variable as one series; tiles of the same days added up."""
    by_days: dict[bytes, list[Piece]] = {}
    for piece in pieces:
        by_days.setdefault(piece.days.tobytes(), []).append(piece)
    parts = []
    for same in by_days.values():
        first = same[0]
        for other in same[1:]:
            tile = other.regridder is not first.regridder
            if not tile or first.regridder.method != "area":
                raise _twice(first.path, other.path, first.days[0], driver)
            first.total += other.total
            first.weight += other.weight
            if np.any(first.weight > 1.01 * first.regridder.full):
                raise _twice(first.path, other.path, first.days[0], driver)
        parts.append(first)
    parts.sort(key=lambda piece: piece.days[0])
    for before, after in pairwise(parts):
        if after.days[0] <= before.days[-1]:
            raise _twice(before.path, after.path, after.days[0], driver)
    values = [p.regridder.finish(p.total, p.weight).astype(np.float32) for p in parts]
    days = np.concatenate([piece.days for piece in parts])
    return xr.DataArray(
        np.concatenate(values),
        dims=("time", "pixel"),
        coords={"time": days.astype("datetime64[ns]"), **cells.coords()},
        attrs={**driver.attrs, "regridding": parts[0].regridder.method},
    )


def _twice(one: Path, other: Path, day: np.datetime64, driver: Driver) -> InputError:
    return InputError(
        f"{other}  {driver.name} on {day}",
        found=f"the same day and place as in {one}",
        wanted="each day once",
        hint="Two versions of a file? Keep one, or make the pattern narrower.",
    )


def target(where: Grid | Cells) -> Cells:
    """The cells that a reader is asked for."""
    return where.cells if isinstance(where, Grid) else where


def delivered(dataset: xr.Dataset, where: Grid | Cells, **attrs: object) -> xr.Dataset:
    """What a reader returns: over lat and lon for a grid, over pixel for cells."""
    dataset = dataset.assign_attrs({"Conventions": "CF-1.11", **attrs})
    if "time" in dataset.coords:
        dataset = dataset.assign_coords(time=dataset["time"].assign_attrs(TIME_ATTRS))
    return where.lay_out(dataset) if isinstance(where, Grid) else dataset


def day_index(days: NDArray) -> pd.DatetimeIndex:
    """Days as an index."""
    return pd.DatetimeIndex(days.astype("datetime64[ns]"))
