"""Reader for leaf-fall dates seen by PhenoCams: site,lat,lon,year,autumn_doy.

The day of year counts in the real calendar (1 to 366). Some cameras share a
Daymet pixel, so their rows are not independent in the weather; some site-years
have no weather beside them.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from landdata.errors import InputError
from landdata.files.text_tables import first_line, numbers, read_text_table


def read_autumn_dates(path: str | Path) -> pd.DataFrame:
    r"""Leaf-fall dates, one row a site and year.

    Returns
    -------
    pandas.DataFrame
        Columns site, lat, lon, year, day_of_year, date; sorted by site and year.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_autumn_dates
    >>> _ = Path("autumn.csv").write_text(
    ...     "site,lat,lon,year,autumn_doy\nharvard,42.5,-72.2,2012,300\n"
    ... )
    >>> str(read_autumn_dates("autumn.csv")["date"][0].date())
    '2012-10-26'
    """
    columns = ["site", "lat", "lon", "year", "autumn_doy"]
    table = read_text_table(path, required=columns)
    site = table["site"].str.strip()
    year = numbers(table, "year", path)
    day = numbers(table, "autumn_doy", path)
    wrong = ~day.between(1, 366) | ~year.between(1900, 2200) | (year % 1 != 0)
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  {site.loc[line]}",
            found=f"year {year.loc[line]:g}, autumn_doy {day.loc[line]:g}",
            wanted="a year and a day of year from 1 to 366",
        )
    twice = pd.DataFrame({"site": site, "year": year}).duplicated()
    if twice.any():
        line = first_line(twice)
        raise InputError(
            f"{path}:{line}  {site.loc[line]} {year.loc[line]:g}",
            found="a second date for the same autumn",
            wanted="each site and year once",
        )
    start = pd.to_datetime(year.astype(int).astype(str) + "-01-01")
    found = pd.DataFrame(
        {
            "site": site,
            "lat": numbers(table, "lat", path),
            "lon": numbers(table, "lon", path),
            "year": year.astype(int),
            "day_of_year": day,
            "date": start + pd.to_timedelta(day.round() - 1, unit="D"),
        }
    )
    return found.sort_values(["site", "year"], ignore_index=True)
