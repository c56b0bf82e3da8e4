"""Reader for the daily multi-site tower tables ``<site>_daily.csv[.gz]``.

The columns are those of a tower table (``tower``), and swc, the water content of the
upper soil in percent of the volume. From the driver files of DifferLand (MIT), with
tower data of FLUXNET2015 (CC-BY-4.0) and MODIS LAI smoothed by its authors.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from landdata.errors import InputError
from landdata.files.notes import Notes
from landdata.files.text_tables import Column
from landdata.measured import MEASURED, spread_of
from landdata.sites.tower import read_tower

# ppm: above it the air is that of a stand at night, and no boundary value.
_HIGH_CO2 = 450.0


def read_fluxnet_daily(path: str | Path) -> xr.Dataset:
    r"""Weather, fluxes, LAI and soil water of one tower.

    Parameters
    ----------
    path : path
        CSV, plain or compressed (.gz).

    Returns
    -------
    xarray.Dataset
        Over ``time``: as ``read_tower``, and ``swc`` [%] with ``swc_sd`` where the
        table has it. ``corrections`` says what is odd about the record: fluxes that
        were gap-filled (nee is er - gpp to the last digit), CO2 of the stand's air,
        standard deviations of zero. Nothing of it is changed.

    Raises
    ------
    InputError
        Naming line and column.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_fluxnet_daily
    >>> _ = Path("tower.csv").write_text(
    ...     "date,tmin,tmax,prec,gpp,gpp_sd,swc\n2003-07-01,9,20,2,8.1,0.8,31\n"
    ... )
    >>> tower = read_fluxnet_daily("tower.csv")
    >>> float(tower["gpp"][0]), tower["swc"].units
    (8.1, '%')
    """
    swc = MEASURED["swc"]
    columns = [Column("swc", swc, "%"), Column("swc_sd", spread_of(swc), "%")]
    dataset = read_tower(path, extra=columns)
    if "swc" in dataset and 0.0 < float(dataset["swc"].max()) <= 1.0:
        raise InputError(
            f"{path}  swc",
            found=f"at most {float(dataset['swc'].max()):g} % in "
            f"{dataset.sizes['time']} days",
            wanted="percent of the volume, 0 to 100",
            hint="It looks like a fraction of 1: multiply by 100.",
        )
    notes = Notes(path, dataset.attrs.get("corrections", ""))
    if {"nee", "er", "gpp"} <= set(dataset.data_vars):
        apart = dataset["er"] - dataset["gpp"] - dataset["nee"]
        if apart.notnull().any() and float(abs(apart).max()) < 1.0e-3:
            notes.add(
                "nee is er - gpp on every day: the fluxes were gap-filled, and are no "
                "measurements day by day"
            )
    if "co2" in dataset and float(dataset["co2"].max()) > _HIGH_CO2:
        n = int((dataset["co2"] > _HIGH_CO2).sum())
        notes.add(f"co2: {n} days above {_HIGH_CO2:g} ppm, of the air in the stand")
    for name in map(str, list(dataset.data_vars)):
        if name.endswith("_sd"):
            n = int((dataset[name] == 0.0).sum())
            if n:
                notes.add(f"{name}: 0 on {n} days; give it a floor")
    return dataset.assign_attrs(notes.attrs)
