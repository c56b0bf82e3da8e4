"""SIPNET at several towers: separate, pooled and hierarchical calibrations compared.

``python -m benchmarks.sites_study DATA [--sites NL-Loo RU-Fyo DE-Tha]`` with a folder
of daily tower tables (``<site>_daily.csv.gz``) and ``sites.csv``. NEE of years 2 to 6
is calibrated, in 8-day means, and the efficiency of daily NEE in the last three years
is printed for each way. ``--one-year SITE`` leaves that site one year of
data, ``--leave-out SITE`` none: then it is predicted from the group. Wind is not in the
tables, so ``rdConst`` is among the parameters.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import masm
from landdata import read_fluxnet_daily
from landmodels import sipnet
from masm.hierarchical import CalibratedSite, calibrate_together, site_problem
from masm.observations.dataset import as_streams

EVERGREEN = ["NL-Loo", "RU-Fyo", "DE-Tha"]
RANGES = {
    "aMax": (2.0, 34.0), "psnTOpt": (12.0, 30.0), "halfSatPar": (4.0, 27.0),
    "dVpdSlope": (0.01, 0.25), "baseVegResp": (0.0006, 0.03),
    "baseSoilResp": (0.003, 0.1), "soilRespQ10": (1.4, 5.0), "rdConst": (1.0, 1500.0),
}  # fmt: skip
"""Uniform priors of an evergreen stand."""
ERROR = masm.RelativeVariance(0.25, 0.4)
"""Of an 8-day mean, g m-2 d-1: a quarter of it, 0.4 at least."""


@dataclass(frozen=True)
class Tower:
    """One tower: its model, its priors, and NEE of both periods."""

    name: str
    forcing: xr.Dataset
    nee: xr.DataArray
    first_year: int

    def model(self, theta: object) -> xr.Dataset:
        """Daily NEE of all years, over (sample, time); a dead plant is a failed run."""
        given = {name: np.atleast_1d(value) for name, value in dict(theta).items()}
        run = sipnet.simulate_batch(
            self.forcing, given, outputs=["nee"], dead_runs="nan",
            inconsistent_parameters="nan",
        )  # fmt: skip
        return sipnet.daily_values(run)[["nee"]]

    def years(self, first: int, last: int) -> xr.DataArray:
        """NEE of some years of the record, counted from 1."""
        start = self.first_year - 1
        return self.nee.sel(time=slice(str(start + first), str(start + last)))

    def efficiency(self, values: dict[str, float]) -> float:
        """Nash-Sutcliffe efficiency of daily NEE in the last three years."""
        run = self.model({name: [value] for name, value in values.items()})
        seen = self.years(7, 9)
        simulated = run["nee"].isel(sample=0).sel(time=seen["time"])
        known = seen.notnull()
        rest = float(((simulated - seen) ** 2).where(known).sum())
        return 1.0 - rest / float(((seen - seen.mean()) ** 2).where(known).sum())


def read_tower(folder: Path, name: str) -> Tower:
    """Read a tower's table and make day and night steps of it."""
    sites = pd.read_csv(folder / "sites.csv").set_index("site")
    daily = read_fluxnet_daily(folder / f"{name}_daily.csv.gz")
    weather = daily[["tmin", "tmax", "prec", "shortwave", "vpd"]]
    weather = weather.rename({"shortwave": "srad"})
    weather["vpd"] = (weather["vpd"] / 100.0).assign_attrs(units="hPa")
    forcing = sipnet.half_daily_drivers(weather, latitude=float(sites.loc[name, "lat"]))
    first = int(daily["time"].dt.year[0])
    return Tower(name, forcing, daily["nee"], first)


def observed(tower: Tower, last: int) -> dict[str, masm.Stream]:
    """Observations of the second to some other year."""
    nee = tower.years(2, last)
    return dict(as_streams(xr.Dataset({"nee": nee}), variance=ERROR))


def main() -> None:
    """Calibrate, join, and print a row for each tower."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sites_study")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", nargs="+", default=EVERGREEN)
    parser.add_argument("--one-year", default="")
    parser.add_argument("--leave-out", default="")
    parser.add_argument("--max-runs", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=6, help="of joint model runs")
    parser.add_argument("--draws", type=int, default=200, help="of each of 24 chains")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    priors = masm.Priors({name: masm.Uniform(*pair) for name, pair in RANGES.items()})
    sites: dict[str, CalibratedSite | None] = {}
    alone: dict[str, masm.Result] = {}
    towers = [read_tower(arguments.folder, name) for name in arguments.sites]
    started = time.process_time()
    for k, tower in enumerate(towers):
        if tower.name == arguments.leave_out:
            sites[tower.name] = None
            continue
        streams = observed(tower, 2 if tower.name == arguments.one_year else 6)
        result = masm.calibrate(
            tower.model, streams, priors, seed=[arguments.seed, k],
            max_runs=arguments.max_runs,
        )  # fmt: skip
        alone[tower.name] = result
        problem = site_problem(tower.model, streams, priors)
        runs = result.groups["runs"]
        theta = np.column_stack([runs[name] for name in priors.names])
        sites[tower.name] = CalibratedSite(problem, problem.run(problem.unit(theta)))
        print(
            f"{tower.name}: {result.n_model_runs} runs, {result.n_failed_runs} failed, "
            f"{result.status} {result.reason}",
            flush=True,
        )
    print(f"calibrated: {time.process_time() - started:.0f} s of CPU", flush=True)
    found = calibrate_together(
        sites, seed=[arguments.seed, 1000], most_rounds=arguments.rounds,
        n_draws=arguments.draws, n_warm=2 * arguments.draws,
    )  # fmt: skip
    pooled = found.theta(found.pooled.theta[:, :, 0], priors).mean((0, 1))
    every = found.theta(found.hierarchical.theta, priors).mean((0, 1))
    print(f"{'daily NEE, last 3 years':<26}separate  pooled  hierarchical")
    for k, tower in enumerate(towers):
        own = np.nan
        if tower.name in alone:
            own = tower.efficiency(alone[tower.name].mean.to_dict())
        scores = [
            tower.efficiency(dict(zip(priors.names, values, strict=True)))
            for values in (pooled, every[k])
        ]
        verdict = "" if found.verdicts[tower.name].is_right else "  not to be trusted"
        print(f"{tower.name:<26}{own:8.3f}{scores[0]:8.3f}{scores[1]:14.3f}{verdict}")
    for name, fraction in zip(found.parameters, found.share_between, strict=True):
        print(f"share between sites, {name}: {fraction:.2f}")
    n = sum(site.runs.n for site in found.sites.values())
    print(f"{n} model runs, {time.process_time() - started:.0f} s of CPU. {found.note}")


if __name__ == "__main__":
    main()
