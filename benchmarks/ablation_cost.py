"""What each ingredient of `masm.sample_cost` buys: the same problems without it.

Run ``python -m benchmarks.ablation_cost --targets dalec6 --variants 1 --seeds 2``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.targets import TARGETS, make
from benchmarks.verdict import judge
from masm.methods.adaptive.loop import default_runs
from masm.methods.adaptive.settings import Settings


def _without(**changes: Any) -> Settings:
    """Settings with other numbers of the surrogate of a cost."""
    default = Settings()
    return replace(default, cost=replace(default.cost, **changes))


WITHOUT: dict[str, Settings] = {
    "nothing": Settings(),
    "input warping": _without(warp_inputs=False, warp_steps=0, refit_warp_steps=0),
    "warping by evidence": _without(warp_steps=0, refit_warp_steps=0),
    "temperature": _without(tempered=False),
    "uncertainty penalty": _without(known_sd=np.inf, best_missed=np.inf),
    "caution on the way down": _without(descent_sd=1.0),
    "descent before all else": _without(hot=np.inf),
    "descents from promising runs": Settings(promising=0.0),
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
                    target = make(name, variant)
                    budget = asked.max_runs or default_runs(target.n_parameters)
                    settings = WITHOUT[without]
                    row = judge(target, seed, budget, series=False, settings=settings)
                    print(
                        f"without {without}: {row.target} seed {seed} runs {row.runs} "
                        f"mmtv {row.mmtv:.3f} largest tv {row.largest_tv:.3f} "
                        f"{row.status} error {row.error:.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
