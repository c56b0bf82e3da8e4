"""How the CPU time of a calibration grows with the size of its problem.

    python -m benchmarks.growth                      quick: about a minute
    python -m benchmarks.growth --sizes long --repeat 3
    python -m benchmarks.growth --axes parameters runs

One axis at a time, the others at a middle size: parameters, observations, model runs,
streams, pixels. The model is a sum of smooth curves that costs next to nothing, so the
time is that of the method: batches, surrogate, chains. For each axis the sizes, the CPU
seconds (the least of ``--repeat``), and the exponent: the slope of log time against log
size, by least squares. 1 is linear. Compiling is done beforehand, once.

Pixels are calibrated one after the other in this process, each by its own seed: their
exponent says whether anything is left over from one to the next.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

_SEED = 11


@dataclass(frozen=True)
class Size:
    """Size of a problem.

    Attributes
    ----------
    parameters, observations, runs, streams, pixels : int
        ``observations`` are those of all streams together; ``runs`` those of a pixel.
    """

    parameters: int = 4
    observations: int = 200
    runs: int = 80
    streams: int = 2
    pixels: int = 1


QUICK: dict[str, tuple[int, ...]] = {
    "parameters": (2, 4, 8),
    "observations": (100, 400, 1600),
    "runs": (60, 120, 240),
    "streams": (1, 2, 4),
    "pixels": (1, 2, 4),
}
LONG: dict[str, tuple[int, ...]] = {
    "parameters": (2, 5, 10, 15, 20),
    "observations": (100, 1000, 10_000, 100_000),
    "runs": (60, 120, 240, 480, 800),
    "streams": (1, 2, 4, 8),
    "pixels": (1, 4, 16, 64),
}


def problem_of(size: Size, pixel: int) -> tuple[Callable[[Any], Any], Any, Any]:
    """Model, observations and priors of a pixel: ``masm.calibrate`` takes them."""
    import xarray as xr

    rng = np.random.default_rng([_SEED, pixel, size.parameters])
    d = size.parameters
    times = np.arange(max(size.observations // size.streams, 4), dtype=float)
    phase = rng.uniform(0.0, 6.0, (size.streams, d))
    position = times / times.size
    curves = np.sin(6.0 * position * (1.0 + np.arange(d)[:, None]) + phase[..., None])

    def model(theta: Any) -> xr.Dataset:
        # Bent a little, so that there is something to learn.
        value = np.asarray(theta)
        value = value + 0.3 * value**2
        return xr.Dataset(
            {
                f"y{k}": (("sample", "time"), value @ curves[k], {"units": "1"})
                for k in range(size.streams)
            },
            {"time": times},
        )

    truth = model(rng.uniform(0.3, 0.7, (1, d))).isel(sample=0)
    sd = 0.1 * np.sqrt(size.observations / 50.0)
    observed = truth + sd * rng.standard_normal((times.size,))
    for k in range(size.streams):
        observed[f"y{k}"].attrs["units"] = "1"
        observed[f"y{k}_sd"] = ("time", np.full(times.size, sd), {"units": "1"})
    return model, observed, {f"p{j}": (0.0, 1.0) for j in range(d)}


def seconds(size: Size) -> tuple[float, int]:
    """CPU seconds of a calibration of all pixels, and the model runs made."""
    import masm

    problems = [problem_of(size, pixel) for pixel in range(size.pixels)]
    start, runs = time.process_time(), 0
    for pixel, (model, observed, priors) in enumerate(problems):
        result = masm.calibrate(
            model,
            observed,
            priors,
            seed=[_SEED, pixel],
            windows=None,
            variance="given",
            max_runs=size.runs,
            settings=_all_runs(),
        )
        runs += result.n_model_runs
    return time.process_time() - start, runs


def _all_runs() -> Any:
    """Settings with which the budget is spent whether or not a posterior settles."""
    from masm.methods.adaptive.settings import Settings

    return Settings(n_stable=10_000)


def exponent(sizes: list[int], cpu: list[float]) -> float:
    """Slope of log time against log size.

    Examples
    --------
    >>> round(exponent([1, 2, 4], [3.0, 6.0, 12.0]), 6)
    1.0
    """
    return float(np.polyfit(np.log(sizes), np.log(cpu), 1)[0])


def measure(axis: str, values: tuple[int, ...], repeat: int) -> tuple[str, float]:
    """Row of the table of one axis, and its exponent."""
    cpu, made = [], []
    for value in values:
        size = replace(Size(), **{axis: value})
        if axis == "parameters":
            # A budget that more parameters need.
            size = replace(size, runs=max(size.runs, 5 * value + 40))
        tries = [seconds(size) for _ in range(repeat)]
        cpu.append(min(one for one, _ in tries))
        made.append(tries[0][1])
    slope = exponent(list(values), cpu)
    row = [axis, " ".join(map(str, values)), " ".join(map(str, made))]
    row += [" ".join(f"{one:.2f}" for one in cpu), f"{slope:.2f}"]
    return "| " + " | ".join(row) + " |", slope


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python -m benchmarks.growth --axes parameters runs",
    )
    parser.add_argument("--axes", nargs="+", default=list(QUICK), choices=list(QUICK))
    parser.add_argument("--sizes", default="quick", choices=["quick", "long"])
    parser.add_argument(
        "--repeat", type=int, default=1, help="take the least of so many"
    )
    asked = parser.parse_args()
    if asked.repeat < 1:
        parser.error("--repeat: wanted 1 or more")
    sizes = QUICK if asked.sizes == "quick" else LONG
    seconds(Size(runs=40))  # compiles
    print("| axis | sizes | model runs | CPU s | exponent |\n|---|---|---|---|---|")
    for axis in asked.axes:
        print(measure(axis, sizes[axis], asked.repeat)[0], flush=True)


if __name__ == "__main__":
    main()
