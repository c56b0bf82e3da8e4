"""The weather of a spin-up: ten years without their trend (section 14)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from landmodels.century.drivers import check_order, validate_forcing
from landmodels.errors import InputError


def spinup_weather(forcing: xr.Dataset, *, years: int = 10) -> xr.Dataset:
    """First years of a forcing, without their trend.

    From each variable and calendar month the least-squares slope over the years is
    taken out, so that the repeated years do not jump where they begin anew.
    Precipitation is kept from going below 0. CO2 is that of the first year.

    Parameters
    ----------
    forcing : xarray.Dataset
        See :func:`landmodels.century.validate_forcing`.
    years : int
        Years to take.

    Returns
    -------
    xarray.Dataset
        Checked forcing of these years.

    Raises
    ------
    InputError
        If the forcing has fewer years.
    """
    return detrended(validate_forcing(forcing), years)


def detrended(clean: xr.Dataset, years: int = 10) -> xr.Dataset:
    """As :func:`spinup_weather`, for forcing that is checked already."""
    available = clean.sizes["time"] // 12
    if not 2 <= years <= available:
        raise InputError(
            "spin-up weather", found=f"{available} years of forcing",
            wanted=f"at least {max(years, 2)} years",
            hint="Pass spinup_forcing, or an initial_state.",
        )  # fmt: skip
    part = clean.isel(time=slice(0, 12 * years))
    year = np.arange(years) - (years - 1) / 2.0
    for name in ("tmin", "tmax", "prec"):
        values = part[name].values
        table = values.reshape(*values.shape[:-1], years, 12)
        slope = np.einsum("y,...ym->...m", year, table) / (year @ year)
        table = table - year[:, None] * slope[..., None, :]
        if name == "prec":
            table = np.maximum(table, 0.0)
        part = part.assign(
            {name: (part[name].dims, table.reshape(values.shape), part[name].attrs)}
        )
    if "co2" in part:
        first = part["co2"].isel(time=slice(0, 12)).mean("time")
        part["co2"] = first.expand_dims(time=part["time"], axis=-1).assign_attrs(
            part["co2"].attrs
        )
    check_order(part["tmin"], part["tmax"], part["time"].values, "spin-up weather")
    return part
