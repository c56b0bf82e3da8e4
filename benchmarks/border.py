"""A model that fails in a region: whether the posterior ends where the model does.

    python -m benchmarks.border --targets gauss4 banana_edge6 --variants 0 1 2 --seeds 1

The model fails beyond a plane through the posterior that cuts off 35 % of it. Printed
for each calibration: failed runs, distance from the truncated posterior, the fraction
of draws beyond the border, and the fraction that the result expects there.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.metrics import distance
from benchmarks.surrogate import BUDGET
from benchmarks.targets import TARGETS, make

CUT_OFF = 0.35
_SEED = 7


def run(name: str, variant: int, seed: int) -> str:
    """Calibrate one such problem; a row of the table."""
    import masm

    target = make(name, variant)
    low, high = target.bounds
    truth = target.truth()
    tilt = np.random.default_rng(_SEED).standard_normal(target.n_parameters)
    tilt /= ((truth - low) / (high - low)).std(axis=0)

    def height(theta: np.ndarray) -> np.ndarray:
        return ((np.asarray(theta) - low) / (high - low)) @ tilt

    border = np.quantile(height(truth), 1.0 - CUT_OFF)

    def cost(theta: np.ndarray) -> np.ndarray:
        theta = np.asarray(theta)
        return np.where(height(theta) > border, np.nan, target.cost(theta))

    result = masm.sample_cost(
        cost, target.priors, seed=seed, max_runs=BUDGET[target.n_parameters]
    )
    columns = [result.posterior[name].to_numpy().ravel() for name in target.priors]
    draws = np.stack(columns, axis=1)
    apart = distance(draws, truth[height(truth) <= border]).mmtv
    return (
        f"| {target.name} | {seed} | {result.n_failed_runs} of {result.n_model_runs} "
        f"| {apart:.3f} | {np.mean(height(draws) > border):.3f} "
        f"| {result.attrs.get('error_border', 0.0):.3f} | {result.status} |"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=["gauss4"], choices=TARGETS)
    parser.add_argument("--variants", nargs="+", type=int, default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    asked = parser.parse_args()
    print("| target | seed | failed | MMTV | beyond | reported | status |")
    print("|---|---|---|---|---|---|---|")
    for name in asked.targets:
        for variant in asked.variants:
            for seed in asked.seeds:
                print(run(name, variant, seed), flush=True)


if __name__ == "__main__":
    main()
