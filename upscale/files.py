"""Whole files or none, and a full disk called by its name."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LITTLE_SPACE = 200_000  # bytes


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a hidden path beside ``target``, and put it in its place on success."""
    aside = target.with_name(f".{target.stem}.new{target.suffix}")
    try:
        with naming_a_full_disk(target):
            yield aside
            with aside.open("rb") as written:
                os.fsync(written.fileno())
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def naming_a_full_disk(target: Path) -> Iterator[None]:
    """Raise ``OSError`` of ``ENOSPC`` where a library does not say why it failed."""
    try:
        yield
    except Exception as exc:
        if shutil.disk_usage(target.parent).free > _LITTLE_SPACE:
            raise
        full = errno.ENOSPC
        raise OSError(full, os.strerror(full), str(target)) from exc
