"""Nothing of the working directory runs: neither here nor in any child.

A run folder may come from a stranger, and ``cd`` into it is what one does first. Python
takes modules from there, numba its settings, and with them a cache of compiled code
that it unpickles. This module is read before all others and imports nothing heavy.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import shutil
import stat
import sys
import tempfile
import warnings
from pathlib import Path

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[1]
_SETTINGS = ".numba_config.yaml"


def isolate() -> None:
    """Take the working directory out of what is imported, here and in children."""
    _forget_working_directory()
    os.environ["PYTHONSAFEPATH"] = "1"
    os.environ["NUMBA_CACHE_DIR"] = str(compile_cache())
    ignore_numba_settings()


def compile_cache() -> Path:
    """Return a folder for compiled code that nobody else can write to.

    ``NUMBA_CACHE_DIR`` if it is set and is such a folder; else one below the user's
    cache folder; where none can be had, a new one for this process and its children.
    """
    asked = os.environ.get("NUMBA_CACHE_DIR", "")
    if asked:
        if os.path.isabs(asked) and _is_private(Path(asked)):
            return Path(asked)
        logger.warning("NUMBA_CACHE_DIR=%s can be written to by others: unused", asked)
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    if _is_private(home / "masm" / "numba"):
        return home / "masm" / "numba"
    made = Path(tempfile.mkdtemp(prefix="masm-numba-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a child that was forked
            shutil.rmtree(made, ignore_errors=True)

    atexit.register(remove)
    return made


def _is_private(folder: Path) -> bool:
    """Tell whether a folder is the user's alone, after making it if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        if found.st_mode & 0o022:
            folder.chmod(0o700)
            if folder.lstat().st_mode & 0o022:
                return False
        if any(_is_open_to_others(one.stat()) for one in folder.parents):
            return False
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _is_open_to_others(found: os.stat_result) -> bool:
    """Tell whether others could put another folder in the place of one inside."""
    if found.st_mode & stat.S_ISVTX:
        return False
    of_group = found.st_mode & 0o020 and found.st_gid != os.getegid()
    return bool(found.st_mode & 0o002 or of_group)


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


def ignore_numba_settings() -> None:
    """Import numba as if it had no reader for settings in the working directory."""
    if "numba.core.config" in sys.modules or not os.path.lexists(_SETTINGS):
        return
    reader = sys.modules.get("yaml")
    sys.modules["yaml"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("numba.core.config")
    finally:
        if reader is None:
            del sys.modules["yaml"]
        else:
            sys.modules["yaml"] = reader
    warnings.filterwarnings("ignore", message="A Numba config file is found")
