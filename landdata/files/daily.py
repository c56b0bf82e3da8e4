"""Daily gridded files on the model's cells: days put in order, tiles added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.netcdf_fields import (
    Field,
    RegridderCache,
    screened_blocks,
    time_name,
    times_of,
    wanted_variable,
)
from landdata.files.provider_files import open_netcdf
from landdata.grid.axes import axes_of
from landdata.grid.grid import Cells
from landdata.grid.regrid import LEAST_COVER, Regridder
from landdata.variables import Variable


@dataclass
class Piece:
    """One variable of one file on the model's cells, before the division."""

    path: Path
    days: NDArray
    total: NDArray
    weight: NDArray
    regridder: Regridder
    file_units: str = ""


def read_daily(
    files: list[Path],
    cells: Cells,
    fields: Mapping[str, Field],
    *,
    check_days: Callable[[NDArray, xr.Dataset, Path], NDArray] | None = None,
    method: str | None = None,
    years: tuple[int, int] | None = None,
    calendar: str | None = None,
    least_cover: float = LEAST_COVER,
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
    calendar : str, optional
        Of the files' times, where they are wrong about it or silent.
    least_cover : float
        Fraction of a cell that has to have values.

    Returns
    -------
    xarray.Dataset
        Over (time, pixel), float32, days in order.
    """
    regridders = RegridderCache(cells, method)
    pieces: dict[str, list[Piece]] = {}
    for path in files:
        with open_netcdf(path, calendar=calendar) as dataset:
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
        fields[name].variable.name: _joined(
            parts, fields[name].variable, cells, least_cover
        )
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
    for part, values in screened_blocks(
        dataset, variable, regridder, days, source, path, kept
    ):
        total[part], weight[part] = regridder.parts(values)
    unit = "" if source.per_composite else str(variable.attrs.get("units", ""))
    return Piece(path, days, total, weight, regridder, unit)


# Units of an amount that do not say in what time, without their blanks.
_AMOUNTS = frozenset(
    unit
    for units in (
        "mm m kgm-2 kg/m2 kg/m^2 kgm**-2",
        "Jm-2 J/m2 Jm**-2 MJm-2 MJ/m2",
    )
    for unit in units.split()
)


def _refuse_sums(part: Piece, days: NDArray, driver: Variable) -> None:
    """Refuse a month's amount that is stated, or taken, to be that of a day.

    A unit without its time ("mm") is of whatever time the file's steps are.
    """
    per_day = driver.units.endswith("d-1")
    if not per_day or part.file_units.replace(" ", "") not in _AMOUNTS:
        return
    step = float(np.median(np.diff(days).astype(float))) if days.size > 1 else 1.0
    if step > 1.0:
        month = ", as of a month" if 27.0 < step < 32.0 else ""
        raise InputError(
            f"{part.path}  {driver.name}",
            found=f"{part.file_units!r} every {step:g} days: a sum{month}",
            wanted=f"daily values in {driver.units}",
            hint="Divide each sum by its days, and write the unit with its time.",
        )


def _joined(
    pieces: list[Piece], driver: Variable, cells: Cells, least: float
) -> xr.DataArray:
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
    _refuse_sums(parts[0], np.concatenate([part.days for part in parts]), driver)
    values = [
        part.regridder.finish(part.total, part.weight, least).astype(np.float32)
        for part in parts
    ]
    days = np.concatenate([piece.days for piece in parts])
    return xr.DataArray(
        np.concatenate(values),
        dims=("time", "pixel"),
        coords={"time": days.astype("datetime64[ns]"), **cells.coords()},
        attrs={**driver.attrs, "regridding": parts[0].regridder.method},
    )


def _twice(one: Path, other: Path, day: np.datetime64, driver: Variable) -> InputError:
    return InputError(
        f"{other}  {driver.name} on {day}",
        found=f"the same day and place as in {one}",
        wanted="each day once",
        hint="Two versions of a file? Keep one, or make the pattern narrower.",
    )


def refuse_inverted_days(dataset: xr.Dataset, where: str, slack: float = 0.05) -> None:
    """Refuse minima above maxima: exchanged variables, or another day's.

    Parameters
    ----------
    dataset : xarray.Dataset
        Over (time, pixel), with or without tmin and tmax.
    where : str
        For the error.
    slack : float
        K that packing may add.
    """
    if "tmin" not in dataset or "tmax" not in dataset:
        return
    bad = (dataset["tmin"] > dataset["tmax"] + slack).to_numpy()
    if bad.any():
        day = int(np.argwhere(bad)[0][0])
        pixel = int(np.argwhere(bad)[0][1])
        low, high = (
            float(dataset[name].to_numpy()[day, pixel]) for name in ("tmin", "tmax")
        )
        raise InputError(
            f"{where} on {str(dataset['time'].to_numpy()[day])[:10]}",
            found=f"tmin {low:g} above tmax {high:g} degC ({int(bad.sum())} values)",
            wanted="tmin at most tmax",
            hint="Are the two exchanged, or of different days?",
        )
