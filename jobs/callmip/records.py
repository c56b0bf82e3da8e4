"""Years and places of sites from the project's own files, in the place of the table.

A calibration file is as long as the site's flux file
``<Site>_daily_aggregated_<Y0>-<Y1>_<Source>_Flux.nc``, a validation file as long as the
weather file ``<Site>_<Y0>-<Y1>_<Source>_Met.nc``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jobs.callmip.content import Unreadable, read_content
from jobs.callmip.sites import SITES, Site
from jobs.errors import ConfigError, Problem

_FORMS = {
    "Cal": re.compile(r"(.+)_daily_aggregated_(\d{4})-(\d{4})_.+_Flux\.nc"),
    "Val": re.compile(r"([^_]+)_(\d{4})-(\d{4})_.+_Met\.nc"),
}


def read_records(folder: Path) -> Mapping[str, Site]:
    """Return the sites, with years and places of the files in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        With flux files of calibration sites, weather files of validation sites, or
        both. A site without a file keeps what the table says.

    Raises
    ------
    ConfigError
        If there is no such file, one has no place, or a site has two.
    """
    found: dict[str, Site] = {}
    files = sorted(folder.rglob("*.nc")) if folder.is_dir() else []
    for path in files:
        for role, form in _FORMS.items():
            parts = form.fullmatch(path.name)
            site = SITES.get(parts.group(1)) if parts else None
            if parts is None or site is None or site.role != role:
                continue
            if site.name in found:
                raise _problem(path, f"a second file of {site.name}", "one for each")
            found[site.name] = _from_file(
                path, site, int(parts.group(2)), int(parts.group(3))
            )
    if not found:
        raise _problem(
            folder,
            "no file of a site",
            "<Site>_daily_aggregated_<years>_..._Flux.nc of calibration sites, or "
            "<Site>_<years>_..._Met.nc of validation sites",
        )
    return {**SITES, **found}


def _from_file(path: Path, site: Site, first: int, last: int) -> Site:
    if last < first:
        raise _problem(path, f"years {first}-{last}", "the first year and the last")
    try:
        variables = read_content(path).variables
        lat, lon = (
            float(variables[name].numbers()[0]) for name in ("latitude", "longitude")
        )
    except (Unreadable, KeyError, IndexError, ValueError) as exc:
        wanted = "a netCDF file with latitude and longitude"
        raise _problem(path, f"not readable ({exc})", wanted) from exc
    if not (abs(lat) <= 90.0 and abs(lon) <= 180.0):
        raise _problem(path, f"latitude {lat}, longitude {lon}", "a place in degrees")
    n_years = last - first + 1
    return replace(site, latitude=lat, longitude=lon, first_year=first, n_years=n_years)


def _problem(path: Path, found: str, wanted: str) -> ConfigError:
    return ConfigError(Problem(str(path), "records", found=found, wanted=wanted))
