"""Command line of :mod:`benchmarks.reference_runs`."""

import argparse
import importlib
import sys
from pathlib import Path

#: Model name and the module with its ``compare(folder, shared)``.
MODELS = {
    "sipnet": "benchmarks.reference_runs.sipnet",
    "century": "benchmarks.reference_runs.century",
    "dalec_bethy": "benchmarks.reference_runs.dalec_bethy",
}


def main() -> int:
    """Compare every run of a folder; 0 where all are within their tolerance."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reference_runs")
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("folder", type=Path, help="folder with the reference runs")
    parser.add_argument(
        "--shared",
        type=Path,
        help="where drivers and parameters are that the folder itself lacks",
    )
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    module = importlib.import_module(MODELS[arguments.model])
    rows = module.compare(arguments.folder, arguments.shared)
    if not rows:
        parser.error(f"{arguments.folder} holds no reference run of {arguments.model}")
    for row in rows:
        verdict = "ok" if row.accepted else "OVER"
        print(
            f"{row.run:<36} {row.value:10.2e}  (at most {row.tolerance:.0e} "
            f"{row.measure})  {verdict:<5} {row.where}"
        )
    return 0 if all(row.accepted for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
