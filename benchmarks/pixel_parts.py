"""CPU seconds of one pixel's calibration, by part.

    python -m benchmarks.pixel_parts                     ten parameters, ten years
    python -m benchmarks.pixel_parts --years 2 --spinup 1 --repeat 3

A twin of IBIS-DALEC (`benchmarks.twin`) is calibrated by the default method. Parts are
timed inside one another, and each counts its own seconds alone: the model, fits of the
emulator, populations of its posterior between batches, choice of runs, final chains,
the estimate of the error, and the rest. The first calibration, which compiles, is not
counted. Of several repeats the one of the least seconds is printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np

import masm
from benchmarks import twin
from benchmarks.target import UNITS, as_dataset

REST = "the rest"


class Parts:
    """Seconds by part; a part within another is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = [REST]
        self._since = time.process_time()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what is done inside as this part's."""
        self._count()
        self._open.append(name)
        try:
            yield
        finally:
            self._count()
            self._open.pop()

    def _count(self) -> None:
        now = time.process_time()
        name = self._open[-1]
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    def end(self) -> dict[str, float]:
        """Seconds of all parts."""
        self._count()
        return dict(self.seconds)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose calls are counted as this part's."""

        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return inside


def watched(parts: Parts) -> ExitStack:
    """Count the steps of the default method as parts, until the stack is closed."""
    from masm.methods.adaptive import loop
    from masm.surrogates.series import SeriesEmulator

    stack = ExitStack()
    watched_parts = (
        (SeriesEmulator, "refit", "fits"),
        (SeriesEmulator, "update", "fits"),
        (loop._Search, "_population", "populations"),
        (loop, "choose_batch", "choice of runs"),
        (loop, "final_chains", "final chains"),
        (loop.ErrorEstimate, "of", "error estimate"),
    )
    for owner, name, part in watched_parts:
        timed = parts.timed(part, getattr(owner, name))
        new = staticmethod(timed) if owner is loop.ErrorEstimate else timed
        stack.enter_context(mock.patch.object(owner, name, new))
    return stack


def pixel(n_years: int, spinup_cycles: int, seed: int) -> tuple[Any, Any]:
    """Daily streams of ten parameters, and 8-day observations of so many years."""
    import pandas as pd
    import xarray as xr

    rng = np.random.default_rng([seed, 10])
    truth = np.array(list(twin.TRUTH.values()))
    made = twin.Twin(twin.weather(0, n_years), truth, spinup_cycles=spinup_cycles)
    clean = made.daily(truth[None])
    n_days = clean["gpp"].shape[1]
    days = pd.date_range("2001-01-01", periods=n_days, freq="D")
    starts = np.flatnonzero((days.day_of_year - 1) % twin.WINDOW == 0)
    counts = np.diff(np.append(starts, n_days))
    data = {}
    for name, (fraction, floor) in twin.STREAMS.items():
        mean = np.add.reduceat(clean[name][0], starts) / counts
        sd = np.maximum(fraction * np.abs(mean), floor)
        units = {"units": UNITS[name]}
        seen = mean + sd * rng.standard_normal(sd.size)
        data[name], data[f"{name}_sd"] = ("time", seen, units), ("time", sd, units)
    return made.daily, xr.Dataset(data, coords={"time": days[starts]})


def calibrate(
    daily: Any, observed: Any, seed: int, **options: Any
) -> tuple[dict[str, float], Any]:
    """Seconds by part, and the result, of one calibration by the default method."""
    parts = Parts()
    model = parts.timed("model", lambda theta: as_dataset(daily(theta)))
    with watched(parts):
        result = masm.calibrate(
            model, observed, twin.priors(), seed=seed, n_predictive=0, **options
        )
    return parts.end(), result


def table(seconds: dict[str, float]) -> str:
    """Rows of parts, the largest first, and their sum."""
    rows = sorted(seconds.items(), key=lambda item: -item[1])
    lines = ["| part | CPU s |", "|---|---|"]
    lines += [f"| {name} | {value:.2f} |" for name, value in rows]
    beside = sum(seconds.values()) - seconds.get("model", 0.0)
    lines.append(f"| all without the model | {beside:.2f} |")
    lines.append(f"| all | {sum(seconds.values()):.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--spinup", type=int, default=10, help="spin-up cycles")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--stop-at-error", type=float, default=0.0)
    asked = parser.parse_args()
    calibrate(*pixel(1, 0, 0), 1, max_runs=60)  # compiles
    problem = pixel(asked.years, asked.spinup, asked.seed)
    early = {"stop_at_error": asked.stop_at_error}
    found = [calibrate(*problem, asked.seed, **early) for _ in range(asked.repeat)]
    seconds, result = min(found, key=lambda one: sum(one[0].values()))
    print(f"{result.n_model_runs} runs, {result.status}")
    print(table(seconds))


if __name__ == "__main__":
    main()
