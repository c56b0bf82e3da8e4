"""CENTURY on monthly carbon fluxes of real cold grasslands.

    python -m benchmarks.century_grasslands FOLDER [--method differential_evolution]
        [--runs 1600] [--groups "CN-HaM,both Haibei"] [--seed 1]

``FOLDER`` holds one table per site and ``sites.csv``. Soil is not in the data: sand
0.35, silt 0.45, clay 0.20, bulk density 1.1 g cm-3 and pH 7.5 are assumed everywhere.
The steady state of 2001-2010 begins each run, so that no parameter can give the
towers' sinks of 170-220 g C m-2 yr-1: part of the misfit is structural. NEP is
calibrated on 60 % of the months at random (CN-HaM; CN-Ha2; both; all sites) and
scored on the other 40 % and on the sites that were left out.

``--method`` is any method of ``masm`` that gives a best fit or a posterior, with
``--runs`` model runs, or ``gauss_newton`` with ``--rounds`` steps from the defaults,
which is quick and ends in the nearest minimum. Parameters are the best run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import masm
from benchmarks.century_calibration import (
    Observations,
    bounds,
    make_residuals,
    predict,
    scores,
    search,
)
from landmodels import century

SOIL = {"sand": 0.35, "silt": 0.45, "clay": 0.20, "bulk_density": 1.1, "ph": 7.5}
GROUPS = {
    "CN-HaM": ["CN-HaM"],
    "CN-Ha2": ["CN-Ha2"],
    "both Haibei": ["CN-HaM", "CN-Ha2"],
}


def read_sites(folder: Path) -> tuple[xr.Dataset, Observations, list[str]]:
    """Forcing over cells, NEP (g C m-2 month-1; uptake is positive), site names."""
    sites = pd.read_csv(folder / "sites.csv").set_index("site")
    forcing, cell, month, value = [], [], [], []
    for k, name in enumerate(sites.index):
        site = {"lat": float(sites["lat"][name]), **SOIL}
        forcing.append(century.read_weather(folder / f"{name}.csv", site=site))
        table = pd.read_csv(folder / f"{name}.csv")
        nee = table["nee_gc_m2_month"].to_numpy(float)
        seen = np.flatnonzero(np.isfinite(nee))
        cell.append(np.full(seen.size, k))
        month.append(seen)
        value.append(-nee[seen])
    observed = Observations(*(np.concatenate(a) for a in (cell, month, value)))
    together = xr.concat(forcing, "cell", data_vars="all", coords="minimal")
    return together, observed, list(sites.index)


def best_fit(
    residuals: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    arguments: argparse.Namespace,
) -> tuple[np.ndarray, int]:
    """Parameters of the least misfit within the prior, and the runs they cost."""
    if arguments.method == "gauss_newton":
        return search(residuals, start, arguments.rounds)
    names, low, high = bounds()

    def cost(theta: np.ndarray) -> np.ndarray:
        return (residuals(np.asarray(theta)) ** 2).sum(axis=1)

    priors = masm.Priors(
        dict(zip(names, zip(low, high, strict=True), strict=True)),
        [masm.below("ppdf_1", "ppdf_2")],
    )
    found = masm.sample_cost(
        cost,
        priors,
        seed=arguments.seed,
        method=arguments.method,
        max_runs=arguments.runs,
    )
    return found.best[names].to_numpy(float), found.n_model_runs


def main() -> None:
    """Print scores by site and by what was calibrated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--method", default="differential_evolution")
    parser.add_argument("--runs", type=int, default=1600)
    parser.add_argument("--groups", help="some of the groups, with commas between")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    forcing, observed, sites = read_sites(arguments.folder)
    names, _, _ = bounds()
    start = century.parameter_table().loc[names, "default"].to_numpy(float)
    rng = np.random.default_rng(arguments.seed)
    is_fitted = rng.uniform(size=observed.value.size) < 0.6
    print("defaults, all months: site, months, R2, MAE (g C m-2 month-1)")
    model = predict(forcing, dict(zip(names, start, strict=True)), observed)[0]
    solved = []
    for k, site in enumerate(sites):
        here = observed.cell == k
        if not np.isfinite(model[here]).all():
            print(f"{site:<8}{int(here.sum()):>5}   no steady state, left out below")
            continue
        solved.append(site)
        r2, mae = scores(model[here], observed.value[here])
        print(f"{site:<8}{int(here.sum()):>5}{r2:>8.2f}{mae:>7.1f}")
    print(
        "\ncalibrated on: runs; fitted months; withheld months; other sites; as R2 MAE"
    )
    groups = {**GROUPS, "all sites": solved}
    if arguments.groups:
        groups = {name: groups[name] for name in arguments.groups.split(",")}
    for group, members in groups.items():
        inside = np.isin(observed.cell, [sites.index(m) for m in members])
        residuals = make_residuals(forcing, observed.take(inside & is_fitted), names)
        best, runs = best_fit(residuals, start, arguments)
        fitted = predict(forcing, dict(zip(names, best, strict=True)), observed)[0]
        parts = [inside & is_fitted, inside & ~is_fitted, ~inside]
        text = f"{group:<12}{runs:>6}"
        for part in parts:
            part = part & np.isfinite(model) & np.isfinite(fitted)
            for values in (model, fitted):
                if part.any():
                    r2, mae = scores(values[part], observed.value[part])
                    text += f"{r2:>8.2f}{mae:>6.1f}"
            text += " |"
        print(text)
    print("each pair of columns: defaults, then calibrated")


if __name__ == "__main__":
    main()
