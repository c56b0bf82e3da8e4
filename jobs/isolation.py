"""Nothing of the working directory runs: neither here nor in any child.

A run folder may come from a stranger, and ``cd`` into it is what one does first. Python
takes modules from there, numba its settings, and with them a cache of compiled code
that it unpickles. This module is read before all others and imports nothing heavy.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from landmodels.compile_cache import keep_private

_ROOT = Path(__file__).resolve().parents[1]


def isolate() -> None:
    """Take the working directory out of what is imported, here and in children."""
    _forget_working_directory()
    os.environ["PYTHONSAFEPATH"] = "1"
    keep_private()


def _forget_working_directory() -> None:
    """Drop the working directory from where modules are found, unless we are there."""
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        here = Path("/nowhere")
    asked = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    kept = [one for one in asked if os.path.isabs(one)]
    sys.path[:] = [one for one in sys.path if one in kept or not _is_here(one, here)]
    if asked:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)


def _is_here(entry: str, here: Path) -> bool:
    """Tell whether an entry is the working directory, and that is not our own."""
    if entry == "" or not os.path.isabs(entry):
        return entry != "" or here != _ROOT
    try:
        return Path(entry).resolve() == here.resolve() != _ROOT
    except OSError:
        return True
