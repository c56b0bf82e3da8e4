"""Reader for daily weather-station tables such as the Fisher station's.

The table is Harvard Forest LTER HF001 (Boose and Gould; CC0): tmean tmin tmax
[degC], rh [%], dewp [degC], prec [mm], srad [MJ m-2 d-1], sea_level_pressure
[hPa], wind [m s-1]. The pressure is reduced to sea level, though the station is
340 m up: it is handed over under that name and never as station pressure.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from landdata.files.text_tables import (
    Column,
    read_daily_table,
    refuse_inverted_temperatures,
)
from landdata.variables import RAW

_COLUMNS = (
    Column("tmean", RAW["tmean"], "degC"),
    Column("tmin", RAW["tmin"], "degC", required=True),
    Column("tmax", RAW["tmax"], "degC", required=True),
    Column("rh", RAW["relative_humidity"], "%"),
    Column("dewp", RAW["dew_point"], "degC"),
    Column("prec", RAW["prec"], "mm d-1"),
    Column("srad", RAW["shortwave"], "MJ m-2 d-1"),
    Column("sea_level_pressure", RAW["sea_level_pressure"], "hPa", factor=100.0),
    Column("wind", RAW["wind"], "m s-1"),
)


def read_station(path: str | Path) -> xr.Dataset:
    r"""A station table as a Dataset over ``time``, under the names of ``RAW``.

    Units are those of ``variables.RAW`` (sea-level pressure in Pa); empty cells
    are NaN and nothing is filled.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_station
    >>> _ = Path("station.csv").write_text(
    ...     "date,tmin,tmax,sea_level_pressure\n2003-07-01,9,20,1015\n"
    ... )
    >>> float(read_station("station.csv")["sea_level_pressure"][0])
    101500.0
    """
    dataset = read_daily_table(path, _COLUMNS)
    refuse_inverted_temperatures(dataset, path)
    return dataset
