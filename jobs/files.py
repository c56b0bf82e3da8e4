"""Whole files or none: written beside their target, then put in its place."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from uuid import uuid4

LITTLE_SPACE = 200_000
"""Bytes free of a disk that is full: less than a posterior takes."""


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write; on success it becomes ``target`` in one step.

    The name is unique, so two processes that write the same target at once both
    leave a whole file. The suffix is kept, since some writers read it.

    Raises
    ------
    OSError
        Of ``ENOSPC`` if writing failed and the disk is full, whatever the writer said.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.stem}.{uuid4().hex}{target.suffix}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, target)
    except Exception as exc:
        # Not every library says why, and soon the space is free again.
        if shutil.disk_usage(target.parent).free > LITTLE_SPACE:
            raise
        raise OSError(ENOSPC, os.strerror(ENOSPC), str(target)) from exc
    finally:
        aside.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file whole, or leave the one that is there."""
    with replacing(target) as aside:
        aside.write_text(text, encoding="utf-8")


def sweep(folder: Path, keep: Callable[[Path], bool] | None = None) -> None:
    """Take away what killed processes had begun to write aside: hidden entries.

    Parameters
    ----------
    folder : Path
        In which no other process writes now, but for what is kept.
    keep : callable, optional
        Tells which hidden entries are left.
    """
    for path in folder.glob(".*"):
        if keep is not None and keep(path):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def put_aside(path: Path) -> Path:
    """Keep a damaged file under the name returned, out of the way of a whole one."""
    aside = path.with_name(f"{path.name}.damaged")
    os.replace(path, aside)
    return aside


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
