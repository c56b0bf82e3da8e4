"""How far the error estimate of a calibration can be trusted, with its weights' source.

    python -m benchmarks.verdict --targets modes dalec6 --variants 0 1 2 --seeds 1 2 \
        --csv verdict.csv
    python -m benchmarks.verdict --series --targets dalec6 dalec10 ibis10 \
        --csv series.csv

With ``--series`` `masm.calibrate` sees the model's series, or the residuals of a target
without one, else `masm.sample_cost` the cost alone. Runs targets of known posterior,
keeps the parts of each estimate beside the true distance (a stopped study goes on from
its file), and prints, for several thresholds of the self-assessed error, how many right
posteriors would be flagged and how many wrong ones would not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare import problem
from benchmarks.metrics import distance
from benchmarks.rows import append, read
from benchmarks.targets import TARGETS, Target, make

RIGHT, WRONG = 0.06, 0.15
THRESHOLDS = (0.06, 0.08, 0.10, 0.12, 0.15)
BUDGET = {1: 40, 2: 70, 3: 85, 4: 100, 5: 110, 6: 120, 8: 150, 10: 180}


@dataclass(frozen=True)
class Judged:
    """One calibration: what it says of itself, and what is true."""

    target: str
    seed: int
    max_runs: int
    runs: int
    status: str
    error: float
    error_check: float
    error_spread: float
    error_shift: float
    error_surprise: float
    mmtv: float
    largest_tv: float
    gskl: float
    error_views: float = 0.0


def calibrate(
    target: Target, seed: int, max_runs: int, *, series: bool, **options: Any
) -> Any:
    """Calibrate in the default mode, on the series or on the cost alone."""
    import masm

    if not series:
        return masm.sample_cost(
            target.cost, target.priors, seed=seed, max_runs=max_runs, **options
        )
    if target.model is None and target.residuals is None:
        raise SystemExit(f"{target.name} has no series; leave --series out")
    model, observations, _ = problem(target)
    return masm.calibrate(
        model,
        observations,
        target.priors,
        seed=seed,
        max_runs=max_runs,
        n_predictive=0,
        **options,
    )


def judge(
    target: Target, seed: int, budget: int, *, series: bool, **options: Any
) -> Judged:
    """Calibrate one target and measure it."""
    result = calibrate(target, seed, budget, series=series, **options)
    columns = [result.posterior[name].to_numpy().ravel() for name in target.priors]
    measured = distance(np.stack(columns, axis=1), target.truth())
    parts = {
        f.name: float(result.attrs.get(f.name, 0.0))
        for f in fields(Judged)
        if f.name.startswith("error")
    }
    return Judged(
        target=target.name,
        seed=seed,
        max_runs=budget,
        runs=result.n_model_runs,
        status=result.status,
        mmtv=measured.mmtv,
        largest_tv=measured.largest_tv,
        gskl=measured.gskl,
        **parts,
    )


def table(rows: Iterable[Judged]) -> str:
    """What would be flagged at each threshold of the self-assessed error."""
    error, mmtv = np.array([(row.error, row.mmtv) for row in rows]).T
    lines = [
        f"| threshold | right (<= {RIGHT}) flagged | wrong (> {WRONG}) unflagged "
        "| worst unflagged MMTV |",
        "|---|---|---|---|",
    ]
    for threshold in THRESHOLDS:
        passed = error <= threshold
        right, wrong = mmtv <= RIGHT, mmtv > WRONG
        lines.append(
            f"| {threshold:.2f} | {np.sum(right & ~passed)} of {right.sum()} "
            f"| {np.sum(wrong & passed)} of {wrong.sum()} "
            f"| {mmtv[passed].max(initial=0.0):.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=["modes"], choices=TARGETS)
    parser.add_argument("--variants", nargs="+", type=int, default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--max-runs", type=int, help="in place of the usual budget")
    parser.add_argument("--series", action="store_true", help="emulate the series")
    parser.add_argument("--csv", type=Path, required=True, help="rows are added here")
    asked = parser.parse_args()
    rows = read(asked.csv, Judged) if asked.csv.exists() else []
    done = {(row.target, row.seed, row.max_runs) for row in rows}
    for name in asked.targets:
        for variant in asked.variants:
            target = make(name, variant)
            budget = asked.max_runs or BUDGET[target.n_parameters]
            for seed in asked.seeds:
                if (target.name, seed, budget) in done:
                    continue
                row = judge(target, seed, budget, series=asked.series)
                print(row, flush=True)
                append(asked.csv, row)
                rows.append(row)
    print(table(rows))


if __name__ == "__main__":
    main()
