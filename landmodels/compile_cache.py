"""Where compiled code is kept on disk, and that nobody else can put code there.

numba unpickles what it finds in its cache, and takes its settings, the place of the
cache among them, from a file in the working directory. Both are decided when numba is
imported, so this module comes before: it imports nothing heavy.
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

_SETTINGS = ".numba_config.yaml"


def keep_private() -> None:
    """Let numba keep compiled code in a private folder, whatever lies around.

    To be called before numba is imported; children get the same folder.
    """
    os.environ["NUMBA_CACHE_DIR"] = str(compile_cache())
    ignore_numba_settings()


def compile_cache() -> Path:
    """Return a folder for compiled code that nobody else can write to.

    ``NUMBA_CACHE_DIR`` if it is set and is such a folder; else one below the user's
    cache folder; where none can be had, a new one for this process and its children.
    """
    asked = os.environ.get("NUMBA_CACHE_DIR", "")
    if asked:
        if os.path.isabs(asked) and (
            _is_private(Path(asked)) or not os.path.lexists(asked)
        ):
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
    """Whether a folder is the user's alone, after making it if it is not there."""
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
    """Return whether others could put another folder in the place of one inside."""
    if found.st_mode & stat.S_ISVTX:
        return False
    of_group = found.st_mode & 0o020 and found.st_gid != os.getegid()
    return bool(found.st_mode & 0o002 or of_group)


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
