"""CPU time of a SIPNET step, with all outputs, in lanes.

``python -m benchmarks.sipnet_speed [FORCING]`` prints microseconds of CPU per step on
one thread, and what that means in simulated years per second. Without a driver file
(12 or 14 columns, or a table) it makes seven years of half-daily weather.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landmodels import sipnet

#: Published figures of the program (us of CPU per step), for comparison.
PROGRAM = {"NEE and GPP as text": 2.5, "its full table": 6.0}


def weather(years: int = 7) -> xr.Dataset:
    """Half-daily drivers of a made-up cool forest site."""
    rng = np.random.default_rng(5)
    time = pd.date_range("2001-01-01", f"{2000 + years}-12-31")
    season = -np.cos(2.0 * np.pi * (time.day_of_year.to_numpy() - 15) / 365.0)
    mean = 5.0 + 11.0 * season + rng.normal(0.0, 3.0, time.size)
    wet = rng.random(time.size) < 0.3
    daily = {
        "tmin": (mean - 5.0, "degC"),
        "tmax": (mean + 5.0, "degC"),
        "srad": (12.0 + 8.0 * season, "MJ m-2 d-1"),
        "vpd": (5.0 + 4.0 * season, "hPa"),
        "prec": (np.where(wet, rng.gamma(1.0, 8.0, time.size), 0.0), "mm d-1"),
    }
    table = {k: ("time", v, {"units": u}) for k, (v, u) in daily.items()}
    dataset = xr.Dataset(table, {"time": time})
    return sipnet.half_daily_drivers(dataset, latitude=42.5)


def microseconds(
    forcing: xr.Dataset, lanes: int, outputs: list[str] | None, repeats: int
) -> float:
    """The least CPU time of a step over the repeats (us)."""
    rng = np.random.default_rng(7)
    parameters = {
        "aMax": rng.uniform(5.0, 20.0, lanes),
        "psnTOpt": rng.uniform(15.0, 25.0, lanes),
        "soilWHC": rng.uniform(5.0, 30.0, lanes),
    }
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        sipnet.simulate_batch(forcing, parameters, outputs=outputs)
        best = min(best, time.process_time() - start)
    return 1e6 * best / (lanes * forcing.sizes["time"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sipnet_speed")
    parser.add_argument("forcing", nargs="?", type=Path)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.forcing is None:
        forcing = weather()
    elif arguments.forcing.name.endswith((".csv", ".csv.gz")):
        forcing = sipnet.read_driver_table(arguments.forcing)
    else:
        forcing = sipnet.read_clim(arguments.forcing)
    sipnet.warm_up()
    steps_per_year = forcing.sizes["time"] / float(forcing["step_length"].sum()) * 365
    print(f"{forcing.sizes['time']} steps, {arguments.lanes} lanes, one thread")
    for name, outputs in (
        ("all outputs and the state", None),
        ("nee, gpp, lai, et", ["nee", "gpp", "lai", "et"]),
    ):
        us = microseconds(forcing, arguments.lanes, outputs, arguments.repeats)
        years = 1e6 / us / steps_per_year
        print(f"{name:<28} {us:6.3f} us per step  {years:9.0f} years per second")
    for name, us in PROGRAM.items():
        years = 1e6 / us / steps_per_year
        label = f"program, {name}"
        print(f"{label:<28} {us:6.3f} us per step  {years:9.0f} years per second")


if __name__ == "__main__":
    main()
