"""All calibration methods on problems whose posterior is known.

    python -m benchmarks.compare [--targets gauss4 banana_edge6 dalec6 ibis5]
        [--methods emulator demc ...] [--budgets 300 2000] [--seeds 3]
        [--twins 0] [--minutes 5] [--csv methods.csv] [--figure methods.png]
    python -m benchmarks.compare --figure methods.png --from methods.csv

For each target the table of `masm.compare`, against draws of the known posterior:
model runs, seconds of the model and of the method itself, the lowest cost, the
Wasserstein-1 distance of the marginals in prior standard deviations, how much of the
known posterior the 90 % intervals hold, and, with twins, the coverage of true values.

Rows are kept as they are made, seed by seed: the same command with the same CSV goes on
where an earlier one was stopped. A calibration that takes more CPU minutes than it may
is ended, and its row says so; other seeds of it, or of one that was refused, are not
tried. The target ``ibis5``, a small twin of the process model, makes its reference with
10,000 runs where it is not in the cache; the larger twin ``ibis10`` needs
``python -m benchmarks.reference`` first.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import masm
from benchmarks.targets import Target, as_dataset, make
from masm.files import replacing

TARGETS = ("gauss4", "banana_edge6", "dalec6", "ibis5")
_SHOWN = (
    "method",
    "budget",
    "runs",
    "model_seconds",
    "own_seconds",
    "best_cost",
    "distance",
    "interval_mass",
    "coverage",
    "twins",
    "seeds",
    "rank",
    "verdict",
)
_REFERENCE_DRAWS = 20_000


def main() -> None:
    """Compare, print a table and a sentence for each target, write CSV and figure."""
    asked = _arguments()
    if asked.read is not None:
        whole = pd.read_csv(asked.read, keep_default_na=False, na_values=[""])
    else:
        whole = _made(asked)
    for name, part in whole.groupby("target", sort=False):
        say(str(name), part)
    if asked.figure:
        draw(whole, asked.figure)


def _made(asked: argparse.Namespace) -> pd.DataFrame:
    """Every row that is asked for: seed by seed, each kept in the CSV as it is made."""
    known = pd.DataFrame()
    if asked.csv and asked.csv.exists():
        known = pd.read_csv(asked.csv, keep_default_na=False, na_values=[""])
    targets = [make(name) for name in asked.targets]
    wanted = [
        (seed, target, method, budget)
        for seed in range(1, asked.seeds + 1)
        for target in targets
        for method in asked.methods
        for budget in asked.budgets
    ]
    for seed, target, method, budget in wanted:
        if _needless(known, target.name, method, budget, seed):
            continue
        row = in_time(target, method, budget, seed, asked.twins, asked.minutes)
        row["target"] = target.name
        known = pd.concat([known, row], ignore_index=True)
        if asked.csv:
            with replacing(asked.csv) as aside:
                known.to_csv(aside, index=False, float_format="%.6g")
    return known


def _needless(
    known: pd.DataFrame, target: str, method: str, budget: int, seed: int
) -> bool:
    """Whether a row is there, or another seed of it took too long or was refused."""
    if known.empty:
        return False
    same = (known["target"] == target) & (known["method"] == method)
    rows = known[same & (known["budget"] == budget)]
    said = rows["reason"].astype(object).fillna("").astype(str)
    late = said.str.contains(TooLong.__name__)
    return bool(((rows["seed"] == seed) | late | (rows["verdict"] == "refused")).any())


def say(target: str, rows: pd.DataFrame) -> None:
    """Print the table of a target, and which method to use."""
    floor = float(rows["floor"].median())
    whole = masm.Comparison(pooled(rows), "draws of the known posterior", floor)
    print(f"\n{target}: halves of the reference lie {floor:.4f} apart")
    short = whole.summary["verdict"].str.slice(0, 60)
    shown = whole.summary[list(_SHOWN)].assign(verdict=short)
    print(shown.to_string(index=False, float_format=lambda x: f"{x:.4g}"))
    print(whole.recommendation, flush=True)


def pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the coverage over the twins of all seeds, each of which had its own."""
    rows, key = rows.copy(), ["method", "budget"]
    held = rows["coverage"].fillna(0.0) * rows["twins"]
    total = rows.groupby(key)["twins"].transform("sum")
    fraction = held.groupby([rows[name] for name in key]).transform("sum") / total
    return rows.assign(coverage=fraction.where(total > 0), twins=total)


class TooLong(BaseException):
    """A calibration took more CPU minutes than it may.

    Not an `Exception`: raised within the model, that would be a failed run, after which
    the method goes on.
    """


def in_time(
    target: Target, method: str, budget: int, seed: int, twins: int, minutes: float
) -> pd.DataFrame:
    """The row of one method; one that takes longer is a failed row with its reason."""
    try:
        with _limit(minutes):
            return compare(target, [method], [budget], [seed], twins).table
    except TooLong as exc:
        row = {
            "method": method, "budget": budget, "seed": seed,
            "gives": masm.method_of(method).gives, "is_reference": False,
            "verdict": "failed", "reason": f"{TooLong.__name__}: {exc}", "twins": 0,
        }  # fmt: skip
        figures = [name for name in (*_SHOWN, "failed_runs", "floor") if name != "rank"]
        return pd.DataFrame([dict.fromkeys(figures, np.nan) | row])


@contextlib.contextmanager
def _limit(minutes: float) -> Iterator[None]:
    """End what takes longer, by CPU time: a busy machine changes nothing."""

    def end(signum: int, frame: Any) -> None:
        raise TooLong(f"more than {minutes:g} CPU minutes")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, 60.0 * minutes)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def compare(
    target: Target,
    methods: list[str],
    budgets: list[int],
    seeds: list[int],
    twins: int,
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


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw how far each method is from the posterior, by its runs, target by target.

    A row is a method; a mark is a budget, the darker the more runs. Marks are medians
    over seeds; hollow ones are results that the method itself does not trust. Methods
    without a posterior are left out.
    """
    from matplotlib.figure import Figure

    table = table[(table["gives"] == "posterior") & table["distance"].notna()]
    targets = list(dict.fromkeys(table["target"]))
    budgets = sorted(set(table["budget"]))
    order = table.groupby("method")["distance"].median().sort_values().index[::-1]
    shades = dict(zip(budgets, np.linspace(0.65, 0.0, len(budgets)), strict=True))
    figure = Figure(figsize=(3.2 * len(targets) + 1.4, 0.24 * len(order) + 1.5))
    axes = figure.subplots(1, len(targets), sharey=True, squeeze=False)[0]
    for axis, target in zip(axes, targets, strict=True):
        here = table[table["target"] == target]
        for (method, budget), part in here.groupby(["method", "budget"]):
            distance, done = (
                part["distance"].median(),
                (part["verdict"] == "done").all(),
            )
            if np.isfinite(distance):
                colour = str(shades[budget])
                axis.plot(
                    distance, list(order).index(method), "o", markersize=6,
                    markeredgecolor=colour, markerfacecolor=colour if done else "none",
                )  # fmt: skip
        axis.axvspan(0.0, float(here["floor"].median()), color="#CDE7DC", zorder=0)
        axis.set_xscale("log")
        axis.set_title(target.removesuffix("-0"), fontsize=10)
        axis.grid(axis="y", color="0.92")
        axis.set_xlabel("distance (prior sd)")
    axes[0].set_ylim(-0.7, len(order) - 0.3)
    axes[0].set_yticks(range(len(order)), list(order), fontsize=8)
    said = ", ".join(f"{budget:,} runs" for budget in budgets)
    figure.suptitle(
        f"Distance of marginals from the known posterior; light to dark: {said}.\n"
        "Hollow: the method says not to trust it. Green: as near as halves of the "
        "reference are.",
        fontsize=8,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=130)


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
    parser.add_argument("--budgets", nargs="+", type=int, default=[300, 2000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--twins", type=int, default=0)
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="most CPU minutes of a calibration"
    )
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument(
        "--from", type=Path, dest="read", help="draw the rows of this CSV, run nothing"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
