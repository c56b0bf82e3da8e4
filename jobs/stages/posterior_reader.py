"""Read ``posteriors.zarr``: what is in it, or one error that says what to do.

The store is made of the pixels' results. Who reads it does not make it: damage is
reported with the file, and ``masm collect`` makes that part again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray.backends import BackendArray

from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.files import lexists
from jobs.run.pixel_state import FINISHED
from jobs.run.run import Run
from jobs.stages.posterior_store import (
    STATES,
    NotWhole,
    array_of,
    labels_of,
    open_whole,
    reason_of,
    shapes_of,
)
from jobs.stages.store_chunks import MARKS, damage_of, require_readable

if TYPE_CHECKING:
    import xarray as xr
    import zarr


_ALL = slice(None)


class Posteriors:
    """The collected posteriors of a run.

    Parameters
    ----------
    run : Run
        That has been collected.

    Raises
    ------
    ConfigError
        If it has not, or the store is damaged. So do the methods, where a chunk is.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.path = run.folder.path / "posteriors.zarr"
        if not lexists(self.path / "zarr.json"):
            raise self._problem("no posteriors have been collected")
        try:
            self._store = open_whole(self.path, run, "r")
        except NotWhole as exc:
            raise self._problem(str(exc)) from exc
        with self._reading(MARKS):
            self._marks = np.asarray(array_of(self._store, MARKS)[:])

    def values(self, name: str, rows: Any = _ALL) -> np.ndarray:
        """Return some rows (slice or row numbers) of an array, over all else."""
        return self._read(self._array(name), (rows,))

    def finished(self) -> np.ndarray:
        """Tell of each pixel whether it has a result."""
        return np.isin(self.values("state"), [STATES.index(one) for one in FINISHED])

    def dataset(self) -> xr.Dataset:
        """Return all of the store, of which an array is read where it is used."""
        import xarray as xr
        from xarray.core.indexing import LazilyIndexedArray

        found = {}
        for name in (*labels_of(self._run), *shapes_of(self._run)):
            array = self._array(name)
            dims: Any = getattr(array.metadata, "dimension_names", None)
            lazy = LazilyIndexedArray(_Stored(self, array))
            found[name] = xr.Variable(dims, lazy, dict(array.attrs))
        labels = ("pixel", "parameter", "error_stream")
        coords = {name: found.pop(name) for name in labels if name in found}
        attrs = dict(self._store.attrs)
        attrs.pop("layout", None)
        return xr.Dataset(found, coords, attrs)

    def _array(self, name: str) -> zarr.Array:
        with self._reading(name):
            return array_of(self._store, name)

    def _read(self, array: zarr.Array, key: tuple[Any, ...]) -> np.ndarray:
        if array.path not in shapes_of(self._run):  # a label, which was compared
            return np.asarray(array.oindex[key])
        rows = np.atleast_1d(np.arange(len(self._run.pixels))[key[0]])
        try:
            with self._reading(array.path):
                require_readable(array, rows, self._marks)
                return np.asarray(array.oindex[key])
        except ConfigError:
            if damage := damage_of(array, rows, self._marks):
                raise self._problem("is damaged", damage) from None
            raise

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as exc:  # whatever damage makes of the reader
            if fault := system_fault(exc):
                raise fault from exc
            raise self._problem("is damaged", f"{name}: {reason_of(exc)}") from exc

    def _problem(self, what: str, found: str = "") -> ConfigError:
        return ConfigError(
            Problem(
                str(self.path),
                what,
                found=found,
                wanted="the store that the results of the pixels give",
                hint=f"masm collect {self._run.folder.path}",
            )
        )


class _Stored(BackendArray):
    """An array of the store as xarray reads it.

    Parameters
    ----------
    posteriors : Posteriors
    array : zarr.Array
    """

    def __init__(self, posteriors: Posteriors, array: zarr.Array) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self._posteriors, self._array = posteriors, array

    def __getitem__(self, key: Any) -> Any:
        from xarray.core.indexing import IndexingSupport, explicit_indexing_adapter

        return explicit_indexing_adapter(
            key, self.shape, IndexingSupport.OUTER, self._raw
        )

    def _raw(self, key: tuple[Any, ...]) -> np.ndarray:
        return self._posteriors._read(self._array, key)
