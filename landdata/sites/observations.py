"""Calibration targets of a site: tower fluxes and satellite LAI, with errors.

Tower standard deviations go down to nothing on quiet days, which would give
those days all the weight: each has a floor. A value whose standard deviation is
missing gets the median of the stream's others. Both are counted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.sites.modis_lai import drop_low_summer_lai, read_modis_lai
from landdata.sites.tower import read_tower
from landdata.variables import FLUXES

logger = logging.getLogger(__name__)

# Fluxes: about half the median standard deviation at Harvard Forest and Hainich.
SD_FLOOR: dict[str, float] = {
    "gpp": 0.2,
    "er": 0.2,
    "nee": 0.15,
    "et": 0.05,
    "lai": 0.3,
}
# Root mean square error of collection-6 MODIS LAI against field measurements
# (Yan et al. 2016, Remote Sensing 8, 460).
MODIS_LAI_SD = 0.66


def site_observations(
    tower_csv: str | Path,
    *,
    modis_csv: str | Path | None = None,
    years: tuple[int, int] | None = None,
    streams: Sequence[str] = ("gpp", "er", "nee", "lai"),
    screen_summer_lai: bool = False,
    sd_floor: Mapping[str, float] | None = None,
    lat: float = 45.0,
) -> xr.Dataset:
    r"""Observed streams of a site on daily time, NaN where nothing was observed.

    Parameters
    ----------
    tower_csv : path
        As ``read_tower`` reads it.
    modis_csv : path, optional
        As ``read_modis_lai`` reads it. With it the tower table's own LAI, which
        is smoothed and gap-filled, is not used.
    years : (first, last), optional
        Calendar years to return, both included.
    streams : names
        Of gpp, er, nee, et, lai.
    screen_summer_lai : bool
        Drop cloudy summer values of MODIS (``modis.drop_low_summer_lai``).
    sd_floor : mapping, optional
        Least standard deviation by stream, in its unit, over ``SD_FLOOR``.
    lat : float
        degrees north: which months are the summer that is screened.

    Returns
    -------
    xarray.Dataset
        Over ``time``: each stream and its ``<name>_sd``: gpp, er, nee
        [g m-2 d-1, carbon; nee positive for release], et [mm d-1], lai [1].

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import site_observations
    >>> _ = Path("tower.csv").write_text(
    ...     "date,tmin,tmax,prec,gpp,gpp_sd\n2003-07-01,9,20,2,8.1,0.8\n"
    ... )
    >>> seen = site_observations("tower.csv", streams=["gpp"])
    >>> float(seen["gpp"][0]), round(float(seen["gpp_sd"][0]), 2)
    (8.1, 0.8)
    """
    floors = _floors(sd_floor)
    unknown = [name for name in streams if name not in FLUXES]
    theirs = [name for name in streams if not (name == "lai" and modis_csv is not None)]
    sources = {}
    if theirs and not unknown:
        tower = read_tower(tower_csv, variables=theirs)
        sources = {name: tower for name in theirs if name in tower}
    if modis_csv is not None and "lai" in streams:
        modis = read_modis_lai(modis_csv)
        if screen_summer_lai:
            modis["lai"] = drop_low_summer_lai(modis["lai"], lat=lat)
        modis["lai_sd"] = xr.where(modis["lai"].notnull(), MODIS_LAI_SD, np.nan)
        sources["lai"] = modis
    elif screen_summer_lai:
        raise InputError(
            "screen_summer_lai",
            found="no MODIS file",
            wanted="modis_csv=...",
            hint="The tower table's LAI is already smoothed: nothing to screen.",
        )
    elif "lai" in sources:
        logger.warning(
            "%s: lai is the table's own, smoothed and gap-filled; not independent "
            "day by day",
            tower_csv,
        )
    for name in streams:
        if name not in FLUXES or name not in sources:
            raise InputError(
                f"{tower_csv}  {name}",
                found="no such stream",
                wanted=f"some of {', '.join(sources or FLUXES)}",
            )

    time = _days(list(sources.values()), years)
    result = xr.Dataset(coords={"time": time}, attrs={"source": Path(tower_csv).name})
    for name, source in sources.items():
        value = source[name].reindex(time=time)
        if not value.notnull().any():
            raise InputError(
                f"{source.attrs.get('source')}  {name}, {time[0]:%Y} to {time[-1]:%Y}",
                found="no value at all",
                wanted="at least one observation",
                hint="Choose other years, or leave the stream out of streams.",
            )
        result[name] = value.assign_attrs(
            source=str(source.attrs.get("source")),
            observed=_per_year(value),
            time_coverage_resolution=source[name].attrs.get(
                "time_coverage_resolution", "P1D"
            ),
        )
        result[f"{name}_sd"] = _spread(source, name, value, floors[name])
    return result


def _per_year(value: xr.DataArray) -> str:
    """How many days of each year have a value: towers have thin years."""
    counts = value.notnull().groupby("time.year").sum()
    return ", ".join(f"{int(n.year)}: {int(n)}" for n in counts)


def _floors(sd_floor: Mapping[str, float] | None) -> dict[str, float]:
    given = dict(sd_floor or {})
    for name, floor in given.items():
        if name not in SD_FLOOR or not floor > 0.0:
            raise InputError(
                f"sd_floor: {name}",
                found=repr(floor),
                wanted=f"a positive number for one of {', '.join(SD_FLOOR)}",
                hint="A zero standard deviation would give one day all the weight.",
            )
    return {**SD_FLOOR, **given}


def _days(sources: list[xr.Dataset], years: tuple[int, int] | None):
    if years is not None:
        first, last = pd.Timestamp(years[0], 1, 1), pd.Timestamp(years[1], 12, 31)
        if first > last:
            raise InputError(
                f"years {years[0]} to {years[1]}",
                found="the first after the last",
                wanted="(first, last)",
            )
    else:
        first = min(source.indexes["time"][0] for source in sources)
        last = max(source.indexes["time"][-1] for source in sources)
    return pd.date_range(first, last, freq="D")


def _spread(
    source: xr.Dataset, name: str, value: xr.DataArray, floor: float
) -> xr.DataArray:
    spread = (
        source[f"{name}_sd"].reindex(time=value["time"])
        if f"{name}_sd" in source
        else xr.full_like(value, np.nan)
    )
    seen = value.notnull()
    spread = spread.where(seen)
    lacking = seen & spread.isnull()
    usual = float(spread.median()) if spread.notnull().any() else floor
    spread = xr.where(lacking, usual, spread)
    low = seen & (spread < floor)
    attrs = {
        "units": FLUXES[name].units,
        "long_name": f"standard deviation of {name}",
        "floor": floor,
        "n_floored": int(low.sum()),
        "n_given_the_median": int(lacking.sum()),
    }
    return xr.where(low, floor, spread).assign_attrs(attrs)
