"""netCDF-3 files whose variables have attributes with awkward names.

The subset service of gridMET writes an attribute ``dimensions`` on each variable.
SciPy's reader keeps attributes and its own fields in one place, so that it would lose
the variable's dimensions: such an attribute is put aside under another name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scipy.io import netcdf_file
from xarray.backends import ScipyDataStore
from xarray.backends.file_manager import DummyFileManager
from xarray.backends.locks import ensure_lock

_OWN = ("dimensions", "data", "maskandscale", "isrec", "shape")


class ClassicFile(netcdf_file):
    """A netCDF-3 file, read only; ``<name>_told`` holds an attribute put aside."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path), mode="r", mmap=False)

    def _read_var(self) -> tuple[Any, ...]:
        name, dimensions, shape, attributes, *rest = super()._read_var()
        for own in _OWN:
            if own in attributes:
                attributes[f"{own}_told"] = attributes.pop(own)
        return (name, dimensions, shape, attributes, *rest)


class _Store(ScipyDataStore):
    """xarray's view of a file that is open already."""

    def __init__(self, content: ClassicFile) -> None:
        self.lock = ensure_lock(None)
        self._manager = DummyFileManager(content)


def classic_store(path: str | Path) -> ScipyDataStore:
    """What ``xarray.open_dataset`` opens for a netCDF-3 file."""
    return _Store(ClassicFile(path))
