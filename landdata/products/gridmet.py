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

from ibis_dalec.forcing import DAILY
from landdata.files.daily import read_daily
from landdata.files.netcdf_fields import Field, delivered, target
from landdata.files.provider_files import matching_files
from landdata.grid.grid import Cells, Grid
from landdata.variables import RAW

# The variable inside does not tell tmmn from tmmx: the file's name does.
_BY_FILE = {
    "tmmn": Field("air_temperature", RAW["tmin"]),
    "tmmx": Field("air_temperature", RAW["tmax"]),
}
_BY_VARIABLE = {
    source.name: source
    for source in (
        # "mm" a day: the file leaves the day out.
        Field(
            "precipitation_amount", RAW["prec"], aliases={"mm": "mm d-1"}, slack=0.05
        ),
        Field("wind_speed", RAW["wind"], slack=0.05),
        Field("specific_humidity", DAILY["specific_humidity"], slack=1e-5),
        Field("mean_vapor_pressure_deficit", RAW["vpd"]),
        Field(
            "surface_downwelling_shortwave_flux_in_air", RAW["shortwave"], slack=0.01
        ),
    )
}


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
        ``srad_*`` of any years.
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
    return delivered(
        xr.merge(parts, join="outer", compat="equals"),
        where,
        source="gridMET",
        comment="days end at 07 UTC",
    )


def _kind(path: Path) -> str:
    name = path.name.split("_")[0]
    return name if name in _BY_FILE else ""
