"""A reanalysis of real towers: NEE of free, calibrated, filtered and weighted runs.

``python -m benchmarks.reanalysis_towers DATA --folder FOLDER [--sites NL-Loo DE-Tha]``
with a folder of daily tower tables (``<site>_daily.csv.gz``) and ``sites.csv``.

Calibrated on: NEE of years 2 to 5, 8-day means, each site alone. Assimilated: leaf area
on 15 July of every year (mean of the 15 days around it). Held out from the filter: all
NEE; from all: NEE of years 6 to 9, in which daily NEE is scored. Four runs of members:

- free: draws of the prior, nothing assimilated
- calibrated: draws of each site's posterior, nothing assimilated
- filtered: the same with the filter, all members alike
- weighted: the same with the weights of the analysis at the end of the days

Written: ``towers.csv`` (a row for each site and run) and ``towers.png``.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import masm
from benchmarks.sites_towers import GROUPS, Tower, observed, read_tower
from jobs.figures.canvas import BLUE, GREEN, ORANGE, SKY, new_figure, save_figure
from jobs.netcdf_files import read_netcdf
from jobs.run.reanalysis_run import ReanalysisRun, open_reanalysis
from jobs.stages.reanalysis import reanalyse

EVERGREEN = GROUPS["evergreen"]
RUNS = ("free", "calibrated", "filtered", "weighted")
LEAST_SD = 0.3
"""Least error of leaf area, 1: that of the product's smoothing is not in its table."""
_LAST_CALIBRATED, _FIRST_SCORED = 5, 6
_CONFIG = """\
name: towers, {what}
seed: {seed}
model: {{name: sipnet}}
reanalysis:
  years: {first}-{last}
  members: {members}
  outputs: [nee]
  states: [above_ground_wood, lai]
  parameters: {{draws: {what}.csv}}
  filter:
    name: {filter}
    process_error: {{above_ground_wood: 100, lai: 0.4}}
"""


def main() -> None:
    """Calibrate, run the members of all four, print and draw the scores."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sites", nargs="+", default=EVERGREEN.sites)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--max-runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    began, rows = time.process_time(), []
    for k, name in enumerate(chosen.sites):
        tower = read_tower(chosen.data, name, EVERGREEN)
        prior, posterior = _draws(chosen, tower, k)
        runs = {
            "free": _run(chosen, tower, prior, "free", "none"),
            "calibrated": _run(chosen, tower, posterior, "calibrated", "none"),
            "filtered": _run(chosen, tower, posterior, "filtered", "tobit_wishart"),
        }
        rows += _scores(tower, runs)
        table = pd.DataFrame(rows)
        table.to_csv(chosen.folder / "towers.csv", index=False, float_format="%.5g")
        print(table[table["site"] == name].to_string(index=False), flush=True)
    _draw(table, chosen.folder / "towers.png")
    print(f"{time.process_time() - began:.0f} s of CPU")


def _draws(
    chosen: argparse.Namespace, tower: Tower, number: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Members' parameters: of the prior, and of the site's posterior."""
    priors = EVERGREEN.priors
    rng = np.random.default_rng([chosen.seed, 1, number])
    result = masm.calibrate(
        tower.model, observed(tower, _LAST_CALIBRATED), priors,
        seed=[chosen.seed, number], max_runs=chosen.max_runs,
    )  # fmt: skip
    print(f"{tower.name}: {result.n_model_runs} runs, {result.status}", flush=True)
    columns = {name: result.posterior[name].to_numpy().ravel() for name in priors.names}
    pick = rng.choice(columns["aMax"].size, chosen.members, replace=False)
    posterior = pd.DataFrame({name: values[pick] for name, values in columns.items()})
    return _living(tower, priors, chosen.members, rng), posterior


def _living(
    tower: Tower, priors: masm.Priors, n: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draws of the prior whose plant lives; a dead one has no NEE to be free with."""
    theta = np.asarray(priors.from_unit(rng.random((10 * n, len(priors.names)))))
    given = {name: theta[:, k] for k, name in enumerate(priors.names)}
    nee = tower.model(given)["nee"].transpose("sample", "time").to_numpy()
    alive = np.flatnonzero(np.isfinite(nee).all(axis=1))[:n]
    if alive.size < n:
        raise SystemExit(f"{tower.name}: {alive.size} of {10 * n} draws of the prior "
                         "have a plant that lives")  # fmt: skip
    return pd.DataFrame(theta[alive], columns=list(priors.names))


def _run(
    chosen: argparse.Namespace, tower: Tower, draws: pd.DataFrame, what: str, name: str
) -> ReanalysisRun:
    """Make the run folder and do it."""
    folder = chosen.folder / tower.name / what
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "drivers").mkdir(parents=True)
    first = tower.first_year
    text = _CONFIG.format(
        what=what, seed=chosen.seed, first=first, last=first + 8,
        members=chosen.members, filter=name,
    )  # fmt: skip
    (folder / "config.yaml").write_text(text)
    places = pd.read_csv(chosen.data / "sites.csv").set_index("site")
    row = f"{tower.name},{places.lon[tower.name]},{places.lat[tower.name]}"
    (folder / "sites.csv").write_text(f"site,longitude,latitude\n{row}\n")
    path = chosen.data / f"{tower.name}_daily.csv.gz"
    table = pd.read_csv(path, parse_dates=["date"])
    table[["date", "tmin", "tmax", "prec", "srad", "vpd"]].to_csv(
        folder / "drivers" / f"{tower.name}.csv", index=False
    )
    seen = ["site,date,state,value,sd", *_leaf_area(tower.name, table, first)]
    (folder / "observations.csv").write_text("\n".join(seen) + "\n")
    draws.assign(member=range(len(draws))).to_csv(folder / f"{what}.csv", index=False)
    run = open_reanalysis(folder)
    reanalyse(run)
    return run


def _leaf_area(site: str, table: pd.DataFrame, first: int) -> list[str]:
    """Rows of leaf area on the analysis days."""
    found = []
    for year in range(first, first + 9):
        day = pd.Timestamp(f"{year}-07-15")
        near = table[(table["date"] - day).abs() <= pd.Timedelta(days=7)]
        value, sd = near["lai"].mean(), near["lai_sd"].mean()
        sd = LEAST_SD if np.isnan(sd) else max(float(sd), LEAST_SD)
        if np.isfinite(value):
            found.append(f"{site},{year}-07-15,lai,{value:.4f},{sd:.4f}")
    return found


def _scores(tower: Tower, runs: dict[str, ReanalysisRun]) -> list[dict[str, object]]:
    """Daily NEE of the years that were held out, by run."""
    rows = []
    seen = tower.years(_FIRST_SCORED, 9)
    for name in RUNS:
        run = runs["filtered" if name == "weighted" else name]
        daily = _daily(run, "nee" if name == "weighted" else "nee_forecast")
        simulated = daily.sel(site=tower.name).sel(time=seen["time"])
        off = (simulated - seen).to_numpy()
        known = np.isfinite(off)
        rmse = float(np.sqrt(np.mean(off[known] ** 2)))
        spread = float(np.std(seen.to_numpy()[known]))
        rows.append(
            {
                "site": tower.name,
                "run": name,
                "rmse": rmse,
                "nse": 1.0 - (rmse / spread) ** 2,
                "bias": float(off[known].mean()),
                "days": int(known.sum()),
            }
        )
    return rows


def _daily(run: ReanalysisRun, name: str) -> xr.DataArray:
    parts = [read_netcdf(run.fluxes(one.number))[name] for one in run.cycles]
    return xr.concat(parts, "time")


def _draw(table: pd.DataFrame, target: Path) -> None:
    figure, axes = new_figure(1, 1, 3.2, width=8)
    sites = list(dict.fromkeys(table["site"]))
    for k, (name, colour) in enumerate(
        zip(RUNS, (ORANGE, SKY, BLUE, GREEN), strict=True)
    ):
        rows = table[table["run"] == name]
        axes[0, 0].bar(np.arange(len(sites)) + 0.2 * (k - 1.5), rows["rmse"], 0.2,
                       color=colour, label=name)  # fmt: skip
    axes[0, 0].set_xticks(range(len(sites)), sites)
    axes[0, 0].set_ylabel("rmse of daily NEE (g C m⁻² d⁻¹)")
    axes[0, 0].legend(frameon=False, fontsize=8)
    save_figure(figure, target, table)


if __name__ == "__main__":
    main()
