"""What each ingredient of `masm.sample_cost` buys: the same problems without it.

Run ``python -m benchmarks.ablation_cost --targets dalec6 --variants 1 --seeds 2``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.targets import TARGETS, make
from benchmarks.verdict import judge
from masm.methods.adaptive.loop import default_runs
from masm.surrogates.input_warping import Coordinates, Warp


def _straight(u: Any, cost: Any, noise: Any) -> Warp:
    return Warp.none(u.shape[1])


def _as_they_are(gp: Any, u: Any, coordinates: Coordinates, n: int) -> Coordinates:
    return coordinates


def _cold(excess: Any, d: int) -> float:
    return 1.0


# What replaces an ingredient, by the name it has in its module.
_SURROGATE, _EXPLORATION = "masm.surrogates.cost.", "masm.methods.adaptive.mode_search."
WITHOUT: dict[str, dict[str, Callable[..., Any] | float]] = {
    "nothing": {},
    "bent axes": {
        _SURROGATE + "straightening": _straight,
        _SURROGATE + "bend_further": _as_they_are,
    },
    "bends by evidence": {_SURROGATE + "bend_further": _as_they_are},
    "temperature": {_SURROGATE + "temperature": _cold},
    "distrust of the unknown": {
        _SURROGATE + "_KNOWN": np.inf,
        _SURROGATE + "_BEST_MISSED": np.inf,
    },
    "caution on the way down": {_SURROGATE + "_CAUTION": 1.0},
    "descent before all else": {_SURROGATE + "_HOT": np.inf},
    "leads from afar": {_EXPLORATION + "_PROMISING": 0.0},
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=["dalec6"], choices=TARGETS)
    parser.add_argument("--variants", nargs="+", type=int, default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--without", nargs="+", default=list(WITHOUT), choices=WITHOUT)
    parser.add_argument("--max-runs", type=int, help="in place of the usual budget")
    asked = parser.parse_args()
    for name in asked.targets:
        for variant in asked.variants:
            for without in asked.without:
                for seed in asked.seeds:
                    with ExitStack() as stack:
                        for what, instead in WITHOUT[without].items():
                            stack.enter_context(patch(what, instead))
                        target = make(name, variant)
                        budget = asked.max_runs or default_runs(target.n_parameters)
                        row = judge(target, seed, budget, series=False)
                    print(
                        f"without {without}: {row.target} seed {seed} runs {row.runs} "
                        f"mmtv {row.mmtv:.3f} largest tv {row.largest_tv:.3f} "
                        f"{row.status} error {row.error:.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
