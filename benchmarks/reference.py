"""Make the reference posterior of a model with series, by runs of the model itself.

    python -m benchmarks.reference --target ibis10 --variant 0 --runs 6000

Printed are the effective sample size of the weights and the Pareto k of their tail
(Vehtari et al. 2024; below 0.7 the weights can be used, below 0.5 easily so). How the
runs are chosen and weighted is in `benchmarks.weighted_draws`.
"""

from __future__ import annotations

import argparse

from benchmarks.targets import TARGETS, make
from benchmarks.weighted_draws import effective, extend, pareto_k, weighted_runs


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="ibis10", choices=TARGETS)
    parser.add_argument("--variant", type=int, default=0)
    parser.add_argument("--runs", type=int, default=6000, help="at least so many")
    asked = parser.parse_args()
    target = make(asked.target, asked.variant)
    while len(weighted_runs(target)[0]) < asked.runs:
        extend(target)
        _, log_weight = weighted_runs(target)
        print(
            f"{target.name}: {len(log_weight)} runs, "
            f"ESS {effective(log_weight):.0f}, Pareto k {pareto_k(log_weight):.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
