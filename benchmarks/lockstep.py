"""Model runs of several pixels together, against one pixel after the other.

A calibration asks for small batches (the published loop for five runs at a time), and
the model's lanes are widest at 64. Here ``k`` pixels ask for ``b`` runs each: first
``k`` calls of ``simulate_batch``, then one call of ``simulate_pixels`` in which every
run is a pixel of its own. Seconds are of the core, so that other work on the machine
counts for nothing; results are compared with each other.

    python -m benchmarks.lockstep [--years 6] [--repeats 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

import ibis_dalec
from landdata import generate_weather, harvard_normals

STREAMS = ("gpp", "lai")
SPINUP = 10


def busy(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the fewest core seconds of some repeats, and the answer."""
    seconds = []
    for _ in range(repeats):
        begin = time.process_time()
        answer = work()
        seconds.append(time.process_time() - begin)
    return min(seconds), answer


def main() -> None:
    """Print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--years", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    years = asked.years
    print("pixels  runs each  one by one (s)  together (s)  ratio  same numbers")
    for n_pixels, n_runs in ((4, 5), (12, 5), (4, 16), (4, 64)):
        weather = [
            generate_weather(
                harvard_normals(), (2001, 2000 + years), np.random.default_rng(i)
            )
            for i in range(n_pixels)
        ]
        rng = np.random.default_rng(9)
        theta = {
            "vmax": rng.uniform(3e-5, 7e-5, (n_pixels, n_runs)),
            "p18": rng.uniform(40.0, 120.0, (n_pixels, n_runs)),
        }

        def one_by_one(weather=weather, theta=theta):
            return [
                ibis_dalec.simulate_batch(
                    forcing,
                    {name: values[i] for name, values in theta.items()},
                    spinup_cycles=SPINUP,
                    outputs=STREAMS,
                )
                for i, forcing in enumerate(weather)
            ]

        def together(weather=weather, theta=theta, n_runs=n_runs):
            pixels = xr.concat(weather, "pixel", coords="minimal", compat="override")
            repeated = pixels.isel(pixel=np.repeat(np.arange(len(weather)), n_runs))
            return ibis_dalec.simulate_pixels(
                repeated,
                {name: values.ravel() for name, values in theta.items()},
                spinup_cycles=SPINUP,
                outputs=STREAMS,
            )

        apart, answers = busy(one_by_one, asked.repeats)
        joint, answer = busy(together, asked.repeats)
        lone = np.concatenate([a["gpp"].to_numpy() for a in answers])
        same = np.array_equal(lone, answer["gpp"].to_numpy())
        print(
            f"{n_pixels:6d}  {n_runs:9d}  {apart:14.2f}  {joint:12.2f}  "
            f"{apart / joint:5.2f}  {same}",
            flush=True,
        )


if __name__ == "__main__":
    main()
