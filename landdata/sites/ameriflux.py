"""AmeriFlux BASE files, half-hourly or hourly, as daily values (ameriflux.lbl.gov).

``AMF_US-Ha1_BASE_HR_20-5.csv``: two comment lines before the header, local standard
time, -9999 where missing, positions after the name (``TA_1_1_1``; see
``ameriflux_columns``). As in Ma et al. (2022, section 2.2.3) a day with more than
20 % of its values missing is invalid. Columns that the site's team has gap-filled
(``_PI_F``) are not measurements and are left alone. Carbon fluxes come in umol CO2
m-2 s-1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.notes import Notes
from landdata.files.provider_files import existing_file, reading
from landdata.meteorology.radiation import NIGHT_OFFSET
from landdata.sites.ameriflux_columns import choose, positions
from landdata.sites.flux_signs import refuse_other_signs
from landdata.variables import FLUXES, RAW, Variable

MISSING = -9999.0
MAX_MISSING = 0.2
# g of carbon a day in one umol CO2 a second.
CARBON = 12.011e-6 * 86400.0
# Spikes below any night offset: up to this fraction are dropped and counted.
MAX_SPIKES = 1.0e-3


@dataclass(frozen=True)
class _Rule:
    """A daily variable from a column of the file."""

    names: tuple[str, ...]
    variable: Variable
    factor: float = 1.0
    rule: str = "mean"


_RULES = (
    _Rule(("NEE_PI", "NEE", "FC_PI", "FC"), FLUXES["nee"], CARBON),
    _Rule(("GPP_PI", "GPP"), FLUXES["gpp"], CARBON),
    _Rule(("RECO_PI", "RECO"), FLUXES["er"], CARBON),
    _Rule(("TA", "TA_PI"), RAW["tmean"]),
    _Rule(("TA", "TA_PI"), RAW["tmin"], rule="min"),
    _Rule(("TA", "TA_PI"), RAW["tmax"], rule="max"),
    _Rule(("P", "P_PI"), RAW["prec"], rule="sum"),
    _Rule(("PA", "PA_PI"), RAW["pressure"], 1000.0),
    _Rule(("VPD", "VPD_PI"), RAW["vpd"], 100.0),
    _Rule(("RH", "RH_PI"), RAW["relative_humidity"]),
    _Rule(("WS", "WS_PI"), RAW["wind"]),
    # W m-2 over 24 hours is 0.0864 MJ m-2 d-1.
    _Rule(("SW_IN", "SW_IN_PI"), RAW["shortwave"], 0.0864),
)


@dataclass(frozen=True)
class _Clock:
    """The half-hours of a file and the days they are of."""

    first: np.datetime64
    n_days: int
    position: NDArray[np.int64]
    per_day: int
    least: float


def read_ameriflux_base(
    path: str | Path,
    *,
    max_missing: float = MAX_MISSING,
    variables: Sequence[str] | None = None,
) -> xr.Dataset:
    """Daily weather and carbon fluxes of a tower.

    Parameters
    ----------
    path : path
        As downloaded, unzipped.
    max_missing : float
        Fraction of a day's values that may be missing.
    variables : names, optional
        Of those below: only these are read, and the others are neither needed nor
        checked.

    Returns
    -------
    xarray.Dataset
        Over ``time``, as many of nee, gpp, er [g m-2 d-1, carbon; nee positive for
        release], tmean, tmin, tmax, prec, pressure, vpd, relative_humidity, wind,
        shortwave as the file has columns for. Means are of the values that are
        there; a sum of rain is brought to the whole day. Attributes: site,
        ``corrections``, and on each variable the columns it is of and
        ``n_invalid_days``.

    Raises
    ------
    InputError
        Naming the line or the day of what cannot be.
    """
    if not 0.0 <= max_missing < 1.0:
        raise InputError(
            "max_missing", found=f"{max_missing:g}", wanted="a fraction from 0 to 1"
        )
    path = existing_file(path)
    notes = Notes(path)
    text, site = _text(path)
    rules = [
        rule for rule in _RULES if variables is None or rule.variable.name in variables
    ]
    table = _table(path, text, rules)
    start, per_day = _times(table, path)
    days = start.astype("datetime64[D]")
    clock = _Clock(
        days[0],
        int((days[-1] - days[0]).astype(int)) + 1,
        (days - days[0]).astype(int),
        per_day,
        (1.0 - max_missing) * per_day - 1e-9,
    )
    data = {}
    for rule in rules:
        if any(positions(name, list(table.columns)) for name in rule.names):
            data[rule.variable.name] = _variable(table, rule, clock, path, notes)
    time = (clock.first + np.arange(clock.n_days)).astype("datetime64[ns]")
    dataset = xr.Dataset(data, coords={"time": time})
    refuse_other_signs(dataset, str(path))
    return dataset.assign_attrs(
        {
            "source": path.name,
            "site": site,
            "comment": f"days with more than {100 * max_missing:g} % of their values "
            "missing are invalid; local standard time",
            **notes.attrs,
        }
    )


def _text(path: Path) -> tuple[str, str]:
    """The table's text, and the site."""
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


def _table(path: Path, text: str, rules: list[_Rule]) -> pd.DataFrame:
    """The columns that are needed, as numbers; NaN where missing."""
    with reading(path, "a BASE file of AmeriFlux"):
        header = pd.read_csv(StringIO(text), nrows=0).columns.str.strip()
    where = f"{path}:3"
    if not {"TIMESTAMP_START", "TIMESTAMP_END"} <= set(header.str.upper()):
        raise InputError(
            where,
            found=f"columns {', '.join(header[:6])}",
            wanted="TIMESTAMP_START, TIMESTAMP_END and variables",
            hint="A FLUXNET product? landdata.read_fluxnet reads those.",
        )
    names = list(dict.fromkeys(name for rule in rules for name in rule.names))
    used = [p.column.upper() for name in names for p in positions(name, list(header))]
    if not used:
        raise InputError(
            where,
            found=f"columns {', '.join(header[2:10])}",
            wanted=f"one of {', '.join(names)}",
        )
    stamps = ["TIMESTAMP_START", "TIMESTAMP_END"]
    wanted = {*stamps, *used}
    try:
        table = pd.read_csv(
            StringIO(text),
            skipinitialspace=True,
            usecols=lambda name: name.strip().upper() in wanted,
            dtype={name: str for name in header if name.upper() in stamps},
            on_bad_lines="error",
            index_col=False,
        )
    except (ValueError, pd.errors.ParserError, OverflowError) as exc:
        raise InputError(
            str(path), found=f"not readable ({exc})", wanted="rows as the header has"
        ) from exc
    table.columns = table.columns.str.strip().str.upper()
    if table.empty:
        raise InputError(str(path), found="a header and no rows", wanted="data rows")
    for name in dict.fromkeys(used):
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
            found = str(table[name].iloc[row])
            raise InputError(
                f"{path}:{row + 4}  {name}",
                found=repr(found),
                wanted="YYYYMMDDHHMM",
                hint="A spreadsheet has rounded the stamps: take the file as "
                "downloaded."
                if re.search(r"[eE]\+", found)
                else None,
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


def _variable(
    table: pd.DataFrame, rule: _Rule, clock: _Clock, path: Path, notes: Notes
) -> xr.DataArray:
    """A daily variable of the first name with values; later names fill whole days."""
    result = np.full(clock.n_days, np.nan)
    n_invalid = 0
    used: list[str] = []
    empty: list[str] = []
    for name in rule.names:
        if not positions(name, list(table.columns)):
            continue
        chosen = choose(name, table)
        if chosen is None:
            empty.append(name)
            continue
        if not used and empty:
            notes.add(f"{', '.join(empty)}: no value at all; {name} taken instead")
        _note_filled(chosen, name, notes)
        values = chosen.values
        if rule.variable.name == "shortwave":
            values = _without_night_offset(values, clock, path, name, notes)
        daily, count = _daily(values, clock, rule)
        _check(daily, rule, path, chosen.columns[0], clock.first)
        free = np.isnan(result) & (_values_a_day(table, used, clock) == 0)
        take = free & np.isfinite(daily)
        if used and take.any():
            notes.add(
                f"{name}: {int(take.sum())} days taken, where {', '.join(used)} has "
                "not one value"
            )
        if not used or take.any():
            result = np.where(take, daily, result)
            n_invalid += int(((count > 0) & (count < clock.least) & free).sum())
            used += list(chosen.columns)
    column = ", ".join(used) or next(
        p.column for name in rule.names for p in positions(name, list(table.columns))
    )
    return xr.DataArray(
        result,
        dims="time",
        attrs={**rule.variable.attrs, "column": column, "n_invalid_days": n_invalid},
    )


def _values_a_day(
    table: pd.DataFrame, columns: Sequence[str], clock: _Clock
) -> NDArray[np.int64]:
    """Values of some columns on each day, together."""
    count = np.zeros(clock.n_days, dtype=np.int64)
    for column in columns:
        there = table[column].notna().to_numpy()
        count += np.bincount(clock.position[there], minlength=clock.n_days)
    return count


def _note_filled(chosen, name: str, notes: Notes) -> None:
    for column, n in chosen.filled.items():
        notes.add(f"{column}: {n} values fill gaps of {chosen.columns[0]}")
    for column, n in chosen.others.items():
        notes.add(
            f"{column}: has {n} values where {name} at the chosen height has none; "
            "not used, another height"
        )


def _without_night_offset(
    values: NDArray, clock: _Clock, path: Path, name: str, notes: Notes
) -> NDArray:
    """Set small negative values to zero, drop rare spikes below; both are reported."""
    with np.errstate(invalid="ignore"):
        small = (values < 0.0) & (values >= -NIGHT_OFFSET)
        spikes = values < -NIGHT_OFFSET
    n_known = int(np.isfinite(values).sum())
    if spikes.sum() > MAX_SPIKES * n_known:
        worst = int(np.nanargmin(values))
        raise InputError(
            f"{path}  {name} on {clock.first + clock.position[worst]}",
            found=f"{values[worst]:g} W m-2 ({int(spikes.sum())} values below "
            f"-{NIGHT_OFFSET:g})",
            wanted="0 to 1500 W m-2, and at night no less than the sensor's offset",
            hint="The sign, or a missing-value code.",
        )
    if spikes.any():
        notes.add(f"{name}: {int(spikes.sum())} values below -{NIGHT_OFFSET:g} dropped")
    if small.any():
        highest = np.full(clock.n_days, -np.inf)
        known = np.isfinite(values)
        np.maximum.at(highest, clock.position[known], values[known])
        dark = int(((highest <= 0.0) & np.isfinite(highest)).sum())
        notes.add(
            f"{name}: {int(small.sum())} values from {values[small].min():g} to 0 "
            f"W m-2 set to 0 (night offset); {dark} days without any light"
        )
    return np.where(spikes, np.nan, np.where(small, 0.0, values))


def _daily(
    values: NDArray, clock: _Clock, rule: _Rule
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Days, NaN where too few values are there, and the values of each day."""
    there = np.isfinite(values)
    count = np.bincount(clock.position[there], minlength=clock.n_days)
    at, known = clock.position[there], values[there]
    if rule.rule in ("mean", "sum"):
        result = np.bincount(at, known, minlength=clock.n_days) / np.maximum(count, 1)
        result *= clock.per_day if rule.rule == "sum" else 1.0
    else:
        result = np.full(clock.n_days, np.inf if rule.rule == "min" else -np.inf)
        (np.minimum if rule.rule == "min" else np.maximum).at(result, at, known)
    return np.where(count < clock.least, np.nan, result * rule.factor), count


def _check(
    result: NDArray, rule: _Rule, path: Path, column: str, first: np.datetime64
) -> None:
    driver = rule.variable
    bad = (result < driver.low) | (result > driver.high)
    if bad.any():
        day = int(np.argmax(bad))
        raise InputError(
            f"{path}  {column} on {first + day}",
            found=f"{result[day]:g} {driver.units} ({int(bad.sum())} days like it)",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
