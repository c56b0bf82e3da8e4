"""Monthly weather of years compared with physics: faults that pass every limit.

What cannot be is refused (`refuse_impossible_years`); what is only unlikely is a
sentence (`unlikely_months`). The limits are wide: they catch a wrong unit, a lost sign
of a latitude and running sums, not unusual weather.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landmodels.century.physics.weather import MIDDLE
from landmodels.errors import InputError
from landmodels.weather_physics import (
    TROPICS,
    refuse_other_hemisphere,
    refuse_too_much_rain,
)

Array = NDArray[np.float64]

#: Precipitation over reference evapotranspiration: hyper-arid (UNEP), and as on the
#: wettest coasts alone, where it is also more than so many mm a year.
_DESERT, _DRENCHED, _MUCH = 0.05, 5.0, 3000.0
#: Months in a row with one and the same number that is hardly weather.
_STILL = 6
_MM = 10.0  # of a cm


def refuse_impossible_years(clean: xr.Dataset, where: str) -> None:
    """Refuse years that no place has; the first cell of them is named.

    Parameters
    ----------
    clean : xarray.Dataset
        Checked drivers and latitude, of whole calendar years.
    where : str
        What to call the forcing.

    Raises
    ------
    InputError
        For a summer on the wrong side of the equator, more rain than anywhere on
        Earth, and sums of the year so far in the place of months.
    """
    lat, mean, _, prec = _by_cell(clean)
    season = mean.mean(axis=1)
    warmer = season[:, 5:8].mean(axis=1) - season[:, [0, 1, 11]].mean(axis=1)
    annual = prec.sum(axis=2).mean(axis=1)
    # One cell stands for all: that of the worst season, and the wettest one.
    against = np.where(np.abs(lat) < TROPICS, np.inf, warmer * np.sign(lat))
    one, wettest = int(np.argmin(against)), int(np.argmax(annual))
    refuse_other_hemisphere(
        season[one],
        np.arange(1, 13),
        float(lat[one]),
        _named(f"{where}  lat", lat, one),
    )
    refuse_too_much_rain(float(annual[wettest]), _named(f"{where}  prec", lat, wettest))
    # Chance makes a year so in one of 12! cases; a dry year of equal months is none.
    rising = (np.diff(prec, axis=2) >= 0.0).all(axis=2) & (np.ptp(prec, axis=2) > 0.0)
    running = rising.all(axis=1) & (prec.shape[1] > 1)
    if running.any():
        raise InputError(
            _named(f"{where}  prec", lat, int(running.argmax())),
            found="numbers that never fall from January to December, in every year "
            f"({int(running.sum())} of {running.size} cells)",
            wanted="the precipitation of each month",
            hint="They look like sums of the year so far: take their differences.",
        )


def unlikely_months(clean: xr.Dataset) -> Iterator[str]:
    """Say what is unlikely, though not impossible, of monthly weather.

    Parameters
    ----------
    clean : xarray.Dataset
        As `validate_forcing` returns it.

    Yields
    ------
    str
        One sentence for each kind of fault, with the number of cells that have it.

    Examples
    --------
    >>> from landmodels.century import plateau_forcing, validate_forcing
    >>> list(unlikely_months(validate_forcing(plateau_forcing())))
    []
    """
    lat, mean, spread, prec = _by_cell(clean)
    n = lat.size
    wet = prec.sum(axis=2).mean(axis=1) / _evapotranspiration(lat, mean, spread)
    much = (wet > _DRENCHED) & (prec.sum(axis=2).mean(axis=1) > _MUCH)
    for cells, found, question in (
        (wet < _DESERT, "less than 5 % of what could evaporate, as in the driest "
         "deserts", "a rate of the day, or in cm, m or inches?"),
        (much, "more than five times what could evaporate",
         "mm that are called cm, or a sum of more than a month?"),
    ):  # fmt: skip
        if cells.any():
            some = float(prec[cells].sum(axis=2).mean())
            yield (
                f"precipitation of {some:.0f} mm a year in {int(cells.sum())} of {n} "
                f"cells, {found}: is it {question}"
            )
    flat = spread.mean(axis=(1, 2)) < 0.5
    if flat.any():
        yield (
            f"tmax is only {float(spread[flat].mean()):.2f} K above tmin in "
            f"{int(flat.sum())} of {n} cells: is the mean in both columns?"
        )
    for name in ("tmin", "tmax"):
        values = np.atleast_2d(clean[name].values)
        still = np.array([_longest(row) for row in values])
        if still.max() >= _STILL:
            yield (
                f"{name} is one and the same number in {int(still.max())} months in a "
                f"row ({int((still >= _STILL).sum())} of {len(values)} cells): missing "
                "months?"
            )


def _named(what: str, lat: Array, cell: int) -> str:
    return f"{what}, cell {cell}" if lat.size > 1 else what


def _by_cell(clean: xr.Dataset) -> tuple[Array, Array, Array, Array]:
    """Latitude (cell,), mean, range (K) and rain (mm) over (cell, year, month)."""
    whole = xr.broadcast(*(clean[name] for name in ("tmin", "tmax", "prec", "lat")))
    months = clean.sizes["time"]
    low, high, rain, lat = (
        part.transpose(..., "time").values.reshape(-1, months // 12, 12)
        for part in whole
    )
    return lat[:, 0, 0], 0.5 * (low + high), high - low, _MM * rain


def _evapotranspiration(lat: Array, mean: Array, spread: Array) -> Array:
    """Reference evapotranspiration of a mean year (mm), by Hargreaves' equation."""
    declination = 0.401426 * np.sin(6.283185 * (MIDDLE - 77.0) / 365.0)
    radian = np.radians(lat)[:, None]
    x = np.clip(-np.tan(radian) * np.tan(declination), -1.0, 1.0)
    h = np.arccos(x)
    light = 917.0 * (
        h * np.sin(radian) * np.sin(declination)
        + np.cos(radian) * np.cos(declination) * np.sin(h)
    )
    of_month = 0.0023 * (mean + 17.8) * np.sqrt(np.maximum(spread, 0.0)) / 54.0
    of_month = np.maximum(5.0, 30.0 * of_month * light[:, None, :])
    return np.asarray(of_month.sum(axis=2).mean(axis=1))


def _longest(values: Array) -> int:
    """Length of the longest run of one number."""
    edges = np.flatnonzero(np.r_[True, np.diff(values) != 0.0, True])
    return int(np.diff(edges).max())
