"""Weather compared with physics: faults of a file that look like weather.

A daily value says little, a year of them more. Air that is never drier than 90 % of
saturation, more light than the sun sends, pressure of another height or a summer in
January north of the tropics are faults of a file, not weather. Findings are plain
values; who reads them decides what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.meteorology.drivers import derive, measured, with_drivers
from landdata.meteorology.humidity import (
    daily_saturation_vapour_pressure,
    vapour_pressure_from_specific_humidity,
)
from landdata.meteorology.pressure import pressure_from_elevation
from landdata.meteorology.radiation import NIGHT_OFFSET_MJ
from landdata.meteorology.stuck_values import stuck_values
from landdata.variables import RAW

Floats = NDArray[np.float64]
Verdict = Literal["refused", "suspicious"]

LEAST_DAYS = 300  # of a record, before a year's statistics mean anything
TROPICS = 30.0  # degrees: beyond, the warm half of the year follows the hemisphere
SEASONAL = 5.0  # K between the warm and the cold quarter, from which there are seasons


_HUMIDITIES = ("vapour_pressure", "vpd", "dew_point", "relative_humidity")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or unlikely.

    Attributes
    ----------
    verdict : {"refused", "suspicious"}
        Impossible, or only unlikely.
    variable : str
        What it is about.
    found, wanted, hint : str
        What was seen, what would be in order, the likely fix.
    """

    verdict: Verdict
    variable: str
    found: str
    wanted: str
    hint: str = ""

    def __str__(self) -> str:
        rows = [f"{self.variable}: {self.found}", f"  wanted  {self.wanted}"]
        return "\n".join([*rows, f"  hint    {self.hint}"] if self.hint else rows)


def weather_findings(
    forcing: xr.Dataset, lat: float, elevation: float | None = None
) -> list[Finding]:
    """Compare a place's daily weather with physics.

    Parameters
    ----------
    forcing : xarray.Dataset (time,)
        tmin, tmax [degC], prec [mm d-1], specific_humidity [kg kg-1], pressure [Pa],
        cloud_cover [1], or what these can be made of; see
        ``landdata.meteorology.drivers``.
    lat : float
        degrees north.
    elevation : float, optional
        m above the sea.

    Returns
    -------
    list of Finding
        Empty where nothing was found. A record shorter than 300 days is compared with
        the limits of each variable only.

    Raises
    ------
    InputError
        If a variable is in another unit than that of ``landdata.variables.RAW``.
    """
    time = pd.DatetimeIndex(forcing["time"].to_numpy())
    beyond = list(limit_findings(forcing))
    if beyond or time.size < LEAST_DAYS:
        return beyond

    if "lat" not in forcing.variables:
        forcing = forcing.assign(lat=lat)
    stuck = list(stuck_findings(forcing, lat))
    forcing = with_drivers(forcing, required=False)

    def of(name: str) -> Floats:
        return np.asarray(forcing[name].to_numpy(), np.float64)

    found: list[Finding] = stuck
    given = set(forcing.variables)
    if not {"tmin", "tmax"} <= given:
        return found
    tmin, tmax = of("tmin"), of("tmax")
    humidity = None
    if {"specific_humidity", "pressure"} <= given:
        q, at = of("specific_humidity"), of("pressure")
        humidity = relative_humidity(q, at, tmin, tmax)
        found += humidity_findings(humidity)
    # Models that take the deficit get it as measured, whatever humidity was made of.
    if "vpd" in given and len(found) == len(stuck):
        found += deficit_findings(of("vpd"), tmin, tmax)
    if humidity is None and "vpd" in given:
        humidity = 1.0 - of("vpd") / daily_saturation_vapour_pressure(tmin, tmax)
    found += temperature_findings(tmin, tmax)
    found += season_findings(0.5 * (tmin + tmax), time, lat)
    known = np.isfinite(humidity) if humidity is not None else np.zeros(1, bool)
    if "prec" in given and humidity is not None and known.any():
        warm = 0.5 * float((tmin + tmax).mean())
        found += rain_findings(of("prec"), humidity[known], warm)
    if "wind" in given:
        found += wind_findings(of("wind"))
    if "pressure" in given and elevation is not None:
        found += pressure_findings(of("pressure"), elevation)
    light: list[Finding] = []
    if "cloud_cover" in given:
        light += light_findings(forcing["cloud_cover"])
    if "shortwave" in given and not light:
        light += light_findings(_cloud_of_measured_light(forcing))
    return found + light


def limit_findings(weather: xr.Dataset) -> Iterator[Finding]:
    """Values that cannot be: a unit that the file does not state, or a fill code."""
    where = str(weather.attrs.get("file", "weather"))
    for name in (*_HUMIDITIES, "shortwave", "sea_level_pressure", "tmean"):
        if name not in weather:
            continue
        values, one = measured(weather, name, where), RAW[name]
        low = -NIGHT_OFFSET_MJ if name == "shortwave" else one.low
        beyond = (values < low) | (values > one.high)
        if beyond.any():
            yield Finding(
                "refused",
                name,
                f"{values[beyond][0]:g} {one.units} ({int(beyond.sum())} days in all)",
                f"{one.low:g} to {one.high:g} {one.units}",
                f"Is it in {one.units}, and are missing days NaN?",
            )


def deficit_findings(deficit: Floats, tmin: Floats, tmax: Floats) -> list[Finding]:
    """Judge a measured vapour pressure deficit [Pa] by the humidity that it means."""
    full = daily_saturation_vapour_pressure(tmin, tmax)
    humidity = 1.0 - deficit / full
    humidity = humidity[np.isfinite(humidity)]
    if humidity.size < LEAST_DAYS:
        return []
    found = humidity_findings(humidity)
    return [replace(one, variable="vpd") for one in found]


def _cloud_of_measured_light(weather: xr.Dataset) -> xr.DataArray:
    """Cloud cover on days with measured light, with the counts of its limits."""
    made, _ = derive(
        weather.drop_vars("cloud_cover", errors="ignore"), "cloud_cover", ""
    )
    known = np.isfinite(made.values)
    counts = {name: int(days[known].sum()) for name, days in made.limited.items()}
    return xr.DataArray(made.values[known], dims="time", attrs=counts)


def relative_humidity(
    specific_humidity: Floats, pressure: Floats, tmin: Floats, tmax: Floats
) -> Floats:
    """Daily vapour pressure over its saturation (1): q p / (0.622 + 0.378 q) / e_s."""
    e = vapour_pressure_from_specific_humidity(specific_humidity, pressure)
    return e / daily_saturation_vapour_pressure(tmin, tmax)


def humidity_findings(humidity: Floats) -> Iterator[Finding]:
    """Air that is damp, or dry, on every day of years."""
    damp = float(np.mean(humidity > 0.95))
    driest, dampest = np.percentile(humidity, [10.0, 90.0])
    hint = "Is the vapour pressure deficit in hPa? In kPa it is ten times too small."
    if driest > 0.9:
        yield Finding(
            "refused",
            "specific_humidity",
            f"air above {driest:.0%} humidity on nine days of ten (above 95 % on "
            f"{damp:.0%})",
            "a record with dry days in it (towers in rain forests: 78 %)",
            hint,
        )
    elif damp > 0.5:
        yield Finding(
            "suspicious",
            "specific_humidity",
            f"air above 95 % humidity on {damp:.0%} of the days",
            "mostly less",
            hint,
        )
    if np.mean(humidity > 1.15) > 0.2:
        yield Finding(
            "refused",
            "specific_humidity",
            f"more vapour than the air can hold on {np.mean(humidity > 1.15):.0%} "
            "of the days",
            "at most a few such days",
            "Is the unit right, and are temperature and humidity of one place?",
        )
    if dampest < 0.12:
        yield Finding(
            "suspicious",
            "specific_humidity",
            f"air below 12 % humidity on nine days of ten (mean {humidity.mean():.0%})",
            "more, but for deserts",
            "Is the humidity in kg kg-1, or the vapour pressure deficit in hPa?",
        )


def temperature_findings(tmin: Floats, tmax: Floats) -> Iterator[Finding]:
    """Means of years that no vegetated place has."""
    mean, spread = 0.5 * float((tmin + tmax).mean()), float((tmax - tmin).mean())
    if mean > 36.0:
        yield Finding(
            "refused",
            "tmax",
            f"a mean temperature of {mean:.1f} degC over {tmin.size} days",
            "at most 36 degC",
            "Is it in degrees Fahrenheit?",
        )
    if spread < 0.5:
        yield Finding(
            "suspicious",
            "tmax",
            f"only {spread:.2f} K above tmin on average",
            "the extremes of the day",
            "Is the daily mean in both columns?",
        )
    if spread > 30.0:
        yield Finding(
            "suspicious",
            "tmax",
            f"{spread:.1f} K above tmin on average",
            "less than 30 K",
        )


def season_findings(
    temperature: Floats, time: pd.DatetimeIndex, lat: float
) -> Iterator[Finding]:
    """The warm half of the year on the wrong side of the equator."""
    month = time.month.to_numpy()
    june, december = np.isin(month, (6, 7, 8)), np.isin(month, (12, 1, 2))
    if abs(lat) < TROPICS or not (june.any() and december.any()):
        return
    warmer = float(temperature[june].mean() - temperature[december].mean())
    if abs(warmer) > SEASONAL and (warmer > 0.0) != (lat > 0.0):
        months = "June to August" if warmer > 0.0 else "December to February"
        yield Finding(
            "refused",
            "latitude",
            f"{lat:g} degrees north, where {months} is {abs(warmer):.1f} K warmer than "
            "half a year later",
            "summer on the side of the equator that the latitude says",
            "Is the sign of the latitude lost, or the record moved by half a year?",
        )


def stuck_findings(weather: xr.Dataset, lat: float) -> Iterator[Finding]:
    """One number on many days in a row."""
    for name, value, n_days in stuck_values(weather, lat):
        yield Finding(
            "suspicious",
            name,
            f"{value:g} on {n_days} days in a row",
            "weather, which changes from day to day",
            "A missing-value code, a broken sensor, or longer means laid on days?",
        )


def wind_findings(wind: Floats) -> Iterator[Finding]:
    """Means of years that are of another unit."""
    mean = float(wind.mean())
    if not 0.4 <= mean <= 9.0:
        yield Finding(
            "suspicious",
            "wind",
            f"{mean:.2g} m s-1 on average",
            "0.4 to 9 m s-1, as nearly everywhere on land",
            "Is it in km h-1 or knots, or a scale lost?",
        )


def rain_findings(
    rain: Floats, humidity: Floats, temperature: float
) -> Iterator[Finding]:
    """Annual sums that are of another unit; temperature [degC] is the mean."""
    annual = 365.25 * float(rain.mean())
    if annual > 8000.0:
        yield Finding(
            "suspicious",
            "prec",
            f"{annual:.0f} mm a year",
            "less, but for the wettest places on Earth (12000 mm)",
            "Is it a sum over more than a day, or in tenths of mm?",
        )
    damp = humidity.mean() > 0.5 and temperature > 0.0  # no desert, hot or cold
    if (annual < 10.0 and humidity.mean() > 0.35) or (annual < 150.0 and damp):
        yield Finding(
            "suspicious",
            "prec",
            f"{annual:.2g} mm a year, in air of {humidity.mean():.0%} humidity",
            "more rain, but for deserts",
            "Is it in m, in inches, in cm, or in kg m-2 s-1?",
        )


def pressure_findings(pressure: Floats, elevation: float) -> Iterator[Finding]:
    """Air pressure of another height."""
    mean = float(pressure.mean())
    standard = float(pressure_from_elevation(elevation))
    off = mean / standard - 1.0
    if abs(off) <= 0.03:
        return
    yield Finding(
        "refused" if abs(off) > 0.2 else "suspicious",
        "pressure",
        f"{mean / 1000.0:.1f} kPa on average, {100.0 * off:+.1f} % from the standard "
        f"atmosphere at {elevation:g} m ({standard / 1000.0:.1f} kPa)",
        "the pressure at the station",
        "Is it reduced to sea level, in another unit, or the height wrong?",
    )


def light_findings(cloud_cover: xr.DataArray) -> Iterator[Finding]:
    """Days brighter than the clear sky or darker than the overcast one."""
    values = np.asarray(cloud_cover.to_numpy(), np.float64)
    n = values.size
    if n < LEAST_DAYS:
        return
    bright = max(
        int(cloud_cover.attrs.get("n_clipped_bright", 0)), int((values <= 0.0).sum())
    )
    dark = max(
        int(cloud_cover.attrs.get("n_clipped_dark", 0)), int((values >= 1.0).sum())
    )
    impossible = int(cloud_cover.attrs.get("n_above_atmosphere", 0))
    hint = "Is the radiation in MJ m-2 d-1, a mean of 24 hours, and the latitude right?"
    if impossible > 0.02 * n:
        yield Finding(
            "refused",
            "shortwave",
            f"more light than the sun sends on {impossible} of {n} days",
            "no such day",
            hint,
        )
    elif bright > 0.25 * n:
        yield Finding(
            "suspicious",
            "shortwave",
            f"{bright} of {n} days brighter than the clear sky",
            "at most one in four",
            hint,
        )
    if dark > 0.9 * n:
        yield Finding(
            "refused",
            "shortwave",
            f"{dark} of {n} days darker than an overcast sky",
            "some brighter days",
            hint,
        )
    elif dark > 0.5 * n:
        yield Finding(
            "suspicious",
            "shortwave",
            f"{dark} of {n} days darker than an overcast sky",
            "at most every second day",
            hint,
        )
