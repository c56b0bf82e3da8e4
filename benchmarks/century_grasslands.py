"""CENTURY on monthly carbon fluxes of real cold grasslands.

    python -m benchmarks.century_grasslands FOLDER [--rounds 12] [--seed 1]

``FOLDER`` holds one table per site and ``sites.csv``. Soil is not in the data: sand
0.35, silt 0.45, clay 0.20, bulk density 1.1 g cm-3 and pH 7.5 are assumed everywhere.
The steady state of 2001-2010 begins each run, so that no parameter can give the
towers' sinks of 170-220 g C m-2 yr-1: part of the misfit is structural. NEP is
calibrated on 60 % of the months at random (CN-HaM; CN-Ha2; both; all sites) and
scored on the other 40 % and on the sites that were left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

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


def main() -> None:
    """Print scores by site and by what was calibrated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    forcing, observed, sites = read_sites(arguments.folder)
    names, _, _ = bounds()
    start = century.parameter_table().loc[names, "default"].to_numpy(float)
    rng = np.random.default_rng(arguments.seed)
    is_fitted = rng.uniform(size=observed.value.size) < 0.6
    print("defaults, all months: site, months, R2, MAE (g C m-2 month-1)")
    model = predict(forcing, dict(zip(names, start, strict=True)), observed)[0]
    for k, site in enumerate(sites):
        here = observed.cell == k
        r2, mae = scores(model[here], observed.value[here])
        print(f"{site:<8}{int(here.sum()):>5}{r2:>8.2f}{mae:>7.1f}")
    print(
        "\ncalibrated on: runs; fitted months; withheld months; other sites; as R2 MAE"
    )
    groups = {**GROUPS, "all sites": sites}
    for group, members in groups.items():
        inside = np.isin(observed.cell, [sites.index(m) for m in members])
        residuals = make_residuals(forcing, observed.take(inside & is_fitted), names)
        best, runs = search(residuals, start, arguments.rounds)
        fitted = predict(forcing, dict(zip(names, best, strict=True)), observed)[0]
        parts = [inside & is_fitted, inside & ~is_fitted, ~inside]
        text = f"{group:<12}{runs:>6}"
        for part in parts:
            for values in (model, fitted):
                if part.any():
                    r2, mae = scores(values[part], observed.value[part])
                    text += f"{r2:>8.2f}{mae:>6.1f}"
            text += " |"
        print(text)
    print("each pair of columns: defaults, then calibrated")


if __name__ == "__main__":
    main()
