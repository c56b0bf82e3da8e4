"""What the model wants as daily weather, and the check that it got it.

Variables, units and their order are those of Ma et al. (2022, Table 1), whose
"%" for specific humidity is a misprint. The limits are wide: they are there to
catch a wrong unit or a missing-value code, not unusual weather.
"""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ibis_dalec.errors import InputError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Driver:
    """One forcing variable: its name, its unit and what it may possibly be."""

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


DAILY: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver(
            "tmin", "degC", -90.0, 60.0, "daily minimum temperature", "air_temperature"
        ),
        Driver(
            "tmax", "degC", -90.0, 60.0, "daily maximum temperature", "air_temperature"
        ),
        # 1825 mm fell on Foc-Foc in a day (WMO record).
        Driver(
            "prec",
            "mm d-1",
            0.0,
            2000.0,
            "precipitation, rain and snow",
            "lwe_precipitation_rate",
        ),
        Driver("wind", "m s-1", 0.0, 75.0, "daily mean wind speed", "wind_speed"),
        Driver(
            "specific_humidity",
            "kg kg-1",
            0.0,
            0.05,
            "daily mean specific humidity",
            "specific_humidity",
        ),
        Driver(
            "pressure",
            "Pa",
            4.0e4,
            1.1e5,
            "pressure at the station, not at sea level",
            "surface_air_pressure",
        ),
        Driver("cloud_cover", "1", 0.0, 1.0, "cloud fraction", "cloud_area_fraction"),
        Driver(
            "co2",
            "ppm",
            100.0,
            3000.0,
            "CO2 mole fraction of dry air",
            "mole_fraction_of_carbon_dioxide_in_air",
        ),
    )
}

SITE: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver("lat", "degrees_north", -90.0, 90.0, "latitude", "latitude"),
        Driver("sand", "%", 0.0, 100.0, "sand, fraction of the mineral soil by weight"),
        Driver("clay", "%", 0.0, 100.0, "clay, fraction of the mineral soil by weight"),
    )
}

# Spellings met in real files, and what turns them into the unit wanted.
_REPAIRS: dict[tuple[str, str], str] = {
    ("degC", "K"): "subtract 273.15",
    ("degC", "kelvin"): "subtract 273.15",
    ("degC", "degF"): "subtract 32 and divide by 1.8",
    ("mm d-1", "kg m-2 s-1"): "multiply by 86400",
    ("mm d-1", "mm s-1"): "multiply by 86400",
    ("mm d-1", "m d-1"): "multiply by 1000",
    ("mm d-1", "cm d-1"): "multiply by 10",
    ("m s-1", "km h-1"): "divide by 3.6",
    ("kg kg-1", "g kg-1"): "divide by 1000",
    ("Pa", "hPa"): "multiply by 100",
    ("Pa", "mbar"): "multiply by 100",
    ("Pa", "kPa"): "multiply by 1000",
    ("1", "%"): "divide by 100",
    ("%", "1"): "multiply by 100",
    ("ppm", "mol mol-1"): "multiply by 1e6",
    ("ppm", "1"): "multiply by 1e6",
    ("degrees_north", "radian"): "multiply by 180 / pi",
}
_SAME: dict[str, tuple[str, ...]] = {
    "degC": ("c", "°c", "deg_c", "degree_celsius", "degrees_celsius", "celsius"),
    "mm d-1": ("mm/d", "mm/day", "mm day-1", "mm d^-1", "mm", "kg m-2 d-1"),
    "m s-1": ("m/s", "m s^-1", "m s**-1"),
    "kg kg-1": ("kg/kg", "kg kg^-1", "1"),
    "Pa": ("pascal", "n m-2"),
    "1": ("", "-", "fraction", "0-1", "none", "unitless"),
    "ppm": ("ppmv", "umol mol-1", "1e-6", "umol/mol", "µmol mol-1"),
    "degrees_north": ("degree_north", "degrees", "degree", "deg", "°", "degrees_n"),
    "%": ("percent", "pct"),
}


def validate_forcing(forcing: xr.Dataset, *, where: str | None = None) -> xr.Dataset:
    """Daily forcing, checked once, as plain float64 in the model's order.

    Parameters
    ----------
    forcing : xarray.Dataset
        Over ``time`` (one value a day, datetime64): tmin, tmax [degC],
        prec [mm d-1], wind [m s-1], specific_humidity [kg kg-1], pressure [Pa],
        cloud_cover [1], co2 [ppm]. Scalar variables, scalar coordinates or
        attributes: lat [degrees_north], sand, clay [%]. A variable that has no
        ``units`` is taken to be in the unit given here, and a warning says so.
    where : str, optional
        What to call the forcing in an error; by default the file that it was
        opened from, or "forcing".

    Returns
    -------
    xarray.Dataset
        The variables above and nothing else, float64 over ``time`` (midnights),
        with the three scalars as scalar variables, all with ``units``. The
        Dataset's attributes are kept.

    Raises
    ------
    InputError
        At the first of: a missing variable, a wrong unit, a time axis that is
        not whole consecutive days, a value that is missing or not possible,
        tmin above tmax. Nothing is filled, clipped or converted here.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from ibis_dalec import validate_forcing
    >>> weather = {
    ...     "tmin": (5.0, "degC"), "tmax": (15.0, "degC"), "prec": (2.0, "mm d-1"),
    ...     "wind": (2.0, "m s-1"), "specific_humidity": (0.006, "kg kg-1"),
    ...     "pressure": (98000.0, "Pa"), "cloud_cover": (0.4, "1"),
    ...     "co2": (380.0, "ppm"),
    ... }
    >>> forcing = xr.Dataset(
    ...     {name: ("time", np.full(3, value), {"units": unit})
    ...      for name, (value, unit) in weather.items()},
    ...     {"time": pd.date_range("2001-06-01", periods=3)},
    ...     {"lat": 42.5, "sand": 60.0, "clay": 10.0},
    ... )
    >>> sorted(set(validate_forcing(forcing)) - set(weather))
    ['clay', 'lat', 'sand']
    """
    if not isinstance(forcing, xr.Dataset):
        raise InputError(
            where or "forcing",
            found=type(forcing).__name__,
            wanted="an xarray.Dataset over time",
        )
    if where is None:
        where = str(forcing.encoding.get("source") or "forcing")
    missing = [name for name in DAILY if name not in forcing]
    if missing:
        raise _missing_variable(forcing, missing, where)

    time = daily_times(forcing, where)
    clean: dict[str, xr.DataArray] = {}
    unlabelled = []
    for name, driver in DAILY.items():
        variable = forcing[name]
        if variable.dims != ("time",):
            raise InputError(
                f"{where}  {name}",
                found=f"dimensions {variable.dims}",
                wanted="one value a day: ('time',)",
                hint="Select one pixel first, such as forcing.isel(lat=0, lon=0).",
            )
        if not _units_ok(variable, driver, where):
            unlabelled.append(name)
        values = _as_float(variable, f"{where}  {name}")
        _check_values(values, time, driver, where)
        clean[name] = xr.DataArray(
            values, dims="time", attrs={**variable.attrs, **driver.attrs}
        )
    for driver in SITE.values():
        value, labelled = _site_value(forcing, driver, where)
        if not labelled:
            unlabelled.append(driver.name)
        clean[driver.name] = xr.DataArray(value, attrs=driver.attrs)
    if unlabelled:
        logger.warning(
            "%s: no units on %s; taken as %s",
            where,
            ", ".join(unlabelled),
            ", ".join((DAILY | SITE)[name].units for name in unlabelled),
        )

    _check_order(clean["tmin"].values, clean["tmax"].values, time, where)
    if float(clean["sand"]) + float(clean["clay"]) > 100.0 + 1e-9:
        raise InputError(
            f"{where}  sand and clay",
            found=f"{float(clean['sand']):g} + {float(clean['clay']):g} %",
            wanted="together at most 100 %",
        )
    return xr.Dataset(clean, coords={"time": time}, attrs=dict(forcing.attrs))


def daily_times(dataset: xr.Dataset, where: str) -> np.ndarray:
    """The time axis as midnights (datetime64[ns]); refused unless every day is there.

    Parameters
    ----------
    dataset : xarray.Dataset
        With a coordinate ``time``. A fixed hour of day (noon, say) is allowed.
    where : str
        What to call the dataset in an error.
    """
    if "time" not in dataset.coords:
        raise InputError(
            f"{where}  time",
            found="no coordinate time",
            wanted="a coordinate time of one datetime64 a day",
        )
    time = np.atleast_1d(dataset["time"].values)
    if not np.issubdtype(time.dtype, np.datetime64):
        raise InputError(
            f"{where}  time",
            found=f"{time.dtype} values such as {time[:1]}",
            wanted="datetime64 dates of the real calendar (29 February included)",
            hint="For a 365-day calendar fill the missing days first.",
        )
    if time.size == 0:
        raise InputError(f"{where}  time", found="no days", wanted="at least one day")
    if np.isnat(time).any():
        raise InputError(
            f"{where}  time",
            found=f"no date at position {int(np.argmax(np.isnat(time)))} (from 0)",
            wanted="a date for every day",
        )
    days = time.astype("datetime64[D]")
    steps = np.diff(days).astype(int)
    bad = np.flatnonzero(steps != 1)
    if bad.size:
        raise _time_error(time, days, int(bad[0]), int(steps[bad[0]]), where)
    offsets = time - days
    if np.any(offsets != offsets[0]):
        first = int(np.argmax(offsets != offsets[0]))
        raise InputError(
            f"{where}  time at {_stamp(time[first])}",
            found=f"another hour than on {_stamp(time[0])}",
            wanted="one value a day, at the same hour",
        )
    return days.astype("datetime64[ns]")


def _time_error(time, days, position, step, where) -> InputError:
    before, after = _stamp(time[position]), _stamp(time[position + 1])
    if step == 0 and time[position] != time[position + 1]:
        return InputError(
            f"{where}  time on {days[position]}",
            found=f"{before} and then {after}",
            wanted="daily values",
            hint="Average (temperature: take the extremes) or sum to days first.",
        )
    if step == 0:
        return InputError(
            f"{where}  time on {days[position]}",
            found="the same day twice",
            wanted="each day once",
        )
    if step < 0:
        return InputError(
            f"{where}  time on {days[position + 1]}",
            found=f"after {days[position]}",
            wanted="days in order",
            hint='Sort first: forcing.sortby("time").',
        )
    every = np.unique(np.diff(days).astype(int))
    if every.size == 1:
        return InputError(
            f"{where}  time",
            found=f"a value every {step} days",
            wanted="daily values",
        )
    first, last = days[position] + 1, days[position + 1] - 1
    span = f"{first}" if step == 2 else f"{first} to {last}"
    return InputError(
        f"{where}  time, {span}",
        found=f"{step - 1} missing day{'s' if step > 2 else ''}",
        wanted="every day of the real calendar",
        hint="A leap year in a 365-day file lacks 31 December (Daymet) or 29 February.",
    )


def _stamp(moment: np.datetime64) -> str:
    minute = moment.astype("datetime64[m]")
    day = moment.astype("datetime64[D]")
    return str(day) if minute == day else str(minute).replace("T", " ")


def _missing_variable(forcing, missing, where) -> InputError:
    name = missing[0]
    others = [str(other) for other in forcing.variables if other not in DAILY]
    close = difflib.get_close_matches(name, others, n=1, cutoff=0.5)
    also = f" (and no {', '.join(missing[1:])})" if missing[1:] else ""
    return InputError(
        f"{where}  {name}",
        found=f"no variable {name}{also}",
        wanted=f"{DAILY[name].long_name} [{DAILY[name].units}] over time",
        hint=f"Is it {close[0]!r}? Rename it to {name!r}." if close else None,
    )


def _units_ok(variable: xr.DataArray, driver: Driver, where: str) -> bool:
    """Whether the unit is written and right; a wrong one is refused."""
    if "units" not in variable.attrs:
        return False
    units = str(variable.attrs["units"]).strip()
    if units == driver.units:
        return True
    repair = _REPAIRS.get((driver.units, units))
    if repair is not None:
        hint = f"Convert first: {repair}."
    elif units.lower() in _SAME[driver.units]:
        hint = f"The same unit in another spelling: set units to {driver.units!r}."
    else:
        hint = f"Convert to {driver.units} and say so in attrs['units']."
    raise InputError(
        f"{where}  {driver.name}.units",
        found=repr(units),
        wanted=repr(driver.units),
        hint=hint,
    )


def _as_float(variable: xr.DataArray, where: str) -> np.ndarray:
    if variable.dtype.kind not in "iuf":  # words would be parsed, dates counted
        raise InputError(
            where, found=f"values of type {variable.dtype}", wanted="numbers"
        )
    return np.ascontiguousarray(variable.values, dtype=np.float64)


def _check_values(values, time, driver: Driver, where: str) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  {driver.name} on {_stamp(time[first])}",
            found=f"{values[first]} ({_count(bad)})",
            wanted="a number every day",
            hint="Fill short gaps beforehand and count them; landdata.read_site does.",
        )
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  {driver.name} on {_stamp(time[first])}",
            found=f"{values[first]:g} {driver.units} ({_count(bad)})",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
            hint=_range_hint(values[first], values, driver),
        )


def _range_hint(value: float, values: np.ndarray, driver: Driver) -> str:
    if value <= -9990.0:
        return "That is a missing-value code: make it NaN and fill it first."
    if driver.name == "prec":
        return "Rain cannot be negative; 2000 mm is more than ever fell in a day."
    for (wanted, found), repair in _REPAIRS.items():
        if wanted == driver.units and _looks_like(found, float(np.median(values))):
            return f"The values look like {found}: {repair}."
    return f"Is the unit {driver.units}?"


def _looks_like(units: str, median: float) -> bool:
    ranges = {
        "K": (200.0, 330.0),
        "g kg-1": (0.05, 50.0),
        "hPa": (400.0, 1100.0),
        "kPa": (40.0, 110.0),
        "%": (1.0, 100.0),
        "mol mol-1": (1e-4, 3e-3),
    }
    low, high = ranges.get(units, (np.inf, -np.inf))
    return low <= median <= high


def _check_order(tmin, tmax, time, where) -> None:
    bad = tmin > tmax
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  tmin and tmax on {_stamp(time[first])}",
            found=f"tmin {tmin[first]:g} above tmax {tmax[first]:g} degC "
            f"({_count(bad)})",
            wanted="tmin at most tmax",
        )


def _count(bad: np.ndarray) -> str:
    n = int(bad.sum())
    return f"{n} day{'' if n == 1 else 's'} in all"


def _site_value(forcing, driver: Driver, where: str) -> tuple[float, bool]:
    """A scalar from a variable, a coordinate or an attribute; and is it labelled."""
    place = f"{where}  {driver.name}"
    labelled = True
    if driver.name in forcing.variables:
        variable = forcing[driver.name]
        labelled = _units_ok(variable, driver, where)
        found = variable.values
    elif driver.name in forcing.attrs:
        found = np.asarray(forcing.attrs[driver.name])
    else:
        raise InputError(
            place,
            found=f"neither a scalar variable nor an attribute {driver.name}",
            wanted=f"{driver.long_name} [{driver.units}]",
        )
    if found.size != 1:
        raise InputError(
            place, found=f"{found.size} values", wanted="one value for the pixel"
        )
    try:
        value = float(found.reshape(()))
    except (TypeError, ValueError) as exc:
        raise InputError(place, found=repr(found), wanted="a number") from exc
    if not driver.low <= value <= driver.high:  # NaN too
        raise InputError(
            place,
            found=f"{value:g} {driver.units}",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
        )
    return value, labelled


def region_arrays(forcing: xr.Dataset) -> tuple[np.ndarray, np.ndarray, xr.Dataset]:
    """Forcing of many pixels as arrays, checked as `validate_forcing` checks one.

    Units and calendar, which the pixels share, are checked on the first pixel and
    the numbers of all pixels at once; a pixel whose numbers look wrong is then
    checked by itself, so that the error names it, the variable and the date.

    Parameters
    ----------
    forcing : xarray.Dataset
        The drivers over ``time`` and ``pixel``, or ``time`` alone; lat, sand and clay
        over ``pixel``.

    Returns
    -------
    drivers : ndarray (time, driver, pixel)
    sites : ndarray (pixel, 3)
        lat [degrees_north], sand and clay [%].
    first : xarray.Dataset
        The first pixel, clean.

    Raises
    ------
    InputError
        As `validate_forcing`, with the number of the pixel.
    """
    first = validate_forcing(forcing.isel(pixel=0), where="forcing, pixel 0")
    shape = (forcing.sizes["time"], forcing.sizes["pixel"])
    drivers = np.empty((shape[0], len(DAILY), shape[1]))
    wrong = np.zeros(shape[1], dtype=bool)
    for d, (name, driver) in enumerate(DAILY.items()):
        variable = forcing[name]
        if "pixel" not in variable.dims:
            variable = variable.expand_dims(pixel=shape[1], axis=-1)
        values = variable.transpose("time", "pixel").values
        drivers[:, d] = values
        ok = (drivers[:, d] >= driver.low) & (drivers[:, d] <= driver.high)
        wrong |= ~ok.all(axis=0)
    names = list(DAILY)
    crossed = drivers[:, names.index("tmin")] > drivers[:, names.index("tmax")]
    wrong |= crossed.any(axis=0)
    sites = np.empty((shape[1], len(SITE)))
    for k, (name, driver) in enumerate(SITE.items()):
        sites[:, k] = forcing[name].values if name in forcing else forcing.attrs[name]
        wrong |= ~((sites[:, k] >= driver.low) & (sites[:, k] <= driver.high))
    wrong |= sites[:, 1] + sites[:, 2] > 100.0
    for i in np.flatnonzero(wrong):
        validate_forcing(forcing.isel(pixel=i), where=f"forcing, pixel {i}")
    return drivers, sites, first
