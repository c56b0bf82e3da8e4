"""Files of single places: Daymet's pixel service, MODIS subsets, flux towers.

The inverse of their readers: a Dataset in our units goes in, and a table in the
provider's columns, units, codes and calendar comes out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.grid.windows import window_length
from landdata.sites.ameriflux import CARBON
from landdata.synthetic.product_writers.common import MADE_UP

MISSING = -9999
_CLOUDY = 0b00001000  # bits 3-4 of the flags of MOD15 and MOD17


def write_daymet_pixel(
    path: Path, weather: xr.Dataset, *, lat: float, lon: float, elevation: float
) -> Path:
    """A file of the Daymet single-pixel service.

    Parameters
    ----------
    weather : xarray.Dataset (time,)
        Whole years of tmin, tmax (degC), prec (mm d-1), vapour_pressure (Pa),
        shortwave (MJ m-2 d-1), daylength (s). 31 December of leap years is left
        out, as Daymet does.
    """
    day = pd.DatetimeIndex(weather["time"].values)
    kept = day.day_of_year <= 365
    table = pd.DataFrame(
        {
            "year": day.year,
            "yday": day.day_of_year,
            "dayl (s)": weather["daylength"],
            "prcp (mm/day)": weather["prec"],
            # A mean over daylight, not over the day.
            "srad (W/m^2)": 1.0e6 * weather["shortwave"] / weather["daylength"],
            "swe (kg/m^2)": 0.0,
            "tmax (deg c)": weather["tmax"],
            "tmin (deg c)": weather["tmin"],
            "vp (Pa)": weather["vapour_pressure"],
        }
    )[kept]
    head = (
        f"Latitude: {lat:.4f}  Longitude: {lon:.4f}\n"
        f"Elevation: {elevation:.0f} meters\n{MADE_UP}\n\n"
    )
    return _write_table(path, table, head, decimals=4)


def write_modis(
    path: Path, stream: str, series: xr.DataArray, *, site: str = "made-up"
) -> Path:
    """A point table of AppEEARS: value and quality of each composite.

    Parameters
    ----------
    stream : {"lai", "gpp"}
        MCD15A2H or MOD17A2H.
    series : xarray.DataArray (time,)
        lai (1) or gpp (g m-2 d-1 of carbon) at the first days of 8-day composites.
        Where it is missing, the file has a value that its flag calls cloudy.
    """
    days = series["time"].values.astype("datetime64[D]")
    values = series.to_numpy().astype(np.float64)
    cloudy = np.isnan(values)
    if stream == "gpp":
        lengths = np.array([window_length(day) for day in days])
        # kg of carbon, summed over the composite.
        stored = np.round(np.where(cloudy, 0.5, values) * lengths / 1000.0, 4)
        names = ("MOD17A2H_061_Gpp_500m", "MOD17A2H_061_Psn_QC_500m")
    else:
        stored = np.round(np.where(cloudy, 0.5, values), 1)
        names = ("MCD15A2H_061_Lai_500m", "MCD15A2H_061_FparLai_QC")
    table = pd.DataFrame(
        {
            "ID": site,
            "Category": MADE_UP.replace(",", ";"),
            "Date": np.datetime_as_string(days),
            names[0]: stored,
            names[1]: np.where(cloudy, _CLOUDY, 0),
        }
    )
    return _write_table(path, table, "", decimals=4)


def write_fluxnet(
    path: Path, tower: xr.Dataset, quality: NDArray, *, monthly: bool = False
) -> Path:
    """A FLUXNET2015 file, daily (DD) or monthly (MM).

    Parameters
    ----------
    tower : xarray.Dataset (time,)
        Daily tmean (degC), prec (mm d-1), vpd (Pa), pressure (Pa), wind (m s-1),
        shortwave (MJ m-2 d-1), gpp, er, nee (g m-2 d-1 of carbon); NaN becomes
        -9999.
    quality : numpy.ndarray (time,)
        Fraction of good half-hours, 0 to 1.
    monthly : bool
        Means by month instead of days.
    """
    data = tower.assign(quality=("time", quality))
    stamp = "%Y%m%d"
    if monthly:
        data, stamp = data.resample(time="MS").mean(), "%Y%m"
    table = pd.DataFrame(
        {
            "TIMESTAMP": pd.DatetimeIndex(data["time"].values).strftime(stamp),
            "TA_F": data["tmean"],
            "SW_IN_F": data["shortwave"] / 0.0864,
            "VPD_F": data["vpd"] / 100.0,
            "PA_F": data["pressure"] / 1000.0,
            "P_F": data["prec"],
            "WS_F": data["wind"],
            "NEE_VUT_REF": data["nee"],
            "NEE_VUT_REF_QC": data["quality"],
            "RECO_NT_VUT_REF": data["er"],
            "GPP_NT_VUT_REF": data["gpp"],
        }
    )
    return _write_table(path, table.fillna(MISSING), "", decimals=6)


def write_ameriflux_base(path: Path, tower: xr.Dataset, *, site: str) -> Path:
    """A half-hourly AmeriFlux BASE file.

    Parameters
    ----------
    tower : xarray.Dataset (time,)
        As for ``write_fluxnet``, with tmin and tmax. Temperature swings between
        them; everything else is the same all day.
    """
    days = pd.DatetimeIndex(tower["time"].values)
    start = pd.date_range(days[0], periods=48 * days.size, freq="30min")
    end = start + pd.Timedelta(minutes=30)
    hour = start.hour + start.minute / 60.0

    def all_day(name: str, factor: float = 1.0) -> NDArray:
        return np.repeat(tower[name].to_numpy() * factor, 48)

    middle = 0.5 * (all_day("tmin") + all_day("tmax"))
    half = 0.5 * (all_day("tmax") - all_day("tmin"))
    table = pd.DataFrame(
        {
            "TIMESTAMP_START": start.strftime("%Y%m%d%H%M"),
            "TIMESTAMP_END": end.strftime("%Y%m%d%H%M"),
            "NEE_PI": all_day("nee", 1.0 / CARBON),
            "GPP_PI": all_day("gpp", 1.0 / CARBON),
            "RECO_PI": all_day("er", 1.0 / CARBON),
            "TA_1_1_1": middle - half * np.cos(2.0 * np.pi * (hour - 3.0) / 24.0),
            "P_1_1_1": all_day("prec", 1.0 / 48.0),
            "PA": all_day("pressure", 1.0e-3),
            "VPD_PI": all_day("vpd", 1.0e-2),
            "WS_1_1_1": all_day("wind"),
            "SW_IN_1_1_1": all_day("shortwave", 1.0 / 0.0864),
        }
    )
    head = f"# Site: {site}\n# Version: 0-0 {MADE_UP}\n"
    return _write_table(path, table.fillna(MISSING), head, decimals=6)


def _write_table(path: Path, table: pd.DataFrame, head: str, *, decimals: int) -> Path:
    text = table.round(decimals).to_csv(index=False, lineterminator="\n")
    path.write_text(head + text, encoding="utf-8")
    return path
