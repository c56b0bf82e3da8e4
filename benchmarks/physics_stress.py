"""Run the process model through random years of extreme weather, and judge each.

    python -m benchmarks.physics_stress --years 100000 --csv stress.csv

Every lane is a place of its own: a parameter vector drawn within the table's bounds,
a climate drawn from frozen desert to hot storm and from pole to pole, three years of
daily weather with what real records hold (months without rain, days of 500 mm, days
without wind, saturated and bone-dry air, frozen summers, heat of 55 degC). Judged are:
every output finite; water and carbon closed day by day; stores and fractions within
their limits. A place that breaks a law is printed with the seed that makes it again
(``--only SEED``). Blocks already in the CSV are not run again.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from rich.progress import track

import ibis_dalec
from ibis_dalec.forcing import DAILY, SITE
from landdata.meteorology.humidity import saturation_vapour_pressure

N_YEARS = 3
N_PLACES = 64
CARBON_POOLS = ("clab", "cf", "cr", "cw", "clit", "csom")
WATER_LIMIT = 1e-9
"""mm per day that the water budget may be open: rounding of stores near 1 m."""
CARBON_LIMIT = 1e-9
"""g m-2 per day that the carbon budget may be open: rounding."""


@dataclass(frozen=True)
class Block:
    """What became of one block of places."""

    seed: int
    years: int
    not_finite: int
    water_open: int
    carbon_open: int
    out_of_range: int
    worst_water: float
    worst_carbon: float
    coldest: float
    hottest: float
    largest_lai: float
    collapsed: int

    @property
    def exceptions(self) -> int:
        """Places that broke a law."""
        return self.not_finite + self.water_open + self.carbon_open + self.out_of_range


def places(seed: int) -> xr.Dataset:
    """Forcing of ``N_PLACES`` extreme places, (time, pixel), from one seed."""
    rng = np.random.default_rng([seed, 1])
    first = int(rng.integers(1960, 2040))
    days = pd.date_range(f"{first}-01-01", f"{first + N_YEARS - 1}-12-31")
    latitude = rng.choice([-90.0, 90.0, 0.0, 66.6], N_PLACES)
    somewhere = rng.random(N_PLACES) < 0.8
    latitude = np.where(somewhere, rng.uniform(-90.0, 90.0, N_PLACES), latitude)
    sand, clay = (100.0 * rng.dirichlet((1.0, 1.0, 1.0), N_PLACES)[:, :2]).T
    pressure = rng.uniform(5.2e4, 1.06e5, N_PLACES)
    tmin, tmax = _temperature(rng, days, latitude)
    drivers = {
        "tmin": tmin,
        "tmax": tmax,
        "prec": _rain(rng, len(days)),
        "wind": _wind(rng, len(days)),
        "specific_humidity": _humidity(rng, tmin, tmax, pressure),
        "pressure": np.broadcast_to(pressure, tmin.shape),
        "cloud_cover": _cloud(rng, len(days)),
        "co2": np.broadcast_to(rng.uniform(180.0, 1500.0, N_PLACES), tmin.shape),
    }
    site = {"lat": latitude, "sand": sand, "clay": clay}
    return xr.Dataset(
        {
            **{n: (("time", "pixel"), v, DAILY[n].attrs) for n, v in drivers.items()},
            **{n: ("pixel", v, SITE[n].attrs) for n, v in site.items()},
        },
        coords={"time": days, "pixel": np.arange(N_PLACES)},
    )


def _temperature(
    rng: np.random.Generator, days: pd.DatetimeIndex, latitude: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Daily extremes [degC]: an annual cycle, slow spells, and sudden jumps."""
    n = len(days)
    mean = rng.uniform(-30.0, 32.0, N_PLACES)
    swing = rng.uniform(0.0, 30.0, N_PLACES) * np.sign(latitude + 1e-9)
    season = -np.cos(2.0 * np.pi * (days.day_of_year.to_numpy() - 15) / 365.25)
    spells = np.cumsum(rng.normal(0.0, 2.0, (n, N_PLACES)), axis=0)
    spells -= pd.DataFrame(spells).rolling(40, min_periods=1).mean().to_numpy()
    jumps = rng.normal(0.0, 25.0, (n, N_PLACES)) * (rng.random((n, N_PLACES)) < 0.01)
    middle = mean + swing * season[:, None] + spells + jumps
    half = rng.uniform(0.0, 15.0, (n, N_PLACES)) * rng.uniform(0.0, 1.0, N_PLACES)
    return np.clip(middle - half, -60.0, 55.0), np.clip(middle + half, -60.0, 55.0)


def _rain(rng: np.random.Generator, n: int) -> np.ndarray:
    """Rain and snow [mm d-1]: dry months, ordinary days, days of 500 mm."""
    wet = rng.random((n, N_PLACES)) < rng.uniform(0.0, 0.9, N_PLACES)
    rain = wet * rng.exponential(1.0, (n, N_PLACES)) * rng.uniform(0.1, 30.0, N_PLACES)
    month = np.arange(n) // 30
    dry = rng.random((month[-1] + 1, N_PLACES)) < rng.uniform(0.0, 1.0, N_PLACES)
    rain = np.where(dry[month], 0.0, rain)
    flood = rng.random((n, N_PLACES)) < 0.002
    return np.minimum(rain + flood * rng.uniform(100.0, 500.0, (n, N_PLACES)), 500.0)


def _wind(rng: np.random.Generator, n: int) -> np.ndarray:
    """Wind [m s-1]: calm places and gales, and days without any."""
    wind = rng.weibull(2.0, (n, N_PLACES)) * rng.uniform(0.1, 20.0, N_PLACES)
    return np.where(rng.random((n, N_PLACES)) < 0.05, 0.0, np.minimum(wind, 60.0))


def _humidity(
    rng: np.random.Generator, tmin: np.ndarray, tmax: np.ndarray, pressure: np.ndarray
) -> np.ndarray:
    """Specific humidity [kg kg-1], from nothing to above saturation at noon."""
    vapour = saturation_vapour_pressure(rng.uniform(tmin, tmax))
    vapour *= np.clip(
        rng.normal(rng.uniform(0.1, 1.0, N_PLACES), 0.2, tmin.shape), 0.0, 1.2
    )
    vapour = np.minimum(vapour, 0.07 * pressure)
    return np.clip(0.622 * vapour / (pressure - 0.378 * vapour), 0.0, 0.05)


def _cloud(rng: np.random.Generator, n: int) -> np.ndarray:
    """Cloud fraction [1], with wholly clear and wholly covered days."""
    cloud = rng.normal(rng.uniform(0.0, 1.0, N_PLACES), 0.4, (n, N_PLACES))
    return np.clip(cloud, 0.0, 1.0)


def parameters(seed: int) -> xr.Dataset:
    """Vectors within the prior box, a fifth of the values on its edges."""
    rng = np.random.default_rng([seed, 2])
    drawn = {}
    for name, row in ibis_dalec.parameter_table().iterrows():
        u = rng.random(N_PLACES)
        edge = rng.random(N_PLACES) < 0.2
        u = np.where(edge, np.round(u), u)
        drawn[str(name)] = ("pixel", row["min"] + u * (row["max"] - row["min"]))
    return xr.Dataset(drawn)


def judge(seed: int, lanes: int | None = None) -> tuple[Block, list[str]]:
    """Run one block and say which places broke which law."""
    forcing, vectors = places(seed), parameters(seed)
    run = ibis_dalec.simulate_pixels(
        forcing, vectors, spinup_cycles=seed % 3, lanes=lanes
    )
    finite = np.ones(N_PLACES, bool)
    for name in run.data_vars:
        values = run[name].transpose("pixel", ...).values.reshape(N_PLACES, -1)
        finite &= np.isfinite(values).all(axis=1)
    water = np.abs(_water_residual(run, forcing)).max(axis=1)
    carbon = np.abs(_carbon_residual(run)).max(axis=1)
    ranges = _in_range(run)
    laws = {
        "not finite": ~finite,
        "water open": finite & ~(water < WATER_LIMIT),
        "carbon open": finite & ~(carbon < CARBON_LIMIT),
        "out of range": finite & ~ranges,
    }
    lines = [
        f"seed {seed} pixel {i}: {law} (water {water[i]:.2g} mm, "
        f"carbon {carbon[i]:.2g} g m-2)"
        for law, broken in laws.items()
        for i in np.flatnonzero(broken)
    ]
    soil = run["soil_temperature"].values
    block = Block(
        seed,
        N_PLACES * N_YEARS,
        *(int(broken.sum()) for broken in laws.values()),
        worst_water=float(np.nanmax(water)),
        worst_carbon=float(np.nanmax(carbon)),
        coldest=float(np.nanmin(soil)),
        hottest=float(np.nanmax(soil)),
        largest_lai=float(np.nanmax(run["lai"].values)),
        collapsed=int(run["collapsed"].sum()),
    )
    return block, lines


def _water_residual(run: xr.Dataset, forcing: xr.Dataset) -> np.ndarray:
    """Water budget of each day but the first, everything booked [mm]."""
    flow = forcing["prec"].transpose("pixel", "time").values - sum(
        sign * run[name].values
        for sign, name in (
            (1, "et"), (1, "runoff"), (1, "drainage"), (1, "canopy_adjust"),
            (-1, "soil_adjust"), (-1, "soil_shortfall"), (1, "mix_loss"),
            (1, "evaporation_mismatch"),
        )
    )  # fmt: skip
    return flow[:, 1:] - np.diff(run["water_storage"].values, axis=1)


def _carbon_residual(run: xr.Dataset) -> np.ndarray:
    """Carbon budget of each day but the first [g m-2]."""
    total = np.sum([run[pool].values for pool in CARBON_POOLS], axis=0)
    return np.diff(total, axis=1) - (run["gpp"].values - run["er"].values)[:, 1:]


def _in_range(run: xr.Dataset) -> np.ndarray:
    """Whether stores are not negative and fractions are fractions, (pixel,).

    Runoff may be negative by specification: it returns what a puddle owes.
    """
    good = np.ones(N_PLACES, bool)
    rounding = -1e-12
    for name in (
        *CARBON_POOLS,
        "snow_water",
        "transpiration",
        "gpp",
        "drainage",
        "lai",
    ):
        good &= run[name].values.min(axis=1) >= rounding
    for name in ("soil_moisture", "soil_ice"):
        values = run[name].transpose("pixel", ...).values.reshape(N_PLACES, -1)
        good &= (values.min(axis=1) >= 0.0) & (values.max(axis=1) <= 1.0)
    return good


def _done(path: Path | None) -> Iterator[Block]:
    if path is None or not path.exists():
        return
    kinds = {field.name: field.type for field in fields(Block)}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield Block(
                **{
                    k: (int(v) if kinds[k] == "int" else float(v))
                    for k, v in row.items()
                }  # type: ignore[arg-type]
            )


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=10_000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one block, in full")
    parser.add_argument("--csv", type=Path, help="one row a block; resumed if there")
    args = parser.parse_args()
    if args.only is not None:
        block, lines = judge(args.only)
        print(*lines, block, sep="\n")
        return
    blocks = list(_done(args.csv))
    known = {block.seed for block in blocks}
    n_blocks = -(-args.years // (N_PLACES * N_YEARS))
    seeds = range(args.first_seed, args.first_seed + n_blocks)
    start = time.perf_counter()
    ran = 0
    for seed in track([s for s in seeds if s not in known], description="blocks"):
        block, lines = judge(seed)
        print(*lines, sep="\n", end="\n" if lines else "")
        blocks.append(block)
        ran += block.years
        if args.csv:
            _append(args.csv, block)
    seconds = time.perf_counter() - start
    table = pd.DataFrame([asdict(block) for block in blocks])
    print(f"{table.years.sum():,} years, {ran:,} of them now, in {seconds:.0f} s")
    print(f"places that broke a law: {sum(block.exceptions for block in blocks)}")
    print(
        f"largest opening of a daily budget: water {table.worst_water.max():.2g} mm, "
        f"carbon {table.worst_carbon.max():.2g} g m-2"
    )
    print(
        f"soil from {table.coldest.min():.1f} to {table.hottest.max():.1f} K, "
        f"LAI up to {table.largest_lai.max():.1f}, "
        f"{table.collapsed.sum():,} of {len(table) * N_PLACES:,} canopies collapsed"
    )


def _append(path: Path, block: Block) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Block)])
        if new:
            writer.writeheader()
        writer.writerow(asdict(block))


if __name__ == "__main__":
    main()
