"""Reader for FLUXNET files of any step, as published (FLUXNET2015, AmeriFlux, ICOS).

Monthly (MM) and daily (DD) files have one TIMESTAMP, weekly (WW) ones a first and a
last day, half-hourly and hourly (HH, HR) ones a start and an end. -9999 is missing.
The quality flag NEE_VUT_REF_QC is the fraction of measured or well-filled half-hours, 0
to 1; in half-hourly files it is a class from 0 to 3, and the fraction is counted here.
Ma et al. (2022) keep a fraction of at least 0.5. Carbon fluxes are g m-2 d-1, as daily
means; pressure is kPa and VPD hPa (Pastorello et al. 2020, Scientific Data 7, 225).

Files may lack a partitioning. gpp and er are of the night-time method where that has
values, else of the daytime method, and which one is reported; nee is read in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.notes import Notes
from landdata.files.text_tables import (
    Column,
    check_range,
    first_line,
    numbers,
    read_text_table,
    refuse_repeats,
    without_night_offset,
)
from landdata.sites.flux_signs import refuse_other_signs
from landdata.sites.fluxnet_subdaily import days_of_steps
from landdata.variables import FLUXES, RAW, Variable

MISSING = -9999.0
LATENT_HEAT = Variable(
    "latent_heat",
    "W m-2",
    -500.0,
    1000.0,
    "latent heat flux",
    "surface_upward_latent_heat_flux",
)
_WEATHER = (
    Column("TA_F", RAW["tmean"], "degC"),
    Column("TA_F_MIN", RAW["tmin"], "degC"),
    Column("TA_F_MAX", RAW["tmax"], "degC"),
    Column("P_F", RAW["prec"], "mm d-1"),
    Column("VPD_F", RAW["vpd"], "hPa", factor=100.0),
    Column("PA_F", RAW["pressure"], "kPa", factor=1000.0),
    Column("WS_F", RAW["wind"], "m s-1"),
    # W m-2 over 24 hours is 0.0864 MJ m-2 d-1.
    Column("SW_IN_F", RAW["shortwave"], "W m-2", factor=0.0864),
    Column("CO2_F_MDS", RAW["co2"], "ppm"),
    Column("LE_F_MDS", LATENT_HEAT, "W m-2"),
)
# Best first: the variable friction threshold, then the constant one.
_NEE = ("NEE_VUT_REF", "NEE_CUT_REF")
_PARTITIONED = {
    "gpp": ("GPP_NT_VUT_REF", "GPP_NT_CUT_REF", "GPP_DT_VUT_REF", "GPP_DT_CUT_REF"),
    "er": ("RECO_NT_VUT_REF", "RECO_NT_CUT_REF", "RECO_DT_VUT_REF", "RECO_DT_CUT_REF"),
}
CARBON_COLUMNS = {"nee": _NEE, **_PARTITIONED}
_METHODS = {"NT": "night-time", "DT": "daytime"}
_STEPS = {"month": ("%Y%m", 6), "day": ("%Y%m%d", 8)}


@dataclass(frozen=True)
class _Steps:
    """The rows of a file: their numbers, their first days, and how long they are."""

    table: pd.DataFrame
    time: pd.DatetimeIndex
    step: str
    days: pd.Series | None = None


def read_fluxnet(
    path: str | Path,
    *,
    min_quality: float = 0.5,
    variables: Sequence[str] | None = None,
) -> xr.Dataset:
    """Weather and carbon fluxes of a FLUXNET file.

    Parameters
    ----------
    path : path
        ``FLX_<site>_FLUXNET2015_<set>_<step>_<years>_<version>.csv``, or
        ``AMF_<site>_FLUXNET_...``; step HH, HR, DD, WW or MM.
    min_quality : float
        gpp, er and nee with a smaller fraction of good half-hours (or none given)
        become NaN and are counted.
    variables : names, optional
        Only these of the variables below; others are neither needed nor checked.

    Returns
    -------
    xarray.Dataset
        Over ``time`` (first day of the month or week, or day): those of gpp, er, nee
        that the file has [g m-2 d-1, carbon; nee positive for release], ``quality``,
        and the weather that it has under the names of ``variables.RAW``; tmin and
        tmax of half-hourly files only. Attributes: site, step, n_below_quality,
        ``corrections``, and ``whole_years``, the years in which every step passed:
        only these may be summed. Weekly files have ``n_days`` of each week.

    Raises
    ------
    InputError
        Naming line and column.

    Examples
    --------
    >>> import pandas as pd
    >>> from landdata import read_fluxnet
    >>> months = [f"2003{month:02d}" for month in range(1, 13)]
    >>> pd.DataFrame(
    ...     {"TIMESTAMP": months, "TA_F": 8.0, "P_F": 3.0, "NEE_VUT_REF": -1.0,
    ...      "NEE_VUT_REF_QC": 0.9, "RECO_NT_VUT_REF": 3.0, "GPP_NT_VUT_REF": 4.0}
    ... ).to_csv("FLX_US-Tst_FLUXNET2015_SUBSET_MM_2003-2003_1-4.csv", index=False)
    >>> fluxes = read_fluxnet("FLX_US-Tst_FLUXNET2015_SUBSET_MM_2003-2003_1-4.csv")
    >>> fluxes.attrs["site"], fluxes["gpp"].units, fluxes.attrs["whole_years"]
    ('US-Tst', 'g m-2 d-1', [2003])
    """
    if not 0.0 <= min_quality <= 1.0:
        raise InputError(
            "min_quality", found=f"{min_quality:g}", wanted="a fraction from 0 to 1"
        )
    notes = Notes(path)
    text = read_text_table(path)
    fluxes = _choose_fluxes(text, path, variables, notes)
    base = next((name for name in _NEE if f"{name}_QC" in text.columns), None)
    if base is None:
        raise InputError(
            f"{path}:1",
            found=f"no column {_NEE[0]}_QC",
            wanted=f"the quality flag {_NEE[0]}_QC beside the fluxes",
            hint="Without it filled values cannot be distinguished from measured ones.",
        )
    weather = [
        column
        for column in _WEATHER
        if column.column in text.columns
        and (variables is None or column.variable.name in variables)
    ]
    if variables is None or {"tmin", "tmax"} & set(variables):
        weather += [c for c in _WEATHER if c.column == "TA_F" and c not in weather]
    carbon = [Column(name, FLUXES[ours], "g m-2 d-1") for ours, name in fluxes.items()]
    steps = _read_steps(text, weather, carbon, f"{base}_QC", path)
    dataset = _dataset(steps, [*_offered(weather, steps), *carbon], path, notes)
    quality = _quality(steps, f"{base}_QC", path)
    dataset["quality"] = ("time", quality, {
        "units": "1", "long_name": "share of measured or well-filled half-hours"
    })  # fmt: skip
    dataset = dataset.sortby("time")
    refuse_other_signs(dataset, str(path))
    return _screened(dataset, fluxes, min_quality).assign_attrs(
        source=Path(path).name,
        site=_site(path),
        step=steps.step,
        min_quality=min_quality,
        **notes.attrs,
    )


def is_fluxnet_header(line: str) -> bool:
    """Whether a file's first line is one of FLUXNET, whatever its step."""
    names = [name.strip(' "\ufeff\r\n').upper() for name in line.split(",")]
    known = {name for columns in CARBON_COLUMNS.values() for name in columns}
    return any(name.startswith("TIMESTAMP") for name in names) and bool(
        known & set(names)
    )


def _choose_fluxes(
    text: pd.DataFrame, path: object, variables: Sequence[str] | None, notes: Notes
) -> dict[str, str]:
    """Column of each flux: the first of its list that has a value."""
    chosen = {}
    for ours, names in CARBON_COLUMNS.items():
        if variables is not None and ours not in variables:
            continue
        there = [name for name in names if name in text.columns]
        filled = [name for name in there if _has_values(text[name])]
        if not filled:
            if there:
                notes.add(f"{', '.join(there)}: no value at all; no {ours}")
            continue
        chosen[ours] = filled[0]
        method = re.search(r"_(NT|DT)_", filled[0])
        if filled[0] != names[0]:
            way = f" ({_METHODS[method.group(1)]} partitioning)" if method else ""
            notes.add(f"{ours} is {filled[0]}{way}: {names[0]} has no values here")
    if not chosen:
        wanted = [
            names[0]
            for ours, names in CARBON_COLUMNS.items()
            if variables is None or ours in variables
        ]
        some = [name for name in text.columns if re.match(r"NEE|GPP|RECO", name)]
        raise InputError(
            f"{path}:1",
            found=f"columns {', '.join(some or list(text.columns)[:12])}",
            wanted=f"values in one of {', '.join(wanted) or 'the carbon fluxes'}",
        )
    return chosen


def _has_values(column: pd.Series) -> bool:
    known = pd.to_numeric(column.str.strip(), errors="coerce")
    return bool((known.notna() & (known != MISSING)).any())


def _read_steps(
    text: pd.DataFrame,
    weather: list[Column],
    carbon: list[Column],
    quality: str,
    path: str | Path,
) -> _Steps:
    """The file's rows as numbers in the units of a daily file."""
    if "TIMESTAMP" in text.columns:
        time, step = _one_stamp(text, path)
        return _Steps(text, time, step)
    if not {"TIMESTAMP_START", "TIMESTAMP_END"} <= set(text.columns):
        raise InputError(
            f"{path}:1  TIMESTAMP",
            found=f"columns {', '.join(text.columns[:6])}",
            wanted="TIMESTAMP, or TIMESTAMP_START and TIMESTAMP_END",
        )
    if len(text["TIMESTAMP_START"].str.strip().iloc[0]) == 8:
        return _weeks(text, path)
    names = [c.column for c in weather if c.column in text.columns]
    fluxes = [column.column for column in carbon]
    daily = days_of_steps(text, [*names, *fluxes], fluxes, quality, path)
    time = pd.DatetimeIndex(daily.index)
    return _Steps(daily.reset_index(drop=True), time, "half-hour")


def _one_stamp(table: pd.DataFrame, path: str | Path) -> tuple[pd.DatetimeIndex, str]:
    stamps = table["TIMESTAMP"].str.strip()
    length = int(stamps.str.len().iloc[0])
    step = next((name for name, (_, size) in _STEPS.items() if size == length), None)
    if step is None:
        raise InputError(
            f"{path}:{table.index[0]}  TIMESTAMP",
            found=repr(stamps.iloc[0]),
            wanted="YYYYMM (an MM file) or YYYYMMDD (a DD file)",
            hint="Yearly files (YY) hold sums of filled values: take MM or DD."
            if length == 4
            else None,
        )
    time = pd.to_datetime(stamps, format=_STEPS[step][0], errors="coerce", exact=True)
    wrong = time.isna() | (stamps.str.len() != length)
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  TIMESTAMP",
            found=repr(stamps.loc[line]),
            wanted=f"a {step} such as {stamps.iloc[0]}",
        )
    refuse_repeats(time, path)
    return pd.DatetimeIndex(time), step


def _weeks(table: pd.DataFrame, path: str | Path) -> _Steps:
    """Weekly rows: seven days, the last of a year eight or nine."""
    ends = {}
    for name in ("TIMESTAMP_START", "TIMESTAMP_END"):
        text = table[name].str.strip()
        ends[name] = pd.to_datetime(text, format="%Y%m%d", errors="coerce")
        if ends[name].isna().any():
            line = first_line(ends[name].isna())
            raise InputError(
                f"{path}:{line}  {name}", found=repr(text.loc[line]), wanted="YYYYMMDD"
            )
    start = ends["TIMESTAMP_START"]
    days = (ends["TIMESTAMP_END"] - start).dt.days + 1
    wrong = (days < 7) | (days > 9)
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  TIMESTAMP_END",
            found=f"{int(days.loc[line])} days",
            wanted="weeks of 7 days, the last of a year up to 9",
        )
    refuse_repeats(start, path)
    return _Steps(table, pd.DatetimeIndex(start), "week", days)


def _offered(weather: list[Column], steps: _Steps) -> list[Column]:
    """The weather columns that there are; extremes only where days were made here."""
    offered = [c for c in weather if c.column in steps.table.columns]
    if steps.step == "half-hour":
        extremes = [c for c in _WEATHER if c.column in ("TA_F_MIN", "TA_F_MAX")]
        offered += [c for c in extremes if c.column in steps.table.columns]
    return offered


def _dataset(
    steps: _Steps, columns: list[Column], path: str | Path, notes: Notes
) -> xr.Dataset:
    data = {}
    for column in columns:
        values = _numbers(steps, column.column, path)
        values = without_night_offset(values, column, notes)
        check_range(values, column, steps.time, path)
        name = column.variable.name
        data[name] = ("time", values.to_numpy() * column.factor, {
            **column.variable.attrs, "column": column.column
        })  # fmt: skip
    dataset = xr.Dataset(data, coords={"time": steps.time.to_numpy("datetime64[ns]")})
    if steps.days is not None:
        dataset = dataset.assign_coords(n_days=("time", steps.days.to_numpy()))
    return dataset


def _numbers(steps: _Steps, column: str, path: str | Path) -> pd.Series:
    if steps.step == "half-hour":
        return steps.table[column]
    return numbers(steps.table, column, path, missing_codes=[MISSING])


def _quality(steps: _Steps, column: str, path: str | Path) -> np.ndarray:
    quality = _numbers(steps, column, path)
    odd = (quality > 1.0) | (quality < 0.0)
    if odd.any():
        line = first_line(odd)
        raise InputError(
            f"{path}:{line}  {column}",
            found=f"{quality.loc[line]:g}",
            wanted="a fraction of good half-hours, 0 to 1",
            hint="Only half-hourly files carry a class 0 to 3 there.",
        )
    return quality.to_numpy()


def _screened(
    dataset: xr.Dataset, fluxes: dict[str, str], min_quality: float
) -> xr.Dataset:
    """Fluxes of weak quality taken out and counted."""
    good = dataset["quality"] >= min_quality
    dropped = 0
    for name in fluxes:
        weak = int((dataset[name].notnull() & ~good).sum())
        dropped = weak if name == "nee" or not dropped else dropped
        dataset[name] = dataset[name].where(good)
        dataset[name].attrs["n_below_quality"] = weak
        method = re.search(r"_(NT|DT)_", fluxes[name])
        if method:
            dataset[name].attrs["partitioning"] = _METHODS[method.group(1)]
    main = "nee" if "nee" in fluxes else next(iter(fluxes))
    return dataset.assign_attrs(
        n_below_quality=dropped,
        whole_years=_whole_years(dataset[main]),
    )


def _site(path: str | Path) -> str:
    match = re.search(r"(?:^|_)([A-Z]{2}-[A-Za-z0-9]{3})_", Path(path).name)
    return match.group(1) if match else ""


def _whole_years(nee: xr.DataArray) -> list[int]:
    """Years whose every day is in a step that has a value."""
    time = pd.DatetimeIndex(nee["time"].values)
    known = time[nee.notnull().to_numpy()]
    whole = []
    for year in sorted(set(known.year)):
        days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
        mine = known[known.year == year]
        if "n_days" in nee.coords:
            count = int(nee["n_days"].sel(time=mine).sum())
        elif len(mine) <= 12 and (mine.day == 1).all():
            count = len(days) if len(mine) == 12 else 0
        else:
            count = len(mine)
        if count == len(days):
            whole.append(int(year))
    return whole


def daily_means(dataset: xr.Dataset) -> xr.Dataset:
    """Weekly means laid out on the days of their weeks; other steps as they are.

    Parameters
    ----------
    dataset : xarray.Dataset
        As ``read_fluxnet`` gives it.
    """
    if "n_days" not in dataset.coords:
        return dataset
    start = dataset["time"].to_numpy().astype("datetime64[D]")
    length = dataset["n_days"].to_numpy().astype(int)
    row = np.repeat(np.arange(start.size), length)
    day = np.concatenate(
        [first + np.arange(n) for first, n in zip(start, length, strict=True)]
    )
    days = dataset.drop_vars("n_days").isel(time=row)
    return days.assign_coords(time=day.astype("datetime64[ns]"))


__all__ = [
    "CARBON_COLUMNS",
    "LATENT_HEAT",
    "daily_means",
    "is_fluxnet_header",
    "read_fluxnet",
]
