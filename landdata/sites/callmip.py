"""Reader for the daily flux files of CalLMIP Phase 1 (PLUMBER2 towers, netCDF).

NEE_daily [gC/m2/d], Qle_daily and Qh_daily [W/m2] with uncertainties ``_uc_``.
Their NEE is negative for uptake, although the file calls it a net downward flux
(which would be positive): the sign here is checked by the season, and the
misleading standard name is not passed on. Most days are missing (NaN): the
provider drops a day with more than a quarter of its half-hours filled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import daily_times
from landdata.files.netcdf_variable import load_netcdf, wanted_variable
from landdata.variables import FLUXES

_CARBON_UNITS = ("gC/m2/d", "gC m-2 d-1", "g m-2 d-1")
_HEAT_UNITS = ("W/m2", "W m-2")
_VARIABLES = {
    "nee": ("NEE_daily", _CARBON_UNITS, FLUXES["nee"].attrs),
    "latent_heat": (
        "Qle_daily",
        _HEAT_UNITS,
        {
            "units": "W m-2",
            "long_name": "latent heat flux, upward",
            "standard_name": "surface_upward_latent_heat_flux",
        },
    ),
    "sensible_heat": (
        "Qh_daily",
        _HEAT_UNITS,
        {
            "units": "W m-2",
            "long_name": "sensible heat flux, upward",
            "standard_name": "surface_upward_sensible_heat_flux",
        },
    ),
}
_SEASON_DAYS = 10


def read_callmip_fluxes(path: str | Path) -> xr.Dataset:
    """Daily fluxes of one tower with their standard deviations.

    Returns
    -------
    xarray.Dataset
        Over ``time``: nee [g m-2 d-1, carbon, positive for release],
        latent_heat, sensible_heat [W m-2, positive upward], each with ``_sd``;
        attributes lat, lon, site. A value without an uncertainty, or with one of
        0, is missing, and counted (``n_without_sd``).
    """
    content = load_netcdf(path)
    time = daily_times(content, str(path))
    lat = float(
        wanted_variable(content, "latitude", ("degrees_north",), path).squeeze()
    )
    lon = float(
        wanted_variable(content, "longitude", ("degrees_east",), path).squeeze()
    )
    result = xr.Dataset(coords={"time": time})
    for name, (theirs, units, attrs) in _VARIABLES.items():
        value = wanted_variable(content, theirs, units, path)
        spread = wanted_variable(
            content, theirs.replace("_daily", "_uc_daily"), units, path
        )
        flux = value.to_numpy().astype(np.float64).ravel()
        sd = spread.to_numpy().astype(np.float64).ravel()
        usable = np.isfinite(flux) & (sd > 0.0)
        result[name] = xr.DataArray(
            np.where(usable, flux, np.nan),
            dims="time",
            attrs={
                **attrs,
                "positive": "up",
                "n_without_sd": int((np.isfinite(flux) & ~usable).sum()),
            },
        )
        result[f"{name}_sd"] = xr.DataArray(
            np.where(usable, sd, np.nan),
            dims="time",
            attrs={
                "units": attrs["units"],
                "long_name": f"standard deviation of {name}",
            },
        )
    _check_sign(result["nee"], lat, path)
    return result.assign_attrs(
        source=Path(path).name,
        site=str(content.attrs.get("site_code", "")),
        lat=lat,
        lon=lon,
    )


def _check_sign(nee: xr.DataArray, lat: float, path: str | Path) -> None:
    """A forest takes up carbon in its summer; a file with the other sign is refused."""
    month = nee["time"].dt.month
    summer = nee.where(month.isin([6, 7, 8] if lat >= 0.0 else [12, 1, 2]))
    winter = nee.where(month.isin([12, 1, 2] if lat >= 0.0 else [6, 7, 8]))
    if min(int(summer.count()), int(winter.count())) < _SEASON_DAYS:
        return
    if float(summer.mean()) > float(winter.mean()):
        raise InputError(
            f"{path}  NEE_daily",
            found=f"mean {float(summer.mean()):.2f} in summer, "
            f"{float(winter.mean()):.2f} in winter",
            wanted="negative for uptake, as in the CalLMIP flux files",
            hint="A flux that is positive downward has to be multiplied by -1 first.",
        )
