"""How often a method is wrong without a word, and how often it doubts what is right.

    python -m benchmarks.silent_errors --methods laplace 4dvar esmda \
        --budgets 300 2000 --seeds 31 32 --csv silent.csv
    python -m benchmarks.silent_errors --csv silent.csv --summary
    python -m benchmarks.silent_errors --set third ...

Problems are those of `benchmarks.unseen`, and other variants of known targets: no limit
of a method was chosen on them. The second set is for looking, the third for trying what
was changed after that. For each result: its verdict, the largest Wasserstein-1 distance
of a marginal in posterior standard deviations (``error``), and the mean of them in
prior standard deviations (``distance``, that of `masm.compare`).

A result is wrong where ``error`` is above 0.5, right where it is at most 0.25; between
them it is neither. So many draws as 300 runs leave are 0.1 to 0.2 off by chance alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import masm
from benchmarks.unseen import SHAPES, Problem, problem
from masm.files import replacing

RIGHT, WRONG, FAR = 0.25, 0.5, 0.10
_KNOWN = (
    ("gauss4", 1), ("corr10", 1), ("banana_edge6", 1),
    ("litter", 30), ("bumps", 30), ("reflected", 30), ("ceiling", 30),
    ("whole_days", 30), ("border", 30),
)  # fmt: skip
SETS = {
    "second": [f"{kind}-1" for kind in SHAPES] + [f"{k}-{v}" for k, v in _KNOWN],
    "third": [f"{kind}-2" for kind in SHAPES] + [f"{k}-{v + 2}" for k, v in _KNOWN],
}
METHODS = (
    "laplace", "4dvar", "esmda", "unscented", "enkf", "4denvar", "importance", "smc",
    "particle_filter",
)  # fmt: skip
_MOST_DRAWS = 20_000


def judge(
    asked: Problem, truth: np.ndarray, method: str, budget: int, seed: int
) -> Any:
    """Calibrate, and compare the marginals with draws of the known posterior.

    A budget of 0 is the method's own.
    """
    row: dict[str, Any] = {
        "problem": asked.name, "method": method, "budget": budget, "seed": seed,
    }  # fmt: skip
    options: Any = {}
    if budget:
        options = masm.method_of(method).with_budget(budget, len(asked.priors))
    start = time.process_time()
    try:
        result = masm.calibrate(
            asked.model, asked.observations, asked.priors, seed=seed, method=method,
            n_predictive=0, **options,
        )  # fmt: skip
    except (masm.errors.InputError, masm.errors.CalibrationFailed) as exc:
        refused = isinstance(exc, masm.errors.InputError)
        return row | {
            "status": "refused" if refused else "failed",
            "reason": str(exc).splitlines()[0],
        }
    draws = [result.posterior[n].to_numpy().ravel() for n in asked.priors]
    error, distance = off(np.stack(draws, axis=1), truth, asked.priors)
    return row | {
        "status": result.status, "reason": result.reason, "runs": result.n_model_runs,
        "cpu": time.process_time() - start, "error": error, "distance": distance,
    }  # fmt: skip


def off(
    draws: np.ndarray, truth: np.ndarray, priors: dict[str, tuple[float, float]]
) -> tuple[float, float]:
    """Largest distance in posterior, and mean distance in prior standard deviations.

    Examples
    --------
    >>> z = np.random.default_rng(0).random((4000, 1))
    >>> error, distance = off(0.1 * z + 0.1, 0.1 * z, {"a": (0.0, 1.0)})
    >>> round(float(error), 1), round(float(distance), 2)
    (3.5, 0.35)
    """
    from scipy.stats import wasserstein_distance

    low, high = np.array(list(priors.values())).T
    far = [wasserstein_distance(a, b) for a, b in zip(draws.T, truth.T, strict=True)]
    error = float(np.max(np.array(far) / truth.std(axis=0)))
    return error, float(np.mean(np.sqrt(12.0) * np.array(far) / (high - low)))


def summary(rows: pd.DataFrame) -> str:
    """Rates of each method and budget, as a table."""
    lines = [
        "| method | runs | results | done | wrong | wrong and done "
        f"| distance > {FAR:g} and done | right | right and suspect | CPU s |",
        "|" + "---|" * 10,
    ]
    reported = rows[rows["status"].isin(["done", "suspect"])]
    for (method, budget), part in reported.groupby(["method", "budget"], sort=False):
        done = part["status"] == "done"
        wrong, right = part["error"] > WRONG, part["error"] <= RIGHT
        lines.append(
            f"| `{method}` | {budget or 'default'} | {len(part)} | {done.sum()} "
            f"| {wrong.sum()} | {(wrong & done).sum()} "
            f"| {(done & (part['distance'] > FAR)).sum()} | {right.sum()} "
            f"| {(right & ~done).sum()} | {part['cpu'].median():.2g} |"
        )
    return "\n".join(lines)


def worst(rows: pd.DataFrame) -> str:
    """The results that are wrong and done, one a line."""
    bad = rows[(rows["status"] == "done") & (rows["error"] > WRONG)]
    shown = bad[["problem", "method", "budget", "seed", "error", "distance"]]
    return str(shown.sort_values("error").to_string(index=False)) if len(bad) else ""


def study(
    names: Sequence[str],
    methods: Sequence[str],
    budgets: Sequence[int],
    seeds: Sequence[int],
    csv: Path | None,
) -> pd.DataFrame:
    """Make the rows that the file does not have, problem by problem."""
    known = pd.DataFrame()
    if csv is not None and csv.exists():
        known = pd.read_csv(csv, keep_default_na=False, na_values=[""])
    for name in names:
        asked = problem(name)
        truth = asked.truth()
        some = np.random.default_rng(1).permutation(len(truth))[:_MOST_DRAWS]
        made = []
        for method in methods:
            for budget in budgets:
                for seed in seeds:
                    if _there(known, name, method, budget, seed):
                        continue
                    made.append(judge(asked, truth[some], method, budget, seed))
        known = pd.concat([known, pd.DataFrame(made)], ignore_index=True)
        if csv is not None:
            with replacing(csv) as aside:
                known.to_csv(aside, index=False, float_format="%.5g")
        print(f"{name}: {len(made)} rows", flush=True)
    return known


def _there(known: pd.DataFrame, name: str, method: str, budget: int, seed: int) -> bool:
    if known.empty:
        return False
    same = (known["problem"] == name) & (known["method"] == method)
    same &= (known["budget"] == budget) & (known["seed"] == seed)
    return bool(same.any())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="second", choices=SETS, dest="which")
    parser.add_argument("--problems", nargs="+", help="in place of a set")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--budgets", nargs="+", type=int, default=[300, 2000])
    parser.add_argument("--seeds", nargs="+", type=int, default=[31])
    parser.add_argument("--csv", type=Path, help="keep the rows here; go on from them")
    parser.add_argument("--summary", action="store_true", help="only sum up the file")
    asked = parser.parse_args()
    if asked.summary:
        if asked.csv is None:
            parser.error("--summary sums up a file: name it with --csv")
        rows = pd.read_csv(asked.csv, keep_default_na=False, na_values=[""])
    else:
        rows = study(
            asked.problems or SETS[asked.which], asked.methods, asked.budgets,
            asked.seeds, asked.csv,
        )  # fmt: skip
    print(summary(rows))
    print(worst(rows))


if __name__ == "__main__":
    main()
