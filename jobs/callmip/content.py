"""A netCDF file of anybody's, whole in memory, as plain arrays and texts.

The layout of CalLMIP has scalar variables ``lat`` and ``lon`` beside dimensions of
these names, which xarray refuses to open. So netCDF-3 is read with SciPy and netCDF-4
with h5netcdf, both from an image in memory: nothing of the file can name another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

from landdata.files.classic_netcdf import ClassicFile
from masm.hdf5_files import NotPlain, plain_stream, read_image

_HUGE = 1e30  # no quantity of a land model; fill values that were not declared


class Unreadable(ValueError):
    """A file that is no netCDF file, or a damaged one."""


@dataclass(frozen=True)
class Stored:
    """One variable as stored.

    Attributes
    ----------
    dimensions : tuple of str
        Empty for a scalar.
    values : ndarray
        Of the stored type; packed values are not unpacked.
    attributes : mapping
        Texts as ``str``, numbers as numpy scalars.
    """

    dimensions: tuple[str, ...]
    values: NDArray[Any]
    attributes: Mapping[str, Any]

    @property
    def is_numeric(self) -> bool:
        """Whether the stored values are numbers."""
        return self.values.dtype.kind in "fiu"

    def numbers(self) -> NDArray[np.float64]:
        """Return the values as one row of numbers; what is missing is NaN.

        Raises
        ------
        ValueError
            If the values are texts.
        """
        stored = self.values.ravel()
        if not self.is_numeric:
            raise ValueError("texts are no numbers")
        values = stored.astype(np.float64)
        missing = ~np.isfinite(values) | (np.abs(values) > _HUGE)
        for name in ("_FillValue", "missing_value"):
            fill = number_of(self.attributes.get(name))
            if fill is not None:
                missing |= values == fill
        scale = number_of(self.attributes.get("scale_factor"))
        offset = number_of(self.attributes.get("add_offset"))
        values = values * (1.0 if scale is None else scale) + (offset or 0.0)
        return np.where(missing, np.nan, values)


@dataclass(frozen=True)
class Content:
    """A netCDF file.

    Attributes
    ----------
    attributes : mapping
        The global ones.
    dimensions : mapping
        Size of each.
    variables : mapping
        Those of the root group.
    """

    attributes: Mapping[str, Any]
    dimensions: Mapping[str, int]
    variables: Mapping[str, Stored]


def read_content(path: Path) -> Content:
    """Read a netCDF-3 or netCDF-4 file whole.

    Raises
    ------
    Unreadable
        If it is neither, is damaged, or names other files.
    OSError
        If the system cannot read it now.
    """
    try:
        image = read_image(path)
        if image[:4] == b"CDF\x05":
            raise Unreadable("CDF-5: write netCDF-3 classic or netCDF-4 in its place")
        return _classic(image) if image[:3] == b"CDF" else _hdf5(image)
    except Unreadable:
        raise
    except NotPlain as exc:
        raise Unreadable(str(exc)) from exc
    except OSError as exc:
        if isinstance(exc.errno, int):
            raise
        raise Unreadable(str(exc)) from exc
    except Exception as exc:  # whatever a damaged file makes of the reader
        raise Unreadable(f"{type(exc).__name__}: {exc}") from exc


def number_of(value: object) -> float | None:
    """Return an attribute that is one number, or None."""
    found = np.asarray(value)
    if found.size != 1 or found.dtype.kind not in "fiu":
        return None
    return float(found.ravel()[0])


class _Image(ClassicFile):
    """A netCDF-3 file that is in memory."""

    def __init__(self, image: bytes) -> None:
        netcdf_file.__init__(self, BytesIO(image), mode="r", mmap=False)


def _classic(image: bytes) -> Content:
    opened = _Image(image)
    variables = {
        name: Stored(
            tuple(variable.dimensions),
            np.array(variable.data),
            {key: _plain(value) for key, value in variable._attributes.items()},
        )
        for name, variable in opened.variables.items()
    }
    return Content(
        {key: _plain(value) for key, value in opened._attributes.items()},
        {
            name: opened._recs if size is None else size
            for name, size in opened.dimensions.items()
        },
        variables,
    )


def _hdf5(image: bytes) -> Content:
    import h5netcdf

    with h5netcdf.File(plain_stream(image), "r") as opened:
        variables = {
            name: Stored(
                tuple(variable.dimensions),
                np.array(variable[()]),
                {key: _plain(value) for key, value in variable.attrs.items()},
            )
            for name, variable in opened.variables.items()
        }
        return Content(
            {key: _plain(value) for key, value in opened.attrs.items()},
            {name: int(dim.size) for name, dim in opened.dimensions.items()},
            variables,
        )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", "replace")
    if isinstance(value, str):
        # HDF5 texts that are said to be ASCII and are not come with surrogates.
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.size == 1:
        return _plain(value.ravel()[0])
    return value
