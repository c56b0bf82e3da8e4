"""Where a pixel's own file says that it is, compared with the table of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.run.pixel import Pixel

if TYPE_CHECKING:
    import xarray as xr

NEAR = 0.1  # degrees: the same place
CELL = 2.5  # degrees: the coarsest grid that a place's weather is taken from
_NAMES = {"latitude": ("lat", "latitude"), "longitude": ("lon", "longitude")}


def require_same_place(data: xr.Dataset, pixel: Pixel, where: str) -> str:
    """Compare a file's latitude and longitude with those of the table.

    Parameters
    ----------
    data : xarray.Dataset
        With scalars, scalar coordinates or attributes lat and lon, or without.
    pixel : Pixel
        A row of the table.
    where : str
        The file, for the error.

    Returns
    -------
    str
        A doubt where they differ as a coarse cell may; else empty.

    Raises
    ------
    ConfigError
        If they are of other places, or of other sides of the equator.
    """
    doubts = []
    for name, spellings in _NAMES.items():
        found = _number(data, spellings)
        if found is None:
            continue
        table = float(getattr(pixel, name))
        off = abs(found - table)
        if name == "longitude":  # 287.8 is -72.2
            off = abs((found - table + 180.0) % 360.0 - 180.0)
        elif not -90.0 <= found <= 90.0:
            raise _refused(where, name, found, table, "degrees, -90 to 90")
        mirrored = name == "latitude" and found * table < 0.0 and off > NEAR
        if off > CELL or mirrored:
            hint = (
                "Is the sign lost in one of them?"
                if abs(abs(found) - abs(table)) <= CELL
                else "Is it the file of another place?"
            )
            raise _refused(where, name, found, table, "the same place", hint)
        if off > NEAR:
            doubts.append(f"{where}: {name} {found:g} in the file, {table:g} in the "
                          f"table of pixels, which holds")  # fmt: skip
    return "; ".join(doubts)


def _refused(
    where: str, name: str, found: float, table: float, wanted: str, hint: str = ""
) -> ConfigError:
    said = f"{found:g} in the file, {table:g} in the table of pixels"
    return ConfigError(Problem(where, name, said, wanted, hint))


def _number(data: xr.Dataset, spellings: tuple[str, ...]) -> float | None:
    """A scalar of a file, from a variable, a coordinate or an attribute."""
    for spelling in spellings:
        value = (
            data[spelling] if spelling in data.variables else data.attrs.get(spelling)
        )
        if value is None:
            continue
        numbers = np.asarray(value)
        if numbers.size == 1 and numbers.dtype.kind in "iuf":
            number = float(numbers.reshape(-1)[0])
            return number if np.isfinite(number) else None
    return None
