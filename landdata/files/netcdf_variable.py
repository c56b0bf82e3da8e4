"""Opening a provider's netCDF file and taking a variable out of it strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from ibis_dalec.errors import InputError
from landdata.files.classic_netcdf import classic_store
from landdata.files.text_tables import existing_file


def load_netcdf(path: str | Path) -> xr.Dataset:
    """The whole file in memory, decoded, closed again."""
    path = existing_file(path)
    with path.open("rb") as content:
        classic = content.read(3) == b"CDF"
    try:
        options: dict[str, Any] = {} if classic else {"engine": "h5netcdf"}
        source: Any = classic_store(path) if classic else path
        with xr.open_dataset(source, **options) as dataset:
            return dataset.load()
    except (OSError, ValueError, KeyError, TypeError) as exc:
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
