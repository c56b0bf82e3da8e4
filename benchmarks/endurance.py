"""Hours of calibration without a pause, with the memory of every process watched.

    python -m benchmarks.endurance FOLDER --hours 4 [--workers 2]

FOLDER becomes a run of more places than can be finished in that time, each with a
truth of its own and one of a few weathers, calibrated by the local executor on the
process model (ten parameters, the emulator's default number of runs). When the time
is over the run gets a signal to stop, as at the end of a walltime; called again with
the same folder, it goes on. Printed are what came of the pixels and what
`benchmarks.memory` finds: a leak shows as growth of a worker, or of the process that
leads them.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.memory import describe, summary, watch
from jobs.run.run import open_run
from jobs.run.status import status_of
from landdata import generate_weather, harvard_normals

YEARS = (2001, 2004)
N_WEATHERS = 20
SECONDS_A_PIXEL = 4.0
"""Fewer than a pixel takes on any core met so far, so that places never run out."""

CONFIG = """\
name: endurance
seed: 3
pixels: {source: table, table: places.csv, forcing: "forcing/{name}.nc"}
periods: {spinup: 2001, calibration: 2002-2003, validation: 2004}
model: {spinup_cycles: 2}
streams: {gpp: {variance: given}, lai: {variance: given}}
twin:
  truth: random
  noise: {gpp: {fraction: 0.1, floor: 0.3}, lai: {fraction: 0.1, floor: 0.2}}
calibration:
  blocks:
    - streams: [gpp, lai]
      parameters: [alpha3, theta3, beta3, vmax, p5, p14, p15, p17, p18, p20]
execution: {executor: local, workers: WORKERS, max_failed_fraction: 1}
"""


def prepare(path: Path, n_pixels: int, workers: int) -> None:
    """Write the run folder: its configuration, its places and their weather."""
    (path / "forcing").mkdir(parents=True)
    (path / "config.yaml").write_text(CONFIG.replace("WORKERS", str(workers)))
    for i in range(N_WEATHERS):
        rng = np.random.default_rng([3, i])
        weather = generate_weather(harvard_normals(), YEARS, rng)
        weather.to_netcdf(path / "forcing" / f"weather{i}.nc", engine="h5netcdf")
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    for i in range(n_pixels):
        latitude = 36.0 + 10.0 * (i % 97) / 97.0
        rows.append(f"{i},weather{i % N_WEATHERS},{latitude:.3f},-75,300,60,10")
    (path / "places.csv").write_text("\n".join(rows) + "\n")


def calibrate(path: Path, seconds: float, every: float) -> int:
    """Calibrate for so long under watch; return the exit status of the command."""
    command = [sys.executable, "-m", "jobs", "calibrate", str(path), "--resume"]
    child = subprocess.Popen([*command, "--executor", "local"])
    deadline = time.monotonic() + seconds
    reported = False

    def ended() -> bool:
        nonlocal reported
        if not reported and time.monotonic() > deadline:
            child.send_signal(signal.SIGTERM)
            reported = True
        return child.poll() is not None

    watch(psutil.Process(child.pid), path / "memory.csv", every, ended)
    return child.wait()


def main() -> int:
    """Prepare, calibrate, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=10.0, help="seconds")
    asked = parser.parse_args()
    if not (asked.folder / "config.yaml").exists():
        n_pixels = int(asked.hours * 3600.0 * asked.workers / SECONDS_A_PIXEL) + 10
        prepare(asked.folder, n_pixels, asked.workers)
    status = calibrate(asked.folder, asked.hours * 3600.0, asked.every)
    run = open_run(asked.folder)
    states = status_of(run.folder, run.pixels).states
    print(", ".join(f"{n} {state}" for state, n in states.items() if n))
    print(describe(summary(pd.read_csv(asked.folder / "memory.csv"))))
    # Stopped at the end of its time with progress saved: what was asked for.
    return 0 if status in (0, 75) else status


if __name__ == "__main__":
    sys.exit(main())
