"""Calibration of a model that is wrong: with and without a model discrepancy.

    python -m benchmarks.discrepancy [--truth sipnet moved] [--twins 3]
        [--method esmda] [--runs 300] [--csv discrepancy.csv] [--figure discrepancy.png]

The truth comes from another model (``sipnet``: SIPNET makes the observations), or from
IBIS-DALEC with parameters outside the calibrated set moved (``moved``). IBIS-DALEC is
calibrated on 8-day GPP of three years, and predicts two years that it was not shown.
Plain calibration takes the errors of the observations alone. The other adds a
discrepancy of the model, a Gaussian process in time with a seasonal half, orthogonal to
the model's slopes; its size is what the residuals of the plain fit have beyond the
errors of the observations. Printed is how many held-out values lie within their 90 %
intervals (0.90 is right), and how wide these are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import masm

if TYPE_CHECKING:
    import xarray as xr

YEARS = (2001, 2006)
FITTED, HELD_OUT = slice("2002", "2004"), slice("2005", "2006")
CALIBRATED = ("alpha3", "beta3", "vmax", "p14", "p17", "p18")
MOVED = {"p5": 0.6, "p20": 1.04, "theta3": 0.9}
"""Of the truth ``moved``: parameters outside the set, times these."""
_TRUTHS = {"sipnet": "SIPNET", "moved": "its own, other parameters moved"}
FRACTION, FLOOR = 0.08, 0.25
N_DRAWS = 100
DAYS = 45.0


def main() -> None:
    """Calibrate, predict, print and write."""
    asked = _arguments()
    rows, drawn = [], None
    for truth in asked.truth:
        for k in range(asked.twins):
            found, series = study(truth, k, asked.method, asked.runs)
            rows += found
            drawn = drawn or series
            print(pd.DataFrame(found).to_string(index=False), flush=True)
            if asked.csv:
                pd.DataFrame(rows).to_csv(asked.csv, index=False, float_format="%.5g")
            if asked.figure and drawn is not None:
                draw(drawn, asked.figure)
    table = pd.DataFrame(rows)
    by = table.groupby(["truth", "errors"], sort=False)
    print(by[["coverage", "width", "rmse"]].mean().round(3).to_string())


def study(
    truth: str, variant: int, method: str, n_runs: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Calibrate one twin both ways; rows of the table, and series of a figure."""
    weather = _weather(variant)
    seen = _observed(truth, weather, variant)
    model = _model(weather)
    fitted, held_out = _stream(seen.sel(time=FITTED)), _stream(seen.sel(time=HELD_OUT))
    priors = _priors()
    options = masm.method_of(method).with_budget(n_runs, len(priors))
    rows: list[dict[str, Any]] = []
    series: dict[str, Any] = {"truth": truth, "observed": held_out.aggregate()}
    errors = masm.Errors()
    for label in ("plain", "with discrepancy"):
        result = masm.calibrate(
            model, {"gpp": replace(fitted, errors=errors)}, priors,
            seed=[variant, 7], method=method, n_predictive=0, **options,
        )  # fmt: skip
        draws = predictions(
            model, result, replace(held_out, errors=errors), priors, variant
        )
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        value = held_out.aggregate().value
        rows.append(
            {
                "truth": truth,
                "twin": variant,
                "errors": label,
                "discrepancy_sd": errors.discrepancy_sd,
                "coverage": float(np.mean((value >= low) & (value <= high))),
                "width": float(np.mean(high - low)),
                "rmse": float(np.sqrt(np.mean((draws.mean(axis=0) - value) ** 2))),
                "runs": int(result.n_model_runs),
                "verdict": result.status,
            }
        )
        series[label] = (low, draws.mean(axis=0), high)
        errors = masm.Errors(
            discrepancy_sd=_excess(model, result, fitted), discrepancy_days=DAYS
        )
    return rows, series


def predictions(
    model: Any,
    result: masm.Result,
    stream: masm.Stream,
    priors: dict[str, tuple[float, float]],
    seed: int,
) -> np.ndarray:
    """Draws of observations yet to come, (draw, n_obs): model, discrepancy, errors."""
    from masm.likelihood.gaussian import GaussianLikelihood

    rng = np.random.default_rng([seed, 11])
    draws = np.column_stack(
        [result.posterior[name].to_numpy().ravel() for name in priors]
    )
    chosen = draws[rng.choice(len(draws), N_DRAWS)]
    likelihood = GaussianLikelihood((stream.aggregate(),))
    means = _means(model, chosen, stream, tuple(priors))
    errors = np.array([likelihood.draw_errors(rng) for _ in range(N_DRAWS)])
    return means + errors


def _means(
    model: Any, theta: np.ndarray, stream: masm.Stream, names: tuple[str, ...]
) -> np.ndarray:
    from masm.runners.series_runner import ModelRunner

    runner = ModelRunner(model, (stream.aggregate(),))
    return np.asarray(runner(masm.Samples(theta, names)))


def _excess(model: Any, result: masm.Result, stream: masm.Stream) -> float:
    """Standard deviation of the residuals beyond the errors of the observations."""
    series = stream.aggregate()
    names = tuple(CALIBRATED)
    best = np.array([[float(result.best[name]) for name in names]])
    off = _means(model, best, stream, names)[0] - series.value
    return float(np.sqrt(max(np.mean(off**2) - np.mean(series.variance), 0.01)))


def draw(series: dict[str, Any], path: Path) -> None:
    """Draw the held-out years: observations and both kinds of intervals."""
    from matplotlib.figure import Figure

    observed = series["observed"]
    figure = Figure(figsize=(8.0, 5.2))
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    for axis, label in zip(axes, ("plain", "with discrepancy"), strict=True):
        low, middle, high = series[label]
        inside = np.mean((observed.value >= low) & (observed.value <= high))
        axis.fill_between(observed.time, low, high, color="#9ECAE1", label="90 %")
        axis.plot(observed.time, middle, color="#0072B2", lw=1.2, label="mean")
        axis.plot(
            observed.time, observed.value, "k.", ms=3, label="observed (synthetic)"
        )
        axis.set_title(f"{label}: {inside:.0%} of held-out values inside", fontsize=10)
        axis.set_ylabel("GPP (g m$^{-2}$ d$^{-1}$)")
    axes[0].legend(fontsize=8, frameon=False, ncols=3)
    figure.suptitle(
        f"IBIS-DALEC, GPP of {_TRUTHS[series['truth']]}: years it had not seen",
        fontsize=10,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def _weather(variant: int) -> xr.Dataset:
    from landdata import generate_weather, harvard_normals

    rng = np.random.default_rng([20265, variant])
    return generate_weather(harvard_normals(), YEARS, rng)


def _observed(truth: str, weather: xr.Dataset, variant: int) -> xr.Dataset:
    """8-day GPP of the truth with noise, and the standard deviation of its errors."""
    from jobs.config.schema import Noise, Twin
    from jobs.inputs.twin import observe
    from jobs.process_models.base import Settings
    from jobs.process_models.registry import open_model

    rng = np.random.default_rng([20266, variant])
    if truth == "sipnet":
        other = open_model("sipnet", Settings())
        simulated = other.simulate(other.drivers(weather, "synthetic"), {})
    else:
        own = open_model("ibis_dalec", Settings(spinup_cycles=1))
        moved = {n: own.parameters[n].default * by for n, by in MOVED.items()}
        simulated = own.simulate(weather, moved)
    twin = Twin(truth={}, noise={"gpp": Noise(fraction=FRACTION, floor=FLOOR)})
    return observe(simulated, twin, rng)


def _model(weather: xr.Dataset) -> Any:
    from jobs.process_models.base import Settings
    from jobs.process_models.registry import open_model

    own = open_model("ibis_dalec", Settings(spinup_cycles=1))
    years = slice(str(YEARS[0] + 1), str(YEARS[1]))
    return own.calibration_model(weather, ("gpp",), years)


def _priors() -> dict[str, tuple[float, float]]:
    from jobs.process_models.base import Settings
    from jobs.process_models.registry import open_model

    table = open_model("ibis_dalec", Settings()).parameters
    return {name: (table[name].low, table[name].high) for name in CALIBRATED}


def _stream(seen: xr.Dataset) -> masm.Stream:
    return masm.streams_from_dataset(
        seen[["gpp", "gpp_sd"]], variance={"gpp": "given"}, names=["gpp"]
    )["gpp"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = ("sipnet", "moved")
    parser.add_argument("--truth", nargs="+", choices=kinds, default=list(kinds))
    parser.add_argument("--twins", type=int, default=3)
    parser.add_argument("--method", choices=list(masm.METHODS), default="esmda")
    parser.add_argument("--runs", type=int, default=300, help="of each calibration")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--figure", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
