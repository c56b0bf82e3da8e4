"""Readers for the tables of many forest towers: daily, monthly, fAPAR, LAI pixels.

``daily/<id>.csv`` are tower tables with gpp_se; ``monthly_dbf_mf.csv`` has the months
of all sites; ``fapar_modis_4day.csv`` and ``lai_estimated_dbf_mf.csv`` composites;
``coweeta/`` a block of MODIS LAI pixels. Towers FLUXNET2015 (CC-BY-4.0), MODIS NASA.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.notes import Notes
from landdata.files.table_dates import table_dates
from landdata.files.text_tables import (
    Column,
    first_line,
    numbers,
    read_text_table,
    refuse_repeats,
)
from landdata.measured import MEASURED, spread_of
from landdata.sites.site_tables import (
    as_dataset,
    filled_calendar,
    months,
    read_site_list,
    rows_of_site,
)
from landdata.sites.tower import read_tower
from landdata.variables import FLUXES, RAW

# Of the tables' vpd to the 24-hour mean, at the two towers where it was compared.
VPD_RATIO = 1.2
_MONTHLY = (
    Column("tmin", RAW["tmin"], "degC"),
    Column("tmax", RAW["tmax"], "degC"),
    Column("srad", RAW["shortwave"], "MJ m-2 d-1"),
    Column("co2", RAW["co2"], "ppm"),
    Column("vpd", RAW["vpd"], "hPa", factor=100.0),
    Column("prec", RAW["prec"], "mm d-1"),
    *(Column(n, FLUXES[n], FLUXES[n].units) for n in ("lai", "gpp", "nee", "et")),
)


def read_forest_daily(path: str | Path, *, vpd_ratio: float = VPD_RATIO) -> xr.Dataset:
    r"""Daily weather and GPP of a tower.

    Parameters
    ----------
    path : path
        ``daily/<id>.csv``.
    vpd_ratio : float
        The table's vpd over the 24-hour mean: 1.2 at US-Ha1 and DE-Hai, where it was
        compared. It is divided by it, and this is reported; 1 leaves it as it is.

    Returns
    -------
    xarray.Dataset
        Over ``time``, every day of the record: tmin, tmax [degC], prec [mm d-1],
        shortwave [MJ m-2 d-1], vpd, pressure [Pa], gpp [g m-2 d-1, carbon], and
        ``gpp_method_spread`` [g m-2 d-1], the spread between partitionings, which is
        no error of observation. Days that the table leaves out (29 February) are NaN
        and counted.

    Raises
    ------
    InputError
        Naming line and column.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_forest_daily
    >>> _ = Path("US-Ha1.csv").write_text(
    ...     "date,tmin,tmax,prec,vpd,gpp,gpp_se\n2003-07-01,9,20,2,12,8.1,0.8\n"
    ... )
    >>> tower = read_forest_daily("US-Ha1.csv")
    >>> float(tower["vpd"][0]), float(tower["gpp_method_spread"][0])
    (1000.0, 0.8)
    """
    if not 0.5 <= vpd_ratio <= 3.0:
        raise InputError("vpd_ratio", found=f"{vpd_ratio:g}", wanted="0.5 to 3")
    spread = spread_of(FLUXES["gpp"], "method_spread")
    dataset = read_tower(path, extra=[Column("gpp_se", spread, "g m-2 d-1")])
    notes = Notes(path, dataset.attrs.get("corrections", ""))
    dataset = filled_calendar(dataset, notes)
    if "vpd" in dataset and vpd_ratio != 1.0:
        attrs = dataset["vpd"].attrs
        dataset["vpd"] = (dataset["vpd"] / vpd_ratio).assign_attrs(attrs)
        notes.add(f"vpd divided by {vpd_ratio:g}, to be a mean of 24 hours")
    return dataset.assign_attrs(site=Path(path).stem, **notes.attrs)


def read_forest_months(path: str | Path, site: str) -> xr.Dataset:
    r"""Monthly weather of a cell, satellite LAI, and fluxes of a tower.

    Parameters
    ----------
    path : path
        ``monthly_dbf_mf.csv``.
    site : str
        Such as "US-Ha1".

    Returns
    -------
    xarray.Dataset
        Over ``time`` (first day of each month): tmin, tmax [degC], shortwave
        [MJ m-2 d-1], co2 [ppm], vpd [Pa], prec [mm d-1], lai [1], gpp, nee
        [g m-2 d-1, carbon; nee positive for release], et [mm d-1]. vpd is 1.2 to 2.2
        times the tower's 24-hour mean: reported, not changed.

    Raises
    ------
    InputError
        Naming line and column, or the sites that there are.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_forest_months
    >>> _ = Path("months.csv").write_text(
    ...     "id,month,tmin,tmax,srad,co2,vpd,prec,lai,gpp,nee,et\n"
    ...     "US-Ha1,2003-07,14,26,19,372,9,3.1,4.8,9.2,-4.0,3.3\n"
    ... )
    >>> months = read_forest_months("months.csv", "US-Ha1")
    >>> float(months["vpd"][0]), months["nee"].units
    (900.0, 'g m-2 d-1')
    """
    notes = Notes(path)
    table = rows_of_site(read_text_table(path, required=["id", "month"]), site, path)
    dataset = as_dataset(table, _MONTHLY, months(table, path), path, notes)
    if "vpd" in dataset:
        notes.add("vpd is 1.2 to 2.2 times the 24-hour mean of towers")
    return dataset.assign_attrs(site=site, **notes.attrs)


def read_modis_fapar(
    path: str | Path, site: str, *, good_only: bool = True
) -> xr.Dataset:
    r"""FAPAR of MODIS (MCD15A3H) at a tower, of good quality.

    Parameters
    ----------
    path : path
        ``fapar_modis_4day.csv``: id, date, fapar, good.
    site : str
        Such as "US-Ha1".
    good_only : bool
        Values whose flag was not accepted become NaN, and are counted.

    Returns
    -------
    xarray.Dataset
        ``fapar`` [1] over ``time``, the first day of each composite.

    Raises
    ------
    InputError
        Naming line and column, or the sites that there are.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_modis_fapar
    >>> _ = Path("fapar.csv").write_text(
    ...     "id,date,fapar,good\nUS-Ha1,2003-07-04,0.9,1\nUS-Ha1,2003-07-08,0.2,0\n"
    ... )
    >>> read_modis_fapar("fapar.csv", "US-Ha1")["fapar"].values
    array([0.9, nan])
    """
    notes = Notes(path)
    required = ["id", "date", "fapar", "good"]
    rows = rows_of_site(read_text_table(path, required=required), site, path)
    days = _composites(rows, path, notes)
    good = numbers(rows, "good", path)
    odd = ~good.isin([0.0, 1.0])
    if odd.any():
        line = first_line(odd)
        raise InputError(
            f"{path}:{line}  good", found=repr(rows["good"].loc[line]), wanted="0 or 1"
        )
    column = Column("fapar", MEASURED["fapar"], "1")
    dataset = as_dataset(rows.assign(_good=good), [column], days, path, notes)
    order = np.argsort(days.to_numpy())
    poor = xr.DataArray((good.to_numpy() == 0.0)[order], dims="time")
    if good_only:
        attrs = dataset["fapar"].attrs | {"n_poor": int(poor.sum())}
        dataset["fapar"] = dataset["fapar"].where(~poor).assign_attrs(attrs)
    return dataset.assign_attrs(site=site, **notes.attrs)


def read_estimated_lai(path: str | Path, site: str) -> xr.Dataset:
    r"""LAI estimated from fAPAR at a tower: no observation, and marked so.

    Parameters
    ----------
    path : path
        ``lai_estimated_dbf_mf.csv``: id, date, lai_est, lai_est_sd.
    site : str
        Such as "US-Ha1".

    Returns
    -------
    xarray.Dataset
        ``lai`` [1] and ``lai_sd`` over ``time``; its title begins with ESTIMATE.

    Raises
    ------
    InputError
        Naming line and column, or the sites that there are.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_estimated_lai
    >>> _ = Path("lai.csv").write_text(
    ...     "id,date,lai_est,lai_est_sd\nUS-Ha1,2003-07-01,4.8,0.6\n"
    ... )
    >>> lai = read_estimated_lai("lai.csv", "US-Ha1")
    >>> float(lai["lai"][0]), lai.attrs["title"].split()[0]
    (4.8, 'ESTIMATE')
    """
    notes = Notes(path)
    required = ["id", "date", "lai_est", "lai_est_sd"]
    rows = rows_of_site(read_text_table(path, required=required), site, path)
    days = _composites(rows, path, notes)
    lai = FLUXES["lai"]
    columns = [Column("lai_est", lai, "1"), Column("lai_est_sd", spread_of(lai), "1")]
    dataset = as_dataset(rows, columns, days, path, notes)
    notes.add("LAI is estimated from fAPAR, and no observation")
    return dataset.assign_attrs(
        title="ESTIMATE of leaf area index from fAPAR", site=site, **notes.attrs
    )


def read_fapar_lai_table(path: str | Path) -> pd.DataFrame:
    r"""Median LAI in classes of fAPAR: fapar, lai, q25, q75, n, sd; fapar rises.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_fapar_lai_table
    >>> _ = Path("table.csv").write_text(
    ...     "fapar,lai,q25,q75,n,sd\n0.3,1.0,0.8,1.2,90,0.3\n0.8,4.0,3.5,4.6,80,0.7\n"
    ... )
    >>> read_fapar_lai_table("table.csv")["lai"].tolist()
    [1.0, 4.0]
    """
    names = ["fapar", "lai", "q25", "q75", "n", "sd"]
    table = read_text_table(path, required=names)
    frame = pd.DataFrame({name: numbers(table, name, path) for name in names})
    wrong = (
        ~frame["fapar"].between(0.0, 1.0)
        | ~frame["lai"].between(0.0, 15.0)
        | ~(frame["q25"] <= frame["lai"])
        | ~(frame["lai"] <= frame["q75"])
        | (frame["fapar"].diff() <= 0.0)
    )
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}",
            found=", ".join(str(table[name].loc[line]) for name in names),
            wanted="rising fapar of 0 to 1, and q25 <= lai <= q75",
        )
    return frame.reset_index(drop=True)


def read_lai_block(folder: str | Path) -> xr.Dataset:
    r"""A block of MODIS LAI pixels with their places and land cover.

    Parameters
    ----------
    folder : path
        With ``pixels.csv`` and ``lai_4day.csv`` (one row a pixel, one column a
        composite).

    Returns
    -------
    xarray.Dataset
        ``lai`` [1] over (pixel, time), time the first day of each composite; lat,
        lon [degrees], row, column and the other columns of ``pixels.csv`` over
        pixel. No quality flag comes with it.

    Raises
    ------
    InputError
        Naming line and column; also where the two files have other pixels.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_lai_block
    >>> _ = Path("pixels.csv").write_text("pixel,latitude,longitude\n7,42.5,-72.2\n")
    >>> text = "pixel,2003-07-04,2003-07-08\n7,4.8,5.0\n"
    >>> _ = Path("lai_4day.csv").write_text(text)
    >>> dict(read_lai_block(".")["lai"].sizes)
    {'pixel': 1, 'time': 2}
    """
    folder = Path(folder)
    pixels = folder / "pixels.csv"
    # A list of places is keyed by site: here a pixel is one.
    text = read_text_table(pixels, required=["pixel", "latitude", "longitude"])
    places = pd.DataFrame(
        {name: numbers(text, name, pixels) for name in text.columns}
    ).set_index("pixel")
    path = folder / "lai_4day.csv"
    table = read_text_table(path, required=["pixel"])
    ids = numbers(table, "pixel", path)
    if ids.duplicated().any() or set(ids) != set(places.index):
        raise InputError(
            f"{path}  pixel",
            found=f"{len(ids)} rows, {ids.nunique()} pixels",
            wanted=f"the {len(places)} pixels of {pixels.name}, each once",
        )
    days = pd.to_datetime(
        pd.Series(table.columns[1:]), format="%Y-%m-%d", errors="coerce"
    )
    if days.isna().any() or not days.is_monotonic_increasing or days.duplicated().any():
        raise InputError(
            f"{path}:1", found="composites", wanted="rising dates YYYY-MM-DD"
        )
    driver = FLUXES["lai"]
    values = np.column_stack([numbers(table, name, path) for name in table.columns[1:]])
    bad = (values < driver.low) | (values > driver.high)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"{path}:{table.index[row]}  {table.columns[1 + column]}",
            found=f"{values[row, column]:g}",
            wanted=f"{driver.low:g} to {driver.high:g}",
        )
    places = places.loc[ids.to_numpy()].rename(
        columns={"latitude": "lat", "longitude": "lon"}
    )
    coords = {name: ("pixel", places[name].to_numpy()) for name in places}
    return xr.Dataset(
        {"lai": (("pixel", "time"), values, driver.attrs)},
        coords={
            "pixel": ids.astype(int).to_numpy(),
            "time": days.to_numpy("datetime64[ns]"),
            **coords,
        },
        attrs={
            "source": path.name,
            "comment": "no quality flag: whole composites drop under cloud",
        },
    )


def _composites(rows: pd.DataFrame, path: str | Path, notes: Notes) -> pd.DatetimeIndex:
    days = table_dates(rows["date"], str(path), notes)
    refuse_repeats(days, path)
    return pd.DatetimeIndex(days)


__all__ = [
    "read_estimated_lai",
    "read_fapar_lai_table",
    "read_forest_daily",
    "read_forest_months",
    "read_lai_block",
    "read_modis_fapar",
    "read_site_list",
]
