"""Seconds that a run of 4,200 pixels spends on bookkeeping.

A made-up result stands in for each pixel (one posterior of ten parameters, linked
4,200 times), so what is timed is `status`, `collect` and the start of `--resume`.
Pixels are packed by the hundred where there are `execution.pack_from` of them.
It also prints the seconds that this process had a core.

    python -m benchmarks.bookkeeping [--pixels 4200]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import masm
from jobs.run.packing import Packer
from jobs.run.run import open_run, start
from jobs.run.status import status_of
from jobs.stages.calibrate_pixels import pixels_left
from jobs.stages.collect import collect
from jobs.stages.slim_result import slim

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
    posterior = path / "one.nc"
    slim(made_up_result(rng)).to_netcdf(posterior)
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
        folder = run.folder.pixel(i)
        folder.path.mkdir(parents=True)
        if i % 100 == 99:
            folder.failure.write_text(json.dumps({"reason": "timed_out"}))
            continue
        folder.summary.write_text(text)
        os.link(posterior, folder.posterior)


def made_up_result(rng: np.random.Generator) -> masm.Result:
    """Return random numbers with the groups and sizes of a calibrated pixel.

    Ten parameters, two streams of three years of 8-day means, 177 runs.
    """
    n_windows, n_runs = 138, 177
    attrs = {"units": "1", "prior": "Uniform", "prior_low": 0.0, "prior_high": 1.0}
    attrs |= {"default": 0.5, "at_bound": "", "r_hat": 1.0, "ess_bulk": 900.0}
    attrs |= {"ess_tail": 900.0, "r_hat_gr": 1.0}
    draws = rng.random((len(PARAMETERS), 4, 1000))
    columns = rng.random((len(PARAMETERS) + 1, n_runs))
    names = ("gpp", "lai")

    def series(*dims: str, n: int = 100) -> xr.Dataset:
        shape = (1, n, n_windows)[-len(dims) :]
        values = {s: (dims, rng.random(shape).astype("f4")) for s in names}
        return xr.Dataset(values)

    return masm.Result(
        {
            "posterior": xr.Dataset(
                {
                    name: (("chain", "draw"), one, attrs)
                    for name, one in zip(PARAMETERS, draws, strict=True)
                }
            ),
            "prior": xr.Dataset(
                {
                    name: (("chain", "draw"), rng.random((1, 1000)))
                    for name in PARAMETERS
                }
            ),
            "sample_stats": xr.Dataset(
                {"lp": (("chain", "draw"), -300.0 + rng.random((4, 1000)))}
            ),
            "runs": xr.Dataset(
                {
                    name: (("run",), one)
                    for name, one in zip((*PARAMETERS, "cost"), columns, strict=True)
                }
            ),
            "posterior_predictive": series("chain", "draw", "time"),
            "log_likelihood": series("chain", "draw", "time"),
            "prior_predictive": series("chain", "draw", "time", n=40),
            "observed_data": series("time"),
            "constant_data": series("time"),
        }
    )


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
        timed("pack by the hundred", lambda: Packer(run).pack_all())
        size = sum(one.stat().st_size for one in (path / "pixels").rglob("*.zip"))
        print(f"{'packed':<28} {size / 1e3 / n_pixels:6.0f} kB a pixel")
        timed("collect, everything new", lambda: collect(run))
        timed("collect, nothing new", lambda: collect(run))
        timed("status of packed pixels", lambda: status_of(run.folder, run.pixels))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{'peak memory':<28} {memory:6.0f} MB")


if __name__ == "__main__":
    main()
