"""MODIS composites in their sinusoidal tiles, HDF4: LAI, fAPAR, GPP and ET.

``MOD15A2H.A2010185.h12v04.061.2021182000000.hdf``: 2400 x 2400 pixels of 463 m a tile,
a date in the name, quality flags in a layer of their own. Scale, missing-value code and
valid range come from the file. Tiles of a composite are added up by area.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

from landdata.errors import InputError
from landdata.files.composite_days import refuse_other_days
from landdata.files.hdf4 import Hdf4Process
from landdata.files.modis_quality import LAYERS, STREAMS, Counted, Layer, modis_good
from landdata.files.netcdf_fields import RegridderCache, delivered, target
from landdata.files.provider_files import existing_file, matching_files, reading
from landdata.files.units import conversion
from landdata.grid.grid import Cells, Grid
from landdata.grid.regrid import LEAST_COVER, Axes, Regridder
from landdata.grid.windows import window_length

SINUSOIDAL = CRS.from_proj4("+proj=sinu +lon_0=0 +R=6371007.181 +units=m +no_defs")
_DATE = re.compile(r"\.A(\d{4})(\d{3})\.")


def read_modis_tiles(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    stream: str,
    error: bool = False,
    years: tuple[int, int] | None = None,
    least_cover: float = LEAST_COVER,
) -> xr.Dataset:
    """One stream of MODIS tiles on the model grid, good values only.

    Parameters
    ----------
    files : path, pattern or several
        HDF4 of one product; one tile and composite each, in any order.
    where : Grid or Cells
        Where values are wanted; tiles without a part of it are left out.
    stream : {"lai", "fapar", "gpp", "et"}
        What to read.
    error : bool
        Also the product's own standard deviation.
    years : (first, last), optional
        Years wanted; files of others are not opened.
    least_cover : float
        Fraction of a cell that has to have good values.

    Returns
    -------
    xarray.Dataset
        As ``read_appeears`` gives it.

    Raises
    ------
    InputError
        Naming file and layer.
    """
    if stream not in STREAMS:
        raise InputError(
            f"stream {stream!r}",
            found="no stream of MODIS",
            wanted=f"one of {', '.join(STREAMS)}",
        )
    cells = target(where)
    layer = next(
        one for one in LAYERS if one.stream == stream and one.rule is modis_good
    )
    if error and not layer.error:
        raise InputError(
            f"stream {stream!r}", found="no standard deviation", wanted="lai or fapar"
        )
    by_day = _by_day(matching_files(files), years, layer)
    names = {stream: layer.name} | ({"error": layer.error} if error else {})
    rule = Counted(layer.rule)
    found: dict[str, list[NDArray]] = {name: [] for name in names}
    cache = RegridderCache(cells, "area")
    days = np.array(sorted(by_day), dtype="datetime64[D]")
    with Hdf4Process() as library:
        for day in days:
            for name, theirs in names.items():
                sums = _Sums(len(cells))
                for path in by_day[day]:
                    _add(library, path, layer, theirs, rule, cache, sums)
                found[name].append(sums.finish(least_cover, day, by_day[day][0]))
    lengths = np.array([window_length(day) for day in days])[:, None]
    factor, _ = conversion(layer.file_units, layer.driver.units, str(files))
    data = {}
    for name in names:
        values = np.stack(found[name]) * factor
        if layer.per_composite:
            values /= lengths
        _check(values, days, layer, str(files))
        spread = replace(layer.driver, name="error", standard_name="")
        driver = spread if name == "error" else layer.driver
        attrs = driver.attrs | {"regridding": "area"}
        data[name] = (("time", "pixel"), values.astype(np.float32), attrs)
    dataset = xr.Dataset(
        data, coords={"time": days.astype("datetime64[ns]"), **cells.coords()}
    )
    return delivered(
        dataset, where, source=f"MODIS {layer.name}", good_share=rule.fraction
    )


class _Sums:
    """Weighted sums of the tiles of one composite."""

    def __init__(self, n_cells: int) -> None:
        self.total = np.zeros(n_cells)
        self.weight = np.zeros(n_cells)
        self.regridder: Regridder | None = None

    def finish(self, least: float, day: np.datetime64, path: Path) -> NDArray:
        """Means of the cells."""
        if self.regridder is None:
            raise InputError(
                f"{path}  {day}",
                found="no tile of this composite in the region",
                wanted="tiles that cover the region",
            )
        if np.any(self.weight > 1.01 * self.regridder.full):
            raise InputError(
                f"{path}  {day}",
                found="the same place in two files",
                wanted="each tile once",
                hint="Two versions or productions? Keep one.",
            )
        return self.regridder.finish(self.total, self.weight, least)


def _by_day(
    paths: list[Path], years: tuple[int, int] | None, layer: Layer
) -> dict[np.datetime64, list[Path]]:
    found: dict[np.datetime64, list[Path]] = {}
    for path in paths:
        match = _DATE.search(path.name)
        number = int(match.group(2)) if match else 0
        if match is None or not 1 <= number <= 366:
            raise InputError(
                str(path),
                found="no date in the name",
                wanted="a name such as MOD15A2H.A2010185.h12v04.061.2021182000000.hdf",
            )
        day = np.datetime64(f"{match.group(1)}-01-01") + (number - 1)
        if years is not None and not years[0] <= int(match.group(1)) <= years[1]:
            continue
        refuse_other_days(np.array([day], dtype="datetime64[D]"), layer, path)
        found.setdefault(day, []).append(path)
    if not found:
        raise InputError(
            f"{paths[0]}", found=f"no composite of the years {years}", wanted="some"
        )
    return found


def _add(
    library: Hdf4Process,
    path: Path,
    layer: Layer,
    name: str,
    rule: Counted,
    cache: RegridderCache,
    sums: _Sums,
) -> None:
    """One tile's good values into the sums, if the region has a part of it."""
    path = existing_file(path)
    with reading(path, "an HDF4 tile of MODIS"):
        described = library.describe(path, name)
        flag = library.describe(path, layer.flag)
        for one, which in ((described, name), (flag, layer.flag)):
            if "field" not in one:
                raise InputError(
                    f"{path}  {which}",
                    found=f"fields {', '.join(one['fields']) or 'none'}",
                    wanted=f"a field {which}",
                )
        shape = tuple(described["shape"])
        axes = _axes(described["file"], shape, path)
        try:
            regridder = cache(axes)
        except InputError:
            return  # another tile than the region's
        rows, columns = regridder.rows, regridder.columns
        if not isinstance(columns, slice):
            raise InputError(str(path), found="columns out of order", wanted="a tile")
        ends = (rows.start, rows.stop), (columns.start, columns.stop)
        scale, fill, low, high = _packing(described["field"], layer, f"{path}  {name}")
        raw = library.window(path, name, *ends).astype(np.float64)
        flags = library.window(path, layer.flag, *ends).astype(np.int64)
    known = (raw != fill) & (raw >= low) & (raw <= high) & rule(flags)
    total, weight = regridder.parts(np.where(known, raw * scale, np.nan))
    sums.total += total
    sums.weight += weight
    sums.regridder = regridder


def _packing(
    attrs: dict[str, Any], layer: Layer, where: str
) -> tuple[float, float, float, float]:
    lacking = [
        one for one in ("scale_factor", "_FillValue", "valid_range") if one not in attrs
    ]
    if lacking:
        raise InputError(
            where,
            found=f"attributes {', '.join(attrs)}",
            wanted=f"{lacking[0]}: it is not guessed",
        )
    scale = float(np.ravel(attrs["scale_factor"])[0])
    if not np.isclose(scale, layer.scale):
        raise InputError(
            f"{where}.scale_factor",
            found=f"{scale:g}",
            wanted=f"{layer.scale:g}, as in collections 6 and 6.1",
        )
    low, high = (float(one) for one in np.ravel(attrs["valid_range"])[:2])
    return scale, float(np.ravel(attrs["_FillValue"])[0]), low, high


def _axes(attrs: dict[str, Any], shape: tuple[int, ...], path: Path) -> Axes:
    structure = str(attrs.get("StructMetadata.0", ""))
    corners = {
        name: re.search(rf"{name}=\((-?[\d.]+),(-?[\d.]+)\)", structure)
        for name in ("UpperLeftPointMtrs", "LowerRightMtrs")
    }
    upper, lower = corners["UpperLeftPointMtrs"], corners["LowerRightMtrs"]
    if (
        upper is None
        or lower is None
        or len(shape) != 2
        or "GCTP_SNSOID" not in structure
    ):
        raise InputError(
            f"{path}  StructMetadata.0",
            found="no corners of a sinusoidal grid",
            wanted="a tile of MODIS with its corners",
        )
    west, north = (float(text) for text in upper.groups())
    east, south = (float(text) for text in lower.groups())
    dx, dy = (east - west) / shape[1], (north - south) / shape[0]
    x = west + dx * (np.arange(shape[1], dtype=np.float64) + 0.5)
    y = north - dy * (np.arange(shape[0], dtype=np.float64) + 0.5)
    return Axes(x, y, SINUSOIDAL, str(path))


def _check(values: NDArray, days: NDArray, layer: Layer, where: str) -> None:
    driver = layer.driver
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        at = np.argwhere(bad)[0]
        raise InputError(
            f"{where}  {layer.name} on {days[at[0]]}",
            found=f"{values[tuple(at)]:g} {driver.units}",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
