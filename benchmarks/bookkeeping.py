"""Seconds that a run of 4,200 pixels spends on keeping books.

A made-up result stands in for each pixel (one posterior of ten parameters, linked
4,200 times), so what is timed is `status`, `collect` and the start of `--resume`.
Beside the seconds that pass stand those that this process had a core.

    python -m benchmarks.bookkeeping [--pixels 4200]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import masm
from jobs.run.run import open_run, start
from jobs.run.status import status_of
from jobs.stages.calibrate_pixels import pixels_left
from jobs.stages.collect import collect

PARAMETERS = (
    "alpha3", "theta3", "beta3", "vmax", "p5", "p14", "p15", "p17", "p18", "p20",
)  # fmt: skip
CONFIG = """\
name: bookkeeping
seed: 1
pixels: {source: table, table: places.csv, forcing: "forcing/{id}.nc"}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {}}
twin: {truth: random, noise: {gpp: {fraction: 0.1, floor: 0.2}}}
calibration: {blocks: [{streams: [gpp], parameters: [PARAMETERS]}]}
"""


def make_run(path: Path, n_pixels: int) -> None:
    """Write a run whose pixels, but for one in a hundred, are done."""
    path.mkdir()
    text = CONFIG.replace("PARAMETERS", ", ".join(PARAMETERS))
    (path / "config.yaml").write_text(text)
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    rows += [f"{i},p{i},40,-75,300,60,10" for i in range(n_pixels)]
    (path / "places.csv").write_text("\n".join(rows) + "\n")
    run = open_run(path)
    start(run)
    rng = np.random.default_rng(1)
    draws = xr.Dataset(
        {name: (("chain", "draw"), rng.random((4, 1000))) for name in PARAMETERS}
    )
    posterior = path / "one.nc"
    masm.Result({"posterior": draws}).to_netcdf(posterior)
    numbers = ("mean", "sd", "q05", "q50", "q95", "r_hat", "ess_bulk", "ess_tail")
    row: dict[str, Any] = {**dict.fromkeys(numbers, 1.0), "at_bound": ""}
    summary = {
        "status": "done",
        "reason": "",
        "minutes": 1.0,
        "n_model_runs": 100,
        "n_failed_runs": 0,
        "surrogate_rmse": 0.1,
        "parameters": dict.fromkeys(PARAMETERS, row),
    }
    text = json.dumps(summary)
    for i in range(n_pixels):
        if i % 100 == 99:
            continue
        folder = run.folder.pixel(i)
        folder.path.mkdir(parents=True)
        folder.summary.write_text(text)
        os.link(posterior, folder.posterior)


def timed(what: str, work: Callable[[], Any]) -> None:
    """Do some work and print how long it took."""
    begin, busy = time.perf_counter(), time.process_time()
    work()
    passed, busy = time.perf_counter() - begin, time.process_time() - busy
    print(f"{what:<28} {passed:6.2f} s, {busy:6.2f} s of a core")


def main() -> None:
    """Make a run and time what a user waits for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=4200)
    n_pixels = parser.parse_args().pixels
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        make_run(path, n_pixels)
        timed("open the run", lambda: open_run(path).pixels)
        run = open_run(path)
        timed("status", lambda: status_of(run.folder, run.pixels))
        timed("resume: what is left", lambda: pixels_left(run, run.pixels))
        timed("collect, everything new", lambda: collect(run))
        timed("collect, nothing new", lambda: collect(run))


if __name__ == "__main__":
    main()
