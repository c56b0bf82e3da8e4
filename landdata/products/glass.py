"""GLASS LAI and GPP on their 0.05 degree grid, HDF4 (Liang et al. 2021).

``GLASS01B01.V60.A2020185.2022138.hdf``: product, version, year and first day of
the composite, date of production. There are 46 composites a year, each of 8 days
but for the last. Versions differ in their packing, so scale, missing-value code
and valid range come from the file, and a file without them is refused. The grid is
the model's own: values are taken, not interpolated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.hdf4 import Hdf4Process
from landdata.files.netcdf_fields import delivered, target
from landdata.files.provider_files import existing_file, matching_files, reading
from landdata.files.units import conversion
from landdata.grid.grid import CELLS_PER_DEGREE, N_COLUMNS, N_ROWS, Cells, Grid
from landdata.grid.windows import window_length
from landdata.variables import FLUXES, Variable

_DATE = re.compile(r"\.A(\d{4})(\d{3})\.")
_PER_WINDOW = re.compile(r"^(.*?)\s*(?:8\s*d-1|8day-1|/8d|/8day|\(8d\)-1)$")
# The largest value that a product may hold: outside, the scale is not trusted.
_CEILING = {"lai": (5.0, 15.0), "gpp": (10.0, 100.0)}


@dataclass(frozen=True)
class _Packing:
    scale: float
    fill: float
    low: float
    high: float
    factor: float
    per_window: bool


def read_glass(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    stream: str,
    field: str | None = None,
    units: str | None = None,
    years: tuple[int, int] | None = None,
) -> xr.Dataset:
    """One GLASS product on the model grid.

    Parameters
    ----------
    files : path, pattern or several
        HDF4, one composite each; in any order.
    where : Grid or Cells
        Where values are wanted.
    stream : {"lai", "gpp"}
        What it is.
    field : str, optional
        The data set in the file; "LAI" or "GPP" by default.
    units : str, optional
        Where the file does not state them. LAI needs none.
    years : (first, last), optional
        Years wanted; files of others are not opened.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), or (time, pixel) for cells; time is the first day of
        each composite. lai [1], or gpp [g m-2 d-1, carbon, a daily mean].
    """
    if stream not in _CEILING:
        raise InputError(
            f"stream {stream!r}", found="no stream of GLASS", wanted="'lai' or 'gpp'"
        )
    cells, driver = target(where), FLUXES[stream]
    by_day: dict[np.datetime64, Path] = {}
    for path in matching_files(files):
        day = composite_day(path)
        if years is not None and not years[0] <= _year(day) <= years[1]:
            continue
        if day in by_day:
            raise InputError(
                f"{path}  {day}",
                found=f"the same composite as in {by_day[day]}",
                wanted="each composite once",
                hint="Two versions or productions? Keep one.",
            )
        by_day[day] = path
    if not by_day:
        raise InputError(
            f"{files}", found=f"no composite of the years {years}", wanted="some"
        )
    days = np.array(sorted(by_day), dtype="datetime64[D]")
    values = np.empty((days.size, len(cells)), dtype=np.float32)
    with Hdf4Process() as library:
        for index, day in enumerate(days):
            values[index] = _read_one(
                library, by_day[day], cells, driver, field or stream.upper(), units, day
            )
    dataset = xr.Dataset(
        {
            stream: (
                ("time", "pixel"),
                values,
                {**driver.attrs, "cell_methods": "time: mean (8 days)"},
            )
        },
        coords={"time": days.astype("datetime64[ns]"), **cells.coords()},
    )
    return delivered(dataset, where, source=f"GLASS {stream}")


def composite_day(path: Path) -> np.datetime64:
    """First day of the composite, from the file's name."""
    match = _DATE.search(path.name)
    year, day = (int(match.group(1)), int(match.group(2))) if match else (0, 0)
    if match is None or not 1 <= day <= 361 or (day - 1) % 8:
        raise InputError(
            str(path),
            found=f"no composite in the name (day {day})" if match else "no date",
            wanted="a name such as GLASS01B01.V60.A2020185.2022138.hdf, the day one "
            "of 1, 9, ... 361",
        )
    return np.datetime64(f"{year:04d}-01-01") + (day - 1)


def _year(day: np.datetime64) -> int:
    return int(day.astype("datetime64[Y]").astype(int)) + 1970


def _read_one(
    library: Hdf4Process,
    path: Path,
    cells: Cells,
    driver: Variable,
    field: str,
    units: str | None,
    day: np.datetime64,
) -> NDArray:
    path = existing_file(path)
    with reading(path, "an HDF4 file of GLASS"):
        found = library.describe(path, field)
        if field not in found["fields"]:
            raise InputError(
                f"{path}  {field}",
                found=f"fields {', '.join(found['fields']) or 'none'}",
                wanted=f"a field {field}",
            )
        packing = _packing(found["field"], path, field, driver, units)
        shape = tuple(found["shape"])
        row, column = _origin(found["file"], shape, path)
        rows = cells.ids // N_COLUMNS - row
        columns = cells.ids % N_COLUMNS - column
        top, bottom = int(rows.min()), int(rows.max()) + 1
        left, right = int(columns.min()), int(columns.max()) + 1
        if min(top, left) < 0 or bottom > shape[0] or right > shape[1]:
            raise InputError(
                str(path),
                found=f"a grid of {shape} cells that does not hold the region",
                wanted="one that does",
            )
        block = library.window(path, field, (top, bottom), (left, right))
        raw = block[rows - top, columns - left]
    known = (raw != packing.fill) & (raw >= packing.low) & (raw <= packing.high)
    values = raw.astype(np.float64) * packing.scale * packing.factor
    if packing.per_window:
        values /= window_length(day)
    values[~known] = np.nan
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        raise InputError(
            f"{path}  {field}",
            found=f"{values[bad][0]:g} {driver.units}",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
    return values


def _packing(
    attrs: dict[str, Any], path: Path, field: str, driver: Variable, units: str | None
) -> _Packing:
    found = {}
    for ours, names in (
        ("scale", ("scale_factor", "Scale_factor", "scale factor", "SCALE_FACTOR")),
        ("fill", ("_FillValue", "FillValue", "fill_value", "Fill_value")),
        ("range", ("valid_range", "Valid_range", "VALID_RANGE")),
    ):
        name = next((name for name in names if name in attrs), None)
        if name is None:
            raise InputError(
                f"{path}  {field}",
                found=f"attributes {', '.join(map(str, attrs)) or 'none'}",
                wanted=f"{names[0]}: versions differ in it, so it is not guessed",
            )
        found[ours] = _numbers(attrs[name], f"{path}  {field}.{name}")
    scale, fill, limits = found["scale"], found["fill"], found["range"]
    if scale.size != 1 or fill.size != 1 or limits.size != 2:
        raise InputError(
            f"{path}  {field}",
            found=f"scale {scale}, fill {fill}, range {limits}",
            wanted="one scale, one fill value, two ends of a range",
        )
    if np.any(_numbers(attrs.get("add_offset", 0.0), f"{path}  {field}.add_offset")):
        raise InputError(
            f"{path}  {field}.add_offset",
            found=f"{attrs['add_offset']}",
            wanted="0: HDF4 and CF mean different things by an offset",
        )
    stated = units if units is not None else str(attrs.get("units", "")).strip("\0 ")
    if driver.name == "lai" and not stated:
        stated = "1"
    match = _PER_WINDOW.match(stated)
    per_window = match is not None
    if match is not None:
        stated = f"{match.group(1).strip()} d-1"
    factor, offset = conversion(stated, driver.units, f"{path}  {field}")
    if offset:
        raise InputError(f"{path}  {field}.units", found=stated, wanted=driver.units)
    top = float(limits[1] * scale[0] * factor / (8.0 if per_window else 1.0))
    low, high = _CEILING[driver.name]
    if not (low <= top <= high and limits[0] * scale[0] >= -high):
        raise InputError(
            f"{path}  {field}.scale_factor",
            found=f"{scale[0]:g}, so that values reach {top:g} {driver.units}",
            wanted=f"a scale with which they reach {low:g} to {high:g}",
            hint="The scale or the valid range in the file is wrong.",
        )
    return _Packing(
        float(scale[0]), float(fill[0]), float(limits[0]), float(limits[1]), factor,
        per_window,
    )  # fmt: skip


def _numbers(value: object, where: str) -> NDArray[np.float64]:
    """An attribute as numbers; some versions write them as text."""
    if isinstance(value, str):
        value = [part for part in re.split(r"[\s,]+", value.strip("\0 []()")) if part]
    try:
        numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError) as exc:
        raise InputError(where, found=repr(value), wanted="numbers") from exc
    if not np.isfinite(numbers).all():
        raise InputError(where, found=repr(value), wanted="finite numbers")
    return numbers


def _origin(
    attrs: dict[str, Any], shape: tuple[int, ...], path: Path
) -> tuple[int, int]:
    """Row and column of the file's north-western cell on the model's global grid."""
    structure = str(attrs.get("StructMetadata.0", ""))
    corners = {
        name: re.search(rf"{name}=\((-?[\d.]+),(-?[\d.]+)\)", structure)
        for name in ("UpperLeftPointMtrs", "LowerRightMtrs")
    }
    upper, lower = corners["UpperLeftPointMtrs"], corners["LowerRightMtrs"]
    if upper is None or lower is None:
        if shape == (N_ROWS, N_COLUMNS) and not structure.strip("\0 "):
            return 0, 0
        raise InputError(
            f"{path}  StructMetadata.0",
            found=f"no corners of the grid, and a field of {shape} cells",
            wanted=f"corners, or the global field of {N_ROWS} x {N_COLUMNS}",
        )
    if "GCTP_GEO" not in structure:
        raise InputError(
            f"{path}  StructMetadata.0",
            found="a projection other than GCTP_GEO",
            wanted="the 0.05 degree product in latitude and longitude",
            hint="GLASS also comes in 500 m sinusoidal tiles: use the 0.05 degree one.",
        )
    west, north = (_packed_degrees(text) for text in upper.groups())
    east, south = (_packed_degrees(text) for text in lower.groups())
    row, column = (90.0 - north) * CELLS_PER_DEGREE, (west + 180.0) * CELLS_PER_DEGREE
    size = ((north - south) * CELLS_PER_DEGREE, (east - west) * CELLS_PER_DEGREE)
    if (
        len(shape) != 2
        or abs(row - round(row)) > 1e-3
        or abs(column - round(column)) > 1e-3
        or max(abs(size[0] - shape[0]), abs(size[1] - shape[1])) > 1e-3
        or not (0 <= round(row) <= N_ROWS and 0 <= round(column) <= N_COLUMNS)
    ):
        raise InputError(
            f"{path}  StructMetadata.0",
            found=f"{west:g} to {east:g} E, {south:g} to {north:g} N in {shape} cells",
            wanted="cells of 0.05 degree on multiples of it",
        )
    return round(row), round(column)


def _packed_degrees(text: str) -> float:
    """Degrees from HDF-EOS's packed DDDMMMSSS.SS."""
    value = float(text)
    whole, rest = divmod(abs(value), 1.0e6)
    minutes, seconds = divmod(rest, 1.0e3)
    return float(np.copysign(whole + minutes / 60.0 + seconds / 3600.0, value))
