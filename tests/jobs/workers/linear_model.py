"""A linear model with the process model's call, and how to put it in its place.

In this process a fixture does that; in workers ``sitecustomize`` beside this file,
which Python imports when its folder is on ``PYTHONPATH``.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import xarray as xr

UNITS = {"gpp": "g m-2 d-1", "lai": "1"}


def simulate_batch(forcing, parameters, *, spinup_cycles=10, outputs=("lai", "gpp")):
    """GPP follows warmth and vmax, LAI warmth and 1 / p18; over (sample, time)."""
    _mishap(float(forcing["lat"]))
    warm = np.clip(forcing["tmax"].to_numpy() / 25.0, 0.0, None)
    vmax = np.asarray(parameters.get("vmax", [3e-5]), float)[:, None]
    p18 = np.asarray(parameters.get("p18", [60.0]), float)[:, None]
    series = {"gpp": 2e5 * vmax * warm, "lai": 300.0 / p18 * warm + 0.0 * vmax}
    shape = np.broadcast_shapes(vmax.shape, p18.shape, warm.shape)
    return xr.Dataset(
        {
            name: (
                ("sample", "time"),
                np.broadcast_to(series[name if name in UNITS else "gpp"], shape),
                {"units": UNITS.get(name, "g m-2 d-1")},
            )
            for name in outputs
        },
        coords={"time": forcing["time"]},
    )


def simulate(forcing, parameters, **options):
    """One parameter set, over (time)."""
    one = {name: [value] for name, value in parameters.items()}
    return simulate_batch(forcing, one, **options).isel(sample=0)


def _mishap(latitude: float) -> None:
    """Do to the pixel at a latitude what a test wants done to it."""
    wanted, place, folder = os.environ.get("TEST_MISHAP", "none,0,").split(",")
    if wanted == "none" or latitude != float(place):
        return
    if wanted == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if wanted == "killed_once":
        mark = Path(folder) / "was_killed"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if wanted == "slow":
        time.sleep(30)
    if wanted == "slow_once":
        mark = Path(folder) / "was_slow"
        if not mark.exists():
            mark.touch()
            time.sleep(60)
