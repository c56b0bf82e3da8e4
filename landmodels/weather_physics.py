"""Weather of a file compared with physics: faults that pass every limit of a value.

The models' own readers share these rules. They are those of
``landdata.meteorology.plausibility``, for files that reach a model without it; a test
holds the numbers equal. What cannot be is refused; what is only unlikely is a sentence
that the reader says.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from landmodels.errors import InputError

Array = NDArray[np.float64]

#: Days of a record from which the statistics of a year mean something.
LEAST_DAYS = 300.0
#: Degrees: beyond, the warm half of the year follows the hemisphere.
TROPICS = 30.0
#: K between the warm and the cold quarter, from which there are seasons.
SEASONAL = 5.0
#: Humidity above which nine of ten values never are.
DAMPEST = 0.9
#: mm a year: more falls only at the wettest places on Earth; and nowhere at all.
MOST_RAIN, NO_RAIN_LIKE_IT = 8_000.0, 30_000.0
#: Mean wind (m s-1), as nearly everywhere on land.
WIND = (0.4, 9.0)
#: Light of the brightest days of a year that is little (mol m-2 d-1).
DIM = 20.0


def saturation_pressure(temperature: Array) -> Array:
    """Saturation vapour pressure (Pa) over water at a temperature in degC."""
    return 611.0 * np.exp(17.27 * temperature / (temperature + 237.3))


def refuse_damp_air(deficit: Array, full: Array, name: str, unit: str) -> None:
    """Refuse a vapour pressure deficit that is next to none all through.

    Parameters
    ----------
    deficit, full : ndarray
        Deficit, and saturation vapour pressure, in one unit, of a year or more.
    name, unit : str
        What to call the deficit, and the unit that it should be in.

    Raises
    ------
    InputError
        If air is above 90 % humidity in nine values of ten.
    """
    driest = float(np.percentile(1.0 - deficit / full, 10.0))
    if driest > DAMPEST:
        raise InputError(
            name, found=f"air above {driest:.0%} humidity in nine values of ten, a "
            f"deficit of at most {float(deficit.max()):g} {unit}",
            wanted=f"{unit}, and a record with dry days in it",
            hint="Is it in another unit, or 0 where it was not measured?",
        )  # fmt: skip


def refuse_other_hemisphere(
    temperature: Array, month: NDArray[np.int_], latitude: float, name: str
) -> None:
    """Refuse a summer on the wrong side of the equator.

    Parameters
    ----------
    temperature : ndarray
        Mean temperature (degC) of days or months.
    month : ndarray of int
        Month of each, 1 to 12.
    latitude : float
        Degrees north.
    name : str
        What to call the latitude.

    Raises
    ------
    InputError
        If the warm half of the year is that of the other hemisphere.

    Examples
    --------
    >>> import numpy as np
    >>> month = np.arange(1, 13)
    >>> warm = -10.0 * np.cos(2.0 * np.pi * (month - 1) / 12.0)
    >>> refuse_other_hemisphere(warm, month, 45.0, "lat")
    """
    june, december = np.isin(month, (6, 7, 8)), np.isin(month, (12, 1, 2))
    if abs(latitude) < TROPICS or not (june.any() and december.any()):
        return
    warmer = float(temperature[june].mean() - temperature[december].mean())
    if abs(warmer) > SEASONAL and (warmer > 0.0) != (latitude > 0.0):
        months = "June to August" if warmer > 0.0 else "December to February"
        raise InputError(
            name, found=f"{latitude:g} degrees north, where {months} is "
            f"{abs(warmer):.1f} K warmer than half a year later",
            wanted="summer on the side of the equator that the latitude says",
            hint="Is the sign of the latitude lost, or the record moved by half a "
            "year?",
        )  # fmt: skip


def refuse_too_much_rain(annual: float, name: str) -> None:
    """Refuse a mean of a year (mm) that no place on Earth has ever had."""
    if annual > NO_RAIN_LIKE_IT:
        raise InputError(
            name, found=f"{annual:.0f} mm a year",
            wanted=f"less than {NO_RAIN_LIKE_IT:g} mm",
            hint="Is it a rate of the day in each shorter step, or in tenths of mm?",
        )  # fmt: skip


def unlikely_rain(annual: float, humidity: float, temperature: float) -> Iterator[str]:
    """Say it where the rain of a year (mm) is of another unit.

    Parameters
    ----------
    annual : float
        Mean sum of a year (mm).
    humidity, temperature : float
        Means: relative humidity (1), temperature (degC).

    Examples
    --------
    >>> list(unlikely_rain(700.0, 0.6, 8.0))
    []
    """
    if annual > MOST_RAIN:
        yield (
            f"precipitation of {annual:.0f} mm a year, more than nearly all of the "
            "Earth has: a rate of the day in each shorter step, or tenths of mm?"
        )
    damp = humidity > 0.5 and temperature > 0.0
    if (annual < 10.0 and humidity > 0.35) or (annual < 150.0 and damp):
        yield (
            f"precipitation of {annual:.3g} mm a year in air of {humidity:.0%} "
            "humidity, as in deserts alone: is it in cm, m, inches or mm s-1?"
        )


def unlikely_wind(mean: float) -> Iterator[str]:
    """Say it where the mean wind (m s-1) is of another unit."""
    low, high = WIND
    if not low <= mean <= high:
        yield (
            f"wind of {mean:.2g} m s-1 on average, where {low:g} to {high:g} is usual: "
            "is it in km h-1 or knots, or missing?"
        )


def unlikely_light(brightest: float) -> Iterator[str]:
    """Say it where the brightest days of a year (mol m-2 d-1) are dim."""
    if brightest < DIM:
        yield (
            f"light of at most {brightest:.3g} mol m-2 a day in all the record, where "
            "a clear summer's day has 40 to 65: is it in MJ m-2 (times 4.57)?"
        )
