"""Observations that are no time series: a stock as the mean of a period, its error."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from landmodels.errors import InputError


def period_mean(stock: xr.DataArray, first: str, last: str) -> xr.DataArray:
    """Mean of a simulated stock over a period.

    Parameters
    ----------
    stock : xarray.DataArray
        Over ``time``, one value a month, such as ``soc``.
    first, last : str
        First and last month or year, such as "1980" and "1985".

    Returns
    -------
    xarray.DataArray
        Without ``time``, in the unit of ``stock``; the period is in the attributes.

    Raises
    ------
    InputError
        If the run does not cover the whole period.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("1980-01-01", periods=24, freq="MS")
    >>> soc = xr.DataArray(np.arange(24.0), coords={"time": time}, dims="time")
    >>> float(period_mean(soc, "1981", "1981"))
    17.5
    """
    start = np.datetime64(first).astype("datetime64[M]")
    end = np.datetime64(last)
    unit = np.datetime_data(end.dtype)[0]
    stop = (end + 1).astype("datetime64[M]")
    if unit not in ("Y", "M"):
        stop = end.astype("datetime64[M]") + np.timedelta64(1, "M")
    months = stock["time"].values.astype("datetime64[M]")
    inside = (months >= start) & (months < stop)
    wanted = int((stop - start).astype(int))
    if wanted < 1 or int(inside.sum()) != wanted:
        raise InputError(
            f"mean of {first} to {last}",
            found=f"{int(inside.sum())} of {wanted} months, in a run from "
            f"{months[0]} to {months[-1]}",
            wanted="a run that covers the period",
        )
    part = stock.isel(time=np.flatnonzero(inside)).transpose(..., "time")
    # Rows side by side in memory: numpy then adds each alike, however many there are.
    part = part.copy(data=np.ascontiguousarray(part.values))
    mean = part.mean("time")
    return mean.assign_attrs({**stock.attrs, "period": f"{first} to {last}"})


def relative_error(values: Any, *, fraction: float = 0.3, floor: float = 0.0) -> Any:
    """Standard deviation of observations as a fraction of the value, with a floor.

    Without a floor a flux near 0 would count as if it were known exactly. Zhao et al.
    (2022) take 30 %. Note that a value that is low by chance then counts more: where
    the true error is a fraction of 30 %, a least-squares fit is about a quarter too
    low. A floor of 5 g C m-2 month-1 suits monthly NEP.

    Parameters
    ----------
    values : array or xarray.DataArray
    fraction : float
        Fraction of the size of the value (1).
    floor : float
        Least standard deviation, in the unit of the values. It may be 0 only where
        no value is 0.

    Returns
    -------
    array or xarray.DataArray
        Standard deviation; NaN where the value is missing.

    Raises
    ------
    InputError
        If fraction or floor is negative, or an error would be 0.

    Examples
    --------
    >>> relative_error(np.array([1.0, -40.0]), fraction=0.3, floor=5.0)
    array([ 5., 12.])
    """
    if not (0.0 <= fraction < np.inf and 0.0 <= floor < np.inf):
        raise InputError(
            "error rule",
            found=f"fraction {fraction}, floor {floor}",
            wanted="0 or more",
        )
    size = fraction * np.abs(values)
    error = xr.where(size > floor, size, floor) if isinstance(values, xr.DataArray) \
        else np.maximum(size, floor)  # fmt: skip
    error = error + 0.0 * size  # missing values stay missing
    if np.any(np.asarray(error) == 0.0):
        raise InputError(
            "error rule", found="an observation of 0 with an error of 0",
            wanted="a floor above 0",
        )  # fmt: skip
    return error
