"""Read drivers: the program's text files and tables with named columns.

Specification, section 2.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import xarray as xr

from landmodels.sipnet.drivers import (
    CALENDAR,
    WEATHER,
    say_unlikely,
    validate_forcing,
)
from landmodels.sipnet.errors import InputError
from landmodels.sipnet.tables import read_table

#: Columns of the text file; the older form has a location in front and a soil
#: wetness at the end.
COLUMNS = (
    "year", "day", "time", "length", "tair", "tsoil", "par", "precip", "vpd",
    "vpdsoil", "vpress", "wspd",
)  # fmt: skip
_SECONDS_PER_DAY = 86400.0


def read_clim(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a driver file of the program: 12 or 14 columns of numbers.

    Parameters
    ----------
    path : path-like
        Text with one record on each line: year, day, hour, length (days, or seconds
        if negative), air and soil temperature (degC), light (mol m-2, sum of the
        step), precipitation (mm, sum of the step), vapour pressure deficits of air
        and soil and vapour pressure (Pa), wind (m s-1). With 14 columns the first
        (location) and the last (soil wetness) are left out.

    Returns
    -------
    xarray.Dataset
        As `validate_forcing` returns it.

    Raises
    ------
    InputError
        If the file is missing, a line does not have 12 or 14 numbers, or the values
        cannot be used. The line is named.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from landmodels.sipnet import read_clim
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "site.clim"
    ...     _ = path.write_text("1998 305 0 -25200 1.5 0.8 0 0 105.8 70.2 711.6 0.9")
    ...     float(read_clim(path)["step_length"][0])
    0.2916666666666667
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(
            str(path), found=str(exc), wanted="a text file of drivers"
        ) from exc
    rows, width = [], 0
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        width = width or len(words)
        rows.append(_numbers(words, width, f"{path}, line {number}"))
    if not rows:
        raise InputError(str(path), found="no record", wanted="at least one step")
    values = np.array(rows)
    if width == len(COLUMNS) + 2:
        values = values[:, 1:-1]
    columns = dict(zip(COLUMNS, values.T, strict=True))
    return _dataset(columns, str(path))


def _numbers(words: list[str], width: int, where: str) -> list[float]:
    if len(words) not in (len(COLUMNS), len(COLUMNS) + 2):
        raise InputError(
            where, found=f"{len(words)} columns",
            wanted="12 columns, " + " ".join(COLUMNS) + "; or 14, with a location in "
            "front and a soil wetness at the end",
        )  # fmt: skip
    if len(words) != width:
        raise InputError(
            where,
            found=f"{len(words)} columns",
            wanted=f"{width}, as on the first line",
        )
    try:
        return [float(word) for word in words]
    except ValueError as exc:
        raise InputError(
            where, found=str(exc), wanted="numbers only",
            hint="The file has no header line.",
        ) from exc  # fmt: skip


def read_driver_table(path: str | os.PathLike[str]) -> xr.Dataset:
    r"""Read drivers from a table with named columns (csv, also gzipped).

    Parameters
    ----------
    path : path-like
        Table with the columns of the program's text file: year, day, time, length,
        tair, tsoil, par, precip, vpd, vpdsoil, vpress, wspd, in its units.

    Returns
    -------
    xarray.Dataset
        As `validate_forcing` returns it.

    Raises
    ------
    InputError
        If the file is missing, a column is missing or unknown, or the values cannot
        be used.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from landmodels.sipnet import read_driver_table
    >>> head = "year,day,time,length,tair,tsoil,par,precip,vpd,vpdsoil,vpress,wspd"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "site.csv"
    ...     _ = path.write_text(head + "\n1998,305,0,0.5,1.5,0.8,0,0,106,70,712,0.9")
    ...     read_driver_table(path).sizes["time"]
    1
    """
    table = read_table(path, "a table of drivers")
    missing = [name for name in COLUMNS if name not in table.columns]
    extra = [str(name) for name in table.columns if name not in COLUMNS]
    if missing or extra:
        found = [f"no column {', '.join(missing)}"] if missing else []
        found += [f"unknown columns {', '.join(extra)}"] if extra else []
        raise InputError(
            str(path), found="; ".join(found), wanted="columns " + ", ".join(COLUMNS)
        )
    for name in COLUMNS:
        if table[name].dtype.kind not in "iuf":
            raise InputError(
                f"{path}  {name}", found="values that are not numbers", wanted="numbers"
            )
    return _dataset({n: table[n].to_numpy(float) for n in COLUMNS}, str(path))


def _dataset(columns: dict[str, np.ndarray], where: str) -> xr.Dataset:
    """Label columns in file units, with lengths in days."""
    length = columns["length"]
    length = np.where(length < 0.0, length / -_SECONDS_PER_DAY, length)
    values = {**columns, "hour": columns["time"], "step_length": length}
    known = {**CALENDAR, **WEATHER}
    dataset = xr.Dataset(
        {name: ("time", values[name], known[name].attrs) for name in known}
    )
    clean = validate_forcing(dataset, where=where)
    say_unlikely(clean, where)
    return clean
