"""Pictures of the notebooks for the manual: one of each notebook that draws.

    python -m benchmarks.notebook_figures [01 02 ...] [--out docs/images/notebooks]

Runs each notebook as a script in a process of its own and keeps one of its figures:
the last, or the one that `_WHICH` names.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_WIDTH = 900  # pixels of a picture
_WHICH: dict[str, int] = {}
"""Number of the figure that is kept, counted from 0, where it is not the last."""

_PROGRAM = """
import runpy, sys
import matplotlib.pyplot as plt
runpy.run_path(sys.argv[1], run_name="__main__")
numbers = plt.get_fignums()
print(f"{len(numbers)} figures")
if numbers:
    figure = plt.figure(numbers[int(sys.argv[3])])
    width = figure.get_size_inches()[0]
    figure.savefig(sys.argv[2], dpi=int(sys.argv[4]) / width, bbox_inches="tight")
"""


def draw(notebook: Path, target: Path) -> str:
    """Run a notebook and write its picture; returns what it printed last."""
    which = _WHICH.get(notebook.name[:2], -1)
    call = [
        sys.executable,
        "-c",
        _PROGRAM,
        *map(str, (notebook, target, which, _WIDTH)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            call,
            cwd=folder,
            env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{notebook.name}: {done.stderr[-2000:]}")
    return done.stdout.splitlines()[-1]


def main() -> None:
    """Draw what is asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", help="such as 01; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images/notebooks")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for notebook in sorted((ROOT / "notebooks").glob("*.py")):
        if asked.numbers and notebook.name[:2] not in asked.numbers:
            continue
        target = (asked.out / f"{notebook.stem}.png").resolve()
        print(f"{notebook.name}: {draw(notebook, target)}", flush=True)


if __name__ == "__main__":
    main()
