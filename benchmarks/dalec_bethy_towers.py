"""DALEC-BETHY on real towers: 4DVar on four years, judged on the last four.

``python -m benchmarks.dalec_bethy_towers FOLDER`` reads ``SITE_daily.csv.gz`` and
``sites.csv`` of a folder of daily tower tables, assimilates gpp, nee, et and lai of
every fourth day of years 2 to 5, and prints the Nash-Sutcliffe efficiency of each
stream on every day of the last four years, before and after. Where a withheld score
falls, the line says so.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from landmodels.dalec_bethy import cell_observations, cell_problem, make_drivers
from landmodels.dalec_bethy.drivers import Drivers
from masm.methods.variational import four_d_var

TYPES = {"DE-Hai": "TmSg", "DE-Tha": "EvCn", "FR-Pue": "TmEv"}
#: Absolute and relative part of the error of each stream.
ERRORS = {"gpp": (0.5, 0.15), "nee": (0.5, 0.15), "et": (0.2, 0.15), "lai": (0.5, 0.10)}
#: Above this the tower's CO2 is local air and not the boundary value (ppm).
_HIGHEST_CO2 = 420.0


def read_site(folder: Path, site: str) -> tuple[Drivers, pd.DataFrame]:
    """Drivers and table of a tower."""
    table = pd.read_csv(folder / f"{site}_daily.csv.gz", parse_dates=["date"])
    sites = pd.read_csv(folder / "sites.csv")
    place = sites.set_index(sites.columns[0]).loc[site]
    co2 = min(float(table["co2"].median()), _HIGHEST_CO2)
    weather = {
        "doy": table["date"].dt.day_of_year.to_numpy(float),
        "tmin": table["tmin"].to_numpy(float),
        "tmax": table["tmax"].to_numpy(float),
        "srad": table["srad"].to_numpy(float) / 0.0864,  # MJ m-2 d-1 to W m-2
        "vpd": table["vpd"].to_numpy(float) * 100.0,  # hPa to Pa
        "prec": table["prec"].to_numpy(float),
        "co2": co2 * 1e-6,
    }
    for name, values in weather.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{site}: {name} has gaps")
    drivers = make_drivers(
        weather, latitude=float(place["lat"]), elevation=float(place["elevation_m"])
    )
    return drivers, table


def efficiency(simulated: np.ndarray, observed: np.ndarray) -> float:
    """Nash-Sutcliffe efficiency over the days that were observed."""
    good = np.isfinite(observed)
    misfit = np.sum((simulated[good] - observed[good]) ** 2)
    return float(1.0 - misfit / np.sum((observed[good] - observed[good].mean()) ** 2))


def judge(folder: Path, site: str) -> dict[str, float]:
    """Fit one tower, print the withheld scores, and return them after the fit."""
    drivers, table = read_site(folder, site)
    year = (table["date"].dt.year - table["date"].dt.year.min()).to_numpy()
    days = np.flatnonzero((year >= 1) & (year <= 4))[::4]
    rows = [
        (stream, day, value, (floor + share * abs(value)) ** 2)
        for stream, (floor, share) in ERRORS.items()
        for day, value in zip(days, table[stream].to_numpy(float)[days], strict=True)
        if np.isfinite(value)
    ]
    stream, day, value, variance = (list(c) for c in zip(*rows, strict=True))
    whole = [-1] * len(rows)
    observations = cell_observations(stream, day, whole, value, variance)
    types = [(TYPES[site], 1.0)]
    problem = cell_problem(drivers, types, observations)
    start = time.process_time()
    found = four_d_var(
        problem.cost, np.zeros(problem.n), names=problem.names,
        collapsed=problem.collapsed,
    )  # fmt: skip
    seconds = time.process_time() - start
    print(f"\n{site} ({TYPES[site]}), {len(rows)} observations, {seconds:.1f} s of CPU")
    print(found.summary())
    last = np.flatnonzero(year > year.max() - 4)
    names = list(ERRORS)
    every = cell_observations(
        list(np.repeat(names, last.size)), np.tile(last, len(names)),
        np.full(last.size * len(names), -1), np.zeros(last.size * len(names)),
        np.ones(last.size * len(names)),
    )  # fmt: skip
    held_back = cell_problem(drivers, types, every)
    before, after = (
        held_back.observe(x).reshape(len(names), -1)
        for x in (np.zeros(problem.n), found.x)
    )
    scores = {}
    for i, name in enumerate(names):
        observed = table[name].to_numpy(float)[last]
        first, second = efficiency(before[i], observed), efficiency(after[i], observed)
        word = "worse" if second < first else ""
        print(f"  {name:<4} withheld {first:6.2f} -> {second:6.2f}  {word}")
        scores[name] = second
    return scores


def main() -> int:
    """Judge the towers that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dalec_bethy_towers")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", nargs="*", choices=list(TYPES), default=list(TYPES))
    arguments = parser.parse_args()
    for site in arguments.sites:
        judge(arguments.folder, site)
    return 0


if __name__ == "__main__":
    sys.exit(main())
