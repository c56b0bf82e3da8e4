"""Monthly means with the names, units and signs of CMIP6, which ILAMB reads.

One variable a file, ``<variable>_<table>_<model>_<stage>_<site>_<months>.nc``, over
(time, lat, lon) with bounds. The tables of CMIP6 ask for more global attributes: these
files are for comparisons, and are no submission.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.process_models.output_table import CMIP, CMIP_TABLES
from jobs.standards.place import Place, cell, safe_name, targets_in, write_dataset

if TYPE_CHECKING:
    import xarray as xr

FILL = 1e20
_METHODS = "area: mean where land time: mean"
_WHOLE_MONTH = 28  # days that the shortest month has


def write_ilamb(place: Place, folder: Path) -> Iterator[Path]:
    """Write the monthly means of a place, and yield each file.

    Parameters
    ----------
    place : Place
        With simulations.
    folder : pathlib.Path
        ``prior/<site>`` and ``posterior/<site>`` are made in it.

    Raises
    ------
    ValueError
        If the record has no whole month, or an output has another unit.
    """
    for stage in ("prior", "posterior"):
        simulated = getattr(place.runs, stage)
        for name, daily in targets_in(CMIP, simulated).items():
            table = CMIP_TABLES[name]
            made, span = _monthly(daily, place, name)
            attributes = place.attributes(stage) | {
                "variable_id": name,
                "table_id": table,
                "frequency": "mon",
                "realm": "land",
                "source_id": safe_name(place.model),
                "variant_label": stage,
            }
            model = safe_name(place.model)
            file = f"{name}_{table}_{model}_{stage}_{place.site}_{span}.nc"
            path = folder / stage / place.site / file
            yield write_dataset(made.assign_attrs(attributes), path, FILL, "time")


def _monthly(daily: xr.DataArray, place: Place, name: str) -> tuple[xr.Dataset, str]:
    """Means of whole months, (time, lat, lon), and the span; NaN where a day lacks."""
    import xarray as xr

    days = daily["time"].to_numpy().astype("datetime64[D]")
    months, which = np.unique(days.astype("datetime64[M]"), return_inverse=True)
    start = months.astype("datetime64[D]")
    end = (months + 1).astype("datetime64[D]")
    whole = np.bincount(which) == (end - start).astype(int)
    if not whole.any():
        raise ValueError(f"{place.site}: the record has no whole month")
    means = np.bincount(which, daily.to_numpy()) / np.bincount(which)
    start, end = start[whole], end[whole]
    # Numbers, not dates: bounds then have the reference date of the time they bound.
    origin = start[0].astype("datetime64[Y]").astype("datetime64[D]")
    bounds = (np.stack([start, end], axis=1) - origin).astype(float)
    middle = (start + (end - start) // 2 - origin).astype(float)
    attrs = dict(daily.attrs)
    if "point" in attrs.get("cell_methods", ""):
        attrs["comment"] = "mean of the states at the end of each day"
        if name == "lai":
            attrs["comment"] = "mean of the states at the start of each day"
    attrs["cell_methods"] = _METHODS
    clock = {
        "units": f"days since {origin}", "calendar": "standard",
        "standard_name": "time", "axis": "T", "bounds": "time_bnds",
    }  # fmt: skip
    where = cell(place.latitude, place.longitude % 360.0)  # east of Greenwich, as CMIP
    first, last = (str(months[whole][k]).replace("-", "") for k in (0, -1))
    made = xr.Dataset(
        {
            name: (("time", "lat", "lon"), means[whole][:, None, None], attrs),
            "time_bnds": (("time", "bnds"), bounds),
            **{key: where[key] for key in ("lat_bnds", "lon_bnds")},
        },
        coords={
            "time": ("time", middle, clock), "lat": where["lat"], "lon": where["lon"],
        },
    )  # fmt: skip
    return made, f"{first}-{last}"
