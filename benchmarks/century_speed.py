"""Speed of CENTURY: site-years per second of one core's CPU time.

    python -m benchmarks.century_speed [--years 2000] [--repeat 5]

Weather is random and synthetic. A site-year is twelve months with 48 steps of
decomposition. CPU time is counted, so that other users of the machine do not.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
import xarray as xr

from landmodels import century


def alpine_weather(years: int, seed: int = 1) -> xr.Dataset:
    """Random weather of an alpine grassland (synthetic)."""
    rng = np.random.default_rng(seed)
    time_axis = pd.date_range("1961-01-01", periods=12 * years, freq="MS")
    wave = -np.cos(2 * np.pi * (time_axis.month.to_numpy() - 1) / 12.0)
    mean = -0.5 + 11.5 * wave + rng.normal(0, 1, wave.size)
    prec = 28.0 * np.exp(1.5 * wave + rng.normal(0, 0.35, wave.size))
    return xr.Dataset(
        {
            "tmin": ("time", mean - 7.0),
            "tmax": ("time", mean + 7.0),
            "prec": ("time", prec, {"units": "mm month-1"}),
        },
        coords={"time": time_axis},
        attrs={
            "lat": 34.0,
            "sand": 0.35,
            "silt": 0.45,
            "clay": 0.2,
            "bulk_density": 1.1,
            "ph": 7.5,
        },
    )


def fastest(call, repeat: int) -> float:
    """Least CPU seconds of some calls."""
    seconds = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    forcing = alpine_weather(10)
    start = time.perf_counter()
    century.warm_up()
    print(f"compiled or loaded in {time.perf_counter() - start:.1f} s")
    cycles = max(arguments.years // 10, 1)

    def spin_up():
        century.simulate(
            forcing, spinup="run", spinup_cycles=cycles, outputs=["final_state"]
        )

    def batch():
        century.simulate_batch(
            forcing,
            {"rdr": np.full(arguments.years // 10, 0.2)},
            spinup="start",
            outputs=["nep", "soc"],
        )

    def steady():
        century.equilibrium(forcing)

    spin_up()
    seconds = fastest(spin_up, arguments.repeat)
    print(f"spin-up, one lane      {(10 * cycles + 10) / seconds:9.0f} site-years s-1")
    seconds = fastest(batch, arguments.repeat)
    print(f"batch with outputs     {arguments.years / seconds:9.0f} site-years s-1")
    seconds = fastest(steady, arguments.repeat)
    print(f"equilibrium, one cell  {1e3 * seconds:9.1f} ms, checks and labels included")


if __name__ == "__main__":
    main()
