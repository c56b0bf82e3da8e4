"""Measure calibration methods side by side on targets with known posteriors.

    python -m benchmarks.surrogate --targets gauss4 dalec6 --methods series cost \
        --variants 0 1 --seeds 1 2 3 --csv out.csv
    python -m benchmarks.surrogate --csv out.csv --summary

With ``--csv`` every row is written as it is finished, and rows that are there
already are not made again, so a long comparison can be stopped and gone on with.
``--summary`` prints the medians of each target and method in the file.

Methods
-------
series
    `masm.calibrate`, default mode; only for targets that have series.
series_early
    The same, ended where the estimated error is 0.05 or less.
cost, cost_long
    `masm.sample_cost`, default mode, with 100 runs in four dimensions, 120 in six and
    180 in ten; and with the 50 (d + 2) runs that PyVBMC allows itself.
published, published_short
    The loop of the source paper on the cost, with its 200 iterations and with 40.
metropolis, demc, importance
    The samplers of `masm.methods`, on the model itself.
pyvbmc, pyvbmc_short
    PyVBMC, in a virtual environment of its own in the user's cache, with its own
    default budget of 50 (d + 2) runs and with the budget of ``cost``.

Reported for each run: model runs, calls of the model, CPU seconds beyond the model's
own, mean and largest marginal total variation, Gaussianised symmetric KL divergence,
whether it was flagged and the error it claims.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics import distance
from benchmarks.rows import Row, append, finished, read, summary
from benchmarks.targets import TARGETS, Target, as_dataset, cache_folder, make

BUDGET = {4: 100, 6: 120, 10: 180}
PUBLISHED_SHORT = 40
_OF_SERIES = ("series", "series_early")


class _Counted:
    """Counts rows and calls, and the CPU time inside; some runs may fail."""

    def __init__(self, function: Callable[[Any], Any], fail: float, seed: int):
        self.function, self.fail = function, fail
        self.rng = np.random.default_rng([seed, 99])
        self.runs = self.calls = 0
        self.seconds = 0.0

    def __call__(self, theta: Any) -> Any:
        start = time.process_time()
        theta = np.atleast_2d(np.asarray(theta, float))
        self.runs += len(theta)
        self.calls += 1
        value = self.function(theta)
        if self.fail:
            bad = self.rng.random(len(theta)) < self.fail
            if isinstance(value, dict):
                value = {k: np.where(bad[:, None], np.nan, v) for k, v in value.items()}
            else:
                value = np.where(bad, np.nan, value)
        self.seconds += time.process_time() - start
        return value


def run(
    name: str,
    variant: int,
    method: str,
    seed: int,
    fail: float = 0.0,
    **options: Any,
) -> Row:
    """Run one method on one target, and measure it; options are of the method."""
    target = make(name, variant)
    model = target.model if method in _OF_SERIES else target.cost
    if model is None:
        raise SystemExit(f"{name} has no series; use --methods cost")
    counted = _Counted(model, fail, seed)
    start = time.process_time()
    draws, flagged, error = _METHODS[method](target, counted, seed, **options)
    cpu = time.process_time() - start - counted.seconds
    measured = distance(draws, target.truth())
    return Row(
        target=target.name,
        method=method,
        seed=seed,
        fail=fail,
        runs=counted.runs,
        batches=counted.calls,
        cpu=round(cpu, 2),
        mmtv=round(measured.mmtv, 4),
        largest_tv=round(measured.largest_tv, 4),
        gskl=round(measured.gskl, 4),
        flagged=flagged,
        error=round(error, 3),
    )


Answer = tuple[np.ndarray, bool, float]


def _draws(result: Any, target: Target) -> np.ndarray:
    columns = [result.posterior[name].to_numpy().ravel() for name in target.priors]
    return np.stack(columns, axis=1)


def _cost(target: Target, model: _Counted, seed: int, *, long: bool = False) -> Answer:
    import masm

    d = target.n_parameters
    max_runs = 50 * (d + 2) if long else BUDGET[d]
    result = masm.sample_cost(model, target.priors, seed=seed, max_runs=max_runs)
    return _draws(result, target), result.status != "done", result.attrs["error"]


def _series(target: Target, model: _Counted, seed: int, **options: Any) -> Answer:
    import masm

    result = masm.calibrate(
        lambda theta: as_dataset(model(theta)),
        target.observations(),
        target.priors,
        seed=seed,
        **options,
    )
    return _draws(result, target), result.status != "done", result.attrs["error"]


def _published(
    target: Target, model: _Counted, seed: int, *, n_iterations: int = 200
) -> Answer:
    import masm

    result = masm.sample_cost(
        model, target.priors, seed=seed, method="published", n_iterations=n_iterations
    )
    return _draws(result, target), result.status != "done", float("nan")


def _baseline(target: Target, model: _Counted, seed: int, *, method: str) -> Answer:
    import masm

    result = masm.sample_cost(model, target.priors, seed=seed, method=method)
    return _draws(result, target), result.status != "done", float("nan")


def _pyvbmc(
    target: Target, model: _Counted, seed: int, *, short: bool = False
) -> Answer:
    """PyVBMC in its own environment; made on first use."""
    home = cache_folder() / "pyvbmc-venv"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "pyvbmc", "numba"], check=True
        )
    root = Path(__file__).resolve().parents[1]
    name, variant = target.name.rsplit("-", 1)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "draws.npz"
        budget = str(BUDGET[target.n_parameters] if short else 0)
        worker = str(root / "benchmarks" / "pyvbmc_worker.py")
        subprocess.run(
            [str(python), worker, name, variant, str(seed), budget, str(out)],
            check=True,
            cwd=root,
            env={"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
        )
        with np.load(out) as found:
            model.runs = model.calls = int(found["runs"])
            model.seconds = -float(found["cpu"])
            return found["draws"], not bool(found["stable"]), float("nan")


_METHODS: dict[str, Callable[..., Answer]] = {
    "series": _series,
    "series_early": functools.partial(_series, stop_at_error=0.05),
    "cost": _cost,
    "cost_long": functools.partial(_cost, long=True),
    "published": _published,
    "published_short": functools.partial(_published, n_iterations=PUBLISHED_SHORT),
    "metropolis": functools.partial(_baseline, method="metropolis"),
    "demc": functools.partial(_baseline, method="demc"),
    "importance": functools.partial(_baseline, method="importance"),
    "pyvbmc": _pyvbmc,
    "pyvbmc_short": functools.partial(_pyvbmc, short=True),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=["gauss4"], choices=TARGETS)
    parser.add_argument("--methods", nargs="+", default=["cost"], choices=_METHODS)
    parser.add_argument("--variants", nargs="+", type=int, default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument(
        "--fail", type=float, default=0.0, help="fraction of failed runs"
    )
    parser.add_argument("--csv", type=Path, help="keep the rows here; go on from them")
    parser.add_argument("--summary", action="store_true", help="only sum up the file")
    asked = parser.parse_args()
    if asked.summary:
        if asked.csv is None:
            parser.error("--summary sums up a file: name it with --csv")
        print(summary(read(asked.csv, Row)))
        return
    done = finished(asked.csv)
    rows: list[Row] = []
    for name in asked.targets:
        for method in asked.methods:
            if method in _OF_SERIES and make(name).model is None:
                continue
            for variant in asked.variants:
                for seed in asked.seeds:
                    if (f"{name}-{variant}", method, seed, asked.fail) in done:
                        continue
                    row = run(name, variant, method, seed, asked.fail)
                    print(
                        " ".join(f"{k}={v}" for k, v in asdict(row).items()), flush=True
                    )
                    rows.append(row)
                    if asked.csv:
                        append(asked.csv, row)
    print(summary(read(asked.csv, Row) if asked.csv else rows))


if __name__ == "__main__":
    main()
