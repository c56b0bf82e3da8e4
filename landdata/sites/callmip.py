"""Reader for the daily flux files of CalLMIP Phase 1 (PLUMBER2 towers, netCDF).

NEE_daily [gC/m2/d], Qle_daily and Qh_daily [W/m2] with uncertainties ``_uc_``.
Their NEE is negative for uptake at every site, although the file calls it a net
downward flux (which would be positive): the misleading standard name is not passed
on. A file with the other sign is found by the latent heat that goes with uptake, and
not by the season: at dry sites the summer releases carbon. Most days are missing
(NaN): the provider drops a day with more than a quarter of its half-hours filled.

Hourly towers (US-MMS) were summed with the seconds of a half-hour, so that NEE and
its uncertainty are half of what was measured: doubled here, and reported.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from landdata.errors import InputError
from landdata.files.netcdf_variable import load_netcdf, wanted_variable
from landdata.files.notes import Notes
from landdata.meteorology.daily_check import daily_times
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
# Of NEE with latent heat: -0.2 to -0.9 at the towers of phase 1b, wet and dry.
_COMMON_DAYS, _DOUBTFUL, _WRONG = 20, 0.1, 0.4
_FEW = 30  # days of a stream below which a fit says little
# Towers of the protocol's validation set: their fluxes judge, and never calibrate.
VALIDATION = frozenset(
    place
    for places in (
        "AU-ASM AU-How AU-Stp AU-Tum CH-Cha",
        "US-FPe US-GLE US-Ha1 US-Me2 US-UMB",
    )
    for place in places.split()
)


def read_callmip_fluxes(path: str | Path, *, as_published: bool = False) -> xr.Dataset:
    """Daily fluxes of one tower with their standard deviations.

    Parameters
    ----------
    path : path
        ``<site>_daily_aggregated_<years>_FLUXNET2015_Flux.nc``.
    as_published : bool
        Leave NEE of an hourly tower at half of what was measured.

    Returns
    -------
    xarray.Dataset
        Over ``time``: nee [g m-2 d-1, carbon, positive for release],
        latent_heat, sensible_heat [W m-2, positive upward], each with ``_sd``;
        attributes lat, lon, site, ``role`` (calibration or validation, by the
        protocol) and ``corrections``. A value without an uncertainty, or with one of
        0, is missing, and counted (``n_without_sd``).

    Raises
    ------
    InputError
        For another unit, a missing variable, or NEE of the other sign.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landdata import read_callmip_fluxes
    >>> names = {"NEE": "gC/m2/d", "Qle": "W/m2", "Qh": "W/m2"}
    >>> tower = xr.Dataset(
    ...     {f"{name}{kind}_daily": ("time", np.full(365, value), {"units": units})
    ...      for name, units in names.items()
    ...      for kind, value in {"": 1.5, "_uc": 0.4}.items()},
    ...     {"time": pd.date_range("2003-01-01", "2003-12-31")},
    ...     {"site_code": "DE-Hai"},
    ... )
    >>> tower["latitude"] = ("y", [51.08], {"units": "degrees_north"})
    >>> tower["longitude"] = ("x", [10.45], {"units": "degrees_east"})
    >>> tower.to_netcdf("DE-Hai_flux.nc")
    >>> fluxes = read_callmip_fluxes("DE-Hai_flux.nc", as_published=True)
    >>> float(fluxes["nee"][0]), fluxes["latent_heat_sd"].units
    (1.5, 'W m-2')
    """
    content = load_netcdf(path)
    notes = Notes(path)
    time = daily_times(content, str(path))
    lat = float(
        wanted_variable(content, "latitude", ("degrees_north",), path).squeeze()
    )
    lon = float(
        wanted_variable(content, "longitude", ("degrees_east",), path).squeeze()
    )
    result = xr.Dataset(coords={"time": time})
    for name, (theirs, units, attrs) in _VARIABLES.items():
        factor = _mend(content, path, as_published, notes) if name == "nee" else 1.0
        value = wanted_variable(content, theirs, units, path)
        spread = wanted_variable(
            content, theirs.replace("_daily", "_uc_daily"), units, path
        )
        flux = factor * value.to_numpy().astype(np.float64).ravel()
        sd = factor * spread.to_numpy().astype(np.float64).ravel()
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
        _check_values(result[name], f"{path}  {theirs}")
        if int(usable.sum()) < _FEW:
            notes.add(f"{theirs}: {int(usable.sum())} days with a value")
    _check_sign(result, lat, path, notes)
    site = str(content.attrs.get("site_code", ""))
    role = "validation" if site in VALIDATION else "calibration"
    if role == "validation":
        notes.add(f"{site} is a validation site: its fluxes must not be calibrated on")
    return result.assign_attrs(
        source=Path(path).name, site=site, role=role, lat=lat, lon=lon, **notes.attrs
    )


def _mend(
    content: xr.Dataset, path: str | Path, as_published: bool, notes: Notes
) -> float:
    """2 where hourly values were summed as if they were half-hourly, else 1."""
    origin = str(content.attrs.get("Input_file", ""))
    scaling = str(content.attrs.get("scaling_factor_NEE", ""))
    if "_HR_" not in origin or "1800" not in scaling:
        return 1.0
    notes.add(
        "NEE_daily: hourly values were summed with the 1800 s of a half-hour, so the "
        "file has half of what was measured; "
        + ("left as published" if as_published else "NEE and its uncertainty doubled")
    )
    return 1.0 if as_published else 2.0


def _check_values(value: xr.DataArray, where: str) -> None:
    low, high = (-60.0, 60.0) if value.name == "nee" else (-500.0, 1000.0)
    bad = (value < low) | (value > high)
    if bad.any():
        day = value["time"][int(np.argmax(bad.to_numpy()))]
        raise InputError(
            f"{where} on {str(day.values)[:10]}",
            found=f"{float(value.sel(time=day)):g} {value.attrs['units']}",
            wanted=f"{low:g} to {high:g} {value.attrs['units']}",
            hint="A missing-value code that is not declared, or a wrong unit.",
        )


def _check_sign(fluxes: xr.Dataset, lat: float, path: str | Path, notes: Notes) -> None:
    """Refuse the other sign: plants that take up carbon transpire, everywhere."""
    nee, heat = fluxes["nee"].to_numpy(), fluxes["latent_heat"].to_numpy()
    both = np.isfinite(nee) & np.isfinite(heat)
    if both.sum() >= _COMMON_DAYS and nee[both].std() > 0.0 < heat[both].std():
        r = float(np.corrcoef(nee[both], heat[both])[0, 1])
        if r >= _WRONG:
            found = f"a correlation of {r:+.2f} with latent heat over {both.sum()} days"
            raise _wrong_sign(path, found)
        if r >= _DOUBTFUL:
            notes.add(
                f"NEE_daily: correlates with latent heat at {r:+.2f}, where -0.2 to "
                "-0.9 is usual; its sign may be the other"
            )
        return
    summer, winter = _seasons(fluxes["nee"], lat)
    if min(int(summer.count()), int(winter.count())) < _SEASON_DAYS or abs(lat) < 45.0:
        notes.add("NEE_daily: too few days to check its sign")
    elif float(summer.mean()) > float(winter.mean()):
        raise _wrong_sign(
            path,
            f"mean {float(summer.mean()):.2f} in summer, {float(winter.mean()):.2f} in "
            "winter",
        )


def _seasons(nee: xr.DataArray, lat: float) -> tuple[xr.DataArray, xr.DataArray]:
    month = nee["time"].dt.month
    middle, turn = nee.where(month.isin([6, 7, 8])), nee.where(month.isin([12, 1, 2]))
    return (middle, turn) if lat >= 0.0 else (turn, middle)


def _wrong_sign(path: str | Path, found: str) -> InputError:
    return InputError(
        f"{path}  NEE_daily",
        found=found,
        wanted="negative for uptake, as in the CalLMIP flux files",
        hint="A flux that is positive downward has to be multiplied by -1 first.",
    )
