"""NARR cloud cover: three-hourly on a 32 km Lambert grid (Mesinger et al. 2006).

``tcdc.2010.nc``: total cloud cover in percent as packed integers, UTC. Latitude
and longitude are two-dimensional; the grid is even only in x and y of its
projection, where the bilinear weights are taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from landdata.files.netcdf_fields import (
    Field,
    delivered,
    target,
    time_name,
    times_of,
    wanted_variable,
)
from landdata.files.provider_files import matching_files, open_netcdf
from landdata.files.subdaily import Daily, read_local_days
from landdata.grid.grid import Cells, Grid
from landdata.variables import DAILY

# Packing in hundredths of a percent, and a percent of overshoot in the analyses.
CLOUD = Field("tcdc", DAILY["cloud_cover"], slack=0.011)


def read_narr_cloud(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    years: tuple[int, int] | None = None,
) -> xr.Dataset:
    """Daily mean cloud cover on the model grid, bilinear, by local day.

    Parameters
    ----------
    files : path, pattern or several
        Three-hourly files of ``tcdc``, in order of their names.
    where : Grid or Cells
        Where values are wanted.
    years : (first, last), optional
        Years wanted; by default the whole days that the files hold.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), or (time, pixel) for cells: cloud_cover [1]. The
        last day of the last file is missing west of Greenwich: it ends in the
        next file.
    """
    cells = target(where)
    paths = matching_files(files)
    if years is None:
        ends = []
        for path in (paths[0], paths[-1]):
            with open_netcdf(path) as dataset:
                cloud = wanted_variable(dataset, CLOUD.name, path)
                time = times_of(dataset, time_name(cloud, path), path)
                ends += [time[0], time[-1]]
        first = min(ends).astype("datetime64[D]") - np.timedelta64(1, "D")
        last = max(ends).astype("datetime64[D]")
    else:
        first = np.datetime64(f"{years[0]}-01-01")
        last = np.datetime64(f"{years[1]}-12-31")
    dataset = read_local_days(
        paths,
        cells,
        [Daily(DAILY["cloud_cover"], (CLOUD,), "mean")],
        step_hours=3,
        first_day=first,
        last_day=last,
    )
    if years is None:
        dataset = dataset.dropna("time", how="all")
    return delivered(dataset, where, source="NARR", day="local solar day")
