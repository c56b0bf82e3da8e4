"""AmeriFlux BASE files, half-hourly or hourly, as daily values (ameriflux.lbl.gov).

``AMF_US-Ha1_BASE_HR_20-5.csv``: two comment lines before the header, local standard
time, -9999 where missing, positions after the name (``TA_1_1_1``). As in Ma et al.
(2022, section 2.2.3) a day with more than 20 % of its values missing is invalid.
Columns that the site's team has gap-filled (``_PI_F``) are not measurements and are
left alone. Carbon fluxes come in umol CO2 m-2 s-1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import Driver
from landdata.files.provider_files import existing_file, reading
from landdata.variables import FLUXES, RAW

MISSING = -9999.0
MAX_MISSING = 0.2
# g of carbon a day in one umol CO2 a second.
CARBON = 12.011e-6 * 86400.0


@dataclass(frozen=True)
class _Rule:
    """A daily variable from a column of the file."""

    names: tuple[str, ...]
    variable: Driver
    factor: float = 1.0
    rule: str = "mean"


_RULES = (
    _Rule(("NEE_PI", "NEE", "FC"), FLUXES["nee"], CARBON),
    _Rule(("GPP_PI", "GPP"), FLUXES["gpp"], CARBON),
    _Rule(("RECO_PI", "RECO"), FLUXES["er"], CARBON),
    _Rule(("TA",), RAW["tmean"]),
    _Rule(("TA",), RAW["tmin"], rule="min"),
    _Rule(("TA",), RAW["tmax"], rule="max"),
    _Rule(("P",), RAW["prec"], rule="sum"),
    _Rule(("PA",), RAW["pressure"], 1000.0),
    _Rule(("VPD", "VPD_PI"), RAW["vpd"], 100.0),
    _Rule(("RH",), RAW["relative_humidity"]),
    _Rule(("WS",), RAW["wind"]),
    # W m-2 over 24 hours is 0.0864 MJ m-2 d-1.
    _Rule(("SW_IN",), RAW["shortwave"], 0.0864),
)


def read_ameriflux_base(
    path: str | Path, *, max_missing: float = MAX_MISSING
) -> xr.Dataset:
    """Daily weather and carbon fluxes of a tower.

    Parameters
    ----------
    path : path
        As downloaded, unzipped.
    max_missing : float
        Share of a day's values that may be missing.

    Returns
    -------
    xarray.Dataset
        Over ``time``, as many of nee, gpp, er [g m-2 d-1, carbon; nee positive for
        release], tmean, tmin, tmax, prec, pressure, vpd, relative_humidity, wind,
        shortwave as the file has columns for. Means are of the values that are
        there; a sum of rain is brought to the whole day. Attributes: site, and on
        each variable the column and ``n_invalid_days``.
    """
    if not 0.0 <= max_missing < 1.0:
        raise InputError(
            "max_missing", found=f"{max_missing:g}", wanted="a share from 0 to 1"
        )
    path = existing_file(path)
    text, site = _text(path)
    with reading(path, "a BASE file of AmeriFlux"):
        header = pd.read_csv(StringIO(text), nrows=0).columns.str.strip()
    if not {"TIMESTAMP_START", "TIMESTAMP_END"} <= set(header):
        raise InputError(
            f"{path}:3",
            found=f"columns {', '.join(header[:6])}",
            wanted="TIMESTAMP_START, TIMESTAMP_END and variables",
            hint="A FLUXNET product? landdata.read_fluxnet reads those.",
        )
    columns = {rule: _column(rule.names, header) for rule in _RULES}
    used = sorted({name for name in columns.values() if name})
    if not used:
        raise InputError(
            f"{path}:3",
            found=f"columns {', '.join(header[2:10])}",
            wanted="one of NEE_PI, FC, TA, P, PA, VPD, RH, WS, SW_IN",
        )
    table = _table(path, text, used)
    start, per_day = _times(table, path)
    days = start.astype("datetime64[D]")
    first, last = days[0], days[-1]
    n_days = int((last - first).astype(int)) + 1
    position = (days - first).astype(int)
    data = {}
    for rule, name in columns.items():
        if name is None:
            continue
        values = table[name].to_numpy(dtype=np.float64)
        data[rule.variable.name] = _daily(
            values, position, n_days, per_day, rule, max_missing, path, name, first
        )
    return xr.Dataset(
        data,
        coords={"time": (first + np.arange(n_days)).astype("datetime64[ns]")},
        attrs={
            "source": path.name,
            "site": site,
            "comment": f"days with more than {100 * max_missing:g} % of their values "
            "missing are invalid; local standard time",
        },
    )


def _text(path: Path) -> tuple[str, str]:
    with reading(path, "a text file"):
        lines = path.read_text(encoding="utf-8-sig").split("\n", 2)
    site = re.match(r"#\s*Site:\s*(\S+)", lines[0])
    if len(lines) < 3 or site is None or not lines[1].startswith("#"):
        raise InputError(
            f"{path}:1",
            found=repr(lines[0][:60]),
            wanted="two comment lines, '# Site: US-Ha1' and '# Version: 20-5'",
        )
    return lines[2], site.group(1)


def _column(names: tuple[str, ...], header: pd.Index) -> str | None:
    """The first name that the file has, bare or with the first position."""
    for name in names:
        found = [
            str(one) for one in header if re.fullmatch(rf"{name}(_\d+_\d+_\d+)?", one)
        ]
        if found:
            return sorted(found)[0]
    return None


def _table(path: Path, text: str, used: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            StringIO(text),
            skipinitialspace=True,
            usecols=["TIMESTAMP_START", "TIMESTAMP_END", *used],
            dtype={"TIMESTAMP_START": str, "TIMESTAMP_END": str},
            on_bad_lines="error",
            index_col=False,
        )
    except (ValueError, pd.errors.ParserError, OverflowError) as exc:
        raise InputError(
            str(path), found=f"not readable ({exc})", wanted="rows as the header has"
        ) from exc
    if table.empty:
        raise InputError(str(path), found="a header and no rows", wanted="data rows")
    for name in used:
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = numbers.isna() & table[name].notna()
        if wrong.any():
            row = int(np.argmax(wrong.to_numpy()))
            raise InputError(
                f"{path}:{row + 4}  {name}",
                found=repr(table[name].iloc[row]),
                wanted="a number",
            )
        table[name] = numbers.mask((numbers == MISSING) | np.isinf(numbers))
    return table


def _times(table: pd.DataFrame, path: Path) -> tuple[NDArray, int]:
    stamps = [
        pd.to_datetime(table[name], format="%Y%m%d%H%M", errors="coerce")
        for name in ("TIMESTAMP_START", "TIMESTAMP_END")
    ]
    for name, times in zip(("TIMESTAMP_START", "TIMESTAMP_END"), stamps, strict=True):
        if times.isna().any():
            row = int(np.argmax(times.isna().to_numpy()))
            raise InputError(
                f"{path}:{row + 4}  {name}",
                found=repr(table[name].iloc[row]),
                wanted="YYYYMMDDHHMM",
            )
    start = stamps[0].to_numpy().astype("datetime64[m]")
    length = stamps[1].to_numpy().astype("datetime64[m]") - start
    minutes = length.astype(int)
    step = int(minutes[0])
    if step not in (30, 60) or np.any(minutes != step):
        row = int(np.argmax(minutes != step)) if step in (30, 60) else 0
        raise InputError(
            f"{path}:{row + 4}  TIMESTAMP_END",
            found=f"{int(minutes[row])} minutes after TIMESTAMP_START",
            wanted="30 or 60 minutes in every row",
        )
    apart = np.diff(start).astype(int)
    wrong = (apart <= 0) | (apart % step != 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"{path}:{row + 5}  TIMESTAMP_START",
            found=f"{start[row + 1]} after {start[row]}",
            wanted="each time once, in order",
        )
    return start, 1440 // step


def _daily(
    values: NDArray,
    position: NDArray,
    n_days: int,
    per_day: int,
    rule: _Rule,
    max_missing: float,
    path: Path,
    column: str,
    first: np.datetime64,
) -> xr.DataArray:
    there = np.isfinite(values)
    count = np.bincount(position[there], minlength=n_days)
    at, known = position[there], values[there]
    if rule.rule in ("mean", "sum"):
        result = np.bincount(at, known, minlength=n_days) / np.maximum(count, 1)
        result *= per_day if rule.rule == "sum" else 1.0
    else:
        result = np.full(n_days, np.inf if rule.rule == "min" else -np.inf)
        (np.minimum if rule.rule == "min" else np.maximum).at(result, at, known)
    invalid = count < (1.0 - max_missing) * per_day - 1e-9
    result = np.where(invalid, np.nan, result * rule.factor)
    driver = rule.variable
    bad = (result < driver.low) | (result > driver.high)
    if bad.any():
        day = int(np.argmax(bad))
        raise InputError(
            f"{path}  {column} on {first + day}",
            found=f"{result[day]:g} {driver.units} ({int(bad.sum())} days like it)",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
    attrs = {
        **driver.attrs,
        "column": column,
        "n_invalid_days": int((invalid & (count > 0)).sum()),
    }
    return xr.DataArray(result, dims="time", attrs=attrs)
