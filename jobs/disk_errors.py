"""Tell a full disk, or one that may not be written to, from a bug."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from jobs.errors import ConfigError, DiskFull, Problem
from jobs.files import LITTLE_SPACE

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


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


def refused(exc: BaseException) -> ConfigError | None:
    """Return what to say if the system refused to open, read or write a file."""
    for one in _chain(exc):
        if isinstance(one, OSError) and one.errno in _REFUSED:
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
    """Tell whether the system refused to write to a folder."""
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
