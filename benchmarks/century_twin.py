"""The twin protocol of CENTURY: what soil samples and flux months are worth.

    python -m benchmarks.century_twin DOMAIN [--cells 40] [--rounds 4] [--seed 1]
    python -m benchmarks.century_twin DOMAIN --sampler --test-runs 20000 ...

Synthetic domain (folder ``DOMAIN``). For each class, 60 % of the soil samples and of
the flux months at random are for calibration; scores are of the other 40 %. Opt1
calibrates stocks, Opt2 stocks and fluxes. The last row is the synthetic truth, which
no calibration can beat by more than noise.

The error of a soil sample is 30 % of the mean of the samples. The paper takes 30 % of
each value (``--soil-error value``); samples that are low by chance then count more, and
the fit is pulled down by about a quarter.

The search is least squares within the prior on the samples of some cells (``--cells``
for each class), so that it takes minutes. With ``--sampler`` it is the two-phase
sampler of the paper, and the parameters are its posterior mean. The paper's own numbers
are 20,000 test runs and three chains of 10,000.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.century_calibration import (
    Observations,
    bounds,
    join,
    make_residuals,
    predict,
    sample,
    scores,
    search,
)
from benchmarks.century_domain import (
    domain_forcing,
    read_flux_months,
    read_soil_samples,
    truth,
)
from landmodels import century

CLASSES = ("meadow", "steppe")


def read_observations(folder: Path, forcing: xr.Dataset) -> Observations:
    """Soil samples (kg m-2) and flux months (g C m-2 month-1) of the domain."""
    soil, flux = read_soil_samples(folder), read_flux_months(folder)
    first = int(forcing["time"].dt.year[0])
    month = (flux["year"] - first) * 12 + flux["month"] - 1
    return join(
        Observations(
            soil["cell"].to_numpy(), np.full(len(soil), -1), soil["obs"].to_numpy()
        ),
        Observations(flux["cell"].to_numpy(), month.to_numpy(), flux["obs"].to_numpy()),
    )


def some_cells(observed: Observations, n: int, rng: np.random.Generator) -> np.ndarray:
    """Whether an observation is in one of at most ``n`` cells of soil and of flux."""
    chosen: list[int] = []
    for kind in (observed.month < 0, observed.month >= 0):
        cells = np.unique(observed.cell[kind])
        chosen += list(rng.permutation(cells)[:n])
    return np.isin(observed.cell, chosen)


def calibrate(residuals, start: np.ndarray, arguments: argparse.Namespace):
    """Parameters of one strategy, runs, and acceptance of the chains."""
    if arguments.sampler:
        result = sample(
            residuals, start, arguments.test_runs, arguments.formal_runs, arguments.seed
        )
        rates = " ".join(f"{rate:.0%}" for rate in result.acceptance)
        if not result.kept.any():
            return (
                np.full(start.size, np.nan),
                result.n_model_runs,
                f"{rates}, none kept",
            )
        return result.posterior.mean(axis=0), result.n_model_runs, rates
    best, runs = search(residuals, start, arguments.rounds)
    return best, runs, "-"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("domain", type=Path)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--soil-error", choices=("mean", "value"), default="mean")
    parser.add_argument("--sampler", action="store_true")
    parser.add_argument("--test-runs", type=int, default=20_000)
    parser.add_argument("--formal-runs", type=int, default=10_000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    forcing = domain_forcing(arguments.domain)
    observed = read_observations(arguments.domain, forcing)
    withheld = rng.uniform(size=observed.value.size) >= 0.6
    kinds = forcing["ecosystem"].values[observed.cell]
    names, _, _ = bounds()
    rows: dict[str, np.ndarray] = {}
    for kind in CLASSES:
        here = kinds == kind
        column = "default" if kind == "meadow" else "default_steppe"
        start = century.parameter_table().loc[names, column].to_numpy(float)
        true = np.array([truth()[kind][n] for n in names])
        chosen = {"default": (start, 0, "-"), "truth": (true, 0, "-")}
        fit = observed.take(here & ~withheld)
        fit = fit.take(some_cells(fit, arguments.cells, rng))
        for strategy, part in (("Opt1", fit.take(fit.month < 0)), ("Opt2", fit)):
            sd = part.sd if arguments.soil_error == "value" else part.sd_of_mean
            residuals = make_residuals(forcing, part, names, sd)
            chosen[strategy] = calibrate(residuals, start, arguments)
        score_on = observed.take(here & withheld)
        for strategy, (theta, runs, rates) in chosen.items():
            print(f"{kind} {strategy}: {runs} parameter vectors, acceptance {rates}")
            values = rows.setdefault(strategy, np.full(observed.value.size, np.nan))
            if np.isfinite(theta).all():
                given = dict(zip(names, theta, strict=True))
                values[here & withheld] = predict(forcing, given, score_on)[0]
    print(f"\nwithheld 40 %{'SOC R2':>10}{'MAE':>7}{'NEP R2':>9}{'MAE':>7}")
    for strategy in ("default", "Opt1", "Opt2", "truth"):
        text = f"{strategy:<13}"
        for soil, widths in ((True, (10, 7)), (False, (9, 7))):
            part = withheld & ((observed.month < 0) == soil)
            r2, mae = scores(rows[strategy][part], observed.value[part])
            text += f"{r2:>{widths[0]}.2f}{mae:>{widths[1]}.2f}"
        print(text)
    print("SOC in kg m-2, NEP in g C m-2 month-1; all data are synthetic")


if __name__ == "__main__":
    main()
