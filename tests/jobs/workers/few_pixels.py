"""A run of four pixels, each with its own weather, for the tests of many pixels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

import masm
from jobs.run.folder import RunFolder
from landdata import generate_weather, harvard_normals

N_PIXELS = 4
IDS = range(1, N_PIXELS + 1)

PUBLISHED_OPTIONS = """\
  options: {n_iterations: 2, n_draws: 2000, n_steps: 400, n_initial_per_parameter: 10}
"""

CONFIG = """\
name: a few pixels
seed: 11
pixels: {source: table, table: places.csv, forcing: "forcing/{id}.nc"}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: given}, lai: {variance: given}}
twin:
  truth: random
  noise: {gpp: {fraction: 0.05, floor: 0.2}, lai: {fraction: 0.05, floor: 0.1}}
calibration:
  method: published
"""
CONFIG += PUBLISHED_OPTIONS
CONFIG += """\
  keep_draws: 100
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
"""


def make_run(path: Path, execution: str) -> Path:
    """Write a run folder with its inputs; pixel i lies at 40 + i degrees north."""
    (path / "forcing").mkdir(parents=True)
    for i in IDS:
        weather = generate_weather(
            harvard_normals(), (2001, 2003), np.random.default_rng(i)
        )
        weather.to_netcdf(path / "forcing" / f"{i}.nc", engine="h5netcdf")
    (path / "config.yaml").write_text(CONFIG + execution)
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    rows += [f"{i},place {i},{40 + i},-75,300,60,10" for i in IDS]
    (path / "places.csv").write_text("\n".join(rows) + "\n")
    return path


def assert_same_draws(one: Path, other: Path, ids: Iterable[int] = IDS) -> None:
    """Hold the posteriors of two runs against each other, to the last bit."""
    for i in ids:
        got = masm.open_result(RunFolder(one).pixel(i).posterior)
        want = masm.open_result(RunFolder(other).pixel(i).posterior)
        xr.testing.assert_identical(got.posterior, want.posterior)
