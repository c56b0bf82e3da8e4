"""What each ingredient of the series emulator buys: the same run without it.

    python -m benchmarks.ablation --target dalec6 --seeds 1 2

One line for each ingredient left out: MMTV, largest TV, gsKL, CPU seconds, status.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.surrogate import run
from benchmarks.targets import TARGETS
from masm.methods.adaptive.settings import Settings
from masm.surrogates.components import ErrorOfVariance


def _without(**changes: Any) -> Settings:
    """Settings with other numbers of the series emulator."""
    default = Settings()
    return replace(default, series=replace(default.series, **changes))


WITHOUT: dict[str, Settings] = {
    "nothing": Settings(),
    "predictive variance": _without(widening=ErrorOfVariance(most_variance=1e-9)),
    "noise of jumps": _without(nugget=False),
    "weighted components": _without(weighted_components=False),
    "informative runs": Settings(informative=False),
    "mode search": _without(mode_search=0.0),
    "choice of kernel": _without(kernels=("matern52",)),
    "input warping": _without(warp_steps=0),
    "second-order trends": _without(means=("linear",)),
    "integer inputs": _without(integer_evidence=np.inf),
    "uncertainty penalty": _without(widening=ErrorOfVariance(known_sd=np.inf)),
    "gradient in the chains": _without(gradient_chains=False),
    "normal margins of the chains": Settings(normal_margins=False),
    "early end of fits": _without(fit_tolerance=1e-9),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="dalec6", choices=TARGETS)
    parser.add_argument("--variant", type=int, default=0)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--without", nargs="+", default=list(WITHOUT), choices=WITHOUT)
    asked = parser.parse_args()
    print("| without | seed | MMTV | largest TV | gsKL | CPU s | flagged | error |")
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.without:
        for seed in asked.seeds:
            row = run(
                asked.target, asked.variant, "series", seed, settings=WITHOUT[name]
            )
            print(
                f"| {name} | {seed} | {row.mmtv:.3f} | {row.largest_tv:.3f} "
                f"| {row.gskl:.3f} | {row.cpu:.1f} | {row.flagged} | {row.error:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
