"""Reader for a point series of MODIS leaf area index (MCD15A3H, 4-day).

The table holds date and lai only: no quality flag. A value is the best of the
four days that begin at its date (composites restart each 1 January). Clouds that
passed the algorithm show as sudden drops in summer; over dense canopy the
retrieval saturates at 7.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.text_tables import Column, read_daily_table
from landdata.variables import FLUXES

SATURATION = 7.0
SUMMER_MONTHS = (6, 7, 8)
SOUTHERN_SUMMER_MONTHS = (12, 1, 2)
_DAYS_OF_A_YEAR = 365.25


def read_modis_lai(path: str | Path) -> xr.Dataset:
    r"""LAI [1] at the first day of each composite.

    Returns
    -------
    xarray.Dataset
        ``lai`` over ``time`` (composite dates, as many as the file has);
        its attributes count the saturated values.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_modis_lai
    >>> _ = Path("lai.csv").write_text("date,lai\n2003-07-04,4.8\n2003-07-08,7.0\n")
    >>> lai = read_modis_lai("lai.csv")["lai"]
    >>> lai.sizes["time"], lai.attrs["n_saturated"]
    (2, 1)
    """
    column = Column("lai", FLUXES["lai"], "m2 m-2", required=True)
    dataset = read_daily_table(path, [column])
    lai = dataset["lai"]
    days = pd.DatetimeIndex(dataset["time"].to_numpy())
    lai.attrs |= {
        "n_saturated": int((lai >= SATURATION).sum()),
        "comment": "4-day composite, stamped with its first day; no quality flag",
        "time_coverage_resolution": _resolution(days),
    }
    return dataset


def _resolution(days: pd.DatetimeIndex) -> str:
    """What a value stands for: four days only where the dates are of composites."""
    on_grid = ((days.day_of_year - 1) % 4 == 0).all()
    steps = np.diff(days.to_numpy()).astype("timedelta64[D]").astype(int)
    regular = steps.size > 2 and np.median(steps) == 4
    return "P4D" if on_grid or regular else "unknown"


def drop_low_summer_lai(
    lai: xr.DataArray,
    *,
    fraction: float = 0.6,
    percentile: float = 60.0,
    within_days: int = 0,
    months: tuple[int, ...] | None = None,
    lat: float = 45.0,
) -> xr.DataArray:
    """Drop cloudy summer values: those far below what the date usually has.

    A value in the summer months is dropped (NaN) if it is below ``fraction`` of
    the ``percentile`` of all years' values at the same date (day of year of the
    composite). Spring and autumn are left alone: there a low value may be a late
    leaf-out and not a cloud. Years outside the experiment help to define what is
    usual, so screen before you select years.

    Parameters
    ----------
    lai : xarray.DataArray (time,)
        At composite dates.
    fraction, percentile : float
        See above; 1 and %.
    within_days : int
        Dates so many days before and after count too, in all years: for a series of
        few years, whose own dates are too few for a percentile.
    months : tuple of int, optional
        The summer; by default June to August, and December to February south of the
        equator.
    lat : float
        degrees north.

    Returns
    -------
    xarray.DataArray (time,)
        With ``n_dropped`` and ``screening`` among its attributes.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landdata import drop_low_summer_lai
    >>> time = pd.DatetimeIndex([f"{year}-07-04" for year in range(2001, 2006)])
    >>> lai = xr.DataArray([5.0, 5.2, 1.0, 4.9, 5.1], {"time": time}, "time")
    >>> drop_low_summer_lai(lai).values
    array([5. , 5.2, nan, 4.9, 5.1])
    """
    if not (0.0 < fraction < 1.0 and 0.0 <= percentile <= 100.0 and within_days >= 0):
        raise InputError(
            "drop_low_summer_lai",
            found=f"fraction {fraction:g}, percentile {percentile:g}, "
            f"within_days {within_days}",
            wanted="a fraction between 0 and 1, a percentile from 0 to 100, and 0 or "
            "more days",
        )
    if months is None:
        months = SUMMER_MONTHS if lat >= 0.0 else SOUTHERN_SUMMER_MONTHS
    days = pd.DatetimeIndex(lai.indexes["time"])
    values = lai.values
    summer = np.isin(days.month, months)
    low = np.zeros(len(days), dtype=bool)
    dates = days.day_of_year.to_numpy()
    for date in np.unique(dates[summer]):
        apart = np.abs(dates - date)
        near = np.minimum(apart, _DAYS_OF_A_YEAR - apart) <= within_days
        usual = pd.Series(values[near]).quantile(percentile / 100.0)
        low |= summer & (dates == date) & (values < fraction * usual)
    around = f" and the {within_days} days around it" if within_days else ""
    attrs = {
        "n_dropped": int(low.sum()),
        "screening": f"months {', '.join(map(str, months))}: dropped below {fraction:g}"
        f" of the {percentile:g}th percentile of the date{around}",
    }
    kept = np.where(low, np.nan, values)
    return lai.copy(data=kept).assign_attrs(attrs)
