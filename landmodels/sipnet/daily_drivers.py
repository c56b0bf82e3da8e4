"""Drivers from daily tower tables: a day step and a night step for every date.

Specification, section 2.1. Wind is not in these tables: 2 m s-1 stands for it, so
that ``rdConst`` has to be calibrated anew and cannot be compared with sites that
have wind.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landmodels.sipnet.drivers import CALENDAR, WEATHER, Driver, validate_forcing
from landmodels.sipnet.errors import InputError
from landmodels.sipnet.tables import read_table
from landmodels.weather_physics import (
    LEAST_DAYS,
    refuse_damp_air,
    refuse_other_hemisphere,
    refuse_too_much_rain,
    unlikely_rain,
)
from landmodels.weather_physics import saturation_pressure as _saturation

logger = logging.getLogger(__name__)

#: What a daily table must have, with limits that catch a wrong unit.
DAILY: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver("tmin", "degC", -90.0, 60.0, "daily minimum temperature"),
        Driver("tmax", "degC", -90.0, 60.0, "daily maximum temperature"),
        Driver("srad", "MJ m-2 d-1", -1e-6, 50.0, "shortwave radiation"),
        Driver("vpd", "hPa", -1e-6, 120.0, "24-hour mean vapour pressure deficit"),
        Driver("prec", "mm d-1", -1e-6, 2000.0, "precipitation"),
    )
}
#: Other columns of the tables and their units.
OTHER_UNITS = {
    "co2": "ppm", "pressure": "kPa", "gpp": "g m-2 d-1", "er": "g m-2 d-1",
    "nee": "g m-2 d-1", "et": "mm d-1", "lai": "1", "swc": "%",
}  # fmt: skip
WIND = 2.0  # m s-1
#: Photosynthetically active fraction of shortwave radiation, and photons (mol MJ-1).
PAR_FRACTION, PHOTONS = 0.45, 4.57
#: Hours of daylight from which a clear day is bright, and what it has at the least
#: (MJ m-2 d-1).
_LONG_DAY, _DIM = 11.0, 12.0
#: E-folding time of soil temperature (d).
SOIL_DAYS = 15.0


def read_fluxnet_daily(
    path: str | os.PathLike[str], latitude: float | None = None
) -> xr.Dataset:
    r"""Read a daily tower table, and its latitude from ``sites.csv`` beside it.

    Parameters
    ----------
    path : path-like
        ``<site>_daily.csv`` (also gzipped): date, tmin, tmax [degC], srad
        [MJ m-2 d-1], vpd [hPa], prec [mm d-1], and fluxes.
    latitude : float, optional
        Degrees north. Without it, column lat of the site's row in ``sites.csv``.

    Returns
    -------
    xarray.Dataset
        All columns over ``time`` with their units, and the scalar ``lat``. Pass it
        to `half_daily_drivers`.

    Raises
    ------
    InputError
        If a file, a column or the site's row is missing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from landmodels.sipnet import read_fluxnet_daily
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "XX-Xxx_daily.csv"
    ...     _ = path.write_text("date,tmin,tmax,srad,vpd,prec\n2001-07-01,9,21,20,8,0")
    ...     read_fluxnet_daily(path, latitude=45.0)["vpd"].attrs["units"]
    'hPa'
    """
    path = Path(path)
    table = read_table(path, "a daily table")
    missing = [name for name in ("date", *DAILY) if name not in table.columns]
    if missing:
        raise InputError(
            str(path), found=f"no column {', '.join(missing)}",
            wanted="columns date, " + ", ".join(DAILY),
        )  # fmt: skip
    if latitude is None:
        latitude = _latitude(path)
    try:
        time = pd.to_datetime(table.pop("date"), format="%Y-%m-%d").to_numpy()
    except ValueError as exc:
        raise InputError(
            f"{path}  date", found=str(exc), wanted="dates as 2001-07-01"
        ) from exc
    _say_unlikely(table, path)
    units = {**OTHER_UNITS, **{name: d.units for name, d in DAILY.items()}}
    units |= {f"{name}_sd": unit for name, unit in units.items()}
    return xr.Dataset(
        {
            str(name): ("time", column.to_numpy(), {"units": units.get(str(name), "1")})
            for name, column in table.items()
        },
        coords={"time": time, "lat": ((), latitude, {"units": "degrees_north"})},
        attrs={"source": path.name},
    )


def _say_unlikely(table: pd.DataFrame, path: Path) -> None:
    """Log what is unlikely, though not impossible, of a year and more of a table."""
    numbers = all(table[name].dtype.kind == "f" for name in DAILY)
    if not numbers or len(table) < LEAST_DAYS:
        return
    mean = 0.5 * (table["tmin"] + table["tmax"])
    humidity = 1.0 - 100.0 * table["vpd"] / _saturation(mean.to_numpy())
    rain = 365.25 * float(table["prec"].mean())
    for doubt in unlikely_rain(rain, float(humidity.mean()), float(mean.mean())):
        logger.warning("%s: %s", path, doubt)


def _latitude(path: Path) -> float:
    site = path.name.split("_")[0]
    sites = read_table(path.parent / "sites.csv", "a table of sites")
    rows = sites.loc[sites["site"] == site] if "site" in sites else sites.iloc[:0]
    if len(rows) != 1 or "lat" not in rows:
        raise InputError(
            str(path.parent / "sites.csv"), found=f"{len(rows)} rows for site {site}",
            wanted="one row with its latitude in column lat",
            hint="Or pass latitude.",
        )  # fmt: skip
    return float(rows["lat"].iloc[0])


def half_daily_drivers(daily: xr.Dataset, latitude: float | None = None) -> xr.Dataset:
    """Turn daily weather into a day step and a night step for every date.

    Parameters
    ----------
    daily : xarray.Dataset
        Over ``time`` (dates): tmin, tmax [degC], srad [MJ m-2 d-1], vpd [hPa],
        prec [mm d-1].
    latitude : float, optional
        Degrees north; by default the scalar ``lat`` of ``daily``.

    Returns
    -------
    xarray.Dataset
        Drivers as `validate_forcing` returns them, two steps for each date.

    Raises
    ------
    InputError
        If a variable, unit or value is wrong, or a date is missing.

    Notes
    -----
    Temperatures of day and night follow PnET; the light falls in the day step, and
    precipitation in proportion to length. Soil temperature is a running mean of air
    temperature that starts from the mean of the first year.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landmodels.sipnet import half_daily_drivers
    >>> one = {"tmin": 9.0, "tmax": 21.0, "srad": 20.0, "vpd": 8.0, "prec": 0.0}
    >>> days = xr.Dataset({k: ("time", np.full(3, v)) for k, v in one.items()},
    ...                   {"time": pd.date_range("2001-07-01", periods=3)})
    >>> half_daily_drivers(days, latitude=45.0)["tair"].values[:2]
    array([18., 12.])
    """
    if latitude is None:
        if "lat" not in daily.variables or daily["lat"].size != 1:
            raise InputError(
                "daily table  lat", found="no latitude",
                wanted="a scalar lat, or the argument latitude",
            )  # fmt: skip
        latitude = float(daily["lat"].values.reshape(()))
    if not -90.0 <= latitude <= 90.0:
        raise InputError(
            "daily table  lat", found=f"{latitude:g}", wanted="-90 to 90 degrees north"
        )
    v, index = _daily_values(daily)
    _check_year(v, index, latitude)
    fraction = daylight_fraction(index.day_of_year.to_numpy(float), latitude)
    day, night = _day_and_night(v, fraction)
    columns = {
        "year": (index.year, index.year),
        "day": (index.day_of_year, index.day_of_year),
        "hour": (12.0 - 12.0 * fraction, 12.0 + 12.0 * fraction),
        "step_length": (fraction, 1.0 - fraction),
        "wspd": (np.full(fraction.size, WIND),) * 2,
        **{name: (day[name], night[name]) for name in day},
    }
    known = {**CALENDAR, **WEATHER}
    dataset = xr.Dataset(
        {
            name: (
                "time", np.stack(columns[name], axis=1).astype(float).reshape(-1),
                known[name].attrs,
            )
            for name in known
        },
        attrs={**daily.attrs, "wind": f"unknown, {WIND:g} m s-1 everywhere"},
    )  # fmt: skip
    return validate_forcing(dataset, where="drivers from the daily table")


def _check_year(v: dict, index: pd.DatetimeIndex, latitude: float) -> None:
    """Compare a year and more with physics: columns of another unit or place."""
    if index.size < LEAST_DAYS:
        return
    refuse_other_hemisphere(
        0.5 * (v["tmin"] + v["tmax"]), index.month.to_numpy(), latitude,
        "daily table  lat",
    )  # fmt: skip
    full = 0.5 * (_saturation(v["tmin"]) + _saturation(v["tmax"]))
    refuse_damp_air(v["vpd"], 0.01 * full, "daily table  vpd", "hPa")
    refuse_too_much_rain(365.25 * float(v["prec"].mean()), "daily table  prec")
    day = index.day_of_year.to_numpy(float)
    fraction = daylight_fraction(day, latitude)
    # What a clear sky sends on a day is above 1 MJ m-2 for each hour of sun.
    sunny = 24.0 * fraction >= _LONG_DAY
    most = float(v["srad"][sunny].max()) if sunny.any() else np.inf
    if most < _DIM:
        raise InputError(
            "daily table  srad", found=f"at most {most:g} MJ m-2 d-1 on days of more "
            f"than {_LONG_DAY:g} hours", wanted="some clear days (20 to 35)",
            hint="Is it a mean of the hour, or in kWh m-2 d-1 (times 3.6)?",
        )  # fmt: skip


def daylight_fraction(day_of_year: np.ndarray, latitude: float) -> np.ndarray:
    """Share of the day with the sun above the horizon, kept within 0.05 to 0.95.

    Parameters
    ----------
    day_of_year : ndarray
    latitude : float
        Degrees north.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> daylight_fraction(np.array([172.0]), 90.0)
    array([0.95])
    """
    declination = -0.4093 * np.cos(2.0 * np.pi * (day_of_year + 10.0) / 365.0)
    cosine = -np.tan(np.radians(latitude)) * np.tan(declination)
    return np.clip(np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi, 0.05, 0.95)


def _day_and_night(v, fraction: np.ndarray) -> tuple[dict, dict]:
    """Weather of the day steps and of the night steps."""
    mean = 0.5 * (v["tmin"] + v["tmax"])
    tsoil = _soil_temperature(mean)
    warm, cold = 0.5 * (mean + v["tmax"]), 0.5 * (mean + v["tmin"])
    saturation = fraction * _saturation(warm) + (1.0 - fraction) * _saturation(cold)
    vapour = np.maximum(saturation - 100.0 * v["vpd"], 0.05 * saturation)

    def step(tair, length, par):
        most = _saturation(tair)
        return {
            "tair": tair,
            "tsoil": tsoil,
            "par": par,
            "precip": v["prec"] * length,
            "vpd": np.maximum(most - vapour, 0.0),
            "vpdsoil": _saturation(tsoil) - vapour,
            "vpress": np.minimum(vapour, most),
        }

    light = PAR_FRACTION * PHOTONS * v["srad"]
    dark = np.zeros(fraction.size)
    return step(warm, fraction, light), step(cold, 1.0 - fraction, dark)


def _soil_temperature(mean: np.ndarray) -> np.ndarray:
    """Running exponential mean of daily air temperature (degC)."""
    soil = np.empty(mean.size)
    value = mean[:365].mean()
    fraction = 1.0 - np.exp(-1.0 / SOIL_DAYS)
    for i, now in enumerate(mean):
        value += (now - value) * fraction
        soil[i] = value
    return soil


def _daily_values(daily: xr.Dataset) -> tuple[dict, pd.DatetimeIndex]:
    """Checked numbers of the daily table, and its dates."""
    if "time" not in daily.coords or daily["time"].dtype.kind != "M":
        raise InputError(
            "daily table  time", found="no dates", wanted="a time coordinate of dates"
        )
    index = pd.DatetimeIndex(daily["time"].values)
    gaps = np.flatnonzero(np.diff(index.values) != np.timedelta64(1, "D"))
    if gaps.size:
        raise InputError(
            f"daily table  time, {index[gaps[0] + 1]:%Y-%m-%d}",
            found=f"after {index[gaps[0]]:%Y-%m-%d}",
            wanted="every date once, in order",
        )  # fmt: skip
    values = {}
    for name, driver in DAILY.items():
        place = f"daily table  {name}"
        if name not in daily:
            raise InputError(
                place, found=f"no variable {name}",
                wanted=f"{driver.long_name} [{driver.units}]",
            )  # fmt: skip
        variable = daily[name]
        if variable.attrs.get("units", driver.units) != driver.units:
            raise InputError(
                f"{place}.units", found=repr(variable.attrs["units"]),
                wanted=repr(driver.units), hint=f"Convert to {driver.units} first.",
            )  # fmt: skip
        values[name] = _daily_numbers(variable, driver, index, place)
    unlabelled = [name for name in DAILY if "units" not in daily[name].attrs]
    if unlabelled:
        units = ", ".join(DAILY[name].units for name in unlabelled)
        names = ", ".join(unlabelled)
        logger.warning("daily table: no units on %s; taken as %s", names, units)
    crossed = values["tmin"] > values["tmax"]
    if crossed.any():
        first = int(np.argmax(crossed))
        raise InputError(
            f"daily table  tmin and tmax on {index[first]:%Y-%m-%d}",
            found=f"{values['tmin'][first]:g} and {values['tmax'][first]:g} degC",
            wanted="tmin at most tmax",
        )
    return values, index


def _daily_numbers(variable, driver: Driver, index, place: str) -> np.ndarray:
    if variable.dims != ("time",) or variable.dtype.kind not in "iuf":
        raise InputError(
            place, found=f"dimensions {variable.dims} of {variable.dtype}",
            wanted="a number for each date",
        )  # fmt: skip
    values = variable.values.astype(float)
    bad = ~((values >= driver.low) & (values <= driver.high))
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{place} on {index[first]:%Y-%m-%d}",
            found=f"{values[first]:g} {driver.units} ({int(bad.sum())} in all)",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
            hint=f"Is the unit {driver.units}, and is every gap filled?",
        )
    return values
