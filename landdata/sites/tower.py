"""Reader for daily flux-tower tables (towers/*.csv): weather and targets.

Columns: date; tmin tmax [degC], srad [MJ m-2 d-1], co2 [ppm], vpd [hPa],
prec [mm d-1], pressure [kPa]; gpp er nee [g m-2 d-1, carbon], et [mm d-1],
lai [m2 m-2], each with its ``_sd``. Only date, tmin, tmax and prec must be
there. tmin and tmax are extremes of hourly means: a little milder than those of
a thermometer that keeps its own extremes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import xarray as xr

from landdata.files.text_tables import (
    Column,
    read_daily_table,
    refuse_inverted_temperatures,
)
from landdata.variables import FLUXES, RAW

_WEATHER = (
    Column("tmin", RAW["tmin"], "degC", required=True),
    Column("tmax", RAW["tmax"], "degC", required=True),
    Column("prec", RAW["prec"], "mm d-1", required=True),
    Column("srad", RAW["shortwave"], "MJ m-2 d-1"),
    Column("co2", RAW["co2"], "ppm"),
    Column("vpd", RAW["vpd"], "hPa", factor=100.0),
    Column("pressure", RAW["pressure"], "kPa", factor=1000.0),
    Column("wind", RAW["wind"], "m s-1"),
)


def _target_columns() -> list[Column]:
    columns = []
    for name, flux in FLUXES.items():
        columns.append(Column(name, flux, flux.units))
        spread = replace(
            flux,
            name=f"{name}_sd",
            low=0.0,
            long_name=f"standard deviation of {flux.long_name}",
            standard_name="",
        )
        columns.append(Column(f"{name}_sd", spread, flux.units))
    return columns


def read_tower(path: str | Path) -> xr.Dataset:
    """A tower table as a Dataset over ``time``.

    Returns
    -------
    xarray.Dataset
        Weather under the names and units of ``variables.RAW`` (vpd and pressure
        in Pa), targets under those of ``variables.FLUXES`` with ``<name>_sd``.
        Empty cells are NaN; nothing is filled.
    """
    dataset = read_daily_table(path, [*_WEATHER, *_target_columns()])
    refuse_inverted_temperatures(dataset, path)
    return dataset
