"""Which measured variables a cube keeps, and how they are brought to every day.

A cube knows no model: it keeps weather as products give it, and drivers follow when it
is read, by the rule table of :mod:`landdata.meteorology.drivers`. The table also says
what has to be complete: a pixel has weather where every variable that a rule needs has
a value on every day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.meteorology.drivers import MADE, Rule, find_rule, with_drivers
from landdata.meteorology.drivers import wanted_inputs as inputs_of
from landdata.meteorology.gaps import fill_gaps
from landdata.meteorology.polar_night import lit_through
from landdata.meteorology.radiation import cloud_cover_under, light_above_pixels
from landdata.variables import DAILY, RAW, Variable

Floats = NDArray[np.float64]

KNOWN: dict[str, Variable] = {**RAW, **DAILY}
"""Every variable that a cube can keep."""

_ALWAYS = ("tmin", "tmax", "prec", "wind")
_AS_MEASURED = ("shortwave", "vpd")


@dataclass(frozen=True)
class Chosen:
    """The weather of a cube.

    Attributes
    ----------
    complete : tuple of str
        Variables with a value on every day wherever a pixel has weather.
    optional : tuple of str
        Variables that are kept as measured and may have gaps.
    rules : mapping of str to Rule
        How pressure, specific humidity and cloud cover follow.
    """

    complete: tuple[str, ...]
    optional: tuple[str, ...]
    rules: Mapping[str, Rule]

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables, those with gaps last."""
        return self.complete + self.optional

    def words(self) -> dict[str, str]:
        """Say where each driver of IBIS-DALEC is from."""
        height = "the pixel's height"
        made = {
            name: rule.words.format(height=height) or "as given"
            for name, rule in self.rules.items()
        }
        return dict.fromkeys(_ALWAYS, "as given") | made


def choose_variables(available: set[str], where: str) -> Chosen:
    """Choose what a cube keeps of what products give.

    Raises
    ------
    InputError
        Naming a driver that nothing gives and nothing can be made into.

    Examples
    --------
    >>> chosen = choose_variables(
    ...     {"tmin", "tmax", "prec", "wind", "vapour_pressure", "shortwave"}, "here")
    >>> chosen.variables
    ('tmin', 'tmax', 'prec', 'wind', 'vapour_pressure', 'shortwave')
    """
    for name in _ALWAYS:
        if name not in available:
            raise _nothing_gives(name, name, available, where)
    rules = {}
    for name in MADE:
        # The mean of the extremes and the standard atmosphere are always at hand.
        always = {"tmean"} if name == "pressure" else {"tmean", "pressure"}
        rule = find_rule(name, available | always)
        if rule is None:
            raise _nothing_gives(name, inputs_of(name), available, where)
        rules[name] = rule
    made = ("specific_humidity", "pressure", "cloud_cover")
    needed = [rules[name].measured for name in made]
    if "tmean" in available and any("tmean" in r.inputs for r in rules.values()):
        needed.append("tmean")
    complete = (*_ALWAYS, *(name for name in needed if name))
    kept = (n for n in _AS_MEASURED if n in available and n not in complete)
    return Chosen(complete, tuple(kept), rules)


def _nothing_gives(
    name: str, inputs: str, available: set[str], where: str
) -> InputError:
    return InputError(
        f"{where}  {name}",
        found=f"no product gives it (there are {', '.join(sorted(available))})",
        wanted=f"a product that gives {inputs}",
    )


def measured_weather(
    found: Mapping[str, NDArray],
    chosen: Chosen,
    days: NDArray,
    lat: Floats,
    elevation: Floats,
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Weather of some pixels as a cube keeps it.

    Parameters
    ----------
    found : mapping
        Variables of ``KNOWN`` to (pixel, time).
    chosen : Chosen
        Which are kept.
    days : numpy.ndarray (time,)
        datetime64[D], every day.
    lat, elevation : numpy.ndarray (pixel,)
        degrees north, m.

    Returns
    -------
    weather : numpy.ndarray (pixel, variable, time), float32
        NaN all through for a pixel that has a gap of more than three days, or a day
        that cannot be.
    filled : numpy.ndarray (pixel, variable), uint16
        Days that were filled or set to a limit.
    """
    values = {name: np.array(found[name], np.float64) for name in chosen.variables}
    filled = {name: np.zeros(lat.size, dtype=np.int64) for name in chosen.variables}
    with np.errstate(invalid="ignore"):
        crossed = values["tmin"] > values["tmax"]
    # Resampled or damaged days with the extremes crossed are no measurement.
    values["tmin"][crossed] = values["tmax"][crossed] = np.nan
    if "cloud_cover" in chosen.complete:
        cloud = values["cloud_cover"]
        with np.errstate(invalid="ignore"):
            filled["cloud_cover"] += ((cloud < 0.0) | (cloud > 1.0)).sum(axis=1)
        values["cloud_cover"] = np.clip(cloud, 0.0, 1.0)
    if "shortwave" in chosen.complete:
        values["shortwave"], dim = _light_of_dim_days(values["shortwave"], days, lat)
        filled["shortwave"] += dim.sum(axis=1)
    index = pd.DatetimeIndex(days.astype("datetime64[ns]"))
    for name in chosen.complete:
        filled[name] += _fill(values[name], name, index)
    weather: NDArray[np.float32] = np.stack(
        [values[n] for n in chosen.variables],
        axis=1,
        dtype=np.float32,
        casting="unsafe",
    )
    weather[~_possible(weather, chosen, days, lat, elevation)] = np.nan
    counts = np.stack([filled[name] for name in chosen.variables], axis=1)
    return weather, np.minimum(counts, 65535).astype(np.uint16)


def _light_of_dim_days(
    light: Floats, days: NDArray, lat: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Fill light that a product leaves out in the polar night; mark those days."""
    if not np.isnan(light).any():
        return light, np.zeros(light.shape, dtype=bool)
    above = light_above_pixels(days, lat)
    cloud = np.clip(cloud_cover_under(light, above), 0.0, 1.0)
    return lit_through(cloud, above, light)


def _fill(array: Floats, name: str, index: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Fill the short gaps of (pixel, time) in place; return the days of each pixel."""
    count = np.zeros(array.shape[0], dtype=np.int64)
    holes = np.isnan(array)
    for pixel in np.flatnonzero(holes.any(axis=1) & ~holes.all(axis=1)):
        series = pd.Series(array[pixel], index=index)
        try:
            array[pixel] = fill_gaps(series, where=name, dry=name == "prec").values
        except InputError:
            continue  # a long gap: the pixel is reported as no_forcing
        count[pixel] = int(holes[pixel].sum())
    return count


def _possible(
    weather: NDArray[np.float32],
    chosen: Chosen,
    days: NDArray,
    lat: Floats,
    elevation: Floats,
) -> NDArray[np.bool_]:
    """Whether each pixel's weather is complete and within its limits, (pixel,)."""
    good = np.ones(lat.size, dtype=bool)
    data = as_weather(weather, chosen.variables, days, lat, elevation)
    data = with_drivers(data)
    for name in dict.fromkeys((*chosen.complete, *MADE)):
        values = data[name].to_numpy()
        low, high = KNOWN[name].low, KNOWN[name].high
        good &= ((values >= low) & (values <= high)).all(axis=1)  # not NaN either
    # Filling one extreme and not the other may cross them.
    good &= (data["tmin"].to_numpy() <= data["tmax"].to_numpy()).all(axis=1)
    return good


def as_weather(
    stored: NDArray,
    variables: Sequence[str],
    days: Any,
    lat: Floats,
    elevation: Floats,
) -> xr.Dataset:
    """Label what a cube stores: variables over (pixel, time), float64.

    Parameters
    ----------
    stored : numpy.ndarray (pixel, variable, time)
        As it stands in the cube.
    variables : sequence of str
        In the order of ``stored``.
    days : array (time,)
        Dates.
    lat, elevation : numpy.ndarray (pixel,)
        degrees north, m.
    """
    whole = stored.astype(np.float64)
    data: dict[str, Any] = {
        name: (("pixel", "time"), whole[:, index], KNOWN[name].attrs)
        for index, name in enumerate(variables)
    }
    height = {"units": "m", "long_name": "mean height above the sea"}
    data["lat"] = ("pixel", np.asarray(lat, np.float64), {"units": "degrees_north"})
    data["elevation"] = ("pixel", np.asarray(elevation, np.float64), height)
    time = np.asarray(days).astype("datetime64[D]").astype("datetime64[ns]")
    return xr.Dataset(data, coords={"time": time})
