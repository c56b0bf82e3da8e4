"""Nothing of the working directory runs: neither here nor in any child.

A run folder may come from a stranger, and ``cd`` into it is what one does first. Python
takes modules from there, numba its settings, and with them a cache of compiled code
that it unpickles. This module is read before all others and imports nothing heavy.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_OURS = ("jobs", "masm", "landdata", "landmodels", "ibis_dalec", "upscale")
_WRONG = 2  # exit code, as in jobs.exit_codes


def isolate() -> None:
    """Take the working directory out of what is imported, here and in children.

    Raises
    ------
    SystemExit
        With 2, if another package is in the place of one of ours.
    """
    _forget_working_directory()
    refuse_shadows()
    from landmodels.compile_cache import keep_private

    os.environ["PYTHONSAFEPATH"] = "1"
    keep_private()


def refuse_shadows() -> None:
    """End with exit code 2 where another package would be imported for one of ours.

    It would run in the place of the software, or fail far from the cause.
    """
    for name in _OURS:
        ours = _ROOT / name
        found = _place_of(name)
        if found is None or found.resolve() != ours:
            print(
                f"{name}: another package of this name comes first where Python looks\n"
                f"  found   {found or 'nothing that can be imported'}\n"
                f"  wanted  {ours}\n"
                "  hint    Take its folder out of PYTHONPATH, or uninstall it; a fresh "
                "virtual environment has neither.",
                file=sys.stderr,
            )
            raise SystemExit(_WRONG)


def _place_of(name: str) -> Path | None:
    """Return the folder or file a package would be imported from; imports nothing."""
    spec = find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin else None


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
    """Return whether an entry is the working directory, and that is not our own."""
    if entry == "" or not os.path.isabs(entry):
        return entry != "" or here != _ROOT
    try:
        return Path(entry).resolve() == here.resolve() != _ROOT
    except OSError:
        return True
