"""Simulations of a run on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jobs.disk_errors import system_fault
from jobs.files import replacing
from jobs.netcdf_files import write_netcdf

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr


def save_simulation(
    simulated: xr.Dataset, path: Path, source: str, parameters: Mapping[str, float]
) -> None:
    """Write the daily outputs that are kept, and the parameters that are not default.

    Parameters
    ----------
    simulated : xarray.Dataset
        The daily outputs to keep.
    path : Path
        Where.
    source : str
        The title.
    parameters : mapping
        What it was simulated with; the rest is default.
    """
    kept = simulated.copy()
    values = {name: float(value) for name, value in parameters.items()}
    kept.attrs = {
        "Conventions": "CF-1.11",
        "title": source,
        "parameters": json.dumps(values),
    }
    packing = {name: {"zlib": True, "complevel": 4} for name in kept.data_vars}
    with replacing(path) as aside:
        write_netcdf(kept, aside, encoding=packing)


def saved_parameters(path: Path) -> dict[str, float] | None:
    """Return what a saved simulation was made with; None if it does not say so."""
    import h5py

    from masm.hdf5_files import plain_stream, read_image

    try:
        stream = plain_stream(read_image(path, follow=False))
        with h5py.File(stream, "r") as opened:
            return dict(json.loads(opened.attrs["parameters"]))
    except Exception as exc:  # no such file, or one that says nothing
        if fault := system_fault(exc):
            raise fault from exc
        return None
