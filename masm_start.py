"""Where the ``masm`` command begins: its own packages are imported, or it ends.

Not in a package: another package named ``jobs`` would be found in place of ours, and
nothing of ours could say so.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Begin the command line."""
    ours = Path(__file__).resolve().with_name("jobs")
    spec = find_spec("jobs")
    places = list(spec.submodule_search_locations or [spec.origin]) if spec else []
    if not places or Path(str(places[0])).resolve() != ours:
        print(
            "jobs: another package of this name comes first where Python looks\n"
            f"  found   {places[0] if places else 'nothing that can be imported'}\n"
            f"  wanted  {ours}\n"
            "  hint    Take its folder out of PYTHONPATH, or uninstall it; a fresh "
            "virtual environment has neither.",
            file=sys.stderr,
        )
        raise SystemExit(2)
    from jobs.cli.app import main as begin

    begin()
