"""Global searches on functions of many minima, and the evidence by tempering.

    python -m benchmarks.searches [--seeds 10] [--evidence_seeds 20]
        [--parts rastrigin rosenbrock dalec6 evidence] [--csv searches.csv]

* ``rastrigin``: five parameters, 20,000 runs: how many of the seeds end in the basin of
  the global minimum, for each global search;
* ``rosenbrock``: the same of ``nelder_mead`` on the bent valley, 2,000 runs;
* ``dalec6``: median lowest cost of the genetic algorithm and of differential evolution,
  each with 2,000 runs of the small carbon model;
* ``evidence``: log evidence of a normal by ``smc``: its mean less the exact value, and
  the standard error of the mean over seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import masm
from benchmarks.targets import make

PARTS = ("rastrigin", "rosenbrock", "dalec6", "evidence")
GLOBAL = ("cma_es", "genetic", "differential_evolution")
_SD = 0.1  # of the normal whose evidence is known


def rastrigin(theta: np.ndarray) -> np.ndarray:
    """Ten in each direction: many minima, the lowest at zero."""
    waves = theta**2 - 10.0 * np.cos(2.0 * np.pi * theta)
    return 10.0 * (10.0 * theta.shape[1] + np.sum(waves, axis=1))


def rosenbrock(theta: np.ndarray) -> np.ndarray:
    """A bent valley whose lowest point is at one."""
    x = np.asarray(theta)
    steps = 100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2
    return np.sum(steps, axis=1)


def found(part: str, method: str, seed: int) -> float:
    """One search: 1 in the basin and 0 beside it, a lowest cost, or log evidence."""
    if part == "rastrigin":
        priors = {f"x{i}": (-5.12, 5.12) for i in range(5)}
        result = masm.sample_cost(
            rastrigin, priors, seed=seed, method=method, max_runs=20_000
        )
        return float(max(abs(float(result.best[n])) for n in priors) < 0.5)
    if part == "rosenbrock":
        priors = {n: (-2.0, 2.0) for n in "ab"}
        result = masm.sample_cost(
            rosenbrock, priors, seed=seed, method=method, max_runs=2_000
        )
        return float(max(abs(float(result.best[n]) - 1.0) for n in priors) < 0.05)
    if part == "dalec6":
        target = make("dalec6")
        result = masm.sample_cost(
            target.cost, target.priors, seed=seed, method=method, max_runs=2_000
        )
        return float(np.nanmin(result.groups["runs"]["cost"]))
    result = masm.sample_cost(
        lambda theta: ((theta - 0.5) ** 2).sum(axis=1) / _SD**2,
        {"a": (0, 1), "b": (0, 1)}, seed=seed, method=method, max_runs=20_000,
        n_particles=400,
    )  # fmt: skip
    return float(result.attrs["log_evidence"]) - np.log(2.0 * np.pi * _SD**2)


def methods_of(part: str) -> tuple[str, ...]:
    """Return the methods that a part is about."""
    return {
        "rastrigin": GLOBAL,
        "rosenbrock": ("nelder_mead",),
        "dalec6": ("genetic", "differential_evolution"),
        "evidence": ("smc",),
    }[part]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each part and method: seeds, sum, median, mean and its error."""
    rows = []
    for (part, method), group in table.groupby(["part", "method"], sort=False):
        value = group["value"].to_numpy(float)
        error = (
            np.std(value, ddof=1) / np.sqrt(len(value)) if len(value) > 1 else np.nan
        )
        rows.append(
            {"part": part, "method": method, "seeds": len(value), "sum": value.sum(),
             "median": np.median(value), "mean": value.mean(), "error": error}
        )  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Search, print, and keep each row as it is made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evidence_seeds", type=int, default=20)
    parser.add_argument("--csv", type=Path)
    asked = parser.parse_args()
    rows: list[dict[Any, Any]] = []
    if asked.csv and asked.csv.exists():
        rows = pd.read_csv(asked.csv).to_dict("records")
    known = {(row["part"], row["method"], row["seed"]) for row in rows}
    for part in asked.parts:
        seeds = asked.evidence_seeds if part == "evidence" else asked.seeds
        for method in methods_of(part):
            for seed in range(1, seeds + 1):
                if (part, method, seed) in known:
                    continue
                value = found(part, method, seed)
                rows.append(
                    {"part": part, "method": method, "seed": seed, "value": value}
                )
                if asked.csv:
                    pd.DataFrame(rows).to_csv(asked.csv, index=False)
    print(summary(pd.DataFrame(rows)).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
