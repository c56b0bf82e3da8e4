"""What each ingredient of the series emulator buys: the same run without it.

    python -m benchmarks.ablation --target dalec6 --seeds 1 2

One line for each ingredient left out: MMTV, largest TV, gsKL, CPU seconds, verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.surrogate import run
from benchmarks.targets import TARGETS

Array = NDArray[np.float64]


def _no_variance(stack: ExitStack) -> None:
    stack.enter_context(mock.patch("masm.surrogates.series._MOST_VARIANCE", 1e-9))


def _no_jumps(stack: ExitStack) -> None:
    stack.enter_context(
        mock.patch(
            "masm.surrogates.series.SeriesEmulator.jagged",
            property(lambda self: np.zeros(len(self.processes))),
        )
    )


def _no_weighting(stack: ExitStack) -> None:
    from masm.surrogates.series import Basis

    weighted = Basis.of

    def plain(whitened: Array, weight: Array, most: int) -> Basis:
        return weighted(whitened, np.ones_like(weight), most)

    stack.enter_context(mock.patch("masm.surrogates.series.Basis.of", plain))


def _no_information(stack: ExitStack) -> None:
    def anything(information: Any, n_given: int, size: int) -> list[int]:
        # The pool's first rows are draws of the posterior, in no order.
        return list(range(n_given, n_given + size))

    stack.enter_context(
        mock.patch("masm.methods.adaptive.batch.most_informative", anything)
    )


def _no_search(stack: ExitStack) -> None:
    def nowhere(self: Any, candidates: Array, *more: Any) -> Array:
        return candidates[:0]

    stack.enter_context(
        mock.patch("masm.methods.adaptive.batch.Explorer.elsewhere", nowhere)
    )


def _no_distrust(stack: ExitStack) -> None:
    stack.enter_context(mock.patch("masm.surrogates.series._KNOWN", np.inf))


def _no_units(stack: ExitStack) -> None:
    stack.enter_context(mock.patch("masm.surrogates.integer_inputs._CLEAR", np.inf))


def _no_second_order(stack: ExitStack) -> None:
    stack.enter_context(mock.patch("masm.surrogates.series._MEANS", ("linear",)))


def _no_smooth_kernel(stack: ExitStack) -> None:
    stack.enter_context(mock.patch("masm.surrogates.series._KERNELS", ("matern52",)))


def _no_bends(stack: ExitStack) -> None:
    def straight(processes: Any, u: Array, warp: Any, steps: int) -> Any:
        return warp

    stack.enter_context(mock.patch("masm.surrogates.series.shared_bends", straight))


def _no_slope(stack: ExitStack) -> None:
    from masm.samplers.ensemble import ensemble_chains

    def blind(
        density: Any, guide: Any, starts: Array, *, n_chains: int, **options: Any
    ) -> Any:
        return ensemble_chains(density, starts[:n_chains], **options)

    stack.enter_context(
        mock.patch("masm.methods.adaptive.final_chains.hamiltonian_chains", blind)
    )


def no_margins(stack: ExitStack) -> None:
    """Leave the margins of chains as they are."""
    from masm.samplers.marginal_transforms import Marginals

    def same(draws: Array) -> Marginals:
        zero, one = np.zeros(draws.shape[1]), np.ones(draws.shape[1])
        return Marginals(zero, one, zero, one)

    stack.enter_context(
        mock.patch("masm.samplers.marginal_transforms.Marginals.of", same)
    )


def _no_early_end(stack: ExitStack) -> None:
    stack.enter_context(mock.patch("masm.gaussian_process.regression._TOLERANCE", 1e-9))


WITHOUT: dict[str, Callable[[ExitStack], None]] = {
    "nothing": lambda stack: None,
    "predictive variance": _no_variance,
    "noise of jumps": _no_jumps,
    "weighted components": _no_weighting,
    "informative runs": _no_information,
    "search elsewhere": _no_search,
    "choice of kernel": _no_smooth_kernel,
    "bent axes": _no_bends,
    "second-order trends": _no_second_order,
    "whole units": _no_units,
    "distrust of the unknown": _no_distrust,
    "gradient in the chains": _no_slope,
    "normal margins of the chains": no_margins,
    "early end of fits": _no_early_end,
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
            with ExitStack() as stack:
                WITHOUT[name](stack)
                row = run(asked.target, asked.variant, "series", seed)
            print(
                f"| {name} | {seed} | {row.mmtv:.3f} | {row.largest_tv:.3f} "
                f"| {row.gskl:.3f} | {row.cpu:.1f} | {row.flagged} | {row.error:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
