"""Tell what the system could not do just now from damage, and both from a bug.

Damage is what reads and does not parse. An input/output error, a stale handle of a
network disk, too few file handles or too little memory say nothing about a file: who
took them for damage would put whole results aside.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

from jobs.errors import ConfigError, DiskFull, Problem, SystemFault
from jobs.files import LITTLE_SPACE

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_OF_THE_CALL = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.EEXIST,
    errno.ENOTEMPTY,
    errno.ENAMETOOLONG,
    errno.EINVAL,
    errno.ENXIO,
    errno.EXDEV,
    errno.ESPIPE,
    errno.ENOTTY,
    errno.EBADF,
    errno.EPIPE,
    errno.EROFS,
)
"""What a file is not, or a call was: as true a moment later."""
_IN_TEXT = re.compile(r"\[Errno (\d+)\]|\berrno = (\d+)")


def full_disk(exc: BaseException, folder: Path) -> DiskFull | None:
    """Return what to raise if an error came of a full disk.

    Parameters
    ----------
    exc : BaseException
        The error, or one that it caused.
    folder : Path
        What was written to.
    """
    if any(getattr(one, "errno", None) in _FULL for one in _chain(exc)) or (
        # netCDF, GDAL and Arrow do not always say why a write failed.
        isinstance(exc, OSError | RuntimeError) and _free(folder) < LITTLE_SPACE
    ):
        return DiskFull(f"a full disk ({folder})")
    return None


def system_fault(exc: BaseException) -> SystemFault | None:
    """Return what to raise if an error came of the system and not of a file's content.

    Parameters
    ----------
    exc : BaseException
        The error, or one that it caused. Libraries that pass on the system's number
        only in words (HDF5, GDAL) are understood.

    Examples
    --------
    >>> import errno
    >>> system_fault(OSError(errno.EIO, "Input/output error", "posterior.nc"))
    SystemFault('input/output error (posterior.nc)')
    >>> system_fault(ValueError("not a number")) is None
    True
    """
    for one in _chain(exc):
        if isinstance(one, SystemFault):
            return one
        if isinstance(one, MemoryError):
            return SystemFault("too little memory")
        if isinstance(one, OSError):
            given = one.errno if isinstance(one.errno, int) else None  # xarray: text
            number = given or _number_in(str(one))
            if number is not None and number not in _OF_THE_CALL:
                where = f" ({one.filename})" if one.filename else ""
                return SystemFault(os.strerror(number).lower() + where)
    return None


def was_system_fault(text: str) -> bool:
    """Return whether the message of a failure speaks of the system.

    Examples
    --------
    >>> was_system_fault("OSError: [Errno 5] Input/output error: 'forcing/3.nc'")
    True
    >>> was_system_fault("[Errno 2] No such file or directory: 'forcing/3.nc'")
    False
    """
    number = _number_in(text)
    return number is not None and number not in _OF_THE_CALL


def _number_in(text: str) -> int | None:
    found = _IN_TEXT.search(text)
    return int(found.group(1) or found.group(2)) if found else None


def refused(exc: BaseException) -> ConfigError | None:
    """Return what to say if a file system may not be written to."""
    for one in _chain(exc):
        if isinstance(one, OSError) and one.errno == errno.EROFS:
            return ConfigError(
                Problem(
                    str(one.filename or "a file"),
                    "the system refuses to open it",
                    found=str(one.strerror or one).lower(),
                    wanted="a file that you may read, in a run folder that you may "
                    "write to",
                    hint="Copy config.yaml to a folder of your own, or ask the owner.",
                )
            )
    return None


def is_refused_in(exc: BaseException, folder: Path) -> bool:
    """Return whether the system refused to write to a folder."""
    return any(
        one.errno == errno.EROFS
        or (one.errno in _REFUSED and str(one.filename).startswith(f"{folder}/"))
        for one in _chain(exc)
        if isinstance(one, OSError)
    )


def _chain(exc: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = exc
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _free(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
