"""Processes of a tree, from Linux's /proc, and whether a lock is held."""

from __future__ import annotations

import fcntl
from pathlib import Path


def children(parent: int) -> dict[int, str]:
    """Return the command line of each living child of a process, by id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, above = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(above) == parent and state not in "ZX":
                line = (folder / "cmdline").read_bytes()
                found[int(folder.name)] = line.replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


def is_locked(path: Path) -> bool:
    """Return whether another process holds the lock of a file."""
    if not path.exists():
        return False
    with path.open() as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
