"""All calibration methods on problems whose posterior is known.

    python -m benchmarks.compare [--targets gauss4 banana_edge6 dalec6]
        [--methods emulator demc ...] [--budgets 200 1000 5000] [--seeds 3]
        [--twins 0] [--csv methods.csv]

For each target the table of `masm.compare`, against draws of the known posterior:
model runs, seconds of the model and of the method itself, the lowest cost, and the
Wasserstein-1 distance of the marginals in prior standard deviations.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import masm
from benchmarks.targets import Target, as_dataset, make

TARGETS = ("gauss4", "banana_edge6", "dalec6")
_SHOWN = (
    "method",
    "budget",
    "runs",
    "model_seconds",
    "own_seconds",
    "best_cost",
    "distance",
    "coverage",
    "rank",
    "verdict",
)
_REFERENCE_DRAWS = 20_000


def main() -> None:
    """Compare, print a table and a sentence for each target, and write a CSV."""
    asked = _arguments()
    tables = []
    for name in asked.targets:
        target = make(name)
        found = compare(target, asked.methods, asked.budgets, asked.seeds, asked.twins)
        print(f"\n{target.name}: halves of the reference lie {found.floor:.4f} apart")
        shown = found.summary[list(_SHOWN)].assign(
            verdict=found.summary["verdict"].str.slice(0, 60)
        )
        print(shown.to_string(index=False, float_format=lambda x: f"{x:.4g}"))
        print(found.recommendation, flush=True)
        tables.append(found.table.assign(target=target.name))
    if asked.csv:
        pd.concat(tables).to_csv(asked.csv, index=False, float_format="%.6g")


def compare(
    target: Target, methods: list[str], budgets: list[int], seeds: int, twins: int
) -> masm.Comparison:
    """Compare methods on one target, with draws of its posterior as the reference."""
    model, observations, how = problem(target)
    draws = target.truth()
    rng = np.random.default_rng(1)
    kept = draws[rng.choice(len(draws), min(_REFERENCE_DRAWS, len(draws)), False)]
    return masm.compare(
        model,
        observations,
        target.priors,
        methods=methods,
        budgets=budgets,
        seeds=seeds,
        n_twins=twins,
        reference=dict(zip(target.priors, kept.T, strict=True)),
        **how,
    )


def problem(target: Target) -> tuple[Callable[[Any], Any], Any, dict[str, Any]]:
    """Return a target's model, observations and options, as `masm.compare` takes them.

    A target without a model of series is one of its residuals, observed to be zero with
    errors of one.
    """
    if target.model is not None:
        daily = target.model
        return lambda theta: as_dataset(daily(theta)), target.observations(), {}
    residuals = target.residuals
    if residuals is None:
        raise TypeError(f"{target.name} has no series: choose another target")
    n = residuals(np.array([target.bounds[0]])).shape[1]
    rule = masm.GivenVariance(1.0)
    seen = masm.Stream("residual", np.arange(n), np.zeros(n), variance=rule)
    return (
        lambda theta: {"residual": residuals(np.asarray(theta))},
        {"residual": seen},
        {},
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument(
        "--methods", nargs="+", default=list(masm.METHODS), choices=list(masm.METHODS)
    )
    parser.add_argument("--budgets", nargs="+", type=int, default=[200, 1000, 5000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--twins", type=int, default=0)
    parser.add_argument("--csv", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
