"""Reader for daily flux-tower tables (towers/*.csv): weather and targets.

Columns: date; tmin tmax [degC], srad [MJ m-2 d-1], co2 [ppm], vpd [hPa],
prec [mm d-1], pressure [kPa]; gpp er nee [g m-2 d-1, carbon], et [mm d-1],
lai [m2 m-2], each with its ``_sd``. Only date, tmin, tmax and prec must be
there. tmin and tmax are extremes of hourly means: a little milder than those of
a thermometer that keeps its own extremes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.text_tables import (
    Column,
    Table,
    read_daily_table,
    read_text_table,
    refuse_inverted_temperatures,
)
from landdata.sites.flux_signs import refuse_other_signs
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


def read_tower(
    path: Table,
    *,
    variables: Sequence[str] | None = None,
    extra: Sequence[Column] = (),
) -> xr.Dataset:
    r"""A tower table as a Dataset over ``time``.

    Parameters
    ----------
    path : path or pandas.DataFrame
        A file, or the table itself.
    variables : names, optional
        Of ``variables.RAW`` and ``FLUXES``: only these are read, with their ``_sd``,
        and whatever else the table has is neither needed nor checked. By default all,
        and tmin, tmax and prec must be there.
    extra : columns, optional
        Read where they are there, beside those of a tower table.

    Returns
    -------
    xarray.Dataset
        Weather under the names and units of ``variables.RAW`` (vpd and pressure
        in Pa), targets under those of ``variables.FLUXES`` with ``<name>_sd``.
        Empty cells are NaN; nothing is filled.

    Raises
    ------
    InputError
        Naming line and column; or if none of ``variables`` is there.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_tower
    >>> _ = Path("tower.csv").write_text(
    ...     "date,tmin,tmax,prec,vpd,gpp,gpp_sd\n2003-07-01,9,20,2,10,8.1,0.8\n"
    ... )
    >>> tower = read_tower("tower.csv")
    >>> float(tower["vpd"][0]), tower["gpp"].units
    (1000.0, 'g m-2 d-1')
    """
    columns = [*_WEATHER, *_target_columns()]
    if variables is not None:
        wanted = {*variables, *(f"{name}_sd" for name in variables)}
        columns = [
            replace(one, required=False)
            for one in columns
            if one.variable.name in wanted
        ]
    dataset = read_daily_table(path, [*columns, *extra])
    if variables is not None and not any(name in dataset for name in variables):
        where = "table" if isinstance(path, pd.DataFrame) else path
        header = read_text_table(path).columns
        raise InputError(
            f"{where}:1",
            found=f"columns {', '.join(header)}",
            wanted=f"at least one of {', '.join(variables)}",
        )
    refuse_other_signs(dataset, dataset.attrs["source"])
    if "tmin" in dataset and "tmax" in dataset:
        refuse_inverted_temperatures(dataset, dataset.attrs["source"])
    return dataset
