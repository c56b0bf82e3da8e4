"""What all gridded netCDF products share: axes, projection, time, units, limits.

A product's own module says which variables it has and what is odd about them;
everything that can be wrong with a file in general is refused here, by file,
variable and date. Data are read in blocks of days of the window that the region
needs, so memory does not grow with the size of the product.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.outside_range import OutsideRange
from landdata.files.units import conversion
from landdata.grid.grid import Cells, Grid
from landdata.grid.regrid import Axes, Regridder
from landdata.grid.windows import window_length
from landdata.meteorology.radiation import NIGHT_OFFSET_MJ
from landdata.variables import Variable

logger = logging.getLogger(__name__)

BLOCK_BYTES = 32 * 2**20
_LAT = ("lat", "latitude")
_LON = ("lon", "longitude")
_TIME = ("time", "day", "valid_time")
TIME_ATTRS = {"standard_name": "time", "long_name": "day", "axis": "T"}


@dataclass(frozen=True, eq=False)
class Field:
    """A variable of a provider's file and what becomes of it.

    Attributes
    ----------
    name : str
        In the file.
    variable : Variable
        Name, unit and limits here.
    units : str, optional
        The file's unit, where the file is wrong about it or silent.
    aliases : mapping
        Units as the file spells them, and what that means in this product.
    slack : float
        How far beyond the limits a value may lie, in the unit here, and still be
        taken for the limit (packing rounds).
    flags : tuple of str
        Variables of quality flags that ``screen`` needs.
    screen : callable, optional
        (flags...) -> bool, where a value is used; others become NaN.
    per_composite : bool
        A sum over a composite that begins at its date: divided by its days.
    """

    name: str
    variable: Variable
    units: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    slack: float = 0.0
    flags: tuple[str, ...] = ()
    screen: Callable[..., NDArray[np.bool_]] | None = None
    per_composite: bool = False


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


def times_of(dataset: xr.Dataset, name: str, path: str | Path) -> NDArray:
    """The file's dates and hours, datetime64[s], each after the one before."""
    if name not in dataset.coords:
        raise InputError(
            f"{path}  {name}", found="no time coordinate", wanted="dates that rise"
        )
    time = _real_calendar(dataset[name])
    if not np.issubdtype(time.dtype, np.datetime64) or np.isnat(time).any():
        calendar = dataset[name].encoding.get("calendar", "unknown")
        raise InputError(
            f"{path}  {name}",
            found=f"calendar {calendar!r}, values such as {time[:1]}",
            wanted="dates of the real calendar (standard or proleptic_gregorian)",
            hint="Dates of a calendar without leap days look like real ones: "
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


def _real_calendar(coordinate: xr.DataArray) -> NDArray:
    """Times; those of the Julian calendar where it has the same days as ours.

    AppEEARS writes ``calendar = julian`` and counts the days of the real one. From
    1901 to 2099 the two agree on leap years, so a count that starts and ends in
    them gives the same dates in both.
    """
    time = coordinate.to_numpy()
    calendar = str(coordinate.encoding.get("calendar", ""))
    reference = re.search(r"since\s+(\d{4})", str(coordinate.encoding.get("units", "")))
    if calendar != "julian" or reference is None or time.size == 0:
        return time
    years = [int(reference.group(1)), *(one.year for one in (time.min(), time.max()))]
    if not all(1901 <= year <= 2099 for year in years):
        return time
    return np.array([one.isoformat() for one in time], dtype="datetime64[s]")


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
    window = needed_part(variable, regridder, path)
    low, high = valid_range(variable, path)
    units = source.units
    if units is None:
        units = str(variable.attrs.get("units", "")).strip()
        units = source.aliases.get(units, units)
    factor, offset = conversion(
        units, source.variable.units, f"{path}  {variable.name}"
    )
    per_time = 8 * window.shape[1] * window.shape[2]
    step = max(1, BLOCK_BYTES // per_time)
    outside = OutsideRange(low, high, f"{path}  {variable.name}")
    for first in range(0, time.size, step):
        part = slice(first, min(first + step, time.size))
        values = window.isel({name: part}).to_numpy().astype(np.float64)
        values = outside.removed(values) * factor + offset
        if source.per_composite:
            days = time[part].astype("datetime64[D]")
            values /= np.array([window_length(day) for day in days])[:, None, None]
        if limits:
            values = within_limits(values, time[part], source, f"{path}")
        yield part, values
    outside.judge(warn=source.screen is None, single=time.size == 1)


def needed_part(
    variable: xr.DataArray, regridder: Regridder, path: str | Path
) -> xr.DataArray:
    """The window of a variable that the region needs, (time, row, column)."""
    name = time_name(variable, path)
    row, column = (str(dim) for dim in variable.dims if dim != name)
    if row.lower() not in ("y", *_LAT):
        row, column = column, row
    window = variable.isel({row: regridder.rows, column: regridder.columns})
    return window.transpose(name, row, column)


def valid_range(variable: xr.DataArray, path: str | Path) -> tuple[float, float]:
    """The range that a file declares valid, in the unpacked values' unit.

    CF gives it for the packed values where its type is theirs, and for the unpacked
    ones where it is a real number beside packed integers.
    """
    attrs, stored = variable.attrs, variable.encoding
    low, high = attrs.get("valid_min", -np.inf), attrs.get("valid_max", np.inf)
    if "valid_range" in attrs:
        ends = np.atleast_1d(np.asarray(attrs["valid_range"]))
        if ends.size != 2 or ends.dtype.kind not in "iuf":
            raise InputError(
                f"{path}  {variable.name}.valid_range",
                found=repr(attrs["valid_range"]),
                wanted="two numbers",
            )
        low, high = ends[0], ends[1]
    try:
        bounds = [float(np.asarray(low)), float(np.asarray(high))]
    except (TypeError, ValueError) as exc:
        raise InputError(
            f"{path}  {variable.name}.valid_min, valid_max",
            found=f"{low!r}, {high!r}",
            wanted="numbers",
        ) from exc
    scale, add = (
        float(np.asarray(stored.get(name, default)).ravel()[0])
        for name, default in (("scale_factor", 1.0), ("add_offset", 0.0))
    )
    packed = np.dtype(stored.get("dtype", float)).kind in "iu"
    whole = all(np.asarray(end).dtype.kind in "iu" for end in (low, high)
                if not np.isinf(float(np.asarray(end))))  # fmt: skip
    if packed and whole and (scale, add) != (1.0, 0.0):
        bounds = sorted(bound * scale + add for bound in bounds)
    # Half a step of the packing: 100 x 0.1 is 10.000000149 in single precision.
    slack = 0.5 * abs(scale) if packed else 1e-6 * max(1.0, abs(bounds[1]))
    if np.isinf(bounds).all():
        return -np.inf, np.inf
    if not bounds[0] < bounds[1]:
        raise InputError(
            f"{path}  {variable.name}: valid range",
            found=f"{bounds[0]:g} to {bounds[1]:g}",
            wanted="the lower end first",
            hint="No value would be valid: are valid_min and valid_max exchanged?",
        )
    return bounds[0] - slack, bounds[1] + slack


def screened_blocks(
    dataset: xr.Dataset,
    variable: xr.DataArray,
    regridder: Regridder,
    time: NDArray,
    source: Field,
    path: str | Path,
    kept: slice,
) -> Iterator[tuple[slice, NDArray]]:
    """As ``blocks``, with values of poor quality taken out by the field's flags."""
    if source.screen is None:
        yield from blocks(variable, regridder, time, source, path)
        return
    name = time_name(variable, path)
    flags = []
    for flag in source.flags:
        whole = wanted_variable(dataset, flag, path).isel({name: kept})
        flags.append(needed_part(whole, regridder, path))
    for times, values in blocks(variable, regridder, time, source, path):
        bits = []
        for part in flags:
            raw = part.isel({name: times}).to_numpy().astype(np.float64)
            # A flag that is missing says nothing good.
            bits.append(np.where(np.isfinite(raw), raw, 255.0).astype(np.int64))
        yield times, np.where(source.screen(*bits), values, np.nan)


def within_limits(values: NDArray, time: NDArray, source: Field, path: str) -> NDArray:
    """Refuse what cannot be; bring what rounding put just outside to the limit."""
    driver = source.variable
    values = _without_night_offset(values, source, path)
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


def _without_night_offset(values: NDArray, source: Field, path: str) -> NDArray:
    """Light a little below zero, as sensors and packing leave it, set to zero."""
    if source.variable.name != "shortwave":
        return values
    with np.errstate(invalid="ignore"):
        small = (values < -source.slack) & (values >= -NIGHT_OFFSET_MJ)
    if not small.any():
        return values
    logger.warning(
        "%s  %s: %d values from %.3g to 0 MJ m-2 d-1 set to 0 (night offset)",
        path, source.name, int(small.sum()), values[small].min(),
    )  # fmt: skip
    return np.where(small, 0.0, values)


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
