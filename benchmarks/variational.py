"""DALEC-BETHY assimilated: coverage of twins, methods side by side, real towers.

    python -m benchmarks.variational [--twins 5] [--places boreal savanna temperate]
        [--methods 4dvar laplace 4denvar nuts emulator] [--budget 2000]
        [--towers FOLDER] [--region 20 [--evaluations 200]] [--csv FILE]

Twins: for each climate and each draw of the truth, the cost at the minimum against half
the number of observations, and how many 90 % intervals of the normal posterior hold the
truth. Methods: the same two-year problem of one tower-like cell, calibrated with each;
runs, seconds, lowest cost, coverage of the truth and mean sd. Towers: four years
assimilated, the last four withheld, Nash-Sutcliffe before and after. Region: seconds
and memory of a cost with its gradient. Exits 1 where a twin's cost is more than 5 %
from half the observations, or a tower misses its goal.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import masm
from benchmarks.dalec_bethy_towers import GOALS, judge
from benchmarks.dalec_bethy_twins import CELLS, make_twin
from jobs.process_models.base import Settings
from jobs.process_models.registry import open_model
from landdata import generate_weather, harvard_normals
from masm.methods.variational import (
    four_d_var,
    gauss_newton_covariance,
    laplace_posterior,
)

_NINETY = 1.6449
_STREAMS = {"gpp": (0.1, 0.5), "nee": (0.15, 0.5), "lai": (0.1, 0.3)}
_PARAMETERS = (
    "vm", "fwmax", "p_fol", "p_roo", "tor_w", "tor_r", "tor_lit", "p_t", "bday",
    "p_lab", "lma", "clab0",
)  # fmt: skip
_OPTIONS: dict[str, dict[str, Any]] = {
    "4denvar": {"n_members": 200, "n_rounds": 3},
    "nuts": {"n_warmup": 80, "n_draws": 120},
    "emulator": {"max_runs": 300},
}


def judge_twins(place: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Fit one twin for each seed; cost, coverage and effort of each."""
    rows = []
    for seed in seeds:
        problem, truth = make_twin(place, seed)
        start = time.process_time()
        found = four_d_var(
            problem.cost, np.zeros(problem.n), names=problem.names,
            collapsed=problem.collapsed,
        )  # fmt: skip
        seconds = time.process_time() - start
        covariance = gauss_newton_covariance(
            problem.jacobian(found.x), problem.observations.variance, np.ones(problem.n)
        )
        sd = np.sqrt(np.diag(covariance))
        normal = laplace_posterior(
            problem.cost, found.x, covariance, n_draws=50,
            rng=np.random.default_rng([seed, 3]), at_bound=found.at_bound,
            collapsed=found.collapsed,
        )  # fmt: skip
        half = 0.5 * problem.observations.n
        inside = np.abs(found.x - truth) <= _NINETY * sd
        weighted_sd = np.maximum(normal.weighted_sd, 1e-9)
        weighted = np.abs(normal.weighted_mean - truth) <= _NINETY * weighted_sd
        rows.append(
            {
                "place": place,
                "seed": seed,
                "n": problem.n,
                "cost / half": found.cost / half,
                "evaluations": found.n_evaluations,
                "cpu_seconds": seconds,
                "at_bound": len(found.at_bound),
                "collapsed": bool(found.collapsed),
                "normal_coverage": inside.mean(),
                "weighted_coverage": weighted.mean(),
                "effective": normal.effective_share,
            }
        )
    return pd.DataFrame(rows)


def compare_methods(
    methods: Sequence[str], seed: int = 1, years: tuple[int, int] = (2001, 2003)
) -> pd.DataFrame:
    """Calibrate the same twin with each method: runs, seconds, cost, coverage, sd."""
    rng = np.random.default_rng([seed, 11])
    weather = generate_weather(harvard_normals(), years, rng)
    adapter = open_model("dalec_bethy", Settings(0, {"vegetation_type": "TmSg"}))
    model = adapter.calibration_model(
        adapter.drivers(weather, "the twin"),
        tuple(_STREAMS),
        slice(f"{years[0] + 1}", None),
    )
    priors = masm.Priors(
        {
            name: masm.TransformedNormal(
                row.low, row.high, default=row.default, units=row.unit,
                center=row.prior.center, scale=row.prior.scale,
                transform=row.prior.transform,
            )
            for name, row in adapter.parameters.items()
            if name in _PARAMETERS and row.prior is not None
        }
    )  # fmt: skip
    truth = priors.from_unit(0.2 + 0.6 * rng.random(len(priors)))
    clean = model(truth).isel(sample=0)
    observed = clean.copy()
    for name, (fraction, floor) in _STREAMS.items():
        sd = np.maximum(fraction * np.abs(clean[name]), floor)
        units = {"units": clean[name].attrs["units"]}
        noisy = clean[name] + sd * rng.standard_normal(sd.size)
        observed[name] = noisy.assign_attrs(units)
        observed[f"{name}_sd"] = sd.assign_attrs(units)
    rows = []
    for method in methods:
        start = time.process_time()
        found = masm.calibrate(
            model, observed, priors, seed=seed, method=method, n_predictive=0,
            **_OPTIONS.get(method, {}),
        )  # fmt: skip
        seconds = time.process_time() - start
        draws = np.stack(
            [priors[n].cdf(found.posterior[n].to_numpy().ravel()) for n in priors]
        )
        low, high = np.quantile(draws, [0.05, 0.95], axis=1)
        at = priors.to_unit(truth)[0]
        rows.append(
            {
                "method": method,
                "runs": found.n_model_runs,
                "gradients": int(found.attrs.get("n_gradients", 0)),
                "cpu_seconds": seconds,
                "best_cost": float(np.nanmin(found.groups["runs"]["cost"])),
                "coverage_90": float(np.mean((low <= at) & (at <= high))),
                "mean_sd_u": float(draws.std(axis=1).mean()),
                "status": f"{found.status} {found.reason}".strip(),
            }
        )
    return pd.DataFrame(rows)


def measure_region(side: int, evaluations: int, n_gradients: int = 2) -> None:
    """Print seconds and memory of a synthetic swath of ``side`` by ``side`` cells.

    With ``evaluations`` it is minimised too, with so many at most.
    """
    import resource

    from jobs.config.swath import SwathConfig
    from jobs.inputs.swath import make_twin

    def stream(hour: float, footprint: dict[str, Any], floor: float) -> dict[str, Any]:
        return {
            "every_days": 3, "utc": hour, "per_pass": max(1, side // 2),
            "footprint": footprint, "fraction": 0.2, "floor": floor,
        }  # fmt: skip

    ellipse = {"kind": "ellipse", "semi_major_km": 22, "semi_minor_km": 15}
    quadrilateral = {"kind": "quadrilateral", "length_km": 14, "width_km": 7}
    grid = {
        "latitude": 50, "longitude": 10, "rows": side, "columns": side,
        "elevation": 300, "years": "2001-2002", "vegetation": ["EvCn", "EShr"],
    }  # fmt: skip
    streams = {
        "sif": stream(12.5, quadrilateral, 0.02),
        "lvod": stream(5.5, ellipse, 0.04),
        "ssm": stream(5.5, ellipse, 0.03),
        "fapar": stream(9.5, {"kind": "cells", "size": 2}, 0.05),
    }
    config = SwathConfig.model_validate(
        {"name": "region", "seed": 1, "swath": {"grid": grid, "streams": streams}}
    )
    begin = time.process_time()
    twin = make_twin(config)
    made = time.process_time() - begin
    problem = twin.problem()
    begin, wall = time.process_time(), time.monotonic()
    costs = [problem.cost(k * twin.truth)[0] for k in range(n_gradients)]
    cpu = (time.process_time() - begin) / n_gradients
    wall = (time.monotonic() - wall) / n_gradients
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(
        f"{side} x {side} cells of 2 types, 2 years: {problem.n} unknowns, "
        f"{problem.observations.n} observations ({problem.observations.of.size} looks)"
    )
    print(
        f"made in {made:.0f} s of CPU; cost with gradient {cpu:.1f} s of CPU, "
        f"{wall:.1f} s on {twin.threads} threads; {memory:.0f} MB at most"
    )
    print(f"cost at the prior {costs[0]:.0f}, at the truth {costs[-1]:.0f}", flush=True)
    if evaluations:
        _minimise_region(problem, evaluations)


def _minimise_region(problem: Any, evaluations: int) -> None:
    """Minimise, and print the cost of every evaluation, so that a stop loses none."""
    begin = time.process_time()

    def cost(x: np.ndarray) -> tuple[float, np.ndarray]:
        found = problem.cost(x)
        seconds = time.process_time() - begin
        print(f"cost {found[0]:.0f} after {seconds:.0f} s of CPU", flush=True)
        return found

    found = four_d_var(
        cost, np.zeros(problem.n), names=problem.names, max_evaluations=evaluations
    )
    print(found.summary())
    print(f"half the observations {0.5 * problem.observations.n:.0f}")


def judge_towers(folder: Path, sites: Sequence[str]) -> bool:
    """Fit the towers; whether each reaches its goal for GPP and NEE."""
    good = True
    for site in sites:
        scores = judge(folder, site)
        for name, goal in zip(("gpp", "nee"), GOALS[site], strict=True):
            reached = round(scores[name], 2) >= goal
            good &= reached
            print(f"  goal of {name}: {goal:.2f} {'reached' if reached else 'MISSED'}")
    return good


def main() -> int:
    """Run what is asked for, print the tables, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.variational")
    parser.add_argument("--twins", type=int, default=5)
    parser.add_argument("--places", nargs="*", choices=list(CELLS), default=list(CELLS))
    known = ["4dvar", "laplace", "4denvar", "nuts", "emulator"]
    parser.add_argument("--methods", nargs="*", choices=known, default=known)
    parser.add_argument("--towers", type=Path)
    parser.add_argument("--sites", nargs="*", choices=list(GOALS), default=list(GOALS))
    parser.add_argument("--region", type=int, metavar="SIDE", default=0)
    parser.add_argument(
        "--evaluations", type=int, default=0,
        help="minimise the region too, with so many evaluations at most",
    )  # fmt: skip
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    good = True
    pd.set_option("display.width", 200, "display.max_columns", 20)
    if arguments.twins:
        seeds = range(1, arguments.twins + 1)
        twins = pd.concat([judge_twins(place, seeds) for place in arguments.places])
        print(twins.round(3).to_string(index=False))
        print(twins.groupby("place").mean(numeric_only=True).round(3).to_string())
        alive = twins[~twins["collapsed"]]
        good &= bool((np.abs(alive["cost / half"] - 1.0) <= 0.05).all())
        if arguments.csv:
            twins.to_csv(arguments.csv, index=False)
    if arguments.methods:
        print(compare_methods(arguments.methods).round(3).to_string(index=False))
    if arguments.region:
        measure_region(arguments.region, arguments.evaluations)
    if arguments.towers:
        good &= judge_towers(arguments.towers, arguments.sites)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
