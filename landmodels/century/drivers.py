"""What the model wants as monthly weather and site, and the check that it got it.

The limits are wide: they are there to catch a wrong unit or a missing-value code, not
unusual weather. Nothing is filled or clipped. Precipitation has to say its unit,
because files in mm and in cm both exist; it is converted here, once.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.month_checks import refuse_impossible_years
from landmodels.errors import InputError


@dataclass(frozen=True)
class Driver:
    """One variable: its name, unit and what it may possibly be."""

    name: str
    units: str
    low: float
    high: float
    long_name: str
    standard_name: str = ""

    @property
    def attrs(self) -> dict[str, str]:
        """CF attributes of a variable that holds this driver."""
        attrs = {"units": self.units, "long_name": self.long_name}
        if self.standard_name:
            attrs["standard_name"] = self.standard_name
        return attrs


MONTHLY = {
    d.name: d
    for d in (
        Driver("tmin", "degC", -90.0, 60.0,
               "monthly mean of the daily minimum temperature", "air_temperature"),
        Driver("tmax", "degC", -90.0, 60.0,
               "monthly mean of the daily maximum temperature", "air_temperature"),
        # 9300 mm fell on Cherrapunji in July 1861 (WMO).
        Driver("prec", "cm month-1", 0.0, 1000.0, "precipitation, rain and snow",
               "lwe_thickness_of_precipitation_amount"),
        Driver("co2", "ppm", 100.0, 3000.0, "CO2 mole fraction of dry air",
               "mole_fraction_of_carbon_dioxide_in_air"),
    )
}  # fmt: skip
SITE = {
    d.name: d
    for d in (
        Driver("lat", "degrees_north", -89.0, 89.0, "latitude", "latitude"),
        Driver("sand", "1", 0.0, 1.0, "sand, fraction of the mineral soil by weight"),
        Driver("silt", "1", 0.0, 1.0, "silt, fraction of the mineral soil by weight"),
        Driver("clay", "1", 0.0, 1.0, "clay, fraction of the mineral soil by weight"),
        Driver("bulk_density", "g cm-3", 0.1, 2.3, "dry bulk density"),
        Driver("ph", "1", 2.0, 12.0, "soil pH in water"),
    )
}
_SAME = {
    "degC": ("degc", "c", "°c", "deg_c", "degree_celsius", "degrees_celsius",
             "celsius"),
    "cm month-1": ("cm month-1", "cm/month", "cm"),
    "mm month-1": ("mm month-1", "mm/month", "mm", "kg m-2 month-1", "kg m-2"),
    "ppm": ("ppm", "ppmv", "umol mol-1", "µmol mol-1", "1e-6"),
    "degrees_north": ("degrees_north", "degree_north", "degrees", "deg"),
    "1": ("1", "", "-", "fraction"),
    "g cm-3": ("g cm-3", "g/cm3", "kg dm-3", "mg m-3", "t m-3"),
}  # fmt: skip
_REPAIRS = {
    ("degC", "K"): "subtract 273.15",
    ("cm month-1", "mm d-1"): "multiply by the days of the month",
    ("cm month-1", "kg m-2 s-1"): "multiply by the seconds of the month",
    ("1", "%"): "divide by 100",
    ("g cm-3", "kg m-3"): "divide by 1000",
    ("ppm", "mol mol-1"): "multiply by 1e6",
}
#: The fractions of sand, silt and clay may miss 1 by this much, for rounding.
_TEXTURE = 2e-3


def validate_forcing(
    forcing: xr.Dataset, *, where: str | None = None, co2: bool = False
) -> xr.Dataset:
    """Monthly forcing, checked once, as plain float64 in the model's units.

    Parameters
    ----------
    forcing : xarray.Dataset
        Over ``time``, whole calendar years from a January to a December, one value
        a month: tmin, tmax [degC], prec [mm month-1 or cm month-1, said in
        ``units``] and, for the CO2 effect, co2 [ppm]. Scalar variables or
        attributes: lat [degrees_north], sand, silt, clay [1], bulk_density [g cm-3],
        ph [1]. With a dimension ``cell``, any of these may run over it. ``ecosystem``
        ("meadow" or "steppe") may be among them.
    where : str, optional
        What to call the forcing in an error.
    co2 : bool
        Whether co2 is needed.

    Returns
    -------
    xarray.Dataset
        The variables above, float64, drivers over ([cell,] time) with the first day
        of each month as time and prec in cm month-1; site variables scalar or over
        ``cell``.

    Raises
    ------
    InputError
        At the first of: a missing variable, a wrong unit, missing or repeated
        months, years that are not whole, a missing or impossible value, tmin above
        tmax, texture fractions that do not sum to 1, a summer on the wrong side of
        the equator, rain that is none. The cell and month are named.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> time = pd.date_range("2001-01-01", periods=12, freq="MS")
    >>> wave = -np.cos(2 * np.pi * (time.month.to_numpy() - 1) / 12)
    >>> forcing = xr.Dataset(
    ...     {"tmin": ("time", 12 * wave - 7), "tmax": ("time", 12 * wave + 6),
    ...      "prec": ("time", 45 + 40 * wave, {"units": "mm month-1"})},
    ...     coords={"time": time},
    ...     attrs={"lat": 37.6, "sand": 0.35, "silt": 0.45, "clay": 0.2,
    ...            "bulk_density": 1.1, "ph": 7.5},
    ... )
    >>> clean = validate_forcing(forcing)
    >>> clean["prec"].attrs["units"], round(float(clean["prec"][0]), 3)
    ('cm month-1', 0.5)
    """
    if not isinstance(forcing, xr.Dataset):
        raise InputError(
            where or "forcing", found=type(forcing).__name__,
            wanted="an xarray.Dataset over time",
        )  # fmt: skip
    where = where or str(forcing.encoding.get("source") or "forcing")
    time = monthly_times(forcing, where)
    names = [n for n in MONTHLY if n != "co2" or co2 or n in forcing]
    clean: dict[str, xr.DataArray] = {}
    for name in names:
        clean[name] = _driver(forcing, MONTHLY[name], time, where)
    for name, driver in SITE.items():
        clean[name] = _site(forcing, driver, where)
    check_order(clean["tmin"], clean["tmax"], time, where)
    _check_texture(clean, where)
    dataset = xr.Dataset(clean, attrs=dict(forcing.attrs))
    refuse_impossible_years(dataset, where)
    dataset = dataset.assign_coords(time=time)
    ecosystem = forcing.get("ecosystem", forcing.attrs.get("ecosystem"))
    if ecosystem is not None:
        dataset["ecosystem"] = ecosystem
    return dataset.assign_coords(
        {n: c for n, c in forcing.coords.items() if c.dims in ((), ("cell",))
         and n not in dataset.variables}
    )  # fmt: skip


def monthly_times(forcing: xr.Dataset, where: str) -> np.ndarray:
    """First day of each month; refused unless the years are whole and complete."""
    if "time" not in forcing.coords or forcing["time"].ndim != 1:
        raise InputError(
            f"{where}  time", found="no coordinate time",
            wanted="a coordinate time with a date in each month",
        )  # fmt: skip
    values = forcing["time"].values
    if values.size == 0:
        raise InputError(f"{where}  time", found="no months", wanted="whole years")
    months = _month_numbers(values, where)
    steps = np.diff(months)
    if np.any(steps != 1):
        first = int(np.argmax(steps != 1))
        before, after = _stamp(months[first]), _stamp(months[first + 1])
        found = f"{before} and then {after}"
        if steps[first] > 1:
            found = f"{steps[first] - 1} missing month(s) after {before}"
        raise InputError(
            f"{where}  time, after {before}", found=found,
            wanted="each month once, in order",
        )  # fmt: skip
    if months[0] % 12 != 0 or months[-1] % 12 != 11:
        raise InputError(
            f"{where}  time",
            found=f"{_stamp(months[0])} to {_stamp(months[-1])}",
            wanted="whole calendar years, January to December",
            hint="Nitrogen inputs and litter lignin follow the precipitation of the "
            "calendar year.",
        )
    # Nanoseconds reach from 1678 to 2261 alone.
    unit = "ns" if months[0] >= -3500 and months[-1] < 3500 else "s"
    return months.astype("datetime64[M]").astype(f"datetime64[{unit}]")


def _month_numbers(values: np.ndarray, where: str) -> np.ndarray:
    """Months since 1970-01 of dates of any calendar."""
    if np.issubdtype(values.dtype, np.datetime64):
        if np.isnat(values).any():
            raise InputError(
                f"{where}  time", found="a missing date", wanted="a date for each month"
            )
        return values.astype("datetime64[M]").astype(int)
    if all(hasattr(v, "year") and hasattr(v, "month") for v in values):
        return np.array([(v.year - 1970) * 12 + v.month - 1 for v in values])
    raise InputError(
        f"{where}  time", found=f"{values.dtype} values such as {values[:1]}",
        wanted="dates",
    )  # fmt: skip


def _stamp(month: int) -> str:
    return str(np.datetime64(int(month), "M"))


def _unit(variable: xr.DataArray, driver: Driver, where: str) -> float:
    """Factor to the driver's unit; a wrong or missing unit is refused."""
    found = variable.attrs.get("units")
    place = f"{where}  {driver.name}.units"
    wanted = driver.units
    if driver.name == "prec":
        wanted = "cm month-1 or mm month-1"
    if found is None:
        if driver.name != "prec":
            return 1.0
        raise InputError(
            place, found="no unit", wanted=wanted,
            hint="A file in mm read as cm is ten times too wet: say which it is.",
        )  # fmt: skip
    text = str(found).strip()
    if text.lower() in _SAME[driver.units] or text == driver.units:
        return 1.0
    if driver.name == "prec" and text.lower() in _SAME["mm month-1"]:
        return 0.1
    repair = _REPAIRS.get((driver.units, text))
    raise InputError(
        place, found=repr(text), wanted=wanted,
        hint=f"Convert first: {repair}." if repair else None,
    )  # fmt: skip


def _numbers(variable: xr.DataArray, where: str) -> np.ndarray:
    if variable.dtype.kind not in "iuf":
        raise InputError(
            where, found=f"values of type {variable.dtype}", wanted="numbers"
        )
    return np.asarray(variable.values, dtype=np.float64)


def _driver(
    forcing: xr.Dataset, driver: Driver, time: np.ndarray, where: str
) -> xr.DataArray:
    if driver.name not in forcing:
        others = [str(n) for n in forcing.variables if n not in MONTHLY]
        close = difflib.get_close_matches(driver.name, others, 1, 0.5)
        raise InputError(
            f"{where}  {driver.name}", found=f"no variable {driver.name}",
            wanted=f"{driver.long_name} [{driver.units}] over time",
            hint=f"Is it {close[0]!r}? Rename it." if close else None,
        )  # fmt: skip
    variable = forcing[driver.name]
    dims = ("cell", "time") if "cell" in variable.dims else ("time",)
    if set(variable.dims) != set(dims):
        raise InputError(
            f"{where}  {driver.name}", found=f"dimensions {variable.dims}",
            wanted="one value a month: ('time',), or ('cell', 'time')",
        )  # fmt: skip
    factor = _unit(variable, driver, where)
    place = f"{where}  {driver.name}"
    raw = _numbers(variable.transpose(*dims), place)
    values = raw if factor == 1.0 else raw / 10.0
    bad = ~((values >= driver.low) & (values <= driver.high))
    if bad.any():
        at = tuple(np.argwhere(bad)[0])
        cell = f", cell {at[0]}" if len(at) > 1 else ""
        unit = variable.attrs.get("units", driver.units)
        scale = 1.0 if factor == 1.0 else 10.0
        raise InputError(
            f"{place} in {str(time[at[-1]])[:7]}{cell}",
            found=f"{raw[at]:g} {unit} ({int(bad.sum())} in all)",
            wanted=f"{driver.low * scale:g} to {driver.high * scale:g} {unit}",
            hint=_hint(raw[at], driver),
        )
    return xr.DataArray(values, dims=dims, attrs=driver.attrs)


def _hint(value: float, driver: Driver) -> str | None:
    if np.isnan(value):
        return "A missing month has to be filled before the run, and be counted."
    if value <= -999.0:
        return "That is a missing-value code."
    if driver.name == "prec" and value < 0.0:
        return "Precipitation cannot be negative."
    if driver.units == "degC" and value > 150.0:
        return "The values look like K: subtract 273.15."
    return None


def _site(forcing: xr.Dataset, driver: Driver, where: str) -> xr.DataArray:
    place = f"{where}  {driver.name}"
    if driver.name in forcing.variables:
        variable = forcing[driver.name]
        _unit(variable, driver, where)
    elif driver.name in forcing.attrs:
        variable = xr.DataArray(_attribute(forcing.attrs[driver.name], place))
    else:
        raise InputError(
            place, found=f"neither a variable nor an attribute {driver.name}",
            wanted=f"{driver.long_name} [{driver.units}]",
        )  # fmt: skip
    if variable.dims not in ((), ("cell",)):
        raise InputError(
            place, found=f"dimensions {variable.dims}",
            wanted="one value, or one for each cell",
        )  # fmt: skip
    values = _numbers(variable, place)
    bad = ~((values >= driver.low) & (values <= driver.high))
    if np.any(bad):
        at = int(np.argmax(bad))
        cell = f", cell {at}" if variable.dims else ""
        value = float(np.atleast_1d(values)[at])
        percent = driver.units == "1" and driver.high == 1.0 and 1 < value <= 100
        raise InputError(
            f"{place}{cell}", found=f"{value:g} {driver.units}",
            wanted=f"{driver.low:g} to {driver.high:g} {driver.units}",
            hint="It looks like %: divide by 100." if percent else None,
        )  # fmt: skip
    return xr.DataArray(values, dims=variable.dims, attrs=driver.attrs)


def _attribute(value: Any, place: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as exc:
        raise InputError(place, found=repr(value), wanted="a number") from exc


def check_order(
    tmin: xr.DataArray, tmax: xr.DataArray, time: np.ndarray, where: str
) -> None:
    """Refuse a minimum above the maximum; ``time`` names the month."""
    low, high = xr.broadcast(tmin, tmax)
    bad = (low > high).values
    if bad.any():
        at = tuple(np.argwhere(bad)[0])
        cell = f", cell {at[0]}" if len(at) > 1 else ""
        raise InputError(
            f"{where}  tmin and tmax in {str(time[at[-1]])[:7]}{cell}",
            found=f"tmin {low.values[at]:g} above tmax {high.values[at]:g} degC "
            f"({int(bad.sum())} in all)",
            wanted="tmin at most tmax",
        )


def _check_texture(clean, where) -> None:
    parts = xr.broadcast(clean["sand"], clean["silt"], clean["clay"])
    total = np.atleast_1d(sum(p.values for p in parts))
    bad = np.abs(total - 1.0) > _TEXTURE
    if bad.any():
        at = int(np.argmax(bad))
        found = " + ".join(f"{np.atleast_1d(p.values)[at]:g}" for p in parts)
        cell = f", cell {at}" if parts[0].dims else ""
        raise InputError(
            f"{where}  sand, silt and clay{cell}", found=f"{found} = {total[at]:g}",
            wanted="fractions that sum to 1", hint="Divide each by their sum.",
        )  # fmt: skip
