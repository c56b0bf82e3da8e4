"""Measure calibration methods side by side on targets with known posteriors.

    python -m benchmarks.surrogate --targets gauss4 dalec6 --methods series cost \
        --variants 0 1 --seeds 1 2 3 --csv out.csv

Methods: ``series`` (masm.calibrate, default mode; carbon targets only), ``cost``
(masm.sample_cost), ``published`` (the loop of the source paper, on the cost),
``direct`` (DE-MC(Z) on the model itself) and ``pyvbmc`` (installed into a virtual
environment of its own, in the user's cache). Reported for each run: model runs,
calls of the model, CPU seconds beyond the model's own, mean and largest marginal
total variation, Gaussianised symmetric KL divergence, and whether it was flagged.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics import distance
from benchmarks.targets import TARGETS, Target, as_dataset, cache_folder, make

BUDGET = {4: 100, 6: 120, 10: 180}
DIRECT_RUNS = 60_000
PUBLISHED_ITERATIONS = 40


@dataclass(frozen=True)
class Row:
    """One method on one target with one seed."""

    target: str
    method: str
    seed: int
    runs: int
    batches: int
    cpu: float
    mmtv: float
    largest_tv: float
    gskl: float
    flagged: bool
    error: float


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


def run(name: str, variant: int, method: str, seed: int, fail: float = 0.0) -> Row:
    """Run one method on one target, and measure it."""
    target = make(name, variant)
    model = target.model if method == "series" else target.cost
    if model is None:
        raise SystemExit(f"{name} has no series; use --methods cost")
    counted = _Counted(model, fail, seed)
    start = time.process_time()
    draws, flagged, error = _METHODS[method](target, counted, seed)
    cpu = time.process_time() - start - counted.seconds
    measured = distance(draws, target.truth())
    return Row(
        target=target.name,
        method=method,
        seed=seed,
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


def _cost(target: Target, model: _Counted, seed: int) -> Answer:
    import masm

    result = masm.sample_cost(
        model, target.priors, seed=seed, max_runs=BUDGET[target.n_parameters]
    )
    return _draws(result, target), result.status != "done", result.attrs["error"]


def _series(target: Target, model: _Counted, seed: int) -> Answer:
    import masm

    result = masm.calibrate(
        lambda theta: as_dataset(model(theta)),
        target.observations(),
        target.priors,
        seed=seed,
    )
    return _draws(result, target), result.status != "done", result.attrs["error"]


def _published(target: Target, model: _Counted, seed: int) -> Answer:
    from masm.priors import as_priors
    from masm.problem import Problem, seed_sequence
    from masm.published import sample

    priors = as_priors(target.priors)
    problem = Problem(priors=priors, active=priors.names, runner=model)
    outcome = sample(
        problem, seed_sequence(seed), n_iterations=PUBLISHED_ITERATIONS, n_cycles=2
    )
    u = outcome.u.reshape(-1, target.n_parameters)
    return target.physical(u), outcome.status != "done", float("nan")


def _direct(target: Target, model: _Counted, seed: int) -> Answer:
    from masm.chains import ensemble_chains, latin_hypercube

    rng = np.random.default_rng(seed)
    n_chains = 40
    steps = DIRECT_RUNS // n_chains
    chains = ensemble_chains(
        lambda u: -0.5 * model(target.physical(u)),
        latin_hypercube(n_chains, target.n_parameters, rng),
        rng=rng,
        n_steps=steps - steps // 3,
        n_burn=steps // 3,
    )
    return target.physical(chains.pooled), False, float("nan")


def _pyvbmc(target: Target, model: _Counted, seed: int) -> Answer:
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
        budget = str(BUDGET[target.n_parameters])
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


_METHODS: dict[str, Callable[[Target, _Counted, int], Answer]] = {
    "series": _series,
    "cost": _cost,
    "published": _published,
    "direct": _direct,
    "pyvbmc": _pyvbmc,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=["gauss4"], choices=TARGETS)
    parser.add_argument("--methods", nargs="+", default=["cost"], choices=_METHODS)
    parser.add_argument("--variants", nargs="+", type=int, default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--fail", type=float, default=0.0, help="share of failed runs")
    parser.add_argument("--csv", type=Path, help="also write the rows here")
    asked = parser.parse_args()
    rows: list[Row] = []
    for name in asked.targets:
        for method in asked.methods:
            if method == "series" and make(name).model is None:
                continue
            group = []
            for variant in asked.variants:
                for seed in asked.seeds:
                    row = run(name, variant, method, seed, asked.fail)
                    print(
                        " ".join(f"{k}={v}" for k, v in asdict(row).items()), flush=True
                    )
                    group.append(row)
            _summarise(name, method, group)
            rows += group
    if asked.csv and rows:
        with asked.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(asdict(rows[0])))
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)


def _summarise(name: str, method: str, rows: list[Row]) -> None:
    unflagged = [row.mmtv for row in rows if not row.flagged]
    print(
        f"== {name} {method}: n={len(rows)} "
        f"mmtv {np.median([r.mmtv for r in rows]):.3f} "
        f"(worst {max(r.mmtv for r in rows):.3f}, "
        f"worst unflagged {max(unflagged, default=float('nan')):.3f}) "
        f"largest tv {np.median([r.largest_tv for r in rows]):.3f} "
        f"gskl {np.median([r.gskl for r in rows]):.3f} "
        f"runs {np.median([r.runs for r in rows]):.0f} "
        f"batches {max(r.batches for r in rows)} "
        f"cpu {np.median([r.cpu for r in rows]):.1f} s "
        f"flagged {sum(r.flagged for r in rows)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
