"""Opening a provider's netCDF file and taking a variable out of it strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from landdata.errors import InputError
from landdata.files.classic_netcdf import classic_store
from landdata.files.hdf5_guard import require_own_values
from landdata.files.text_tables import existing_file
from landdata.files.whole_files import is_of_the_system


def load_netcdf(path: str | Path) -> xr.Dataset:
    """The whole file in memory, decoded, closed again."""
    path = existing_file(path)
    with path.open("rb") as content:
        classic = content.read(3) == b"CDF"
    try:
        if not classic:
            require_own_values(path)
        options: dict[str, Any] = (
            {} if classic else {"engine": "h5netcdf", "driver": "sec2"}
        )
        source: Any = classic_store(path) if classic else path
        with xr.open_dataset(source, **options) as dataset:
            return dataset.load()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as exc:
        if is_of_the_system(exc):
            raise
        raise InputError(
            str(path), found=f"not readable ({exc})", wanted="a netCDF-3 or -4 file"
        ) from exc


def wanted_variable(
    dataset: xr.Dataset, name: str, units: tuple[str, ...], path: str | Path
) -> xr.DataArray:
    """A variable in one of the units expected, or a clear refusal."""
    if name not in dataset:
        raise InputError(
            f"{path}  {name}",
            found=f"variables {', '.join(map(str, dataset.data_vars))}",
            wanted=f"a variable {name}",
        )
    found = str(dataset[name].attrs.get("units", "")).strip()
    if found not in units:
        raise InputError(
            f"{path}  {name}.units",
            found=repr(found),
            wanted=" or ".join(repr(unit) for unit in units),
        )
    return dataset[name]
