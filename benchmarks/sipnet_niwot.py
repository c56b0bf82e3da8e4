"""SIPNET at Niwot Ridge: half-daily NEE calibrated with few model runs.

``python -m benchmarks.sipnet_niwot DATA`` with the folder that holds
``niwot_forcing.csv.gz`` and ``niwot_halfdaily_observations.csv.gz`` (the tower's fluxes
on the steps of the forcing). Nineteen parameters are calibrated on the measured steps
of 1999 to 2002 and judged on those of 2003 to 2005, by the Nash-Sutcliffe efficiency.
Runs whose plant dies count as failed, so that none of them can be the best.

``--daily`` calibrates the few daily values of ``us_nr1_daily_1999-2014.csv`` instead,
which do not identify the parameters. ``--intervals`` finds the size of the errors with
the parameters, and says what the 90 % predictive intervals hold in both periods.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import masm
from landmodels import sipnet
from landmodels.sipnet.tables import read_table

#: Fraction of a step that must have been measured.
MEASURED = 0.5
CALIBRATION, VALIDATION = (1999, 2002), (2003, 2005)
#: Searches by differential evolution: runs, efficiency in both periods.
YARDSTICKS = {
    "half-daily": ((3420, 0.83, 0.74), (28690, 0.86, 0.80)),
    "daily": ((3420, 0.77, 0.47), (28690, 0.81, -0.22)),
}
N_DRAWS = 100


def priors() -> dict[str, tuple[float, float]]:
    """Uniform ranges of the parameters that the published search calibrates."""
    table = sipnet.parameter_table()
    chosen = table[table["calibrated"] == "yes"]
    ranges = {
        str(name): (float(row["niwot_min"]), float(row["niwot_max"]))
        for name, row in chosen.iterrows()
    }
    # With wood and fine roots at 0.2 and 0.4 the fractions must stay below 1.
    return ranges | {"leafAllocation": (0.0, 0.38)}


def read_site(folder: Path) -> tuple[xr.Dataset, xr.DataArray]:
    """Drivers, and the measured NEE of the same steps (NaN elsewhere)."""
    forcing = sipnet.read_driver_table(folder / "niwot_forcing.csv.gz")
    path = folder / "niwot_halfdaily_observations.csv.gz"
    table = read_table(path, "half-daily observations")
    same = np.isclose(table["time"], forcing["hour"]) & (table["day"] == forcing["day"])
    assert len(table) == forcing.sizes["time"]
    assert same.all()
    nee = table["nee"].where(table["nee_valid"] >= MEASURED).to_numpy()
    return forcing, xr.DataArray(
        nee, coords={"time": forcing["time"]}, dims="time", attrs={"units": "g m-2"}
    )


def within(series: xr.DataArray, years: tuple[int, int]) -> xr.DataArray:
    """The steps of some years; the rest is NaN."""
    year = series["time"].dt.year
    return series.where((year >= years[0]) & (year <= years[1]))


def efficiency(simulated: xr.DataArray, observed: xr.DataArray) -> float:
    """Nash-Sutcliffe efficiency over the steps that have an observation."""
    known = observed.notnull()
    residual = (simulated - observed).where(known)
    spread = (observed - observed.mean()).where(known)
    return float(1.0 - (residual**2).sum() / (spread**2).sum())


def read_daily(folder: Path) -> xr.DataArray:
    """Measured NEE of whole days, NaN where little of a day was measured."""
    table = pd.read_csv(folder / "us_nr1_daily_1999-2014.csv", parse_dates=[0])
    return xr.DataArray(
        table["nee"].to_numpy(float),
        coords={"time": table.iloc[:, 0].to_numpy()},
        dims="time",
        attrs={"units": "g m-2 d-1"},
    )


@dataclass(frozen=True)
class Site:
    """The drivers, and what is calibrated and judged."""

    forcing: xr.Dataset
    calibrated: xr.DataArray
    validated: xr.DataArray
    is_daily: bool

    @classmethod
    def read(cls, folder: Path, is_daily: bool) -> "Site":
        """Read the tower's files."""
        forcing, nee = read_site(folder)
        if is_daily:
            nee = read_daily(folder)
            nee = nee.sel(time=slice("1999", "2005"))
        return cls(forcing, within(nee, CALIBRATION), within(nee, VALIDATION), is_daily)

    def model(self, theta) -> xr.Dataset:
        """NEE over (sample, time); a run whose plant dies is NaN."""
        run = sipnet.simulate_batch(
            self.forcing, dict(theta), outputs=["nee"], dead_runs="nan",
            inconsistent_parameters="nan",
        )  # fmt: skip
        return (sipnet.daily_values(run) if self.is_daily else run)[["nee"]]

    def scores(self, parameters) -> tuple[float, float]:
        """Efficiency of one run in both periods."""
        given = {name: [float(value)] for name, value in dict(parameters).items()}
        nee = self.model(given or {"aMax": [8.3]})["nee"].isel(sample=0)
        return efficiency(nee, self.calibrated), efficiency(nee, self.validated)

    def intervals(self, result: masm.Result, seed: int) -> str:
        """What 90 % intervals of draws and errors hold, and scores of the draws."""
        rng = np.random.default_rng([seed, 1])
        factors = result.error_scale["nee"].to_numpy().ravel()
        values = {name: result.posterior[name].to_numpy().ravel() for name in priors()}
        pick = rng.choice(factors.size, N_DRAWS, replace=False)
        runs = self.model({name: one[pick] for name, one in values.items()})["nee"]
        runs = runs.transpose("sample", "time")
        sd = factors[pick] * float(self.calibrated.std())
        alive = runs.notnull().all("time").to_numpy()
        reported = [f"{int(alive.sum())} draws, error sd {sd.mean():.2f}"]
        for name, seen in (("cal.", self.calibrated), ("val.", self.validated)):
            seen = seen.dropna("time")
            part = runs[alive].sel(time=seen["time"])
            noise = sd[alive, None] * rng.standard_normal(part.shape)
            low, high = (part + noise).quantile([0.05, 0.95], dim="sample")
            held = float(((low <= seen) & (seen <= high)).mean())
            each = np.quantile([efficiency(one, seen) for one in part], [0.05, 0.95])
            mean = efficiency(part.mean("sample"), seen)
            reported.append(
                f"{name} hold {held:.3f}, NSE of the mean {mean:.3f}, of the draws "
                f"{each[0]:.2f} to {each[1]:.2f}"
            )
        return "; ".join(reported)


def main() -> None:
    """Calibrate, and print efficiencies and costs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sipnet_niwot")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-runs", type=int, default=350)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--daily", action="store_true")
    parser.add_argument("--intervals", action="store_true")
    chosen = parser.parse_args()
    site = Site.read(chosen.folder, chosen.daily)
    print(f"bundled values: {site.scores({})}")
    for seed in chosen.seed:
        calibrate(site, chosen, seed)
    for runs, first, second in YARDSTICKS["daily" if chosen.daily else "half-daily"]:
        print(
            f"published, {runs} runs: {first:.2f} calibration, {second:.2f} validation"
        )


def calibrate(site: Site, chosen: argparse.Namespace, seed: int) -> None:
    """Calibrate once, and print what was found."""
    start = time.process_time()
    result = masm.calibrate(
        site.model, xr.Dataset({"nee": site.calibrated.dropna("time")}), priors(),
        seed=seed, windows=None, max_runs=chosen.max_runs,
        variance=masm.SampledVariance() if chosen.intervals else None,
    )  # fmt: skip
    seconds = time.process_time() - start
    print(
        f"seed {seed}: {result.n_model_runs} runs, {result.n_failed_runs} failed, "
        f"{seconds:.0f} s of CPU, {result.status}",
        flush=True,
    )
    for name, values in (("best", result.best), ("mean", result.mean)):
        nse = site.scores(values)
        print(f"  {name} run: NSE {nse[0]:.3f} calibration, {nse[1]:.3f} validation")
    if chosen.intervals:
        print(f"  90 % intervals: {site.intervals(result, seed)}", flush=True)


if __name__ == "__main__":
    main()
