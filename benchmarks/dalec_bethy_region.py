"""A region of DALEC-BETHY assimilated on the footprints of two satellites.

``python -m benchmarks.dalec_bethy_region`` makes a grid of 4 by 4 cells with two
vegetation types in varying fractions, lets the model itself make fluorescence on
quadrilaterals and L-band optical depth and soil moisture on ellipses, and minimises
over parameters that the cells share and pools that they do not. It prints the time of
a cost with its gradient, and exits 1 where the cost is more than 5 % from half the
number of observations.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from benchmarks.dalec_bethy_weather import CLIMATES, weather
from landmodels.dalec_bethy import (
    Cell,
    Ellipse,
    Grid,
    Observations,
    Overpass,
    Polygon,
    make_drivers,
    region_observations,
    region_problem,
)
from masm.methods.variational import four_d_var

N, SPACING = 4, 0.25
YEARS = 3
START = 365
#: UTC hour, days between overpasses, absolute and relative error.
STREAMS = {
    "sif": (11.5, 5, 0.08, 0.20),
    "lvod": (4.2, 3, 0.04, 0.20),
    "ssm": (4.2, 3, 0.03, 0.10),
}


def make_cells(seed: int) -> tuple[list[Cell], Grid]:
    """Cells with weather of their own, colder to the north."""
    side = (np.arange(N) - (N - 1) / 2.0) * SPACING
    lon, lat = (a.ravel() for a in np.meshgrid(26.6 + side, 67.4 + side))
    rng = np.random.default_rng([seed, 1])
    base = weather("boreal", YEARS, seed)
    cells = []
    for k in range(N * N):
        shift = -1.5 * (lat[k] - 67.4) + 0.3 * rng.standard_normal()
        own = {**base, "tmin": base["tmin"] + shift, "tmax": base["tmax"] + shift}
        drivers = make_drivers(
            own, latitude=float(lat[k]), elevation=CLIMATES["boreal"].elevation
        )
        fraction = float(rng.uniform(0.3, 0.9))
        cells.append(Cell(drivers, {"EvCn": fraction, "EShr": 1.0 - fraction}))
    return cells, Grid(lon, lat, SPACING)


def make_overpasses(grid: Grid, seed: int) -> list[Overpass]:
    """Overpasses whose footprints lie about the grid, without values."""
    rng = np.random.default_rng([seed, 2])
    found = []
    for stream, (hour, every, _, _) in STREAMS.items():
        for day in range(START, 365 * YEARS, every):
            lon = float(rng.uniform(grid.longitude.min(), grid.longitude.max()))
            lat = float(rng.uniform(grid.latitude.min(), grid.latitude.max()))
            shape: Ellipse | Polygon
            if stream == "sif":
                shape = Polygon(
                    (lon - 0.10, lon + 0.08, lon + 0.12, lon - 0.06),
                    (lat - 0.03, lat - 0.04, lat + 0.03, lat + 0.04),
                )
            else:
                azimuth = float(rng.uniform(0.0, 180.0))
                shape = Ellipse(lon, lat, 22.0, 15.0, azimuth, 16.0)
            found.append(Overpass(stream, shape, day + hour / 24.0, 0.0, 1.0))
    return found


def main() -> int:
    """Make the region, fit it, print how it went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dalec_bethy_region")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    cells, grid = make_cells(arguments.seed)
    looks, skipped = region_observations(
        make_overpasses(grid, arguments.seed), grid, skip_outside=True
    )
    blind = region_problem(cells, looks)
    rng = np.random.default_rng([arguments.seed, 3])
    truth = np.clip(rng.standard_normal(blind.n), -3.0, 3.0)
    clean = blind.observe(truth)
    floor, fraction = (
        np.array([STREAMS[str(s)][i] for s in looks.stream]) for i in (2, 3)
    )
    variance = floor**2 + (fraction * clean) ** 2
    value = clean + np.sqrt(variance) * rng.standard_normal(clean.size)
    observed = Observations(
        looks.stream, value, variance, looks.of, looks.cell, looks.day, looks.hour,
        looks.weight,
    )  # fmt: skip
    problem = region_problem(cells, observed, threads=arguments.threads)
    start = time.process_time()
    problem.cost(truth)
    seconds = time.process_time() - start
    print(
        f"{N * N} cells, 2 types, {YEARS} years; n {problem.n}, {observed.n} "
        f"observations ({looks.of.size} looks), {skipped} footprints outside"
    )
    print(f"a cost with its gradient: {seconds:.2f} s of CPU")
    found = four_d_var(
        problem.cost, np.zeros(problem.n), names=problem.names,
        collapsed=problem.collapsed, cost_tolerance=1e-8,
    )  # fmt: skip
    print(found.summary())
    half = 0.5 * observed.n
    print(
        f"half the observations {half:.0f}, at the truth {problem.cost(truth)[0]:.1f}"
    )
    return 0 if abs(found.cost - half) <= 0.05 * half else 1


if __name__ == "__main__":
    sys.exit(main())
