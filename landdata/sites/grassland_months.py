"""Reader for monthly tables of cold and temperate grassland towers.

Columns: year, month; tmin_c, tmax_c, prec_mm (a month's total), srad_mj_m2_d,
vpd_hpa, co2_ppm of a half-degree cell; gpp_gc_m2_month, nee_gc_m2_month, et_mm_month
as month totals of the tower; lai of a satellite. From CARDAMOM-FLUXVAL v1.0
(Apache-2.0), towers FLUXNET2015 (CC-BY-4.0).
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from landdata.files.notes import Notes
from landdata.files.text_tables import Column, read_text_table
from landdata.sites.flux_signs import refuse_other_signs
from landdata.sites.site_tables import as_dataset, months, per_day_of_month
from landdata.variables import FLUXES, RAW

_DAYS = 30.4375  # of a mean month: only for the limits; values use their month's own
_COLUMNS = (
    Column("tmin_c", RAW["tmin"], "degC"),
    Column("tmax_c", RAW["tmax"], "degC"),
    Column("srad_mj_m2_d", RAW["shortwave"], "MJ m-2 d-1"),
    Column("vpd_hpa", RAW["vpd"], "hPa", factor=100.0),
    Column("co2_ppm", RAW["co2"], "ppm"),
    Column("lai", FLUXES["lai"], "m2 m-2"),
)
_TOTALS = {
    "prec_mm": ("prec", "mm a month"),
    "gpp_gc_m2_month": ("gpp", "g m-2 a month"),
    "nee_gc_m2_month": ("nee", "g m-2 a month"),
    "et_mm_month": ("et", "mm a month"),
}


def read_grassland_months(path: str | Path) -> xr.Dataset:
    r"""Monthly weather of a cell, and fluxes of the tower in it.

    Parameters
    ----------
    path : path
        ``<site>.csv``.

    Returns
    -------
    xarray.Dataset
        Over ``time`` (first day of each month): tmin, tmax [degC], prec [mm d-1],
        shortwave [MJ m-2 d-1], vpd [Pa], co2 [ppm]; gpp, nee [g m-2 d-1, carbon; nee
        positive for release], et [mm d-1], lai [1]. Totals of a month are divided by
        its days. Months without a value are NaN: years are not whole.

    Raises
    ------
    InputError
        Naming line and column.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_grassland_months
    >>> _ = Path("grass.csv").write_text(
    ...     "year,month,tmin_c,tmax_c,srad_mj_m2_d,vpd_hpa,co2_ppm,lai,prec_mm,"
    ...     "gpp_gc_m2_month,nee_gc_m2_month,et_mm_month\n"
    ...     "2003,7,8,22,22,9,375,1.4,62,124,-31,93\n"
    ... )
    >>> months = read_grassland_months("grass.csv")
    >>> float(months["gpp"][0]), float(months["prec"][0])
    (4.0, 2.0)
    """
    notes = Notes(path)
    names = [*(c.column for c in _COLUMNS), *_TOTALS]
    table = read_text_table(path, required=["year", "month"], known=names, notes=notes)
    time = months(table, path)
    totals = [
        Column(column, (RAW | FLUXES)[ours], unit, factor=1.0 / _DAYS)
        for column, (ours, unit) in _TOTALS.items()
    ]
    dataset = as_dataset(table, [*_COLUMNS, *totals], time, path, notes)
    ours = [name for name, _ in _TOTALS.values() if name in dataset]
    for name in ours:
        dataset[name] = (_DAYS * dataset[name]).assign_attrs(dataset[name].attrs)
    _note_small(dataset, notes)
    dataset = per_day_of_month(dataset, ours)
    refuse_other_signs(dataset, str(path))
    return dataset.assign_attrs(
        site=Path(path).stem,
        comment="weather of a half-degree cell, not of the tower",
        **notes.attrs,
    )


def _note_small(dataset: xr.Dataset, notes: Notes) -> None:
    """Note totals of a month that are hardly that much on a day."""
    for name, least, unit in (("gpp", 6.0, "g m-2"), ("et", 3.0, "mm")):
        if name in dataset and dataset[name].notnull().sum() >= 12:
            large = float(dataset[name].quantile(0.95))
            if 0.0 < large < least:
                notes.add(
                    f"{name}: 95 % of the months have less than {large:.3g} {unit}: "
                    "means of a day in the place of totals?"
                )
