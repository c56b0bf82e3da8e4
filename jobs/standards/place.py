"""One place whose simulations are written, and what every file says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.inputs.posterior_runs import PosteriorRuns
from jobs.process_models.output_table import Target

if TYPE_CHECKING:
    import xarray as xr

HALF_CELL = 0.005
"""Half the width of the cell that stands for a point, degrees. Formats of grids need
one; the size of the place is not known."""


@dataclass(frozen=True)
class Place:
    """A calibrated pixel with its simulations.

    Attributes
    ----------
    site : str
        Its name as part of a file's name.
    latitude, longitude : float
        Degrees north and east.
    model, version : str
        Name of the process model, and version of this software.
    run : str
        Name of the run.
    streams : tuple of str
        What it was calibrated on.
    runs : PosteriorRuns
        Daily outputs, see `jobs.process_models.output_table.UNITS`.
    """

    site: str
    latitude: float
    longitude: float
    model: str
    version: str
    run: str
    streams: tuple[str, ...]
    runs: PosteriorRuns

    def attributes(self, stage: str) -> dict[str, str]:
        """Global attributes of a file of a stage, "prior" or "posterior"."""
        means = {name: float(value) for name, value in self.runs.means.items()}
        calibrated = stage != "prior"
        return {
            "Conventions": "CF-1.11",
            "title": f"{self.run}, {self.site}: {stage} simulation",
            "source": f"{self.model}, masm {self.version}",
            "site_id": self.site,
            "stage": stage,
            "calibration_streams": ", ".join(self.streams) if calibrated else "none",
            "parameters": json.dumps(means if calibrated else {}, sort_keys=True),
            "comment": "Simulated, not observed. Parameters that are not named have "
            "their default.",
        }


def safe_name(text: str) -> str:
    """Return a name as part of a file's name: letters, digits, dots and hyphens.

    Examples
    --------
    >>> safe_name("US-UMB, tower 2")
    'US-UMB--tower-2'
    """
    kept = "".join(c if c.isalnum() or c in "-." else "-" for c in text)
    return kept.strip(".") or "place"


def targets_in(
    table: Mapping[str, Target], simulated: xr.Dataset
) -> dict[str, xr.DataArray]:
    """Return every variable of a format that the outputs give; the others are left out.

    Raises
    ------
    ValueError
        If an output has another unit than the table's.
    """
    return {
        name: target.of(simulated)
        for name, target in table.items()
        if set(target.parts) <= set(simulated.data_vars)
    }


def cell(latitude: float, longitude: float) -> dict[str, Any]:
    """Coordinates of a grid of one cell, with bounds (lat, lon, bnds)."""
    lat, lon = np.array([latitude]), np.array([longitude])
    half = np.array([[-HALF_CELL, HALF_CELL]])
    ends = np.clip(lat[:, None] + half, -90.0, 90.0)
    north = {
        "units": "degrees_north", "standard_name": "latitude", "axis": "Y",
        "bounds": "lat_bnds",
    }  # fmt: skip
    east = {
        "units": "degrees_east", "standard_name": "longitude", "axis": "X",
        "bounds": "lon_bnds",
    }  # fmt: skip
    return {
        "lat": ("lat", lat, north),
        "lon": ("lon", lon, east),
        "lat_bnds": (("lat", "bnds"), ends),
        "lon_bnds": (("lon", "bnds"), lon[:, None] + half),
    }


def write_dataset(
    data: xr.Dataset, path: Path, fill: float, unlimited: str = ""
) -> Path:
    """Write a file whole, or not at all; what could not be computed is ``fill``."""
    from jobs.files import make_folder, replacing
    from jobs.netcdf_files import write_netcdf

    # Coordinates and their bounds are complete: no fill value.
    packing: dict[str, Any] = {
        str(name): {"_FillValue": None}
        for name, values in data.variables.items()
        if values.dtype.kind in "fiM" and (name in data.coords or "bnds" in values.dims)
    }
    for name, values in data.data_vars.items():
        if values.dtype.kind == "f" and name not in packing:
            packing[str(name)] = {"_FillValue": fill, "zlib": True, "complevel": 4}
    make_folder(path.parent)
    with replacing(path) as aside:
        write_netcdf(
            data,
            aside,
            encoding=packing,
            unlimited_dims=[unlimited] if unlimited else None,
        )
    return path
