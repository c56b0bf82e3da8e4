"""Scores of all methods at left-out sites, and the mapper that they recommend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.errors import ConfigError, Problem
from jobs.run.run import Run
from jobs.stages.spatial_predictions import (
    LEAST_SCORED,
    MAPPED,
    Array,
    Known,
    Predictions,
)

METHODS = {
    "default": "default parameters",
    "mean": "mean of the other sites' posterior means",
    "ensemble": "mean of runs over the other sites' draws",
    "seen": "the same, draws that fit the target's own satellite data",
    "pooled": "best single vector over the other sites",
    "joint": "joint calibration of all sites (the target is among them)",
    "hierarchical": "hierarchical regression on covariates",
    "gaussian_process": "Gaussian process of covariates",
    "trees": "boosted trees on covariates",
    "corrected": "ensemble, with its errors at other sites regressed on weather",
    "blended": "mean of the run that fits satellite data and the regression on weather",
    "own": "own calibration (a ceiling: it has seen the target)",
    "climatology": "no model: own climatology of the calibration years",
    "weather": "no model: boosted regression on weather, other sites",
}
"""Rows of the table, in order, and what they are."""
_LEVEL = 0.9


def score_methods(
    run: Run,
    known: Sequence[Known],
    predicted: Sequence[Predictions],
) -> pd.DataFrame:
    """Score every method at every site and stream, in the validation years.

    Raises
    ------
    ConfigError
        If no site has eight values of a stream there.
    """
    from masm.results.scores import scores

    rows = []
    for target, one in enumerate(known):
        for method in METHODS:
            for name, stream in one.site.streams.items():
                if name not in predicted[target].get(method, {}):
                    continue
                mean, spread = predicted[target][method][name]
                out = stream.held_out
                if out.sum() < LEAST_SCORED:
                    continue
                held = _held(known, predicted, target, method, name, mean, spread)
                got = scores(mean[out], stream.value[out])
                rows.append(
                    {
                        "pixel": one.site.pixel.id,
                        "name": one.site.pixel.name,
                        "stream": name,
                        "method": method,
                        "rmse": got["rmse"],
                        "diso": got["diso"],
                        "r": got["r"],
                        "bias": got["ae"],
                        "coverage": held,
                        "n": got["n"],
                    }
                )
    if not rows:
        raise ConfigError(
            Problem(
                str(run.folder.path),
                "no site has observations in validation years",
                wanted="validation years with at least eight values at a site",
            )
        )
    return pd.DataFrame(rows)


def _held(
    known: Sequence[Known],
    predicted: Sequence[Predictions],
    target: int,
    method: str,
    name: str,
    mean: Array,
    spread: Array,
) -> float:
    """Fraction of validation values within 90 % intervals; NaN without intervals.

    Of a site's own calibration and climatology they have the spread of its residuals in
    the calibration years; of everything else that of the same method at other sites,
    as they were predicted while they were left out.
    """
    from masm.results.year_effects import year_effects

    stream = known[target].site.streams[name]
    out = stream.held_out
    if method in ("own", "climatology"):
        inside = ~out
        residual = (stream.value - mean)[inside]
        if method == "climatology":  # of a mean that the value itself is part of
            residual = residual * _leave_one_out(stream.time[inside])
        try:
            errors = year_effects(residual, mean[inside], stream.time[inside])
        except ValueError:
            return float("nan")
        low, high = errors.interval(mean[out], spread[out], _LEVEL)
    else:
        limits = _limits_elsewhere(known, predicted, target, method, name)
        if limits is None:
            return float("nan")
        low, high = limits(mean[out])
    value = stream.value[out]
    return float(np.mean((value >= low) & (value <= high)))


def _leave_one_out(time: NDArray[np.datetime64]) -> Array:
    """Factor of residuals from a mean over n years, the value among them."""
    n = np.unique(time.astype("datetime64[Y]")).size
    return np.full(time.size, n / (n - 1) if n > 1 else np.nan)


def _limits_elsewhere(
    known: Sequence[Known],
    predicted: Sequence[Predictions],
    target: int,
    method: str,
    name: str,
) -> Callable[[Array], tuple[Array, Array]] | None:
    """Interval from the errors at other sites, larger where predictions are."""
    level, error, weight = [], [], []
    for k, other in enumerate(known):
        theirs = predicted[k].get(method, {})
        if other.block == known[target].block or name not in theirs:
            continue
        stream = other.site.streams[name]
        residual = stream.value - theirs[name][0]
        ok = np.isfinite(residual)
        level.append(theirs[name][0][ok])
        error.append(residual[ok])
        weight.append(np.full(int(ok.sum()), 1.0 / max(1, ok.sum())))
    if len(level) < 3:
        return None
    levels, errors, weights = (np.concatenate(one) for one in (level, error, weight))
    edges = np.quantile(levels, [0.25, 0.5, 0.75])
    bin_of = np.searchsorted(edges, levels)
    ends = np.array(
        [
            _quantiles(errors[bin_of == b], weights[bin_of == b], len(level))
            for b in range(len(edges) + 1)
        ]
    )

    def limits(mean: Array) -> tuple[Array, Array]:
        at = np.searchsorted(edges, mean)
        return mean + ends[at, 0], mean + ends[at, 1]

    return limits


def _quantiles(values: Array, weights: Array, n_sites: int) -> tuple[float, float]:
    """Ends of a central interval, a little wider for how few sites there are."""
    tail = (1.0 - _LEVEL) / 2.0 * (1.0 - 1.0 / (n_sites + 1))
    order = np.argsort(values)
    fraction = np.cumsum(weights[order]) / weights.sum()
    low = values[order][int(np.searchsorted(fraction, tail))]
    last = min(values.size - 1, int(np.searchsorted(fraction, 1.0 - tail)))
    high = values[order][last]
    return float(low), float(high)


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Means over the sites that every method has, and how many sites it improves."""
    rows = []
    for stream, part in scores.groupby("stream", sort=False):
        wide = part.pivot(index="pixel", columns="method", values="rmse")
        for method in METHODS:
            if method not in wide:
                continue
            mine = part[part["method"] == method]
            row = {
                "stream": stream,
                "method": method,
                "meaning": METHODS[method],
                "n_sites": len(mine),
                "rmse": mine["rmse"].mean(),
                "diso": mine["diso"].mean(),
                "coverage": mine["coverage"].mean(),
            }
            for other in ("default", "mean"):
                both = wide[[method, other]].dropna() if other in wide else wide[:0]
                if method == other or not len(both):
                    row[f"better_than_{other}"] = np.nan
                    continue
                row[f"better_than_{other}"] = float((both[method] < both[other]).mean())
            rows.append(row)
    return pd.DataFrame(rows)


def choose(run: Run, methods: pd.DataFrame) -> str:
    """Choose a mapper by its RMSE at left-out sites, over all streams alike."""
    from upscale.training.few_sites import choose_mapper

    wide = methods.pivot(index="stream", columns="method", values="rmse")
    if "mean" not in wide:
        return "ensemble"
    relative = wide.div(wide["mean"], axis=0).mean()
    errors = {name: float(relative.get(name, np.nan)) for name in
              ("mean", "ensemble", *MAPPED)}  # fmt: skip
    return choose_mapper(errors, run.config.spatial.margin)
