"""MODIS LAI and GPP at points, with their quality flags (AppEEARS and MODISTools CSV).

AppEEARS gives one row a composite and columns such as ``MCD15A3H_061_Lai_500m`` and
``MCD15A3H_061_FparLai_QC``, already scaled. The subset service behind MODISTools
gives one row for each band, date and pixel, with the scale beside the stored value.
Of both only values of the main algorithm under a clear sky are kept. GPP is a sum
over the composite in kg of carbon, and the last one of a year has five or six days.

References: MODIS collection 6.1 LAI/FPAR user's guide (Myneni and Park 2020, tables
5 and 6); MOD17 user's guide (Running and Zhao 2019, table 2.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ibis_dalec.errors import InputError
from landdata.files.provider_files import existing_file, reading
from landdata.grid.windows import window_length
from landdata.variables import FLUXES

# Stored integers: scale, and the largest that is a value and not a code.
_STORED = {"lai": (0.1, 100), "gpp": (1.0e-4, 30000)}
_BANDS = {"lai": "Lai_500m", "gpp": "Gpp_500m"}
_QUALITY = {"lai": "FparLai_QC", "gpp": "Psn_QC_500m"}


@dataclass(frozen=True)
class Quality:
    """What an eight-bit flag of MOD15, MCD15 or MOD17 says."""

    flag: NDArray[np.int64]

    @property
    def good(self) -> NDArray[np.bool_]:
        """Main algorithm (saturated or not), detectors fine, no significant cloud.

        Bit 0 is 0 for good quality, bit 2 for fine detectors; bits 3-4 are 0 (clear)
        or 3 (not defined, taken as clear); bits 5-7 are 0 (main algorithm) or 1 (main
        algorithm, saturated).
        """
        cloud, algorithm = (self.flag >> 3) & 3, (self.flag >> 5) & 7
        return (
            ((self.flag & 1) == 0)
            & ((self.flag >> 2) & 1 == 0)
            & np.isin(cloud, (0, 3))
            & (algorithm <= 1)
        )


def read_modis_point(
    path: str | Path, stream: str, *, site: str | None = None
) -> xr.Dataset:
    """One stream at one place, good values only.

    Parameters
    ----------
    path : path
        CSV of AppEEARS or of MODISTools.
    stream : {"lai", "gpp"}
        What to read.
    site : str, optional
        Where the file holds several (column ID or site).

    Returns
    -------
    xarray.Dataset
        ``lai`` [1] or ``gpp`` [g m-2 d-1, carbon, a daily mean] over ``time``, the
        first day of each composite; NaN where the quality is not good. Attributes
        count what was dropped (``n_poor``) and what was never there (``n_fill``).
    """
    if stream not in _BANDS:
        raise InputError(
            f"stream {stream!r}", found="not one of MODIS", wanted="'lai' or 'gpp'"
        )
    path = existing_file(path)
    with reading(path, "a CSV file of AppEEARS or MODISTools"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    table.columns = table.columns.str.strip()
    table.index = pd.RangeIndex(2, 2 + len(table))
    if table.empty:
        raise InputError(str(path), found="a header and no rows", wanted="data rows")
    if {"band", "value", "scale", "calendar_date"} <= set(table.columns):
        days, values, flags = _long(table, stream, site, path)
    else:
        days, values, flags = _wide(table, stream, site, path)
    fill = np.isnan(values)
    good = Quality(flags).good
    driver = FLUXES[stream]
    if stream == "gpp":
        lengths = np.array([window_length(day) for day in days])
        values = values * 1000.0 / lengths
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{path}  {_BANDS[stream]} on {days[first]}",
            found=f"{values[first]:g} {driver.units}",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
    return xr.Dataset(
        {
            stream: (
                "time",
                np.where(good, values, np.nan),
                {
                    **driver.attrs,
                    "n_fill": int(fill.sum()),
                    "n_poor": int((~fill & ~good).sum()),
                },
            )
        },
        coords={"time": days.astype("datetime64[ns]")},
        attrs={"source": path.name},
    ).sortby("time")


def _wide(
    table: pd.DataFrame, stream: str, site: str | None, path: Path
) -> tuple[NDArray, NDArray, NDArray]:
    """Rows of AppEEARS."""
    value = _one_column(table, rf".*_{_BANDS[stream]}", path)
    quality = _one_column(table, rf".*_{_QUALITY[stream]}", path)
    date = _one_column(table, "Date", path)
    table = _one_site(table, "ID", site, path)
    days = _dates(table[date], "%Y-%m-%d", path)
    values = _numbers(table[value], path)
    scale, highest = _STORED[stream]
    # Codes for water, city, snow and the like are left unscaled.
    values = np.where(values > scale * highest + 1e-9, np.nan, values)
    return days, values, _flags(table[quality], path)


def _long(
    table: pd.DataFrame, stream: str, site: str | None, path: Path
) -> tuple[NDArray, NDArray, NDArray]:
    """Rows of MODISTools: the middle pixel of each band."""
    table = _one_site(table, "site", site, path)
    parts = []
    for band in (_BANDS[stream], _QUALITY[stream]):
        rows = table[table["band"].str.strip() == band]
        if rows.empty:
            raise InputError(
                f"{path}  band",
                found=f"bands {', '.join(sorted(set(table['band'])))}",
                wanted=f"{_BANDS[stream]} and {_QUALITY[stream]}",
            )
        if "pixel" in rows:
            pixels = sorted(set(_numbers(rows["pixel"], path)))
            middle = pixels[len(pixels) // 2]
            rows = rows[_numbers(rows["pixel"], path) == middle]
        days = _dates(rows["calendar_date"], "%Y-%m-%d", path)
        parts.append((days, rows))
    (days, rows), (quality_days, quality_rows) = parts
    if not np.array_equal(days, quality_days):
        raise InputError(
            f"{path}  {_QUALITY[stream]}",
            found=f"{quality_days.size} dates",
            wanted=f"the {days.size} dates of {_BANDS[stream]}",
        )
    stored = _numbers(rows["value"], path)
    scales = _numbers(rows["scale"], path)
    expected, highest = _STORED[stream]
    if not np.allclose(scales, expected):
        raise InputError(
            f"{path}  scale of {_BANDS[stream]}",
            found=f"{scales[~np.isclose(scales, expected)][0]:g}",
            wanted=f"{expected:g}, as in collections 6 and 6.1",
        )
    values = np.where((stored < 0) | (stored > highest), np.nan, stored * scales)
    return days, values, _flags(quality_rows["value"], path)


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
