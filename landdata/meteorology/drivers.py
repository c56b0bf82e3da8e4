"""The rule table: how each variable follows from what was measured.

One table serves the records of a site, the products of a region cube and the weather
that either hands to a process model. A variable is made by the first rule whose inputs
are there; nothing is mixed day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.meteorology import humidity, polar_night, pressure, radiation
from landdata.variables import DAILY, RAW

Floats = NDArray[np.float64]
Values = Mapping[str, Floats]

# A limit that is passed by less than single precision can hold is not passed.
ROUNDING = 1e-6

_KNOWN = {**RAW, **DAILY}
# Unit here and unit found: the factor to multiply by, for a hint.
_FACTORS = {
    ("Pa", "hPa"): 100.0,
    ("Pa", "kPa"): 1000.0,
    ("MJ m-2 d-1", "W m-2"): 0.0864,
    ("MJ m-2 d-1", "J m-2 d-1"): 1e-6,
    ("kg kg-1", "g kg-1"): 1e-3,
    ("1", "%"): 0.01,
    ("%", "1"): 100.0,
}


class NoRule(InputError):
    """Weather of which a variable cannot be made: an input is not there."""


@dataclass(frozen=True)
class Place:
    """Where and when weather is from.

    Attributes
    ----------
    days : numpy.ndarray (time,)
        datetime64[D].
    lat : float or numpy.ndarray (pixel,)
        degrees north.
    elevation : float or numpy.ndarray (pixel,), optional
        m above the sea.
    """

    days: NDArray[np.datetime64]
    lat: float | Floats
    elevation: float | Floats | None = None

    def light_above(self) -> Floats:
        """Shortwave above the atmosphere [MJ m-2 d-1], (time,) or (pixel, time)."""
        if np.ndim(self.lat) == 0:
            return radiation.extraterrestrial_radiation(self.days, float(self.lat))
        return radiation.light_above_pixels(self.days, self.lat)

    def heights(self) -> Floats:
        """Elevation, (1,) or (pixel, 1), to go with the days."""
        found = np.asarray(self.elevation, np.float64)
        return found[..., None]


@dataclass(frozen=True)
class Made:
    """A variable that a rule has made.

    Attributes
    ----------
    values : numpy.ndarray (time,) or (pixel, time)
        In the variable's unit.
    limited : mapping of str to numpy.ndarray
        Marks of the days that a limit has changed, or that have a substitute, by the
        name of their count.
    """

    values: Floats
    limited: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One way to a variable.

    Attributes
    ----------
    inputs : tuple of str
        Variables that have to be there. The first is what was measured.
    words : str
        The end of a line that says where a variable is from; ``{height}`` stands for
        the elevation. Nothing for a variable that is taken as it is.
    make : callable
        From the inputs and the place to the variable.
    """

    inputs: tuple[str, ...]
    words: str
    make: Callable[[Values, Place], Made]

    @property
    def measured(self) -> str:
        """The variable that was measured; nothing where none is."""
        return self.inputs[0] if self.inputs else ""


def _given(name: str) -> Rule:
    return Rule((name,), "", lambda v, place: Made(v[name]))


def _of_vapour_pressure(v: Values, place: Place) -> Made:
    return Made(
        humidity.specific_humidity_from_vapour_pressure(
            v["vapour_pressure"], v["pressure"]
        )
    )


def _of_deficit(v: Values, place: Place) -> Made:
    vpd, tmin, tmax = v["vpd"], v["tmin"], v["tmax"]
    q = humidity.specific_humidity_from_vpd(vpd, tmin, tmax, v["pressure"])
    saturation = humidity.daily_saturation_vapour_pressure(tmin, tmax)
    driest = saturation - vpd < humidity.DRIEST * saturation
    return Made(q, {"n_held_at_driest": driest})


def _of_dew_point(v: Values, place: Place) -> Made:
    return Made(
        humidity.specific_humidity_from_dew_point(v["dew_point"], v["pressure"])
    )


def _of_relative_humidity(v: Values, place: Place) -> Made:
    return Made(
        humidity.specific_humidity_from_relative_humidity(
            v["relative_humidity"], v["tmean"], v["pressure"]
        )
    )


def _reduced_pressure(v: Values, place: Place) -> Made:
    return Made(
        pressure.station_pressure_from_sea_level(
            v["sea_level_pressure"], place.heights(), v["tmean"]
        )
    )


def _standard_pressure(v: Values, place: Place) -> Made:
    shape = (*np.shape(place.lat), place.days.size)
    found = pressure.pressure_from_elevation(place.heights())
    return Made(np.broadcast_to(found, shape))


def _cloud_of_light(v: Values, place: Place) -> Made:
    above = place.light_above()
    cloud = radiation.cloud_cover_under(v["shortwave"], above)
    whole, dim = polar_night.bridged(np.clip(cloud, 0.0, 1.0), above)
    return Made(
        whole,
        {
            "n_clipped_dark": (cloud > 1.0 + ROUNDING) & ~dim,
            "n_clipped_bright": (cloud < -ROUNDING) & ~dim,
            "n_above_atmosphere": (cloud < radiation.cloud_cover_of(1.0)) & ~dim,
            "n_without_sun": dim,
        },
    )


def _light_of_cloud(v: Values, place: Place) -> Made:
    return Made(radiation.transmissivity(v["cloud_cover"]) * place.light_above())


def _deficit_of(vapour: Callable[[Values], Floats]) -> Callable[[Values, Place], Made]:
    def make(v: Values, place: Place) -> Made:
        full = humidity.daily_saturation_vapour_pressure(v["tmin"], v["tmax"])
        return Made(full - vapour(v))

    return make


_EXTREMES = ("tmin", "tmax")

RULES: dict[str, tuple[Rule, ...]] = {
    "pressure": (
        _given("pressure"),
        Rule(
            ("sea_level_pressure", "tmean"),
            "sea-level pressure brought to {height}",
            _reduced_pressure,
        ),
        Rule((), "standard atmosphere at {height}", _standard_pressure),
    ),
    "specific_humidity": (
        _given("specific_humidity"),
        Rule(
            ("vapour_pressure", "pressure"),
            "from vapour pressure and pressure",
            _of_vapour_pressure,
        ),
        Rule(
            ("vpd", *_EXTREMES, "pressure"),
            "from vpd, tmin, tmax and pressure",
            _of_deficit,
        ),
        Rule(("dew_point", "pressure"), "from dew point and pressure", _of_dew_point),
        Rule(
            ("relative_humidity", "tmean", "pressure"),
            "from relative humidity, temperature and pressure",
            _of_relative_humidity,
        ),
    ),
    "cloud_cover": (
        _given("cloud_cover"),
        Rule(
            ("shortwave",),
            "from shortwave, the model's transmissivity inverted",
            _cloud_of_light,
        ),
    ),
    "shortwave": (
        _given("shortwave"),
        Rule(("cloud_cover",), "from cloud cover", _light_of_cloud),
    ),
    "vpd": (
        _given("vpd"),
        Rule(
            ("vapour_pressure", *_EXTREMES),
            "from vapour pressure, tmin and tmax",
            _deficit_of(lambda v: v["vapour_pressure"]),
        ),
        Rule(
            ("dew_point", *_EXTREMES),
            "from dew point, tmin and tmax",
            _deficit_of(lambda v: humidity.saturation_vapour_pressure(v["dew_point"])),
        ),
        Rule(
            ("specific_humidity", "pressure", *_EXTREMES),
            "from specific humidity, pressure, tmin and tmax",
            _deficit_of(
                lambda v: humidity.vapour_pressure_from_specific_humidity(
                    v["specific_humidity"], v["pressure"]
                )
            ),
        ),
        Rule(
            ("relative_humidity", "tmean", *_EXTREMES),
            "from relative humidity, tmin and tmax",
            _deficit_of(
                lambda v: humidity.vapour_pressure_from_relative_humidity(
                    v["relative_humidity"], v["tmean"]
                )
            ),
        ),
    ),
}
"""Variable to its rules, best first."""

WITHOUT_SUN = (
    "cloud cover of days with less than "
    f"{polar_night.LEAST_LIGHT:g} MJ m-2 above the atmosphere cannot be distinguished "
    f"from light: interpolated between the means of the {polar_night.MEANS_OVER} lit "
    "days before and after"
)
"""What a variable says of its substitute in the polar night."""

MADE = ("pressure", "specific_humidity", "cloud_cover")
"""What IBIS-DALEC takes and few records hold, in the order in which it is made."""


def find_rule(name: str, available: Collection[str]) -> Rule | None:
    """Return the first rule whose inputs are there.

    Examples
    --------
    >>> find_rule("cloud_cover", {"shortwave"}).words
    "from shortwave, the model's transmissivity inverted"
    >>> find_rule("specific_humidity", {"vpd", "tmin", "tmax"}) is None
    True
    """
    return next((r for r in RULES[name] if set(r.inputs) <= set(available)), None)


def wanted_inputs(name: str) -> str:
    """Say from what a variable can be made, for an error."""
    found = [rule.measured for rule in RULES[name] if rule.measured]
    return " or ".join(found)


def mean_temperature(values: Any) -> Any:
    """Return the daily mean: as measured, else the mean of the extremes [degC]."""
    if "tmean" in values:
        return values["tmean"]
    return 0.5 * (values["tmin"] + values["tmax"])


def with_drivers(
    weather: xr.Dataset, where: str = "weather", *, required: bool = True
) -> xr.Dataset:
    """Add pressure, specific humidity and cloud cover where weather lacks them.

    Parameters
    ----------
    weather : xarray.Dataset
        Over ``time`` (days), or over ``pixel`` and ``time``: what was measured, under
        the names and in the units of ``landdata.variables.RAW``; ``lat`` and, where
        pressure was not measured, ``elevation`` [m].
    where : str
        What to call the weather in an error.
    required : bool
        Whether each of them has to be made; else those without a rule stay away.

    Returns
    -------
    xarray.Dataset
        With the variables of ``MADE`` by the first rule of ``RULES`` that the weather
        allows. The attribute ``source`` of each says which, and attributes that begin
        with ``n_`` count the days that a limit has changed. Cloud cover of days with
        too little sun to derive it has the substitute of
        ``landdata.meteorology.polar_night``, counted in ``n_without_sun`` and said in
        ``without_sun``. What is there already stays as it is.

    Raises
    ------
    InputError
        Naming a required variable for which there is no rule, or an input in another
        unit than that of ``RAW``. An input without ``units`` is taken to be in it.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> day = np.array(["2003-06-21"], "datetime64[ns]")
    >>> weather = xr.Dataset(
    ...     {"tmin": ("time", [10.0]), "tmax": ("time", [20.0]),
    ...      "vapour_pressure": ("time", [1000.0]), "shortwave": ("time", [20.0])},
    ...     coords={"time": day, "lat": 42.5, "elevation": 300.0},
    ... )
    >>> made = with_drivers(weather)
    >>> round(float(made["specific_humidity"][0]), 5), round(float(made["pressure"][0]))
    (0.00639, 97773)
    """
    for name in MADE:
        if name in weather:
            continue
        try:
            made, rule = derive(weather, name, where)
        except NoRule:
            if required:
                raise
            continue
        dims = (*weather["lat"].dims, "time")
        attrs: dict[str, Any] = {
            **(DAILY | RAW)[name].attrs,
            "source": rule.words.format(height="the place's height"),
            **{count: int(days.sum()) for count, days in made.limited.items()},
        }
        if attrs.get("n_without_sun"):
            attrs["without_sun"] = WITHOUT_SUN
        weather = weather.assign({name: (dims, np.array(made.values), attrs)})
    return weather


def derive(weather: xr.Dataset, name: str, where: str) -> tuple[Made, Rule]:
    """Make one variable of weather, in the order of its dimensions, and say how.

    Raises
    ------
    NoRule
        If no rule applies.
    InputError
        If an input is in another unit than that of ``RAW``.
    """
    available = {str(one) for one in weather.variables}
    if {"tmin", "tmax"} <= available:
        available.add("tmean")
    if name != "pressure" and "elevation" in available:
        available.add("pressure")
    rule = find_rule(name, available)
    if rule is None or ("{height}" in rule.words and "elevation" not in available):
        raise NoRule(
            f"{where}  {name}",
            found=f"variables {', '.join(map(str, weather.data_vars))}",
            wanted=wanted_inputs(name)
            + (", or elevation" if name == "pressure" else ""),
        )
    values = {one: _input(weather, one, where) for one in rule.inputs}
    if "lat" not in available:
        raise NoRule(f"{where}  lat", found="no variable lat", wanted="degrees north")
    lat = np.asarray(weather["lat"], np.float64)
    height = (
        np.asarray(weather["elevation"], np.float64)
        if "elevation" in available
        else None
    )
    days = weather["time"].to_numpy().astype("datetime64[D]")
    place = Place(days, lat if lat.ndim else float(lat), height)
    return rule.make(values, place), rule


def measured(weather: xr.Dataset, name: str, where: str) -> Floats:
    """Return a measured variable with time last; refused in another unit.

    Raises
    ------
    InputError
        If its attribute ``units`` is not the unit of ``RAW``.

    Examples
    --------
    >>> import xarray as xr
    >>> light = ("time", [250.0], {"units": "W m-2"})
    >>> measured(xr.Dataset({"shortwave": light}), "shortwave", "mine.nc")
    Traceback (most recent call last):
    landdata.errors.InputError: mine.nc  shortwave.units
      found   'W m-2'
      wanted  'MJ m-2 d-1'
      hint    Multiply by 0.0864 and set units to 'MJ m-2 d-1'.
    """
    wanted = _KNOWN[name].units
    found = str(weather[name].attrs.get("units", wanted)).strip()
    if found != wanted:
        factor = _FACTORS.get((wanted, found))
        first = f"Multiply by {factor:g}" if factor else "Convert"
        raise InputError(
            f"{where}  {name}.units",
            found=repr(found),
            wanted=repr(wanted),
            hint=f"{first} and set units to {wanted!r}.",
        )
    return np.asarray(weather[name].transpose(..., "time"), np.float64)


def _input(weather: xr.Dataset, name: str, where: str) -> Floats:
    if name == "tmean" and name not in weather:
        extremes = {one: measured(weather, one, where) for one in _EXTREMES}
        return np.asarray(mean_temperature(extremes))
    if name == "pressure" and name not in weather:
        return derive(weather, name, where)[0].values
    return measured(weather, name, where)
