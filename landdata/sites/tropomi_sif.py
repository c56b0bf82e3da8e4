"""Reader for TROPOMI fluorescence at towers: site, date, sif_daily, ndvi, gpp.

SIF is the daily mean-corrected product of Koehler et al. (2018), mW m-2 sr-1 nm-1;
gpp is the tower's, g C m-2 d-1, ndvi of MODIS. A site and day may have several rows
(several soundings): they are averaged, and counted.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from landdata.files.notes import Notes
from landdata.files.table_dates import table_dates
from landdata.files.text_tables import Column, check_range, numbers, read_text_table
from landdata.measured import MEASURED
from landdata.sites.site_tables import rows_of_site
from landdata.variables import FLUXES

_COLUMNS = (
    Column("sif_daily", MEASURED["sif"], "mW m-2 sr-1 nm-1", required=True),
    Column("ndvi", MEASURED["ndvi"], "1"),
    Column("gpp", FLUXES["gpp"], "g m-2 d-1"),
)


def read_tropomi_sif(path: str | Path, site: str) -> xr.Dataset:
    r"""Fluorescence at one tower, with the tower's GPP.

    Parameters
    ----------
    path : path
        CSV, plain or compressed.
    site : str
        Such as "DE-Hai".

    Returns
    -------
    xarray.Dataset
        Over ``time`` (days with a sounding): sif [mW m-2 sr-1 nm-1; below zero is
        noise], ndvi [1], gpp [g m-2 d-1, carbon], ``n_soundings``.

    Raises
    ------
    InputError
        Naming line and column, or the sites that there are.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_tropomi_sif
    >>> _ = Path("sif.csv").write_text(
    ...     "site,date,sif_daily,ndvi,gpp\nDE-Hai,2019-07-01,0.6,0.8,11\n"
    ... )
    >>> read_tropomi_sif("sif.csv", "DE-Hai")["sif"].units
    'mW m-2 sr-1 nm-1'
    """
    notes = Notes(path)
    table = read_text_table(
        path, required=["site", "date", *(c.column for c in _COLUMNS if c.required)]
    )
    rows = rows_of_site(table, site, path)
    days = pd.DatetimeIndex(table_dates(rows["date"], str(path), notes))
    found = {}
    for column in _COLUMNS:
        if column.column in rows.columns:
            values = numbers(rows, column.column, path)
            check_range(values, column, days, path)
            found[column.variable.name] = values.to_numpy()
    frame = pd.DataFrame(found, index=days).groupby(level=0)
    mean, count = frame.mean(), frame.size()
    if (count > 1).any():
        notes.add(f"{site}: {int((count > 1).sum())} days with several rows, averaged")
    drivers = {c.variable.name: c.variable for c in _COLUMNS}
    dataset = xr.Dataset(
        {
            name: ("time", mean[name].to_numpy(), driver.attrs)
            for name, driver in drivers.items()
            if name in mean
        },
        coords={"time": mean.index.to_numpy("datetime64[ns]")},
    )
    dataset["n_soundings"] = ("time", count.to_numpy(), {"units": "1"})
    return dataset.assign_attrs(source=Path(path).name, site=site, **notes.attrs)
