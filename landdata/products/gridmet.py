"""gridMET daily weather on its 1/24 degree grid (Abatzoglou 2013), netCDF.

One variable and year a file: ``tmmx_2010.nc``. Values are packed integers, the
time dimension is called ``day``, temperatures are kelvin, and radiation is a mean
over all 24 hours (unlike Daymet's). A day of gridMET ends at midnight mountain
time (07 UTC), two hours after the east coast's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import xarray as xr

from landdata.errors import InputError
from landdata.files.daily import read_daily, refuse_inverted_days
from landdata.files.netcdf_fields import Field, delivered, target
from landdata.files.provider_files import matching_files, open_netcdf
from landdata.grid.grid import Cells, Grid
from landdata.variables import DAILY, RAW

# The variable inside a yearly file has the same name for tmmn and tmmx. The name of the
# file, or its description, says which of the two it is.
_BY_FILE = {
    "tmmn": Field("air_temperature", RAW["tmin"]),
    "tmmx": Field("air_temperature", RAW["tmax"]),
}
# "mm" a day: the file leaves the day out.
_BY_VARIABLE = {
    source.name: source
    for source in (
        Field(
            "precipitation_amount", RAW["prec"], aliases={"mm": "mm d-1"}, slack=0.05
        ),
        Field("wind_speed", RAW["wind"], slack=0.05),
        Field("specific_humidity", DAILY["specific_humidity"], slack=1e-5),
        Field("mean_vapor_pressure_deficit", RAW["vpd"]),
        Field(
            "surface_downwelling_shortwave_flux_in_air", RAW["shortwave"], slack=0.01
        ),
        # As the subset service and its aggregations name them.
        Field("daily_minimum_temperature", RAW["tmin"]),
        Field("daily_maximum_temperature", RAW["tmax"]),
        Field("daily_mean_wind_speed", RAW["wind"], slack=0.05),
        Field("daily_mean_specific_humidity", DAILY["specific_humidity"], slack=1e-5),
        Field("daily_mean_vapor_pressure_deficit", RAW["vpd"]),
        Field("daily_mean_shortwave_radiation_at_surface", RAW["shortwave"],
              slack=0.01),
    )
}  # fmt: skip
# What a file says of itself: long_name, standard_name or description.
_DESCRIBED = {"tmmn": "minimum", "tmmx": "maximum"}


def read_gridmet(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    years: tuple[int, int] | None = None,
) -> xr.Dataset:
    """The gridMET weather on the model grid, bilinear.

    Parameters
    ----------
    files : path, pattern or several
        ``tmmn_*``, ``tmmx_*``, ``pr_*``, ``vs_*``, ``sph_*``, ``vpd_*``,
        ``srad_*`` of any years, or files of the subset service
        (``daily_maximum_temperature`` and the like), netCDF-3 or -4.
    where : Grid or Cells
        Where values are wanted.
    years : (first, last), optional
        Years wanted.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), or (time, pixel) for cells: tmin, tmax [degC], prec
        [mm d-1], wind [m s-1, at 10 m], specific_humidity [kg kg-1], vpd [Pa],
        shortwave [MJ m-2 d-1], as far as there are files.
    """
    cells = target(where)
    groups: dict[str, list[Path]] = {}
    for path in matching_files(files):
        groups.setdefault(_kind(path), []).append(path)
    parts = []
    for kind, paths in groups.items():
        fields = {"air_temperature": _BY_FILE[kind]} if kind else _BY_VARIABLE
        parts.append(read_daily(paths, cells, fields, method="bilinear", years=years))
    twice = [
        name
        for index, part in enumerate(parts)
        for name in part.data_vars
        if any(name in other for other in parts[:index])
    ]
    if twice:
        raise InputError(
            f"gridMET  {twice[0]}",
            found="in files of both kinds, yearly and of the subset service",
            wanted="each variable in files of one kind",
        )
    dataset = xr.merge(parts, join="outer", compat="equals")
    refuse_inverted_days(dataset, "gridMET  tmmn and tmmx")
    return delivered(dataset, where, source="gridMET", comment="days end at 07 UTC")


def _kind(path: Path) -> str:
    """Tmmn or tmmx for a yearly file of temperature, "" for others."""
    named = next((kind for kind in _BY_FILE if kind in path.name.split("_")), "")
    with open_netcdf(path) as dataset:
        for name in ("air_temperature", *_SERVICE):
            if name not in dataset.variables:
                continue
            described = _described(dataset[name])
            wanted = _SERVICE.get(name, named or described)
            if described and wanted and described != wanted:
                raise InputError(
                    f"{path}  {name}",
                    found=f"described as {described}",
                    wanted=f"{wanted}, as the name says",
                    hint="Minimum and maximum are exchanged, or a file is renamed.",
                )
            if name == "air_temperature":
                if not wanted:
                    raise InputError(
                        f"{path}  air_temperature",
                        found="a name and a description that say neither",
                        wanted="tmmn or tmmx in the file's name",
                    )
                return wanted
    return ""


_SERVICE = {"daily_minimum_temperature": "tmmn", "daily_maximum_temperature": "tmmx"}


def _described(variable: xr.DataArray) -> str:
    words = " ".join(
        str(variable.attrs.get(name, ""))
        for name in ("long_name", "standard_name", "description")
    ).lower()
    found = [k for k, word in _DESCRIBED.items() if k in words or word in words]
    return found[0] if len(found) == 1 else ""
