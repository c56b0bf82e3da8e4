"""The result of a finished pixel, from its own files or from its block.

Everything that reads a pixel's posterior or summary does so here, so that nobody has
to know where it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jobs.errors import ConfigError, Problem
from jobs.files import (
    OddFile,
    digest_of,
    is_file,
    is_folder,
    kind_of,
    lexists,
    read_json,
)
from jobs.netcdf_files import netcdf_of
from jobs.run.blocks import Packed, packed_pixel, read_packed, read_packed_draws
from jobs.run.file_lock import LockUnavailable
from jobs.run.folder import PixelFolder, RunFolder
from jobs.run.packing import set_aside
from jobs.run.summary_checks import check_summary

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    import masm

T = TypeVar("T")


def has_posterior(folder: PixelFolder) -> bool:
    """Return whether a pixel has a posterior, wherever it is."""
    return _has_own(folder) or packed_pixel(folder) is not None


def file_of_posterior(folder: PixelFolder) -> Path:
    """Return the file that holds a pixel's posterior: its own, or its block."""
    own = _has_own(folder) or packed_pixel(folder) is None
    return folder.posterior if own else folder.block


def posterior_content(folder: PixelFolder) -> bytes:
    """Return the content of a pixel's ``posterior.nc``, its seal checked and gone.

    Raises
    ------
    FileNotFoundError
        If the pixel has none.
    ValueError
        If it is damaged.
    """
    from masm.hdf5_files import read_image, unsealed

    return _from_either(
        folder,
        lambda: read_image(folder.posterior, follow=False),
        lambda: unsealed(read_packed(folder), folder.posterior.name),
    )


def draws_kept_apart(folder: PixelFolder) -> dict[str, np.ndarray]:
    """Return a pixel's draws (chain, draw) if they can be had without its file.

    Raises
    ------
    ValueError
        If they are damaged.
    """
    return _from_either(folder, dict, lambda: read_packed_draws(folder))


def read_result(folder: PixelFolder) -> masm.Result:
    """Return a pixel's calibration as it was written; raises as `masm.open_result`."""
    import masm

    return _from_either(
        folder,
        lambda: masm.open_result(folder.posterior),
        lambda: masm.open_result(read_packed(folder)),
    )


def read_group(folder: PixelFolder, group: str) -> xr.Dataset:
    """Return a group of a pixel's ``posterior.nc``, as ``read_netcdf`` does."""
    return netcdf_of(posterior_content(folder), folder.posterior.name, group)


def require_summary(folder: PixelFolder) -> dict[str, Any]:
    """Return a pixel's ``summary.json``.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged.
    """
    return _from_either(
        folder,
        lambda: check_summary(read_json(folder.summary)),
        lambda: _packed(folder).summary,
    )


def read_summary(folder: PixelFolder) -> dict[str, Any]:
    """Read ``summary.json``; empty if the pixel is not done, or it is damaged."""
    if not has_posterior(folder):
        return {}
    try:
        return require_summary(folder)
    except (FileNotFoundError, ValueError):
        return {}


def stamp_of(folder: PixelFolder) -> int:
    """Return when a pixel's posterior was written, in ns; packing does not change it.

    Raises
    ------
    FileNotFoundError
        If it has none.
    """
    return _from_either(
        folder,
        lambda: os.lstat(folder.posterior).st_mtime_ns,
        lambda: _packed(folder).mtime_ns,
    )


def digest_of_posterior(folder: PixelFolder) -> str:
    """Return the SHA-256 of a pixel's ``posterior.nc``, packed or not."""
    return _from_either(
        folder,
        lambda: digest_of(folder.posterior),
        lambda: hashlib.sha256(read_packed(folder)).hexdigest(),
    )


def set_posterior_aside(run: RunFolder, pixel_id: int) -> Path:
    """Keep a pixel's posterior under another name, so that the pixel waits again."""
    try:
        return set_aside(run, pixel_id)
    except LockUnavailable as exc:
        raise ConfigError(
            Problem(
                str(run.pixel(pixel_id).block),
                f"pixel {pixel_id} cannot be taken out of it",
                found=str(exc),
                wanted="a file system with locks",
                hint="Copy the run folder to a disk of this machine.",
            )
        ) from exc


def _from_either(
    folder: PixelFolder, own: Callable[[], T], packed: Callable[[], T]
) -> T:
    """Read a pixel's own file, or its block; again if it was moved meanwhile."""
    while True:
        place = _place(folder)
        try:
            is_own = _has_own(folder)
            if not is_own and packed_pixel(folder) is None:
                if lexists(folder.path) and not is_folder(folder.path):
                    found = f"{folder.path.name} is {kind_of(folder.path)}"
                    raise OddFile(found)
                is_own = True
            return own() if is_own else packed()
        except (FileNotFoundError, ValueError):
            if _place(folder) == place:
                raise


def _has_own(folder: PixelFolder) -> bool:
    """Whether a pixel has a posterior of its own, in a folder that is no link."""
    return is_folder(folder.path) and is_file(folder.posterior)


def _packed(folder: PixelFolder) -> Packed:
    found = packed_pixel(folder)
    if found is None:
        raise FileNotFoundError(folder.posterior)
    return found


def _place(folder: PixelFolder) -> tuple[tuple[int, int] | None, ...]:
    """Which files are there now: each by its number and time."""
    found: list[tuple[int, int] | None] = []
    for path in (folder.posterior, folder.block):
        try:
            one = os.lstat(path)
            found.append((one.st_ino, one.st_mtime_ns))
        except (FileNotFoundError, NotADirectoryError):
            found.append(None)
    return tuple(found)
