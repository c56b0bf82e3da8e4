"""What the model wants as drivers, and the check that it got it.

Variables and units are those of the program's text files (specification, section 2);
the model's own units (kPa, cm, mol m-2 d-1) are made in `driver_records`. The limits
are wide: they are there to catch a wrong unit or a missing-value code, not unusual
weather.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.weather_physics import (
    LEAST_DAYS,
    refuse_damp_air,
    refuse_too_much_rain,
    saturation_pressure,
    unlikely_light,
    unlikely_rain,
    unlikely_wind,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Driver:
    """One driver: its name, its unit and what it may possibly be."""

    name: str
    units: str
    low: float
    high: float
    long_name: str
    standard_name: str = ""

    @property
    def attrs(self) -> dict[str, str]:
        """CF attributes for a variable that holds this driver."""
        attrs = {"units": self.units, "long_name": self.long_name}
        if self.standard_name:
            attrs["standard_name"] = self.standard_name
        return attrs


#: Weather of a step. Tiny negative numbers are in the program's own files.
WEATHER: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver("tair", "degC", -90.0, 60.0, "mean air temperature", "air_temperature"),
        Driver(
            "tsoil", "degC", -70.0, 70.0, "mean soil temperature", "soil_temperature"
        ),
        Driver(
            "par", "mol m-2", -1e-6, 2000.0,
            "photosynthetically active radiation, sum of the step",
        ),
        # 1825 mm fell on Foc-Foc in a day (WMO record).
        Driver("precip", "mm", -1e-6, 10000.0, "precipitation, sum of the step"),
        Driver(
            "vpd", "Pa", -500.0, 20000.0, "vapour pressure deficit of the air",
            "water_vapor_saturation_deficit_in_air",
        ),
        Driver(
            "vpdsoil", "Pa", -10000.0, 40000.0,
            "saturation at soil temperature minus vapour pressure of the air",
        ),
        Driver(
            "vpress", "Pa", -1e-6, 10000.0, "vapour pressure of the air",
            "water_vapor_partial_pressure_in_air",
        ),
        Driver("wspd", "m s-1", -1e-6, 100.0, "wind speed", "wind_speed"),
    )
}  # fmt: skip
#: When a step starts and how long it is.
CALENDAR: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver("year", "1", -10000.0, 10000.0, "year of the start of the step"),
        Driver("day", "1", 1.0, 366.0, "day of the year, 1 is 1 January"),
        Driver("hour", "h", 0.0, 24.0, "local hour of the start of the step"),
        Driver("step_length", "d", 0.0, 366.0, "length of the step"),
    )
}
#: Most light that a step can have, as a daily rate (mol m-2 d-1); noon has 180.
_MOST_LIGHT = 300.0
#: Vapour pressure over saturation in the dampest tenth of the steps. Files disagree on
#: saturation by a fifth, and air of a mountain may come out above it.
_DRIEST, _DAMPEST = 0.05, 2.0

_REPAIRS: dict[tuple[str, str], str] = {
    ("degC", "K"): "subtract 273.15",
    ("degC", "kelvin"): "subtract 273.15",
    ("degC", "degF"): "subtract 32 and divide by 1.8",
    ("mol m-2", "mol m-2 d-1"): "multiply by step_length",
    ("mol m-2", "mol m-2 s-1"): "multiply by 86400 times step_length",
    ("mol m-2", "umol m-2 s-1"): "multiply by 0.0864 times step_length",
    ("mol m-2", "W m-2"): "multiply by 4.57e-6 mol J-1, 86400 and step_length",
    ("mm", "cm"): "multiply by 10",
    ("mm", "m"): "multiply by 1000",
    ("mm", "mm d-1"): "multiply by step_length",
    ("mm", "kg m-2 s-1"): "multiply by 86400 times step_length",
    ("mm", "mm s-1"): "multiply by 86400 times step_length",
    ("Pa", "kPa"): "multiply by 1000",
    ("Pa", "hPa"): "multiply by 100",
    ("Pa", "mbar"): "multiply by 100",
    ("m s-1", "km h-1"): "divide by 3.6",
    ("d", "s"): "divide by 86400",
    ("d", "h"): "divide by 24",
}
_SAME: dict[str, tuple[str, ...]] = {
    "degC": ("c", "°c", "deg_c", "degree_celsius", "degrees_celsius", "celsius"),
    "mol m-2": ("mol/m2", "mol m^-2", "mol photons m-2", "mol/m^2"),
    "mm": ("kg m-2", "millimetre", "millimeter"),
    "Pa": ("pascal", "n m-2"),
    "m s-1": ("m/s", "m s^-1", "m s**-1"),
    "d": ("day", "days"),
    "h": ("hour", "hours"),
    "1": ("", "-", "year", "years", "day", "days", "d", "none", "unitless"),
}


def validate_forcing(forcing: xr.Dataset, *, where: str | None = None) -> xr.Dataset:
    """Check the drivers of one site and return them clean, in order and labelled.

    Parameters
    ----------
    forcing : xarray.Dataset
        One record for each step along ``time``: tair, tsoil [degC]; par [mol m-2],
        precip [mm], both sums of the step; vpd, vpdsoil, vpress [Pa]; wspd [m s-1];
        step_length [d]; and year, day, hour of the start, or a ``time`` coordinate
        of dates from which they are taken. Units are in ``attrs["units"]``; a
        variable without units is taken to be in these, and a warning says so.
    where : str, optional
        Name of the forcing in messages.

    Returns
    -------
    xarray.Dataset
        The variables above as float64 with their attributes, over ``time``.

    Raises
    ------
    InputError
        If a variable or unit is missing or wrong, a value is not a number or out of
        range, or the steps do not follow each other.

    Examples
    --------
    >>> import xarray as xr
    >>> from landmodels.sipnet import validate_forcing
    >>> validate_forcing(xr.Dataset())
    Traceback (most recent call last):
        ...
    landmodels.errors.InputError: forcing
      found   no dimension time
      wanted  one record for each step along time
    """
    where = where or "forcing"
    if not isinstance(forcing, xr.Dataset):
        raise InputError(
            where, found=f"a {type(forcing).__name__}", wanted="an xarray.Dataset",
            hint="read_clim reads the program's own text files.",
        )  # fmt: skip
    _check_dimensions(forcing, where)
    columns = _calendar(forcing, where)
    for name, driver in WEATHER.items():
        columns[name] = _column(forcing, driver, where)
    columns["step_length"] = _column(forcing, CALENDAR["step_length"], where)
    time = _start(columns)
    for name, driver in {**CALENDAR, **WEATHER}.items():
        _check_values(columns[name], driver, time, where)
    _check_light(columns, time, where)
    _check_vapour(columns, where)
    _check_steps(columns, time, where)
    _check_year(columns, where)
    known = {**CALENDAR, **WEATHER}
    _warn_unlabelled(forcing, where)
    return xr.Dataset(
        {name: ("time", columns[name], known[name].attrs) for name in known},
        coords={"time": ("time", time, {"standard_name": "time"})},
        attrs=forcing.attrs,
    )


def _check_dimensions(forcing: xr.Dataset, where: str) -> None:
    if "time" not in forcing.sizes:
        raise InputError(
            where, found="no dimension time",
            wanted="one record for each step along time",
        )  # fmt: skip
    if forcing.sizes["time"] == 0:
        raise InputError(where, found="no record", wanted="at least one step")
    names = [name for name in WEATHER if name not in forcing.variables]
    if "step_length" not in forcing.variables:
        names.append("step_length")
    if names:
        driver = {**WEATHER, **CALENDAR}[names[0]]
        others = [str(v) for v in forcing.variables if v not in WEATHER]
        close = difflib.get_close_matches(names[0], others, n=1, cutoff=0.5)
        also = f" (and no {', '.join(names[1:])})" if names[1:] else ""
        raise InputError(
            f"{where}  {names[0]}", found=f"no variable {names[0]}{also}",
            wanted=f"{driver.long_name} [{driver.units}] over time",
            hint=f"Is it {close[0]!r}? Rename it to {names[0]!r}." if close else None,
        )  # fmt: skip


def _calendar(forcing: xr.Dataset, where: str) -> dict[str, np.ndarray]:
    """Year, day and hour, from variables or from the dates of ``time``."""
    names = ("year", "day", "hour")
    given = [name for name in names if name in forcing.variables]
    dated = "time" in forcing.coords and forcing["time"].dtype.kind == "M"
    if not given and not dated:
        raise InputError(
            f"{where}  time", found="neither dates nor year, day and hour",
            wanted="a time coordinate of dates, the starts of the steps",
        )  # fmt: skip
    if given and len(given) < len(names):
        raise InputError(
            f"{where}  year, day, hour", found="only " + ", ".join(given),
            wanted="all three, or none and a time coordinate of dates",
        )  # fmt: skip
    if not given:
        index = pd.DatetimeIndex(forcing["time"].values)
        since = (index - index.normalize()) / pd.Timedelta(hours=1)
        return {
            "year": index.year.to_numpy(float),
            "day": index.day_of_year.to_numpy(float),
            "hour": since.to_numpy(float),
        }
    columns = {name: _column(forcing, CALENDAR[name], where) for name in names}
    if dated:
        _check_same_start(columns, forcing["time"].values, where)
    return columns


def _check_same_start(columns, given: np.ndarray, where: str) -> None:
    """Dates and year, day, hour must name the same moment."""
    for name in ("year", "day", "hour"):
        _check_values(columns[name], CALENDAR[name], given, where)
    start = _start(columns)
    apart = np.abs((start - given.astype("datetime64[ns]")) / np.timedelta64(1, "s"))
    if not (apart < 2.0).all():
        first = int(np.argmax(~(apart < 2.0)))
        raise InputError(
            f"{where}  time, step {first}",
            found=f"{stamp(given[first])}, but year, day and hour say "
            f"{stamp(start[first])}",
            wanted="the same moment",
            hint="Drop year, day and hour if the dates of time are right.",
        )


def _start(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Start of every step as a date."""
    safe = {
        name: np.nan_to_num(np.clip(columns[name], c.low, c.high), nan=1.0)
        for name, c in CALENDAR.items()
        if name != "step_length"
    }
    years = (safe["year"].astype(np.int64) - 1970).astype("datetime64[Y]")
    days = (safe["day"].astype(np.int64) - 1).astype("timedelta64[D]")
    hours = np.rint(safe["hour"] * 3.6e6).astype("timedelta64[ms]")
    day = years.astype("datetime64[D]") + days
    return (day.astype("datetime64[ms]") + hours).astype("datetime64[ns]")


def _column(forcing: xr.Dataset, driver: Driver, where: str) -> np.ndarray:
    variable = forcing[driver.name]
    place = f"{where}  {driver.name}"
    if variable.dims != ("time",):
        raise InputError(
            place, found=f"dimensions {variable.dims}", wanted="one value per step",
            hint="simulate_batch takes forcing with a dimension site."
            if "site" in variable.dims else None,
        )  # fmt: skip
    _check_units(variable, driver, where)
    if variable.dtype.kind not in "iuf":
        raise InputError(
            place, found=f"values of type {variable.dtype}", wanted="numbers"
        )
    return np.ascontiguousarray(variable.values, dtype=np.float64)


def _check_units(variable: xr.DataArray, driver: Driver, where: str) -> None:
    """A unit that is written must be the right one."""
    if "units" not in variable.attrs:
        return
    units = str(variable.attrs["units"]).strip()
    if units == driver.units:
        return
    repair = _REPAIRS.get((driver.units, units))
    if repair is not None:
        hint = f"Convert first: {repair}."
    elif units.lower() in _SAME.get(driver.units, ()):
        hint = f"The same unit in another spelling: set units to {driver.units!r}."
    else:
        hint = f"Convert to {driver.units} and say so in attrs['units']."
    raise InputError(
        f"{where}  {driver.name}.units", found=repr(units),
        wanted=repr(driver.units), hint=hint,
    )  # fmt: skip


def _warn_unlabelled(forcing: xr.Dataset, where: str) -> None:
    """Say which units were assumed; year, day and hour need none."""
    known = {**WEATHER, "step_length": CALENDAR["step_length"]}
    unlabelled = [name for name in known if "units" not in forcing[name].attrs]
    if unlabelled:
        units = ", ".join(known[name].units for name in unlabelled)
        names = ", ".join(unlabelled)
        logger.warning("%s: no units on %s; taken as %s", where, names, units)


def _check_values(values, driver: Driver, time, where: str) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  {driver.name}, step {first}, {stamp(time[first])}",
            found=f"{values[first]} ({_count(bad)})", wanted="a number at every step",
            hint="Fill short gaps beforehand and count them.",
        )  # fmt: skip
    bad = (values < driver.low) | (values > driver.high)
    if driver.name == "step_length":
        bad |= values <= 0.0
    elif driver.name in ("year", "day"):
        bad |= values != np.rint(values)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  {driver.name}, step {first}, {stamp(time[first])}",
            found=f"{values[first]:g} {driver.units} ({_count(bad)})",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
            hint=_range_hint(values[first], driver),
        )


def _range_hint(value: float, driver: Driver) -> str:
    if value <= -9990.0 or value == 9999.0:
        return "That is a missing-value code: make it NaN and fill it first."
    if driver.units == "degC" and 200.0 < value < 340.0:
        return "The values look like kelvin: subtract 273.15."
    if driver.name == "step_length":
        return "Negative lengths, which mean seconds, exist only in text files."
    if driver.name in ("year", "day"):
        return "Years and days of the year are whole numbers."
    return f"Is the unit {driver.units}?"


def _check_light(columns, time, where: str) -> None:
    rate = columns["par"] / columns["step_length"]
    if (rate > _MOST_LIGHT).any():
        first = int(np.argmax(rate > _MOST_LIGHT))
        raise InputError(
            f"{where}  par, step {first}, {stamp(time[first])}",
            found=f"{columns['par'][first]:g} mol m-2 in a step of "
            f"{columns['step_length'][first]:g} d ({_count(rate > _MOST_LIGHT)})",
            wanted=f"at most {_MOST_LIGHT:g} mol m-2 d-1",
            hint="par is the sum of the step in mol m-2, not a rate per second.",
        )


def _check_vapour(columns, where: str) -> None:
    """Vapour pressure in kPa would pass every limit."""
    largest = columns["vpress"].max()
    if largest < 10.0 and columns["tair"].max() > -10.0:
        raise InputError(
            f"{where}  vpress", found=f"at most {largest:g} Pa", wanted="pascal",
            hint="The values look like kPa: multiply by 1000; look at vpd too.",
        )  # fmt: skip


def _check_year(columns, where: str) -> None:
    """Compare a year and more with physics: columns of another unit or place."""
    days = float(columns["step_length"].sum())
    if days < LEAST_DAYS:
        return
    full = saturation_pressure(columns["tair"])
    refuse_damp_air(columns["vpd"], full, f"{where}  vpd", "Pa")
    most = float(np.percentile(columns["vpress"] / full, 90.0))
    if not _DRIEST <= most <= _DAMPEST:
        raise InputError(
            f"{where}  vpress", found=f"{most:.2g} of saturation at tair, where the "
            "air is dampest", wanted="about 1 (pascal)",
            hint="Is it in hPa or kPa, or the column of another variable?",
        )  # fmt: skip
    soil = (columns["vpdsoil"] + columns["vpress"]) / saturation_pressure(
        columns["tsoil"]
    )
    usual = float(np.median(soil))
    if not 0.5 <= usual <= 2.0:
        raise InputError(
            f"{where}  tsoil and vpdsoil", found="vpdsoil + vpress is "
            f"{usual:.2g} times the saturation pressure at tsoil", wanted="about 1",
            hint="Is tsoil in degC and vpdsoil in Pa?",
        )  # fmt: skip
    refuse_too_much_rain(_annual_rain(columns), f"{where}  precip")


def _annual_rain(columns) -> float:
    """Precipitation of a mean year (mm)."""
    return 365.25 * float(columns["precip"].sum() / columns["step_length"].sum())


def say_unlikely(forcing: xr.Dataset, where: str) -> None:
    """Log what is unlikely, though not impossible, of a year and more of a file.

    Parameters
    ----------
    forcing : xarray.Dataset
        As `validate_forcing` returns it.
    where : str
        The file.
    """
    columns = {str(name): forcing[name].values for name in forcing.data_vars}
    length = columns["step_length"]
    if float(length.sum()) < LEAST_DAYS:
        return
    humidity = columns["vpress"] / saturation_pressure(columns["tair"])
    day = np.unique(columns["year"] * 1000.0 + columns["day"], return_inverse=True)[1]
    light = np.bincount(day, columns["par"])
    for doubt in (
        *unlikely_rain(
            _annual_rain(columns),
            float(np.average(humidity, weights=length)),
            float(np.average(columns["tair"], weights=length)),
        ),
        *unlikely_light(float(np.percentile(light, 99.0))),
        *unlikely_wind(float(np.average(columns["wspd"], weights=length))),
    ):
        logger.warning("%s: %s", where, doubt)


def _check_steps(columns, time, where: str) -> None:
    """Steps follow each other without a gap or a step back."""
    gap = np.diff(time) / np.timedelta64(1, "D") - columns["step_length"][:-1]
    # Rounded hours, days that grow longer, clocks that drift: all below 0.1 d.
    allowed = np.minimum(0.1, 0.9 * columns["step_length"][1:])
    if (np.diff(time) <= np.timedelta64(0, "ns")).any():
        first = int(np.argmax(np.diff(time) <= np.timedelta64(0, "ns")))
        raise InputError(
            f"{where}  time, step {first + 1}",
            found=f"{stamp(time[first + 1])} after {stamp(time[first])}",
            wanted="steps in order, each once",
        )  # fmt: skip
    bad = np.abs(gap) > allowed
    if bad.any():
        first = int(np.argmax(bad))
        kind = "gap" if gap[first] > 0 else "overlap"
        raise InputError(
            f"{where}  time, step {first + 1}, {stamp(time[first + 1])}",
            found=f"a {kind} of {abs(gap[first]):.3g} d after a step of "
            f"{columns['step_length'][first]:g} d that starts at {stamp(time[first])}",
            wanted="steps that follow each other",
            hint="step_length is in days. A leap year in a 365-day file lacks a day.",
        )  # fmt: skip


def stamp(moment: np.datetime64) -> str:
    """Date and time of a step for messages, to the minute."""
    return str(moment.astype("datetime64[m]")).replace("T", " ")


def _count(bad: np.ndarray) -> str:
    n = int(bad.sum())
    return f"{n} step{'' if n == 1 else 's'} in all"
