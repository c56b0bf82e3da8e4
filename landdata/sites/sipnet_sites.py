"""Readers for the half-daily drivers and fluxes of SIPNET, and daily heat and NEE.

A step is a day or a night, given by year, day of year, hour and length in days. par
is mol m-2 a step, precip mm a step; of the fluxes nee is g C m-2 a step and et **cm**
a step, each with the fraction of the step that was measured (Braswell et al. 2005).
``us_nr1_daily`` has nee [g m-2 d-1], le and h [W m-2] of whole days, each with _sd.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.notes import Notes
from landdata.files.text_tables import (
    Column,
    first_line,
    numbers,
    read_daily_table,
    read_text_table,
)
from landdata.measured import MEASURED, spread_of
from landdata.variables import FLUXES, Variable

_LEAST_MEASURED = 0.5
_FORCING = (
    Variable("tair", "degC", -90.0, 60.0, "air temperature"),
    Variable("tsoil", "degC", -60.0, 60.0, "soil temperature"),
    Variable("par", "mol m-2", 0.0, 80.0, "photosynthetic photons of the step"),
    Variable("precip", "mm", 0.0, 1000.0, "precipitation of the step"),
    Variable("vpd", "Pa", -100.0, 12000.0, "vapour pressure deficit of the air"),
    Variable("vpdsoil", "Pa", -4000.0, 12000.0, "deficit between soil and air"),
    Variable("vpress", "Pa", 0.0, 7000.0, "vapour pressure"),
    Variable("wspd", "m s-1", 0.0, 80.0, "wind"),
)


def read_sipnet_forcing(path: str | Path) -> xr.Dataset:
    r"""Half-daily weather in SIPNET's columns.

    Parameters
    ----------
    path : path
        CSV, plain or compressed: year, day, time [h], length [d], tair, tsoil, par,
        precip, vpd, vpdsoil, vpress, wspd.

    Returns
    -------
    xarray.Dataset
        Over ``time``, the start of each step, with ``length`` [d]: tair, tsoil
        [degC], par [mol m-2], precip [mm] of the step, vpd, vpdsoil, vpress [Pa],
        wspd [m s-1].

    Raises
    ------
    InputError
        Naming the line of a value that cannot be, or of a step out of order.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_sipnet_forcing
    >>> _ = Path("clim.csv").write_text(
    ...     "year,day,time,length,tair,tsoil,par,precip,vpd,vpdsoil,vpress,wspd\n"
    ...     "1999,1,0,0.5,-4,-1,0,0.2,90,60,350,3\n"
    ...     "1999,1,12,0.5,2,0,9,0,200,80,380,3\n"
    ... )
    >>> forcing = read_sipnet_forcing("clim.csv")
    >>> forcing["length"].values.tolist(), forcing["par"].units
    ([0.5, 0.5], 'mol m-2')
    """
    names = [driver.name for driver in _FORCING]
    table = read_text_table(path, required=["year", "day", "time", "length", *names])
    notes = Notes(path)
    time, length = _steps(table, path, notes)
    data = {}
    for driver in _FORCING:
        data[driver.name] = (
            "time", _checked(table, driver.name, driver, path), driver.attrs
        )  # fmt: skip
    return _half_days(data, time, length, path, notes)


def read_sipnet_observations(
    path: str | Path, *, least_measured: float = _LEAST_MEASURED
) -> xr.Dataset:
    r"""Half-daily NEE and ET on the steps of a SIPNET forcing.

    Parameters
    ----------
    path : path
        CSV, plain or compressed: year, day, time, length, nee, nee_valid, et
        [cm a step], et_valid.
    least_measured : float
        Steps of which less was measured, the rest gap-filled, become NaN and are
        counted.

    Returns
    -------
    xarray.Dataset
        Over ``time``, the start of each step, with ``length`` [d]: nee [g m-2 of the
        step, carbon, positive for release] and et [mm of the step].

    Raises
    ------
    InputError
        Naming the line of a value that cannot be, or of a step out of order.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_sipnet_observations
    >>> _ = Path("seen.csv").write_text(
    ...     "year,day,time,length,nee,nee_valid,et,et_valid\n"
    ...     "1999,1,0,0.5,0.4,1,0.01,1\n1999,1,12,0.5,-0.6,0.2,0.05,1\n"
    ... )
    >>> seen = read_sipnet_observations("seen.csv")
    >>> seen["nee"].values, seen["et"].values
    (array([0.4, nan]), array([0.1, 0.5]))
    """
    columns = {
        "nee": Variable(
            "nee", "g m-2", -30.0, 30.0, "net ecosystem exchange of a step"
        ),
        "et": Variable("et", "mm", -10.0, 20.0, "evapotranspiration of a step"),
    }
    required = [*columns, *(f"{name}_valid" for name in columns)]
    table = read_text_table(path, required=["year", "day", "time", "length", *required])
    notes = Notes(path)
    time, length = _steps(table, path, notes)
    data = {}
    for name, driver in columns.items():
        factor = 10.0 if name == "et" else 1.0  # cm
        values = _checked(table, name, driver, path, factor)
        fraction = numbers(table, f"{name}_valid", path)
        odd = ~fraction.between(0.0, 1.0)
        if odd.any():
            line = first_line(odd)
            raise InputError(
                f"{path}:{line}  {name}_valid",
                found=repr(table[f"{name}_valid"].loc[line]),
                wanted="the measured fraction of the step, 0 to 1",
            )
        weak = (fraction < least_measured).to_numpy()
        attrs = {**driver.attrs, "n_filled": int((weak & np.isfinite(values)).sum())}
        data[name] = ("time", np.where(weak, np.nan, values), attrs)
    return _half_days(data, time, length, path, notes)


def read_tower_heat(path: str | Path) -> xr.Dataset:
    r"""Daily NEE and heat fluxes: date, nee, le, h, each with _sd.

    Returns
    -------
    xarray.Dataset
        Over ``time``: nee [g m-2 d-1, carbon, positive for release], latent_heat,
        sensible_heat [W m-2], each with ``_sd``; an empty cell was not measured.

    Raises
    ------
    InputError
        Naming line and column.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_tower_heat
    >>> _ = Path("heat.csv").write_text(
    ...     "date,nee,nee_sd,le,le_sd,h,h_sd\n2003-07-01,-4,0.4,90,9,40,5\n"
    ... )
    >>> heat = read_tower_heat("heat.csv")
    >>> float(heat["latent_heat"][0]), heat["latent_heat"].units
    (90.0, 'W m-2')
    """
    drivers = {
        "nee": FLUXES["nee"],
        "le": MEASURED["latent_heat"],
        "h": MEASURED["sensible_heat"],
    }
    columns = []
    for name, driver in drivers.items():
        columns.append(Column(name, driver, driver.units, required=name == "nee"))
        columns.append(Column(f"{name}_sd", spread_of(driver), driver.units))
    return read_daily_table(path, columns)


def _steps(
    table: pd.DataFrame, path: str | Path, notes: Notes
) -> tuple[np.ndarray, np.ndarray]:
    """Starts of the steps and their lengths in days; each start once, in order."""
    part = {
        name: numbers(table, name, path) for name in ("year", "day", "time", "length")
    }
    wrong = (
        ~part["year"].between(1800, 2200)
        | ~part["day"].between(1, 366)
        | ~part["time"].between(0, 24)
        | ~part["length"].between(0.01, 1.01)
    )
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}",
            found=", ".join(f"{name} {values.loc[line]:g}" for name, values in
                            part.items()),
            wanted="a year, a day of year, an hour, and a length in days of at most 1",
        )  # fmt: skip
    start = pd.to_datetime(part["year"].astype(int).astype(str) + "-01-01")
    start += pd.to_timedelta(part["day"] - 1, unit="D")
    start += pd.to_timedelta((part["time"] * 3600).round(), unit="s")
    back = start.diff().dt.total_seconds() <= 0.0
    if back.any():
        line = first_line(back)
        raise InputError(
            f"{path}:{line}",
            found=f"{start.loc[line]} after {start.loc[line - 1]}",
            wanted="each step once, in order",
        )
    long = start.diff().dt.total_seconds() > 1.5 * 86400.0
    if long.any():
        line = first_line(long)
        notes.add(f"no step between {start.loc[line - 1]} and {start.loc[line]}")
    return start.to_numpy("datetime64[ns]"), part["length"].to_numpy()


def _checked(
    table: pd.DataFrame,
    name: str,
    driver: Variable,
    path: str | Path,
    factor: float = 1.0,
) -> np.ndarray:
    values = numbers(table, name, path) * factor
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        line = first_line(bad)
        raise InputError(
            f"{path}:{line}  {name}",
            found=f"{values.loc[line] / factor:g} (rows like it: {int(bad.sum())})",
            wanted=f"{driver.low / factor:g} to {driver.high / factor:g}",
            hint="A missing-value code, or another unit.",
        )
    return values.to_numpy()


def _half_days(
    data: dict, time: np.ndarray, length: np.ndarray, path: str | Path, notes: Notes
) -> xr.Dataset:
    coords = {"time": time, "length": ("time", length, {"units": "d"})}
    attrs = {"source": Path(path).name, **notes.attrs}
    return xr.Dataset(data, coords=coords, attrs=attrs)
