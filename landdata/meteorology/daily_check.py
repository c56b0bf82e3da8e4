"""The check of daily weather that a reader has put together.

It holds for weather of this package's own making, in its own units. A process model
checks once more what it is given.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.variables import DAILY, SITE, Variable


def validate_forcing(forcing: xr.Dataset, *, where: str = "weather") -> xr.Dataset:
    """Return complete daily weather in the order of ``DAILY``.

    Parameters
    ----------
    forcing : xarray.Dataset
        Each variable of ``DAILY`` over ``time`` (days), each of ``SITE`` a scalar.
    where : str
        What to call it in an error.

    Raises
    ------
    InputError
        At the first of: a missing variable, a missing or repeated day, a value that is
        missing or not possible, tmin above tmax, sand and clay over 100 %.
    """
    time = daily_times(forcing, where)
    for name in (*DAILY, *SITE):
        if name not in forcing:
            raise InputError(
                f"{where}  {name}", found=f"no variable {name}", wanted=_wanted(name)
            )
    clean: dict[str, xr.DataArray] = {}
    for name, variable in DAILY.items():
        values = np.ascontiguousarray(forcing[name].values, dtype=np.float64)
        _check(values, time, variable, where)
        attrs = {**forcing[name].attrs, **variable.attrs}
        clean[name] = xr.DataArray(values, dims="time", attrs=attrs)
    for name, variable in SITE.items():
        value = float(forcing[name])
        if not variable.low <= value <= variable.high:
            raise InputError(
                f"{where}  {name}",
                found=f"{value:g} {variable.units}",
                wanted=f"{variable.low:g} to {variable.high:g} {variable.units}",
            )
        clean[name] = xr.DataArray(value, attrs=variable.attrs)
    crossed = clean["tmin"].values > clean["tmax"].values
    if crossed.any():
        first = int(np.argmax(crossed))
        low, high = float(clean["tmin"][first]), float(clean["tmax"][first])
        raise InputError(
            f"{where}  tmin and tmax on {time[first]:.10}",
            found=f"tmin {low:g} above tmax {high:g} degC ({_count(crossed)})",
            wanted="tmin at most tmax",
        )
    if float(clean["sand"]) + float(clean["clay"]) > 100.0 + 1e-9:
        raise InputError(
            f"{where}  sand and clay",
            found=f"{float(clean['sand']):g} + {float(clean['clay']):g} %",
            wanted="together at most 100 %",
        )
    return xr.Dataset(clean, coords={"time": time}, attrs=dict(forcing.attrs))


def daily_times(dataset: xr.Dataset, where: str) -> NDArray[np.datetime64]:
    """Return the time axis as midnights; refused unless every day is there.

    Raises
    ------
    InputError
        If there is no such axis, or a day is missing, twice or out of order.
    """
    time = dataset.coords.get("time")
    if time is None or time.dtype.kind != "M" or not time.size:
        raise InputError(
            f"{where}  time",
            found="no coordinate time" if time is None else f"{time.dtype} values",
            wanted="datetime64 dates of the real calendar (29 February included)",
        )
    days = np.atleast_1d(time.values).astype("datetime64[D]")
    if np.isnat(days).any():
        raise InputError(
            f"{where}  time",
            found=f"no date at position {int(np.argmax(np.isnat(days)))} (from 0)",
            wanted="a date for every day",
        )
    steps = np.diff(days).astype(int)
    bad = np.flatnonzero(steps != 1)
    if bad.size:
        at, step = int(bad[0]), int(steps[bad[0]])
        found = (
            f"{step - 1} missing day{'s' if step > 2 else ''}"
            if step > 1
            else "the same day twice"
            if step == 0
            else f"{days[at + 1]} after {days[at]}"
        )
        raise InputError(
            f"{where}  time on {days[at] + 1}",
            found=found,
            wanted="every day of the real calendar, once and in order",
        )
    return days.astype("datetime64[ns]")


def _check(
    values: NDArray[np.float64],
    time: NDArray[np.datetime64],
    variable: Variable,
    where: str,
) -> None:
    bad = ~((values >= variable.low) & (values <= variable.high))  # NaN too
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{where}  {variable.name} on {time[first]:.10}",
            found=f"{values[first]:g} {variable.units} ({_count(bad)})",
            wanted=f"{variable.low:g} to {variable.high:g} {variable.units}",
        )


def _wanted(name: str) -> str:
    variable = (DAILY | SITE)[name]
    return f"{variable.long_name} [{variable.units}]"


def _count(bad: NDArray[np.bool_]) -> str:
    n = int(bad.sum())
    return f"{n} day{'' if n == 1 else 's'} in all"
