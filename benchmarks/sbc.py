"""Simulation-based calibration of the process model's twin.

    python -m benchmarks.sbc --mode joint --truths 200 --csv sbc.csv --workers 2
    python -m benchmarks.sbc --csv sbc.csv --figure sbc.png

For truths drawn from the prior, observations are made with noise and calibrated. If
posteriors are right, the rank of the truth among posterior draws is uniform (Talts et
al. 2018) and a 90 % interval holds the truth nine times in ten. Modes: ``joint`` (all
parameters on both streams) and ``stepwise`` (first GPP, then what only GPP informs is
held at its posterior mean while LAI fits the rest). Each truth is one row of the
CSV; a call goes on from the rows that are there.

References
----------
Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018). Validating
Bayesian inference algorithms with simulation-based calibration. arXiv:1804.06788.
"""

from __future__ import annotations

import argparse
import csv
import math
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import twin
from benchmarks.targets import as_dataset

Array = NDArray[np.float64]

GPP_BLOCK = ("alpha3", "theta3", "beta3", "vmax", "p5", "p14", "p20")
LAI_BLOCK = ("p5", "p14", "p15", "p17", "p18", "p20")
MODES = ("joint", "stepwise")
# Of the verdict; a result of several blocks has none as a whole.
PARTS = ("error", "error_check", "error_spread", "error_shift", "error_surprise")
N_BINS = 10
_SEED = 1804


def calibrate_truth(mode: str, number: int) -> dict[str, Any]:
    """Draw a truth, observe it, calibrate, and rank the truth in each posterior."""
    import masm
    from benchmarks.targets import Target

    rng = np.random.default_rng([_SEED, number])
    problem = twin.Twin.of(twin.weather(0), twin.random_truth(rng, 0.0), rng)
    target = Target(
        "sbc", twin.priors(), problem.cost, model=problem.daily,
        observed=problem.observed,
    )  # fmt: skip
    blocks = None
    if mode == "stepwise":
        blocks = [masm.Block("gpp", GPP_BLOCK), masm.Block("lai", LAI_BLOCK)]
    result = masm.calibrate(
        lambda theta: as_dataset(problem.daily(theta)),
        target.observations(),
        target.priors,
        seed=[_SEED, number],
        blocks=blocks,
        n_predictive=0,
        **({"max_runs": 180} if blocks is None else {}),
    )
    row: dict[str, Any] = {
        "mode": mode,
        "truth": number,
        "status": result.status,
        "reason": result.reason,
        "runs": result.n_model_runs,
    }
    row |= {part: round(float(result.attrs.get(part, math.nan)), 4) for part in PARTS}
    for name, value in zip(twin.TRUTH, problem.truth, strict=True):
        draws = result.posterior[name].to_numpy()
        row[name] = round(float(np.mean(draws < value)), 5)
    return row


@dataclass(frozen=True)
class Coverage:
    """How one parameter fares over all truths of a mode."""

    n: int
    half: float
    most: float
    chi_square: float

    @classmethod
    def of(cls, rank: Array) -> Coverage:
        """From ranks scaled to 0-1, (n_truths,)."""
        from scipy import stats

        counts = np.histogram(rank, np.linspace(0.0, 1.0, N_BINS + 1))[0]
        return cls(
            n=len(rank),
            half=float(np.mean((rank > 0.25) & (rank < 0.75))),
            most=float(np.mean((rank > 0.05) & (rank < 0.95))),
            chi_square=float(stats.chisquare(counts).pvalue),
        )


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        # Two calls at once may both have done a truth; it counts once.
        rows = {(row["mode"], row["truth"]): row for row in csv.DictReader(file)}
    return list(rows.values())


def _append(path: Path, row: dict[str, Any]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def table(rows: list[dict[str, str]]) -> None:
    """Print coverage and uniformity for each mode and parameter."""
    for mode in MODES:
        mine = [row for row in rows if row["mode"] == mode]
        if not mine:
            continue
        n = len(mine)
        suspect = sum(row["status"] != "done" for row in mine)
        print(f"{mode}: {n} truths, {suspect} suspect, expected 0.50 and 0.90")
        pooled = np.zeros(2)
        for name in twin.TRUTH:
            found = Coverage.of(np.array([float(row[name]) for row in mine]))
            pooled += [found.half, found.most]
            print(
                f"  {name:<7} 50 %: {found.half:.3f}  "
                f"90 %: {found.most:.3f} +- {math.sqrt(0.09 / n):.3f}  "
                f"chi-square p {found.chi_square:.3f}"
            )
        half, most = pooled / len(twin.TRUTH)
        print(f"  {'mean':<7} 50 %: {half:.3f}  90 %: {most:.3f}")


def figure(rows: list[dict[str, str]], path: Path) -> None:
    """Difference of each empirical distribution of ranks from the uniform one."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    modes = [mode for mode in MODES if any(row["mode"] == mode for row in rows)]
    made, axes = plt.subplots(
        1, len(modes), figsize=(4.6 * len(modes), 3.6), squeeze=False, sharey=True,
        layout="constrained",
    )  # fmt: skip
    grid = np.linspace(0.0, 1.0, 201)
    for ax, mode in zip(axes[0], modes, strict=True):
        mine = [row for row in rows if row["mode"] == mode]
        # Pointwise 95 % of what uniform ranks would show.
        half = 1.96 * np.sqrt(grid * (1.0 - grid) / len(mine))
        ax.fill_between(grid, -half, half, color="0.88", lw=0)
        for i, name in enumerate(twin.TRUTH):
            rank = np.array([float(row[name]) for row in mine])
            fraction = np.mean(rank[:, None] <= grid, axis=0)
            ax.plot(grid, fraction - grid, lw=1.2, color=f"C{i}", label=name)
        ax.axhline(0.0, color="0.4", lw=0.8)
        ax.set(
            title=f"{mode}, {len(mine)} truths",
            xlabel="rank of the truth among posterior draws",
        )
    axes[0][0].set_ylabel("fraction of truths below, less uniform")
    made.legend(
        *axes[0][0].get_legend_handles_labels(), loc="outside right center",
        frameon=False,
    )  # fmt: skip
    made.savefig(path, dpi=150)
    plt.close(made)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=MODES, default="joint")
    parser.add_argument("--truths", type=int, default=0, help="in all, of this mode")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    done = {(row["mode"], int(row["truth"])) for row in _read(asked.csv)}
    left = [i for i in range(asked.truths) if (asked.mode, i) not in done]
    with ProcessPoolExecutor(asked.workers) as pool:
        for job in as_completed(
            [pool.submit(calibrate_truth, asked.mode, i) for i in left]
        ):
            _append(asked.csv, job.result())
    rows = _read(asked.csv)
    table(rows)
    if asked.figure and rows:
        figure(rows, asked.figure)


if __name__ == "__main__":
    main()
