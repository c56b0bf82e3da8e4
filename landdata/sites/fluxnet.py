"""Reader for FLUXNET2015 files, monthly (MM) or daily (DD), as published.

One row a month (TIMESTAMP YYYYMM) or day (YYYYMMDD), -9999 where missing. In both
the quality flag NEE_VUT_REF_QC is the share of measured or well-filled half-hours,
0 to 1 (in half-hourly files it is a class from 0 to 3: another thing). Ma et al.
(2022) keep a share of at least 0.5. Carbon fluxes are g m-2 d-1 in both, as daily
means; pressure is kPa and VPD hPa (Pastorello et al. 2020, Scientific Data 7, 225).
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import xarray as xr

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import Driver
from landdata.files.text_tables import (
    Column,
    check_range,
    first_line,
    numbers,
    read_text_table,
    refuse_repeats,
)
from landdata.variables import FLUXES, RAW

MISSING = -9999.0
LATENT_HEAT = Driver(
    "latent_heat",
    "W m-2",
    -500.0,
    1000.0,
    "latent heat flux",
    "surface_upward_latent_heat_flux",
)
_QUALITY = "NEE_VUT_REF_QC"
_WEATHER = (
    Column("TA_F", RAW["tmean"], "degC"),
    Column("P_F", RAW["prec"], "mm d-1"),
    Column("VPD_F", RAW["vpd"], "hPa", factor=100.0),
    Column("PA_F", RAW["pressure"], "kPa", factor=1000.0),
    Column("WS_F", RAW["wind"], "m s-1"),
    # W m-2 over 24 hours is 0.0864 MJ m-2 d-1.
    Column("SW_IN_F", RAW["shortwave"], "W m-2", factor=0.0864),
    Column("CO2_F_MDS", RAW["co2"], "ppm"),
    Column("LE_F_MDS", LATENT_HEAT, "W m-2"),
)
_CARBON = (
    Column("GPP_NT_VUT_REF", FLUXES["gpp"], "g m-2 d-1", required=True),
    Column("RECO_NT_VUT_REF", FLUXES["er"], "g m-2 d-1", required=True),
    Column("NEE_VUT_REF", FLUXES["nee"], "g m-2 d-1", required=True),
)


def read_fluxnet(path: str | Path, *, min_quality: float = 0.5) -> xr.Dataset:
    """Weather and carbon fluxes of a FLUXNET2015 file.

    Parameters
    ----------
    path : path
        ``FLX_<site>_FLUXNET2015_<set>_MM_<years>_<version>.csv`` or ``_DD_``.
    min_quality : float
        gpp, er and nee with a smaller share of good half-hours (or none given)
        become NaN and are counted.

    Returns
    -------
    xarray.Dataset
        Over ``time`` (first day of the month, or day): gpp, er, nee [g m-2 d-1,
        carbon; night-time partitioning, nee positive for release], ``quality``,
        and the weather that the file has under the names of ``variables.RAW``.
        Attributes: site, step, n_below_quality, and ``whole_years``, the years in
        which every step passed: only these may be summed.
    """
    if not 0.0 <= min_quality <= 1.0:
        raise InputError(
            "min_quality", found=f"{min_quality:g}", wanted="a share from 0 to 1"
        )
    required = ["TIMESTAMP", _QUALITY, *(c.column for c in _CARBON)]
    table = read_text_table(path, required=required)
    time, step = _times(table, path)
    data = {}
    for column in (*_WEATHER, *_CARBON):
        if column.column not in table.columns:
            continue
        values = numbers(table, column.column, path, missing_codes=[MISSING])
        check_range(values, column, time, path)
        name = column.variable.name
        data[name] = ("time", values.to_numpy() * column.factor, column.variable.attrs)
    quality = numbers(table, _QUALITY, path, missing_codes=[MISSING])
    if (quality > 1.0).any():
        line = first_line(quality > 1.0)
        raise InputError(
            f"{path}:{line}  {_QUALITY}",
            found=f"{quality.loc[line]:g}",
            wanted="a share of good half-hours, 0 to 1",
            hint="Half-hourly files carry a class 0 to 3 there: use MM or DD files.",
        )
    data["quality"] = (
        "time",
        quality.to_numpy(),
        {"units": "1", "long_name": "share of measured or well-filled half-hours"},
    )
    dataset = xr.Dataset(data, coords={"time": time.to_numpy("datetime64[ns]")})
    dataset = dataset.sortby("time")
    good = dataset["quality"] >= min_quality
    dropped = {}
    for name in ("gpp", "er", "nee"):
        dropped[name] = int((dataset[name].notnull() & ~good).sum())
        dataset[name] = dataset[name].where(good)
        dataset[name].attrs["n_below_quality"] = dropped[name]
    return dataset.assign_attrs(
        source=Path(path).name,
        site=_site(path),
        step=step,
        min_quality=min_quality,
        n_below_quality=dropped["nee"],
        whole_years=_whole_years(dataset["nee"], step),
    )


def _times(table: pd.DataFrame, path: str | Path) -> tuple[pd.DatetimeIndex, str]:
    stamps = table["TIMESTAMP"].str.strip()
    length = int(stamps.str.len().iloc[0])
    formats = {6: ("%Y%m", "month"), 8: ("%Y%m%d", "day")}
    if length not in formats:
        raise InputError(
            f"{path}:{table.index[0]}  TIMESTAMP",
            found=repr(stamps.iloc[0]),
            wanted="YYYYMM (an MM file) or YYYYMMDD (a DD file)",
            hint="Half-hourly (HH), weekly (WW) and yearly (YY) files are not read.",
        )
    pattern, step = formats[length]
    time = pd.to_datetime(stamps, format=pattern, errors="coerce", exact=True)
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


def _site(path: str | Path) -> str:
    match = re.match(r"FLX_([A-Z]{2}-[A-Za-z0-9]{3})_", Path(path).name)
    return match.group(1) if match else ""


def _whole_years(nee: xr.DataArray, step: str) -> list[int]:
    time = pd.DatetimeIndex(nee["time"].values)
    count = pd.Series(nee.notnull().to_numpy(), index=time).groupby(time.year).sum()
    full = {
        year: 12
        if step == "month"
        else 366
        if pd.Timestamp(year, 1, 1).is_leap_year
        else 365
        for year in count.index
    }
    return [int(year) for year in count.index if count[year] == full[year]]
