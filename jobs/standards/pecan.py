"""Daily means in the standard of PEcAn: one file a year, ``<YYYY>.nc``.

Names, units and signs are those of its table of standard variables: fluxes of carbon
are kg C m-2 s-1, and NEE is positive into the atmosphere, HeteroResp + AutoResp - GPP.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.process_models.output_table import PECAN
from jobs.standards.place import Place, cell, targets_in, write_dataset

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

FILL = -999.0


def write_pecan(place: Place, folder: Path) -> Iterator[Path]:
    """Write the years of a place, and yield each file.

    Parameters
    ----------
    place : Place
        With simulations.
    folder : pathlib.Path
        ``<site>/prior`` and ``<site>/posterior`` are made in it.

    Raises
    ------
    ValueError
        If an output has another unit than the table's.
    """
    for stage in ("prior", "posterior"):
        daily = targets_in(PECAN, getattr(place.runs, stage))
        if not daily:
            continue
        days = next(iter(daily.values()))["time"].to_numpy().astype("datetime64[D]")
        year_of = days.astype("datetime64[Y]")
        for year in np.unique(year_of):
            mine = year_of == year
            values = {name: one.isel(time=mine) for name, one in daily.items()}
            made = _of_a_year(place, values, days[mine], str(year))
            path = folder / place.site / stage / f"{year}.nc"
            attributes = place.attributes(stage)
            yield write_dataset(made.assign_attrs(attributes), path, FILL, "time")


def _of_a_year(
    place: Place,
    values: dict[str, xr.DataArray],
    days: NDArray[np.datetime64],
    year: str,
) -> xr.Dataset:
    import xarray as xr

    since = (days - np.datetime64(f"{year}-01-01")).astype(float)
    clock = {
        "units": f"days since {year}-01-01 00:00:00 UTC",
        "calendar": "standard",
        "standard_name": "time",
        "axis": "T",
        "bounds": "time_bounds",
    }
    where = cell(place.latitude, place.longitude)
    variables = {
        name: (("time", "lat", "lon"), one.to_numpy()[:, None, None], one.attrs)
        for name, one in values.items()
    }
    return xr.Dataset(
        {
            **variables,
            "time_bounds": (("time", "bnds"), np.stack([since, since + 1.0], axis=1)),
            **{key: where[key] for key in ("lat_bnds", "lon_bnds")},
        },
        coords={
            "time": ("time", since + 0.5, clock),  # the middle of the day
            "lat": where["lat"],
            "lon": where["lon"],
        },
    )
