"""MODIS and VIIRS composites at points, with quality flags, in three services' CSV.

AppEEARS gives one row a composite and columns such as ``MCD15A3H_061_Lai_500m`` and
``MCD15A3H_061_FparLai_QC``, already scaled. The subset service behind MODISTools
gives one row for each band, date and pixel, with the scale beside the stored value.
Earth Engine exports a column for each band, as it is stored, and a date. Of all only
values of the main algorithm under a clear sky are kept. GPP is a sum
over the composite in kg of carbon, ET one in kg of water, and the last one of a year
has five or six days. What the flags say is in ``products.modis_quality``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.composite_days import refuse_other_days
from landdata.files.modis_quality import LAYERS, STREAMS, Layer, modis_good
from landdata.files.notes import Notes
from landdata.files.provider_files import existing_file, reading
from landdata.files.units import conversion
from landdata.grid.windows import window_length

_DATE = "%Y-%m-%d"


@dataclass(frozen=True)
class Quality:
    """What an eight-bit flag of MOD15, MCD15 or MOD17 says."""

    flag: NDArray[np.int64]

    @property
    def good(self) -> NDArray[np.bool_]:
        """As ``products.modis_quality.modis_good``."""
        return modis_good(self.flag)


@dataclass(frozen=True)
class _Rows:
    """A file's values in its own unit, its flags and its dates."""

    days: NDArray
    values: NDArray[np.float64]
    flags: list[NDArray[np.int64]]


def read_modis_point(
    path: str | Path, stream: str, *, site: str | None = None
) -> xr.Dataset:
    """One stream at one place, good values only.

    Parameters
    ----------
    path : path
        CSV of AppEEARS or of MODISTools.
    stream : {"lai", "fapar", "gpp", "et"}
        What to read.
    site : str, optional
        Where the file holds several (column ID or site).

    Returns
    -------
    xarray.Dataset
        ``lai``, ``fapar`` [1], ``gpp`` [g m-2 d-1, carbon] or ``et`` [mm d-1], daily
        means, over ``time``, the first day of each composite; NaN where the quality is
        not good. Attributes count what was dropped (``n_poor``) and what was never
        there (``n_fill``).

    Raises
    ------
    InputError
        Naming line and column: no such band, no flag, a date at which no composite
        begins.
    """
    if stream not in STREAMS:
        raise InputError(
            f"stream {stream!r}",
            found="not one of MODIS and VIIRS",
            wanted=f"one of {', '.join(STREAMS)}",
        )
    path = existing_file(path)
    notes = Notes(path)
    with reading(path, "a CSV file of AppEEARS, MODISTools or Earth Engine"):
        table = pd.read_csv(
            path, dtype=str, keep_default_na=False, index_col=False,
            encoding="utf-8-sig",
        )  # fmt: skip
    table.columns = table.columns.str.strip()
    table.index = pd.RangeIndex(2, 2 + len(table))
    if table.empty:
        raise InputError(str(path), found="a header and no rows", wanted="data rows")
    layers = [layer for layer in LAYERS if layer.stream == stream]
    if {"band", "value", "scale", "calendar_date"} <= set(table.columns):
        layer, rows = _long(table, layers, site, path)
    elif "Date" in table.columns:
        layer, rows = _wide(table, layers, site, path, notes)
    else:
        layer, rows = _earth_engine(table, layers, site, path, notes)
    refuse_other_days(rows.days, layer, path)
    values, driver = rows.values, layer.driver
    fill = np.isnan(values)
    good = layer.rule(*rows.flags)
    factor, _ = conversion(layer.file_units, driver.units, str(path))
    values = values * factor
    if layer.per_composite:
        values /= np.array([window_length(day) for day in rows.days])
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{path}  {layer.name} on {rows.days[first]}",
            found=f"{values[first]:g} {driver.units}",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
    attrs = {
        **driver.attrs,
        "n_fill": int(fill.sum()),
        "n_poor": int((~fill & ~good).sum()),
    }
    return xr.Dataset(
        {stream: ("time", np.where(good, values, np.nan), attrs)},
        coords={"time": rows.days.astype("datetime64[ns]")},
        attrs={"source": path.name, **notes.attrs},
    ).sortby("time")


def _wide(
    table: pd.DataFrame,
    layers: list[Layer],
    site: str | None,
    path: Path,
    notes: Notes,
) -> tuple[Layer, _Rows]:
    """Rows of AppEEARS: scaled, codes above the range left as they are."""
    layer = _layer_of(table, layers, r".*_", path)
    value = _one_column(table, rf".*_{layer.name}", path)
    table = _one_site(table, "ID", site, path)
    days = _dates(table["Date"], _DATE, path)
    flags = _flag_columns(table, layer, r".*_", path, notes)
    values = _numbers(table[value], path)
    # Codes for water, city, snow and the like are left unscaled.
    values = np.where(values > layer.scale * layer.highest + 1e-9, np.nan, values)
    return layer, _Rows(days, values, flags)


def _earth_engine(
    table: pd.DataFrame,
    layers: list[Layer],
    site: str | None,
    path: Path,
    notes: Notes,
) -> tuple[Layer, _Rows]:
    """Rows of an Earth Engine export: stored integers, the band's own name."""
    date = next((n for n in ("date", "system:time_start") if n in table), None)
    if date is None:
        raise InputError(
            f"{path}:1",
            found=f"columns {', '.join(table.columns[:12])}",
            wanted="Date (AppEEARS), band and calendar_date (MODISTools), or date "
            "(Earth Engine)",
        )
    # VIIRS names its bands without their size; so do some exports of MODIS.
    product = " ".join(sorted(set(table["product"]))) if "product" in table else ""
    viirs = "VNP" in product.upper() or "VJ1" in product.upper()
    layer = next((one for one in layers if one.name in table), None)
    if layer is not None and product and not viirs:
        layer = next(one for one in layers if one.rule is modis_good)
    value = None if layer is None else _present(table, layer)
    if layer is None or value is None:
        raise InputError(
            f"{path}:1",
            found=f"columns {', '.join(table.columns[:12])}",
            wanted=f"a column {' or '.join(one.name for one in layers)}",
            hint="Export the band itself: one quantity does not stand for another.",
        )
    if site is not None and "site" in table:
        table = _one_site(table, "site", site, path)
    if date == "date":
        days = _dates(table[date], _DATE, path)
    else:
        stamps = _numbers(table[date], path)
        days = np.asarray(stamps, dtype="datetime64[ms]").astype("datetime64[D]")
    flags = _flag_columns(table, layer, "", path, notes)
    stored = _numbers(table[value], path)
    whole = stored[np.isfinite(stored)]
    if np.any(whole % 1.0):
        raise InputError(
            f"{path}  {value}",
            found=f"{whole[whole % 1.0 > 0][0]:g}",
            wanted="stored integers, as Earth Engine exports them",
            hint="Values that were scaled before lose the codes of their range: export "
            "the band unscaled.",
        )
    notes.add(f"{value}: stored integers times {layer.scale:g}")
    outside = (stored < 0) | (stored > layer.highest)
    return layer, _Rows(days, np.where(outside, np.nan, stored * layer.scale), flags)


def _present(table: pd.DataFrame, layer: Layer) -> str | None:
    names = (layer.name, layer.name.removesuffix("_500m"))
    return next((name for name in names if name in table), None)


def _layer_of(
    table: pd.DataFrame, layers: list[Layer], before: str, path: Path
) -> Layer:
    for layer in layers:
        if any(re.fullmatch(before + layer.name, name) for name in table.columns):
            return layer
    wanted = " or ".join(f"<product>_{layer.name}" for layer in layers)
    raise InputError(
        f"{path}:1",
        found=f"columns {', '.join(table.columns[:12])}",
        wanted=f"one column {wanted}",
    )


def _flag_columns(
    table: pd.DataFrame, layer: Layer, before: str, path: Path, notes: Notes
) -> list[NDArray[np.int64]]:
    flags = [_flags(table[_one_column(table, before + layer.flag, path)], path)]
    if layer.extra:
        extra = [n for n in table.columns if re.fullmatch(before + layer.extra, n)]
        if len(extra) == 1:
            flags.append(_flags(table[extra[0]], path))
        else:
            notes.add(f"no column {layer.extra}: clouds of VIIRS are not screened")
    return flags


def _long(
    table: pd.DataFrame, layers: list[Layer], site: str | None, path: Path
) -> tuple[Layer, _Rows]:
    """Rows of MODISTools: the middle pixel of each band."""
    table = _one_site(table, "site", site, path)
    bands = set(table["band"].str.strip())
    layer = next((one for one in layers if one.name in bands), layers[0])
    names = [layer.name, layer.flag, *([layer.extra] if layer.extra else [])]
    parts = []
    for band in names:
        rows = table[table["band"].str.strip() == band]
        if rows.empty:
            raise InputError(
                f"{path}  band",
                found=f"bands {', '.join(sorted(bands))}",
                wanted=" and ".join(names),
            )
        if "pixel" in rows:
            pixels = sorted(set(_numbers(rows["pixel"], path)))
            middle = pixels[len(pixels) // 2]
            rows = rows[_numbers(rows["pixel"], path) == middle]
        parts.append((_dates(rows["calendar_date"], _DATE, path), rows))
    (days, rows), *others = parts
    for quality_days, _ in others:
        if not np.array_equal(days, quality_days):
            raise InputError(
                f"{path}  {layer.flag}",
                found=f"{quality_days.size} dates",
                wanted=f"the {days.size} dates of {layer.name}",
            )
    stored = _numbers(rows["value"], path)
    scales = _numbers(rows["scale"], path)
    if not np.allclose(scales, layer.scale):
        raise InputError(
            f"{path}  scale of {layer.name}",
            found=f"{scales[~np.isclose(scales, layer.scale)][0]:g}",
            wanted=f"{layer.scale:g}, as in collections 6 and 6.1",
        )
    outside = (stored < 0) | (stored > layer.highest)
    values = np.where(outside, np.nan, stored * scales)
    flags = [_flags(flag_rows["value"], path) for _, flag_rows in others]
    return layer, _Rows(days, values, flags)


def _one_column(table: pd.DataFrame, pattern: str, path: Path) -> str:
    found = [str(name) for name in table.columns if re.fullmatch(pattern, name)]
    if len(found) != 1:
        raise InputError(
            f"{path}:1",
            found=f"columns {', '.join(map(str, found or table.columns[:12]))}",
            wanted=f"one column {pattern.replace('.*', '<product>')}",
            hint="Order the quality layer together with the data layer."
            if "QC" in pattern
            else None,
        )
    return found[0]


def _one_site(
    table: pd.DataFrame, column: str, site: str | None, path: Path
) -> pd.DataFrame:
    if column not in table:
        return table
    known = sorted(set(table[column].str.strip()))
    if site is None and len(known) == 1:
        return table
    if site not in known:
        raise InputError(
            f"{path}  {column}",
            found=f"{len(known)} sites" if site is None else f"no {site}",
            wanted=f"one of {', '.join(known[:10])}",
            hint="Say site=...",
        )
    return table[table[column].str.strip() == site]


def _dates(text: pd.Series, pattern: str, path: Path) -> NDArray:
    days = pd.to_datetime(text.str.strip(), format=pattern, errors="coerce")
    if days.isna().any():
        line = int(text.index[int(np.argmax(days.isna().to_numpy()))])
        raise InputError(
            f"{path}:{line}", found=repr(text.loc[line]), wanted="a date YYYY-MM-DD"
        )
    twice = days.duplicated()
    if twice.any():
        line = int(text.index[int(np.argmax(twice.to_numpy()))])
        raise InputError(
            f"{path}:{line}",
            found=f"{text.loc[line]} again",
            wanted="each date once",
            hint="Two products (Terra, Aqua) or versions in one file? Split them.",
        )
    return days.to_numpy().astype("datetime64[D]")


def _numbers(text: pd.Series, path: Path) -> NDArray[np.float64]:
    blank = text.str.strip().str.lower().isin(("", "na", "nan"))
    values = pd.to_numeric(text.mask(blank), errors="coerce")
    wrong = (values.isna() & ~blank) | np.isinf(values.astype(float))
    if wrong.any():
        line = int(text.index[int(np.argmax(wrong.to_numpy()))])
        raise InputError(
            f"{path}:{line}  {text.name}", found=repr(text.loc[line]), wanted="a number"
        )
    return values.to_numpy(dtype=np.float64)


def _flags(text: pd.Series, path: Path) -> NDArray[np.int64]:
    values = _numbers(text, path)
    # A flag that is missing says nothing good.
    values = np.where(np.isnan(values), 255.0, values)
    wrong = (values < 0) | (values > 255) | (values % 1 != 0)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"{path}:{int(text.index[first])}  {text.name}",
            found=f"{values[first]:g}",
            wanted="a flag of eight bits, 0 to 255",
        )
    return values.astype(np.int64)
