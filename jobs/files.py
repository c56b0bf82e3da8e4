"""Whole files or none: written beside their target, then put in its place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write; on success it becomes ``target`` in one step.

    The name is unique, so two processes that write the same target at once both
    leave a whole file. The suffix is kept, since some writers read it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.stem}.{uuid4().hex}{target.suffix}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file whole, or leave the one that is there."""
    with replacing(target) as aside:
        aside.write_text(text, encoding="utf-8")


def put_aside(path: Path) -> Path:
    """Keep a damaged file under the name returned, out of the way of a whole one."""
    aside = path.with_name(f"{path.name}.damaged")
    os.replace(path, aside)
    return aside


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
