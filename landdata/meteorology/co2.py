"""CO2 for years that a site did not measure: the Mauna Loa annual means.

The table (mauna_loa_annual.csv) is NOAA's annual mean of Mauna Loa, ppm, in the
public domain. IBIS takes one CO2 for a year [P Table 1 of Ma et al. 2022], so a
day gets the mean of its calendar year; nothing is interpolated within a year.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from landdata.errors import InputError


@cache
def mauna_loa_table() -> pd.DataFrame:
    """Annual means: index ``year``, columns ``co2`` and ``uncertainty`` [ppm]."""
    path = files("landdata.meteorology") / "mauna_loa_annual.csv"
    with path.open(encoding="utf-8") as lines:
        table = pd.read_csv(lines, comment="#")
    table.columns = pd.Index(["year", "co2", "uncertainty"])
    return table.set_index("year")


def mauna_loa_co2(time: object, *, instead: str = "") -> np.ndarray:
    """CO2 [ppm] of each day: the annual mean of its calendar year.

    Parameters
    ----------
    time : array of datetime64 (time,)
        Any days within the years of the table.
    instead : str
        What else the caller takes, as a hint where a year is not in the table.

    Returns
    -------
    numpy.ndarray (time,)
        ppm, constant through each year.

    Examples
    --------
    >>> mauna_loa_co2(["2001-01-01", "2001-12-31", "2002-01-01"])
    array([371.32, 371.32, 373.45])
    """
    years = pd.DatetimeIndex(np.atleast_1d(np.asarray(time, "datetime64[D]"))).year
    table = mauna_loa_table()["co2"]
    unknown = sorted(set(years) - set(table.index))
    if unknown:
        raise InputError(
            f"co2 in {unknown[0]}",
            found="no annual mean of Mauna Loa for that year",
            wanted=f"years {table.index[0]} to {table.index[-1]}",
            hint=instead or "Choose years of the table.",
        )
    return table.loc[years].to_numpy(dtype=np.float64)
