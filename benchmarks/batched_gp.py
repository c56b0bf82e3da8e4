"""Gaussian processes of many pixels: one by one, or by GPyTorch all at once.

    python -m benchmarks.batched_gp [--sizes 50 100 200] [--batches 1 8 32]

For each number of runs n and of processes b it prints seconds to fit b processes (ten
parameters, two starts), to predict 64 points with each (what a lock-step of 64 chains
asks for) and the largest difference of the predicted means in predicted standard
deviations; once on the CPU, with one thread, and once more on a GPU if there is one.

``--lockstep`` asks instead whether one worker should calibrate several pixels side by
side: seconds for the emulators of b pixels (six components each), fitted and asked for
64 points a hundred times, pixel after pixel and all together.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from masm.gaussian_process.batch import ManyProcesses, fit_many

Array = NDArray[np.float64]

N_PARAMETERS = 10
N_POINTS = 64
N_COMPONENTS = 6


def outputs(n: int, batch: int, seed: int = 0) -> tuple[Array, Array]:
    """Smooth functions of ten parameters, each other ones: x (b, n, d), y (b, n)."""
    rng = np.random.default_rng([seed, n, batch])
    x = rng.random((batch, n, N_PARAMETERS))
    slope = rng.normal(0.0, 1.0, (batch, 1, N_PARAMETERS))
    bend = rng.normal(0.0, 2.0, (batch, 1, N_PARAMETERS))
    y = np.sum(slope * x, axis=2) + np.sin(np.sum(bend * x, axis=2))
    return x, y


def seconds(work: Callable[[], object], device: str, least: float = 0.5) -> float:
    """Seconds of one call, the best of as many as fit in some time.

    Of CPU time on the CPU, where other work may be about; of the clock otherwise.
    """
    clock = time.process_time if device == "cpu" else time.perf_counter
    best, begin = np.inf, clock()
    while True:
        start = clock()
        work()
        best = min(best, clock() - start)
        if clock() - begin > least:
            return best


def fitted(x: Array, y: Array, backend: str, device: str) -> ManyProcesses:
    """Fit with two starts each."""
    rngs = [np.random.default_rng([1, k]) for k in range(len(y))]
    return fit_many(x, y, rngs=rngs, n_starts=2, backend=backend, device=device)  # type: ignore[arg-type]


def compare(n: int, batch: int, device: str) -> str:
    """Measure both backends once each at one size."""
    x, y = outputs(n, batch)
    points = np.random.default_rng(2).random((batch, N_POINTS, N_PARAMETERS))
    kept: dict[str, ManyProcesses] = {}

    def fit(backend: str, where: str) -> Callable[[], None]:
        def work() -> None:
            kept[backend] = fitted(x, y, backend, where)

        return work

    fit("gpytorch", device)()  # torch's first call of anything is slow
    own = seconds(fit("own", "cpu"), "cpu")
    together = seconds(fit("gpytorch", device), device)
    own_ask = seconds(lambda: kept["own"].predict(points), "cpu")
    together_ask = seconds(lambda: kept["gpytorch"].predict(points), device)
    mean, variance = kept["own"].predict(points)
    other, _ = kept["gpytorch"].predict(points)
    apart = float(np.max(np.abs(mean - other) / np.sqrt(variance)))
    return (
        f"| {n} | {batch} | {own:.3f} | {together:.3f} | {own / together:.2f} "
        f"| {1e3 * own_ask:.2f} | {1e3 * together_ask:.2f} "
        f"| {own_ask / together_ask:.2f} | {apart:.1e} |"
    )


def lockstep(n: int, pixels: int, device: str) -> str:
    """Emulators of several pixels: pixel after pixel, or all together."""
    x, y = outputs(n, pixels * N_COMPONENTS)
    x = np.repeat(x[::N_COMPONENTS], N_COMPONENTS, axis=0)
    points = np.random.default_rng(2).random((len(y), N_POINTS, N_PARAMETERS))

    def after_another() -> None:
        for k in range(0, len(y), N_COMPONENTS):
            some = slice(k, k + N_COMPONENTS)
            processes = fitted(x[some], y[some], "own", "cpu")
            for _ in range(100):
                processes.predict(points[some])

    def together() -> None:
        processes = fitted(x, y, "gpytorch", device)
        for _ in range(100):
            processes.predict(points)

    one, all_ = seconds(after_another, "cpu"), seconds(together, device)
    return f"| {n} | {pixels} | {one:.2f} | {all_:.2f} | {one / all_:.2f} |"


def main() -> None:
    """Command line."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[50, 100, 200])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--lockstep", action="store_true", help="pixels side by side")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    devices = ["cpu"] + ["cuda"] * torch.cuda.is_available()
    for device in devices:
        print(
            f"\ntorch {torch.__version__} on {device}, "
            "masm.gaussian_process.regression on one CPU thread"
        )
        if asked.lockstep:
            print("| n | pixels | pixel after pixel s | together s | ratio |")
            print("|---|---|---|---|---|")
        else:
            print(
                "| n | b | own fit s | gpytorch fit s | ratio | own predict ms "
                "| gpytorch predict ms | ratio | apart |"
            )
            print("|---|---|---|---|---|---|---|---|---|")
        with threadpool_limits(1, user_api="blas"):
            for n in asked.sizes:
                for batch in asked.batches:
                    row = lockstep if asked.lockstep else compare
                    print(row(n, batch, device), flush=True)


if __name__ == "__main__":
    main()
