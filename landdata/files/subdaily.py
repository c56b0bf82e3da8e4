"""Hourly and three-hourly UTC products as days of local time.

The model's sun keeps local solar time, so a pixel's day begins at midnight of its
solar time zone, the whole hour nearest to longitude / 15 (UTC-5 from 82.5 W to
67.5 W). A day that lacks a time is missing; a file that lacks one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from landdata.errors import InputError
from landdata.files.netcdf_fields import (
    Field,
    RegridderCache,
    blocks,
    time_name,
    times_of,
    wanted_variable,
    within_limits,
)
from landdata.files.provider_files import open_netcdf
from landdata.grid.axes import axes_of
from landdata.grid.grid import Cells
from landdata.grid.regrid import Regridder
from landdata.variables import Variable

HOUR = 3600


@dataclass(frozen=True)
class Daily:
    """One daily variable and the values of a day that it is made of.

    Attributes
    ----------
    variable : Variable
        Name, unit and limits of the daily value.
    sources : tuple of Field
        What is read; ``combine`` makes one value of several (wind of two parts).
    rule : {"mean", "sum", "min", "max"}
        From the values of a day to the day's.
    stamped_at_end : bool
        Each value is of the hours before its stamp (accumulations).
    accumulated : bool
        Each value is the sum since midnight UTC, as in ERA5-Land: the value at 01 is
        the first hour's, and the one at 00 is the whole of the day before.
    """

    variable: Variable
    sources: tuple[Field, ...]
    rule: str
    combine: Callable[..., NDArray] | None = None
    stamped_at_end: bool = False
    accumulated: bool = False


def local_offset(lon: ArrayLike) -> NDArray[np.int64]:
    """Whole hours that local solar time is ahead of UTC; negative in the west.

    Examples
    --------
    >>> local_offset([-72.2, -82.6])
    array([-5, -6])
    """
    return np.rint(np.asarray(lon, dtype=np.float64) / 15.0).astype(np.int64)


class _Sums:
    """Running daily values: memory for days times cells, whatever the files hold."""

    def __init__(self, rule: str, n_days: int, n_cells: int):
        self.rule = rule
        start = {"min": np.inf, "max": -np.inf}.get(rule, 0.0)
        self.values = np.full((n_days, n_cells), start)
        self.counts = np.zeros((n_days, n_cells), dtype=np.int16)

    def add(self, day: int, cells: NDArray, values: NDArray) -> None:
        there = np.isfinite(values)
        at, values = cells[there], values[there]
        if self.rule == "min":
            self.values[day, at] = np.minimum(self.values[day, at], values)
        elif self.rule == "max":
            self.values[day, at] = np.maximum(self.values[day, at], values)
        else:
            self.values[day, at] += values
        self.counts[day, at] += 1

    def add_all(
        self,
        moments: NDArray,
        values: NDArray,
        zones: list[tuple[int, NDArray]],
        shift: int,
        first_day: np.datetime64,
    ) -> None:
        """Times (time, cell) into the local days they belong to."""
        for offset, zone in zones:
            local = moments + np.timedelta64(offset * HOUR - shift, "s")
            days = (local.astype("datetime64[D]") - first_day).astype(int)
            for day, row in zip(days, values, strict=True):
                if 0 <= day < self.values.shape[0]:
                    self.add(int(day), zone, row[zone])

    def result(self, per_day: int) -> NDArray:
        values = self.values / per_day if self.rule == "mean" else self.values
        return np.where(self.counts == per_day, values, np.nan)


def read_local_days(
    files: list[Path],
    cells: Cells,
    wanted: list[Daily],
    *,
    step_hours: int,
    first_day: np.datetime64,
    last_day: np.datetime64,
) -> xr.Dataset:
    """Sub-daily files on the model's cells, as local days, bilinear.

    Parameters
    ----------
    files : list of path
        In order of time.
    cells : Cells
        Where values are wanted.
    wanted : list of Daily
        Those that the files have none of the sources of are left out.
    step_hours : int
        Between values; other steps are refused.
    first_day, last_day : datetime64[D]
        Days to return, both included.

    Returns
    -------
    xarray.Dataset
        Over (time, pixel), float32; days that lack a value are NaN.
    """
    n_days = int((last_day - first_day).astype(int)) + 1
    offsets = local_offset(cells.lon)
    zones = [
        (int(offset), np.flatnonzero(offsets == offset))
        for offset in np.unique(offsets)
    ]
    sums: dict[str, _Sums] = {}
    regridders = RegridderCache(cells, "bilinear")
    last_time: tuple[np.datetime64, Path] | None = None
    before: dict[str, tuple[np.datetime64, NDArray]] = {}
    for path in files:
        with open_netcdf(path) as dataset:
            here = [
                daily
                for daily in wanted
                if any(source.name in dataset.variables for source in daily.sources)
            ]
            if not here:
                names = dict.fromkeys(s.name for d in wanted for s in d.sources)
                raise InputError(
                    str(path),
                    found=f"variables {', '.join(map(str, dataset.data_vars))}",
                    wanted=f"one of {', '.join(names)}",
                )
            some = wanted_variable(dataset, _first_name(here, dataset), path)
            time = times_of(dataset, time_name(some, path), path)
            last_time = _check_steps(time, path, last_time, step_hours)
            # Local days reach a day beyond their dates in UTC, on either side.
            near = np.flatnonzero((time >= first_day - 1) & (time < last_day + 2))
            if near.size == 0:
                continue
            needed = slice(int(near[0]), int(near[-1]) + 1)
            # Minimum and maximum are of one variable: it is read once.
            groups: dict[tuple[Field, ...], list[Daily]] = {}
            for daily in here:
                groups.setdefault(daily.sources, []).append(daily)
            for together in groups.values():
                for moments, values in _values(
                    dataset, together[0], path, time, needed, regridders
                ):
                    if together[0].accumulated:
                        values = _increments(
                            moments, values, before, together[0], step_hours, path
                        )
                    for daily in together:
                        kept = sums.setdefault(
                            daily.variable.name,
                            _Sums(daily.rule, n_days, len(cells)),
                        )
                        shift = step_hours * HOUR if daily.stamped_at_end else 0
                        kept.add_all(moments, values, zones, shift, first_day)
    days = first_day + np.arange(n_days)
    data = {}
    for daily in wanted:
        name = daily.variable.name
        if name not in sums:
            continue
        values = sums[name].result(24 // step_hours)
        source = Field(
            "/".join(s.name for s in daily.sources),
            daily.variable,
            # Weights add up to one within rounding: overcast is 1.0000000002.
            slack=1e-6 * (abs(daily.variable.low) + abs(daily.variable.high)),
        )
        values = within_limits(values, days, source, str(files[0]))
        data[name] = xr.DataArray(
            values.astype(np.float32),
            dims=("time", "pixel"),
            coords={"time": days.astype("datetime64[ns]"), **cells.coords()},
            attrs={
                **daily.variable.attrs,
                "cell_methods": f"time: {daily.rule} (local solar day)",
                "regridding": "bilinear",
            },
        )
    return xr.Dataset(data)


def _first_name(here: list[Daily], dataset: xr.Dataset) -> str:
    return next(s.name for d in here for s in d.sources if s.name in dataset.variables)


def _values(
    dataset: xr.Dataset,
    daily: Daily,
    path: Path,
    time: NDArray,
    needed: slice,
    regridders: RegridderCache,
) -> Iterator[tuple[NDArray, NDArray]]:
    """Times, and values on the cells (time, cell), in blocks."""
    variables = [
        variable.isel({time_name(variable, path): needed})
        for variable in (wanted_variable(dataset, s.name, path) for s in daily.sources)
    ]
    time = time[needed]
    regridder: Regridder = regridders(axes_of(dataset, variables[0], path))
    streams = [
        blocks(variable, regridder, time, source, path)
        for variable, source in zip(variables, daily.sources, strict=True)
    ]
    for parts in zip(*streams, strict=True):
        part = parts[0][0]
        grids = [values for _, values in parts]
        grid = daily.combine(*grids) if daily.combine else grids[0]
        yield time[part], regridder(grid)


def _increments(
    moments: NDArray,
    values: NDArray,
    before: dict[str, tuple[np.datetime64, NDArray]],
    daily: Daily,
    step_hours: int,
    path: Path,
) -> NDArray:
    """Sums since midnight UTC as sums of each step; NaN where the last is unknown."""
    name = daily.sources[0].name
    step = np.timedelta64(step_hours * HOUR, "s")
    hour = (moments - moments.astype("datetime64[D]")).astype(int) // HOUR
    found = np.full(values.shape, np.nan)
    for row, moment in enumerate(moments):
        if hour[row] == step_hours:
            found[row] = values[row]
        elif name in before and before[name][0] == moment - step:
            found[row] = values[row] - before[name][1]
        before[name] = (moment, values[row])
    # Packing lets a sum fall by a hair.
    slack = 1e-3 * daily.variable.high
    with np.errstate(invalid="ignore"):
        falls = found < -slack
    if falls.any():
        row, cell = np.argwhere(falls)[0]
        raise InputError(
            f"{path}  {name} at {moments[row]}",
            found=f"a sum that falls by {-found[row, cell]:g} {daily.variable.units}",
            wanted="sums since midnight UTC, as ERA5-Land has them",
            hint="ERA5 (not Land) has the sum of each hour: another product.",
        )
    return np.maximum(found, 0.0)


def _check_steps(
    time: NDArray,
    path: Path,
    before: tuple[np.datetime64, Path] | None,
    step_hours: int,
) -> tuple[np.datetime64, Path]:
    times, step = time, np.timedelta64(step_hours * HOUR, "s")
    if before is not None:
        if time[0] == before[0] or time[0] < before[0]:
            raise InputError(
                f"{path}  time {time[0]}",
                found=f"a time that {before[1]} has already passed ({before[0]})",
                wanted="each time once, in order of the files' names",
                hint="Two versions of a file? Keep one.",
            )
        times = np.r_[before[0], time]
    gaps = np.flatnonzero(np.diff(times) != step)
    if gaps.size:
        raise InputError(
            f"{path}  time",
            found=f"{times[gaps[0]]} and then {times[gaps[0] + 1]}",
            wanted=f"a value every {step_hours} hours",
            hint="A file or a time is missing in between.",
        )
    return time[-1], path
