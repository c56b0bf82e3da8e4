"""From the products' variables to the model's drivers, for many pixels at once.

The rules are those of ``ibis_dalec.inputs`` for a site. Each driver comes from the
first rule that the products allow; gaps of up to three days are filled and counted,
and a pixel with a longer one has no forcing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.meteorology import humidity, pressure, radiation
from landdata.meteorology.gaps import fill_gaps
from landdata.variables import DAILY, DRIVERS

Floats = NDArray[np.float64]

# Variable: what it may be made of, best first.
RULES: dict[str, tuple[tuple[str, ...], ...]] = {
    "tmin": (("tmin",),),
    "tmax": (("tmax",),),
    "prec": (("prec",),),
    "wind": (("wind",),),
    "specific_humidity": (
        ("specific_humidity",),
        ("vapour_pressure",),
        ("vpd",),
        ("dew_point",),
    ),
    "pressure": (("pressure",), ()),
    "cloud_cover": (("cloud_cover",), ("shortwave",)),
}


def choose_rules(available: set[str], where: str) -> dict[str, tuple[str, ...]]:
    """Which variables each driver will be made of; refused if one has none."""
    chosen = {}
    for driver in DRIVERS:
        rule = next((r for r in RULES[driver] if set(r) <= available), None)
        if rule is None:
            options = " or ".join(r[0] for r in RULES[driver] if r)
            raise InputError(
                f"{where}  {driver}",
                found=f"no product gives it (there are {', '.join(sorted(available))})",
                wanted=f"a product that gives {options}",
            )
        chosen[driver] = rule
    return chosen


def describe_rules(chosen: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """In words, where each driver comes from."""
    words = {
        "vapour_pressure": "from vapour pressure and pressure",
        "vpd": "from vpd, tmin, tmax and pressure",
        "dew_point": "from dew point and pressure",
        "shortwave": "from shortwave, the model's transmissivity inverted",
    }
    return {
        driver: words.get(rule[0], "as given") if rule else "standard atmosphere"
        for driver, rule in chosen.items()
    }


def make_drivers(
    found: Mapping[str, NDArray],
    chosen: Mapping[str, tuple[str, ...]],
    days: NDArray,
    lat: Floats,
    elevation: Floats,
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Forcing of some pixels.

    Parameters
    ----------
    found : mapping
        Variables of ``landdata.variables.RAW`` to (pixel, time).
    chosen : mapping
        As ``choose_rules`` gives it.
    days : numpy.ndarray (time,)
        datetime64[D], every day.
    lat, elevation : numpy.ndarray (pixel,)
        degrees north, m.

    Returns
    -------
    forcing : numpy.ndarray (pixel, driver, time), float32
        NaN all through for a pixel that has a gap of more than three days.
    filled : numpy.ndarray (pixel, driver), uint16
        Days that were filled or brought to a limit.
    """
    values = {name: np.asarray(array, np.float64) for name, array in found.items()}
    filled = {name: np.zeros(lat.size, dtype=np.int64) for name in DRIVERS}
    tmin, tmax = values["tmin"], values["tmax"]
    with np.errstate(invalid="ignore"):
        crossed = tmin > tmax
    # Resampled or damaged days with the extremes crossed are no measurement.
    tmin, tmax = np.where(crossed, np.nan, tmin), np.where(crossed, np.nan, tmax)
    at = (
        values["pressure"]
        if chosen["pressure"]
        else np.broadcast_to(
            pressure.pressure_from_elevation(elevation)[:, None], tmin.shape
        )
    )
    drivers = {
        "tmin": tmin,
        "tmax": tmax,
        "prec": values["prec"],
        "wind": values["wind"],
        "pressure": at,
        "specific_humidity": _humidity(values, chosen, tmin, tmax, at),
    }
    cloud = _cloud(values, chosen, days, lat)
    with np.errstate(invalid="ignore"):
        filled["cloud_cover"] += ((cloud < 0.0) | (cloud > 1.0)).sum(axis=1)
    drivers["cloud_cover"] = np.clip(cloud, 0.0, 1.0)

    index = pd.DatetimeIndex(days.astype("datetime64[ns]"))
    for name in DRIVERS:
        array = np.array(drivers[name], dtype=np.float64)
        holes = np.isnan(array)
        for pixel in np.flatnonzero(holes.any(axis=1) & ~holes.all(axis=1)):
            series = pd.Series(array[pixel], index=index)
            try:
                array[pixel] = fill_gaps(series, where=name, dry=name == "prec").values
            except InputError:
                continue  # a long gap: the pixel is reported as no_forcing
            filled[name][pixel] += int(holes[pixel].sum())
        drivers[name] = array
    forcing = np.stack([drivers[name] for name in DRIVERS], axis=1).astype(np.float32)
    low = np.array([DAILY[name].low for name in DRIVERS])[:, None]
    high = np.array([DAILY[name].high for name in DRIVERS])[:, None]
    with np.errstate(invalid="ignore"):
        impossible = ((forcing < low) | (forcing > high)).any(axis=(1, 2))
        # Filling one extreme and not the other may cross them.
        impossible |= (forcing[:, 0] > forcing[:, 1]).any(axis=1)
    forcing[impossible | np.isnan(forcing).any(axis=(1, 2))] = np.nan
    counts = np.stack([filled[name] for name in DRIVERS], axis=1)
    return forcing, np.minimum(counts, 65535).astype(np.uint16)


def _humidity(values, chosen, tmin, tmax, at) -> Floats:
    source = chosen["specific_humidity"][0]
    given = values[source]
    if source == "vapour_pressure":
        return humidity.specific_humidity_from_vapour_pressure(given, at)
    if source == "vpd":
        return humidity.specific_humidity_from_vpd(given, tmin, tmax, at)
    if source == "dew_point":
        return humidity.specific_humidity_from_dew_point(given, at)
    return given


def _cloud(values, chosen, days: NDArray, lat: Floats) -> Floats:
    if chosen["cloud_cover"][0] == "cloud_cover":
        return values["cloud_cover"]
    light = values["shortwave"]
    cloud = np.empty_like(light)
    # Pixels of one row share the sun.
    for latitude in np.unique(lat):
        row = lat == latitude
        above = radiation.extraterrestrial_radiation(days, float(latitude))
        through = np.full(light[row].shape, np.nan)
        np.divide(light[row], above, out=through, where=above > 0.0)
        cloud[row] = (
            1.0
            - (through - radiation.OVERCAST_TRANSMISSIVITY) / radiation.CLEAR_SKY_GAIN
        )
    return cloud
