"""What the model wants as daily weather, and the check that it got it.

The limits are wide: they are there to catch a wrong unit or a missing-value code, not
unusual weather.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landmodels.dalec_bethy.drivers import (
    Drivers,
    make_drivers,
    saturation_pressure,
    sun,
)
from landmodels.errors import InputError
from landmodels.weather_physics import (
    LEAST_DAYS,
    refuse_damp_air,
    refuse_other_hemisphere,
    refuse_too_much_rain,
)

logger = logging.getLogger(__name__)

#: Days from which the largest and the middle value of a series say something.
_ENOUGH_DAYS = 30


@dataclass(frozen=True)
class Driver:
    """One forcing variable: its name, its unit and what it may possibly be."""

    name: str
    units: str
    low: float
    high: float
    long_name: str


DAILY: dict[str, Driver] = {
    d.name: d
    for d in (
        Driver("tmin", "degC", -90.0, 60.0, "daily minimum temperature"),
        Driver("tmax", "degC", -90.0, 60.0, "daily maximum temperature"),
        Driver("srad", "W m-2", 0.0, 600.0, "short-wave radiation, mean of 24 hours"),
        Driver("vpd", "Pa", 0.0, 1.2e4, "vapour pressure deficit, daily mean"),
        Driver("prec", "mm d-1", 0.0, 2000.0, "precipitation, rain and snow"),
    )
}
#: May be one number, or a number a day.
CO2 = Driver("co2", "ppm", 100.0, 3000.0, "CO2 mole fraction of dry air")
SITE: dict[str, Driver] = {
    d.name: d
    for d in (
        Driver("lat", "degrees_north", -90.0, 90.0, "latitude"),
        Driver("elevation", "m", -500.0, 9000.0, "height above the sea"),
    )
}
#: Measured hourly values (time, hour) that may stand for derived ones.
HOURLY: dict[str, Driver] = {
    d.name: d
    for d in (
        Driver("ta_hourly", "degC", -90.0, 60.0, "air temperature"),
        Driver("srad_hourly", "W m-2", 0.0, 1500.0, "short-wave radiation"),
        Driver("vpd_hourly", "Pa", 0.0, 1.5e4, "vapour pressure deficit"),
    )
}
_HOURLY_NAMES = {"ta_hourly": "ta", "srad_hourly": "sw", "vpd_hourly": "vpd"}
_SAME = {
    "degC": ("c", "deg c", "degree_celsius", "degrees_celsius", "celsius", "degc"),
    "W m-2": ("w/m2", "w/m^2", "w m^-2", "w m**-2"),
    "Pa": ("pascal", "n m-2"),
    "mm d-1": ("mm/d", "mm/day", "mm day-1", "kg m-2 d-1"),
    "ppm": ("ppmv", "umol mol-1", "1e-6"),
    "degrees_north": ("degree_north", "degrees", "degree", "deg"),
    "m": ("metre", "meter", "metres", "meters"),
}
_REPAIRS = {
    ("degC", "K"): "subtract 273.15",
    ("W m-2", "MJ m-2 d-1"): "divide by 0.0864",
    ("W m-2", "J m-2 d-1"): "divide by 86400",
    ("Pa", "hPa"): "multiply by 100",
    ("Pa", "kPa"): "multiply by 1000",
    ("mm d-1", "kg m-2 s-1"): "multiply by 86400",
    ("mm d-1", "m d-1"): "multiply by 1000",
    ("ppm", "mol mol-1"): "multiply by 1e6",
}


def validate_forcing(forcing: xr.Dataset, *, where: str = "forcing") -> xr.Dataset:
    """Daily forcing, checked once, as plain float64.

    Parameters
    ----------
    forcing : xarray.Dataset
        Over ``time`` (one value a day, datetime64): tmin, tmax [degC], srad [W m-2,
        mean of 24 hours], vpd [Pa], prec [mm d-1]. A number, or one a day: co2 [ppm].
        Scalar variables, coordinates or attributes: lat [degrees_north], elevation
        [m]. Optional over (time, hour), hour 0..23 of local solar time: ta_hourly
        [degC], srad_hourly [W m-2], vpd_hourly [Pa]. A variable without ``units`` is
        taken to be in the unit given here, and a warning says so.
    where : str
        What to call the forcing in an error.

    Returns
    -------
    xarray.Dataset
        The variables above and nothing else, with ``units``. The Dataset's attributes
        are kept.

    Raises
    ------
    InputError
        At the first of: a missing variable, a wrong unit, a time axis that is not
        whole consecutive days, a value that is missing or not possible, tmin above
        tmax, more light than reaches the top of the atmosphere, a vapour pressure
        deficit above saturation, or series that another unit would explain. Nothing
        is filled, clipped or converted.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = np.arange("2001-01-01", "2001-01-03", dtype="datetime64[D]")
    >>> units = {"tmin": "degC", "tmax": "degC", "srad": "W m-2", "vpd": "Pa",
    ...          "prec": "mm d-1"}
    >>> forcing = xr.Dataset(
    ...     {n: ("time", [8.0, 9.0], {"units": u}) for n, u in units.items()},
    ...     coords={"time": time.astype("datetime64[ns]")})
    >>> forcing = forcing.assign(
    ...     co2=((), 410.0, {"units": "ppm"}),
    ...     lat=((), 51.0, {"units": "degrees_north"}),
    ...     elevation=((), 430.0, {"units": "m"}))
    >>> sorted(validate_forcing(forcing).data_vars)
    ['co2', 'elevation', 'lat', 'prec', 'srad', 'tmax', 'tmin', 'vpd']
    """
    if not isinstance(forcing, xr.Dataset):
        raise InputError(
            where, found=type(forcing).__name__, wanted="an xarray.Dataset over time"
        )
    time = _days(forcing, where)
    unlabelled: list[str] = []
    clean: dict[str, xr.DataArray] = {}
    for driver in DAILY.values():
        clean[driver.name] = _variable(forcing, driver, ("time",), where, unlabelled)
    for driver in HOURLY.values():
        if driver.name in forcing:
            if forcing.sizes.get("hour") != 24:
                raise InputError(
                    f"{where}  {driver.name}",
                    found=f"dimensions {dict(forcing[driver.name].sizes)}",
                    wanted="(time, hour) with 24 hours",
                )
            clean[driver.name] = _variable(
                forcing, driver, ("time", "hour"), where, unlabelled
            )
    if CO2.name in forcing.data_vars and forcing[CO2.name].ndim:
        clean[CO2.name] = _variable(forcing, CO2, ("time",), where, unlabelled)
    else:
        clean[CO2.name] = _scalar(forcing, CO2, where, unlabelled)
    for driver in SITE.values():
        clean[driver.name] = _scalar(forcing, driver, where, unlabelled)
    if unlabelled:
        known = {**DAILY, **HOURLY, **SITE, CO2.name: CO2}
        logger.warning(
            "%s: no units on %s; taken as %s", where, ", ".join(unlabelled),
            ", ".join(known[n].units for n in unlabelled),
        )  # fmt: skip
    crossed = clean["tmin"].values > clean["tmax"].values
    if crossed.any():
        first = int(np.argmax(crossed))
        raise InputError(
            f"{where}  tmin and tmax on {_stamp(time[first])}",
            found=f"tmin {clean['tmin'].values[first]:g} above tmax "
            f"{clean['tmax'].values[first]:g} degC ({int(crossed.sum())} days in all)",
            wanted="tmin at most tmax",
        )
    result = xr.Dataset(clean, coords={"time": time}, attrs=dict(forcing.attrs))
    _check_radiation(result, where)
    if time.size >= LEAST_DAYS:
        refuse_other_hemisphere(
            0.5 * (clean["tmin"].values + clean["tmax"].values),
            result["time"].dt.month.values, float(clean["lat"]), f"{where}  lat",
        )  # fmt: skip
    _check_humidity(result, where)
    _check_rain(result, where)
    return result


def _check_radiation(clean: xr.Dataset, where: str) -> None:
    """Refuse light that the sun at this latitude cannot give, or hardly any."""
    mu, _ = sun(clean["time"].dt.dayofyear.values.astype(float), float(clean["lat"]))
    top = 1361.0 * np.maximum(mu, 0.0).mean(axis=1)
    srad = clean["srad"].values
    bad = srad > 1.2 * top + 30.0
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  srad on {_stamp(clean['time'].values[first])}",
            found=f"{srad[first]:g} W m-2 ({int(bad.sum())} days in all)",
            wanted=f"at most about {top[first]:.0f} W m-2, what reaches the top of the "
            f"atmosphere at latitude {float(clean['lat']):g}",
            hint="Is it a mean of 24 hours, and has lat the right sign?",
        )
    lit = top > 50.0
    if lit.sum() >= _ENOUGH_DAYS and float(np.max(srad[lit] / top[lit])) < 0.15:
        raise InputError(
            f"{where}  srad",
            found=f"at most {srad.max():g} W m-2 in {srad.size} days",
            wanted="a good fraction of the sun's light on some day",
            hint="The values look like MJ m-2 d-1: divide by 0.0864.",
        )


def _check_humidity(clean: xr.Dataset, where: str) -> None:
    """Refuse a deficit above saturation, and one that is next to none all the time."""
    vpd = clean["vpd"].values
    bad = vpd > saturation_pressure(clean["tmax"].values) + 50.0
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  vpd on {_stamp(clean['time'].values[first])}",
            found=f"{vpd[first]:g} Pa ({int(bad.sum())} days in all)",
            wanted="at most the saturation pressure at tmax",
            hint="Is the unit Pa?",
        )
    mean = 0.5 * (clean["tmin"].values + clean["tmax"].values)
    fraction = float(np.median(vpd / saturation_pressure(mean)))
    if vpd.size >= _ENOUGH_DAYS and vpd.max() > 0.0 and fraction < 0.01:
        raise InputError(
            f"{where}  vpd",
            found=f"at most {vpd.max():g} Pa in {vpd.size} days",
            wanted="Pa: hundreds on a dry day",
            hint="The values look like hPa (multiply by 100) or kPa (by 1000).",
        )
    if vpd.size >= LEAST_DAYS:
        refuse_damp_air(vpd, saturation_pressure(mean), f"{where}  vpd", "Pa")


def _check_rain(clean: xr.Dataset, where: str) -> None:
    """Refuse years without rain, which a rate per second looks like."""
    prec = clean["prec"].values
    years = prec.size / 365.0
    if years >= 1.0 and 0.0 < prec.sum() < 1.0 * years:
        raise InputError(
            f"{where}  prec",
            found=f"{prec.sum() / years:.3g} mm a year",
            wanted="mm d-1",
            hint="The values look like kg m-2 s-1 (multiply by 86400) or m d-1.",
        )
    if years >= 1.0:
        refuse_too_much_rain(365.25 * float(prec.mean()), f"{where}  prec")


def drivers_of(clean: xr.Dataset, soil_start: float | None = None) -> Drivers:
    """Drivers of the kernels from forcing that :func:`validate_forcing` gave.

    ``soil_start`` is the soil temperature (degC) of the day before, for a restart.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = np.arange("2001-01-01", "2001-01-03", dtype="datetime64[D]")
    >>> units = {
    ...     "tmin": "degC", "tmax": "degC", "srad": "W m-2", "vpd": "Pa",
    ...     "prec": "mm d-1",
    ... }
    >>> forcing = xr.Dataset(
    ...     {n: ("time", [8.0, 9.0], {"units": u}) for n, u in units.items()},
    ...     {"time": time.astype("datetime64[ns]")},
    ... ).assign(
    ...     co2=((), 410.0, {"units": "ppm"}),
    ...     lat=((), 51.0, {"units": "degrees_north"}),
    ...     elevation=((), 430.0, {"units": "m"}),
    ... )
    >>> drivers_of(validate_forcing(forcing)).n_days
    2
    """
    weather = {name: clean[name].values for name in DAILY}
    weather["doy"] = clean["time"].dt.dayofyear.values.astype(float)
    weather["co2"] = clean["co2"].values * 1e-6
    hourly = {
        _HOURLY_NAMES[name]: clean[name].values for name in HOURLY if name in clean
    }
    return make_drivers(
        weather,
        latitude=float(clean["lat"]),
        elevation=float(clean["elevation"]),
        hourly=hourly,
        soil_start=soil_start,
    )


def _days(forcing: xr.Dataset, where: str) -> NDArray[np.datetime64]:
    """The time axis as midnights; refused unless every day is there once."""
    if "time" not in forcing.coords or forcing["time"].ndim != 1:
        raise InputError(
            f"{where}  time",
            found="no coordinate time",
            wanted="a coordinate time of one datetime64 a day",
        )
    time = forcing["time"].values
    if not np.issubdtype(time.dtype, np.datetime64):
        raise InputError(
            f"{where}  time",
            found=f"{time.dtype} values",
            wanted="datetime64 dates of the real calendar (29 February included)",
        )
    if time.size == 0 or np.isnat(time).any():
        raise InputError(
            f"{where}  time",
            found="no days" if time.size == 0 else "a missing date",
            wanted="a date for every day",
        )
    days = time.astype("datetime64[D]")
    steps = np.diff(days).astype(int)
    if np.any(steps != 1):
        first = int(np.argmax(steps != 1))
        raise InputError(
            f"{where}  time after {days[first]}",
            found=f"{days[first + 1]}",
            wanted=f"{days[first] + 1}: every day once, in order",
            hint="A leap year in a 365-day file lacks 29 February or 31 December.",
        )
    return days.astype("datetime64[ns]")


def _variable(
    forcing: xr.Dataset,
    driver: Driver,
    dims: tuple[str, ...],
    where: str,
    unlabelled: list[str],
) -> xr.DataArray:
    place = f"{where}  {driver.name}"
    if driver.name not in forcing:
        raise InputError(
            place,
            found=f"no variable {driver.name}",
            wanted=f"{driver.long_name} [{driver.units}] over {', '.join(dims)}",
        )
    variable = forcing[driver.name]
    if set(variable.dims) != set(dims):
        raise InputError(place, found=f"dimensions {variable.dims}", wanted=f"{dims}")
    variable = variable.transpose(*dims)
    _check_units(variable, driver, place, unlabelled)
    if variable.dtype.kind not in "iuf":
        raise InputError(
            place, found=f"values of type {variable.dtype}", wanted="numbers"
        )
    values = np.ascontiguousarray(variable.values, dtype=np.float64)
    bad = ~((values >= driver.low) & (values <= driver.high))
    if bad.any():
        first = np.unravel_index(int(np.argmax(bad)), bad.shape)
        value = values[first]
        raise InputError(
            f"{place} on {_stamp(forcing['time'].values[first[0]])}",
            found=f"{value:g} {driver.units} ({int(bad.sum())} values in all)",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
            hint=_range_hint(value, driver),
        )
    return xr.DataArray(
        values, dims=dims, attrs={"units": driver.units, "long_name": driver.long_name}
    )


def _range_hint(value: float, driver: Driver) -> str:
    if not np.isfinite(value):
        return "Fill gaps first, and count them."
    if value <= -9990.0:
        return "That is a missing-value code: make it NaN and fill it first."
    if driver.units == "degC" and 150.0 < value < 350.0:
        return "The values look like K: subtract 273.15."
    return f"Is the unit {driver.units}?"


def _check_units(
    variable: xr.DataArray, driver: Driver, place: str, unlabelled: list[str]
) -> None:
    if "units" not in variable.attrs:
        unlabelled.append(driver.name)
        return
    units = str(variable.attrs["units"]).strip()
    if units == driver.units:
        return
    repair = _REPAIRS.get((driver.units, units))
    if repair is not None:
        hint = f"Convert first: {repair}."
    elif units.lower() in _SAME[driver.units]:
        hint = f"The same unit in another spelling: set units to {driver.units!r}."
    else:
        hint = f"Convert to {driver.units} and say so in attrs['units']."
    raise InputError(
        f"{place}.units", found=repr(units), wanted=repr(driver.units), hint=hint
    )


def _scalar(
    forcing: xr.Dataset, driver: Driver, where: str, unlabelled: list[str]
) -> xr.DataArray:
    place = f"{where}  {driver.name}"
    if driver.name in forcing.variables:
        _check_units(forcing[driver.name], driver, place, unlabelled)
        found = forcing[driver.name].values
    elif driver.name in forcing.attrs:
        found = np.asarray(forcing.attrs[driver.name])
    else:
        raise InputError(
            place,
            found=f"neither a variable nor an attribute {driver.name}",
            wanted=f"{driver.long_name} [{driver.units}]",
        )
    if found.size != 1 or found.dtype.kind not in "iuf":
        raise InputError(place, found=f"{found!r:.60}", wanted="one number")
    value = float(found.reshape(()))
    if not driver.low <= value <= driver.high:
        raise InputError(
            place,
            found=f"{value:g} {driver.units}",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
    return xr.DataArray(
        value, attrs={"units": driver.units, "long_name": driver.long_name}
    )


def _stamp(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))
