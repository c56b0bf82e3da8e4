"""Packed netCDF files, and reading them back as data of anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.files import replacing

if TYPE_CHECKING:
    import xarray as xr


def read_netcdf(path: Path, group: str | None = None) -> xr.Dataset:
    """Read a netCDF-4 file of a run into memory, or a group of it.

    Nothing is followed: no link at its name, and no other file that HDF5 could name.

    Raises
    ------
    FileNotFoundError
        If there is none.
    masm.hdf5_files.NotPlain
        If it is damaged, or more than data of its own (a ``ValueError``).
    OSError
        If the system cannot read it now.
    """
    from masm.hdf5_files import read_image

    return netcdf_of(read_image(path, follow=False), path.name, group)


def netcdf_of(content: bytes, name: str, group: str | None = None) -> xr.Dataset:
    """Return what the content of a netCDF-4 file holds, or a group of it.

    Raises
    ------
    masm.hdf5_files.NotPlain
        As `read_netcdf`, naming the file ``name``.
    """
    import xarray as xr

    from masm.hdf5_files import NotPlain, plain_stream

    try:
        stream = plain_stream(content)
        with xr.open_dataset(stream, engine="h5netcdf", group=group) as opened:
            return opened.load()
    except (NotPlain, MemoryError):
        raise
    except Exception as exc:  # whatever a damaged file makes of the reader
        if isinstance(exc, OSError) and isinstance(exc.errno, int):
            raise
        raise NotPlain(f"{name}: {exc}") from exc


def write_netcdf(data: Any, path: Path, **options: Any) -> None:
    """Write a file in memory and then to the disk: see `masm.hdf5_files`."""
    from masm.hdf5_files import write_netcdf as write

    write(data, path, **options)


def _write(data: xr.Dataset, path: Path) -> None:
    packing = {name: {"zlib": True, "complevel": 4} for name in data.data_vars}
    with replacing(path) as aside:
        write_netcdf(data, aside, encoding=packing)
