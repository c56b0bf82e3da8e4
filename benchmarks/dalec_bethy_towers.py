"""DALEC-BETHY on real towers: 4DVar on four years, judged on the last four.

    python -m benchmarks.dalec_bethy_towers FOLDER [--sites DE-Hai DE-Tha FR-Pue]
        [--withhold] [--sif TABLE]

Reads ``SITE_daily.csv.gz`` and ``sites.csv`` of a folder of daily tower tables,
assimilates gpp, nee, et and lai of every fourth day of years 2 to 5, and prints the
Nash-Sutcliffe efficiency of each stream on every day of the last four years, before and
after. Where a withheld score falls, the line says so. With ``--withhold`` each stream
is left out in turn, and its own score is printed: before, fitted to the others alone,
and fitted to all. With ``--sif`` the fluorescence of the fitted model is compared with
a satellite's, a table of ``site``, ``date`` and ``sif_daily`` (mW m-2 sr-1 nm-1).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from landmodels.dalec_bethy import (
    Observations,
    cell_observations,
    cell_problem,
    make_drivers,
)
from landmodels.dalec_bethy.drivers import Drivers
from landmodels.dalec_bethy.problem import Problem
from masm.methods.variational import Minimum, four_d_var

#: Vegetation types of each tower with their fractions; half and half is ours.
TYPES = {
    "DE-Hai": [("TmSg", 1.0)],
    "DE-Tha": [("EvCn", 1.0)],
    "FR-Pue": [("TmEv", 1.0)],
    "BE-Vie": [("EvCn", 0.5), ("TmSg", 0.5)],
}
GOALS = {"DE-Hai": (0.94, 0.89), "DE-Tha": (0.87, 0.73), "FR-Pue": (0.67, 0.42)}
#: Absolute and relative part of the error of each stream.
ERRORS = {"gpp": (0.5, 0.15), "nee": (0.5, 0.15), "et": (0.2, 0.15), "lai": (0.5, 0.10)}
#: Above this the tower's CO2 is local air and not the boundary value (ppm).
_HIGHEST_CO2 = 420.0


@dataclass(frozen=True)
class Tower:
    """Drivers and daily table of a tower, and the year of each day from 0 on."""

    site: str
    drivers: Drivers
    table: pd.DataFrame

    @property
    def year(self) -> np.ndarray:
        """Year of each day, from 0 on."""
        year = self.table["date"].dt.year
        return (year - year.min()).to_numpy()

    def __str__(self) -> str:
        types = ", ".join(f"{name} {fraction:g}" for name, fraction in TYPES[self.site])
        return f"{self.site} ({types}),"


def read_site(folder: Path, site: str) -> Tower:
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
    return Tower(site, drivers, table)


def efficiency(simulated: np.ndarray, observed: np.ndarray) -> float:
    """Nash-Sutcliffe efficiency over the days that were observed."""
    good = np.isfinite(observed)
    misfit = np.sum((simulated[good] - observed[good]) ** 2)
    return float(1.0 - misfit / np.sum((observed[good] - observed[good].mean()) ** 2))


def observe_streams(
    table: pd.DataFrame, days: np.ndarray, streams: Sequence[str]
) -> Observations:
    """Observations of some streams on some days, where they were measured."""
    rows = [
        (stream, day, value, (floor + fraction * abs(value)) ** 2)
        for stream, (floor, fraction) in ERRORS.items()
        if stream in streams
        for day, value in zip(days, table[stream].to_numpy(float)[days], strict=True)
        if np.isfinite(value)
    ]
    stream, day, value, variance = (list(c) for c in zip(*rows, strict=True))
    return cell_observations(stream, day, [-1] * len(rows), value, variance)


def fit(tower: Tower, streams: Sequence[str]) -> tuple[Minimum, Problem, float]:
    """Fit every fourth day of years 2 to 5; minimum, problem, CPU seconds."""
    days = np.flatnonzero((tower.year >= 1) & (tower.year <= 4))[::4]
    observations = observe_streams(tower.table, days, streams)
    problem = cell_problem(tower.drivers, TYPES[tower.site], observations)
    start = time.process_time()
    found = four_d_var(
        problem.cost, np.zeros(problem.n), names=problem.names,
        collapsed=problem.collapsed,
    )  # fmt: skip
    return found, problem, time.process_time() - start


def scores(tower: Tower, controls: dict[str, np.ndarray]) -> pd.DataFrame:
    """Efficiency of each stream in the last four years, a column for each control."""
    last = np.flatnonzero(tower.year > tower.year.max() - 4)
    names = list(ERRORS)
    n = last.size * len(names)
    every = cell_observations(
        list(np.repeat(names, last.size)), np.tile(last, len(names)),
        np.full(n, -1), np.zeros(n), np.ones(n),
    )  # fmt: skip
    problem = cell_problem(tower.drivers, TYPES[tower.site], every)
    columns = {}
    for label, x in controls.items():
        simulated = problem.observe(x).reshape(len(names), -1)
        columns[label] = [
            efficiency(simulated[i], tower.table[name].to_numpy(float)[last])
            for i, name in enumerate(names)
        ]
    return pd.DataFrame(columns, index=names)


def judge(folder: Path, site: str) -> dict[str, float]:
    """Fit one tower, print the withheld scores, and return them after the fit."""
    tower = read_site(folder, site)
    found, problem, seconds = fit(tower, list(ERRORS))
    print(f"\n{tower} {problem.observations.n} observations, {seconds:.1f} s of CPU")
    print(found.summary())
    table = scores(tower, {"before": np.zeros(found.x.size), "after": found.x})
    for name, row in table.iterrows():
        word = "worse" if row["after"] < row["before"] else ""
        print(
            f"  {name:<4} withheld {row['before']:6.2f} -> {row['after']:6.2f}  {word}"
        )
    return dict(table["after"])


def withhold(folder: Path, site: str) -> pd.DataFrame:
    """Fit one tower without each stream in turn; its scores in the last four years."""
    tower = read_site(folder, site)
    rows = []
    whole, _, _ = fit(tower, list(ERRORS))
    for stream in ERRORS:
        rest = [name for name in ERRORS if name != stream]
        found, _, _ = fit(tower, rest)
        table = scores(
            tower, {"before": np.zeros(found.x.size), "without": found.x,
                    "with": whole.x},
        )  # fmt: skip
        row = table.loc[stream]
        word = "better" if row["without"] > row["before"] else "worse"
        rows.append({"site": site, "stream": stream, **row, "than before": word})
    return pd.DataFrame(rows)


def judge_fluorescence(folder: Path, table: Path, site: str) -> None:
    """Print how the fitted tower's SIF compares with a satellite's on the same days."""
    tower = read_site(folder, site)
    seen = pd.read_csv(table, parse_dates=["date"])
    # Several soundings of a day are averaged.
    daily = seen[seen["site"] == site].groupby("date")["sif_daily"].mean()
    day = pd.Index(tower.table["date"]).get_indexer(daily.index)
    sif, day = daily[day >= 0].to_numpy(), day[day >= 0]
    if day.size < 3:
        raise SystemExit(f"{site}: {day.size} days with SIF within the tower's years")
    looks = cell_observations(
        ["sif"] * day.size, day, [-1] * day.size, sif, np.ones(day.size)
    )
    problem = cell_problem(tower.drivers, TYPES[site], looks)
    found, fitted, _ = fit(tower, list(ERRORS))
    # The scale is not fitted to the tower: that of the prior, 1, is kept.
    controls = {"before": np.zeros(problem.n), "after": np.zeros(problem.n)}
    names = list(problem.names)
    for name, value in zip(fitted.names, found.x, strict=True):
        if name in names:
            controls["after"][names.index(name)] = value
    print(f"\n{tower} SIF of a satellite on {day.size} days")
    gpp = tower.table["gpp"].to_numpy(float)[day]
    good = np.isfinite(gpp)
    print(
        f"  correlation with the tower's GPP {_correlation(gpp[good], sif[good]):.2f}"
    )
    for label, x in controls.items():
        simulated = problem.observe(x)
        scale = float(simulated @ sif / (simulated @ simulated))
        error = float(np.sqrt(np.mean((scale * simulated - sif) ** 2)))
        print(
            f"  {label:<6} correlation {_correlation(simulated, sif):.2f}, best scale "
            f"{scale:.2f}, error then {error:.2f} of a spread of {sif.std():.2f}"
        )


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def main() -> int:
    """Judge the towers that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dalec_bethy_towers")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", nargs="*", choices=list(TYPES), default=list(GOALS))
    parser.add_argument("--withhold", action="store_true", help="each stream in turn")
    parser.add_argument("--sif", type=Path, metavar="TABLE", help="SIF of a satellite")
    arguments = parser.parse_args()
    for site in arguments.sites:
        if arguments.sif:
            judge_fluorescence(arguments.folder, arguments.sif, site)
        elif arguments.withhold:
            found = withhold(arguments.folder, site).round(2)
            print(found.to_string(index=False), flush=True)
        else:
            judge(arguments.folder, site)
    return 0


if __name__ == "__main__":
    sys.exit(main())
