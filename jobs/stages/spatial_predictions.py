"""Predict a site by what other sites know of it, and by baselines without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.run.pixel import Pixel
from jobs.run.run import Run
from jobs.run.seeds import RunStream
from jobs.run.site_results import is_joined, sites_folder
from jobs.run_tables import read_run_table
from jobs.stages import spatial_baselines as baselines
from jobs.stages.site_runs import Site, default_row, open_site

Array = NDArray[np.float64]
Series = dict[str, Array]
Predictions = dict[str, dict[str, tuple[Array, Array]]]
"""By method and stream: mean over runs and their standard deviation, (n_obs,)."""

SATELLITE = ("lai", "fapar", "sif", "ssm", "lvod")
"""Streams that are observed at every place, with a tower or without."""
MAPPED = ("hierarchical", "gaussian_process", "trees")
LEAST_SCORED = 8
"""Values of a stream below which it is not scored."""
_MAPPED_DRAWS = 8
_SEEN_FRACTION = 0.25


@dataclass(frozen=True)
class Known:
    """A site with everything that was run there."""

    site: Site
    block: int
    draws: Array
    good: bool
    reason: str
    candidates: Series
    default: Series
    features: dict[str, Array]


def run_site(
    run: Run,
    pixel: Pixel,
    block: int,
    draws: Array,
    candidates: pd.DataFrame,
    mine: NDArray[np.bool_],
) -> Known:
    """Run a site with default parameters and with the draws of all sites."""
    site = open_site(run, pixel)
    default = site.run(default_row(run, [str(name) for name in candidates.columns]))
    ran = site.run(candidates)
    ratio = 0.0
    for name, stream in site.streams.items():
        inside = ~stream.held_out
        own = _rmse(ran[name][mine].mean(axis=0)[inside], stream.value[inside])
        before = _rmse(default[name][0][inside], stream.value[inside])
        ratio = max(ratio, own / before if before > 0 else np.inf)
    limit = run.config.spatial.quality
    good = limit is None or ratio <= limit
    reason = "" if good else f"RMSE is {ratio:.2f} times that of default parameters"
    features = {
        name: baselines.weather_features(site.weather, stream.time, pixel.latitude)
        for name, stream in site.streams.items()
    }
    return Known(site, block, draws, good, reason, ran, default, features)


def predict_site(
    run: Run,
    known: Sequence[Known],
    owner: NDArray[np.int64],
    candidates: pd.DataFrame,
    table: pd.DataFrame,
    target: int,
) -> tuple[Predictions, dict[str, Array]]:
    """Predict a site with all methods, and the mappers' draws of its parameters.

    Returns predictions by method and stream, each the mean over runs and their
    standard deviation, (n_obs,).
    """
    one, rules = known[target], run.config.spatial
    others = [
        k for k, other in enumerate(known) if other.block != one.block and other.good
    ]
    names = list(candidates)
    found: Predictions = {
        "default": _over_runs(one.default, np.array([0])),
        "own": _over_runs(one.candidates, np.flatnonzero(owner == target)),
        "climatology": {
            name: (baselines.climatology(stream), np.zeros(stream.value.size))
            for name, stream in one.site.streams.items()
        },
    }
    joint = _joint_vector(run, [str(name) for name in names])
    if joint is not None:
        found["joint"] = _over_runs(one.site.run(joint), np.array([0]))
    mapped: dict[str, Array] = {}
    if len(others) < 2:
        return found, mapped
    theirs = np.flatnonzero(np.isin(owner, others))
    found["ensemble"] = _over_runs(one.candidates, theirs)
    fitting = _fitting_the_satellite(one, theirs)
    if fitting is not None:
        found["seen"] = _over_runs(one.candidates, fitting)
    best = _best_of_others(known, others, theirs)
    found["pooled"] = _over_runs(one.candidates, np.array([best]))
    found |= _without_parameters(run, known, owner, others, target, found["ensemble"])
    found["blended"] = _blend(found.get("seen", found["ensemble"]), found["weather"])
    mapped = _mapped(run, known, others, table, target, len(others) < rules.least_sites)
    for name, theta in mapped.items():
        rows = theta[:1] if name == "mean" else theta
        ran = one.site.run(pd.DataFrame(rows, columns=names))
        found[name] = _over_runs(ran, np.arange(len(rows)))
    mapped["ensemble"] = candidates.to_numpy()[theirs]
    return found, mapped


def _over_runs(ran: Series, rows: NDArray[np.int64]) -> dict[str, tuple[Array, Array]]:
    return {
        name: (values[rows].mean(axis=0), values[rows].std(axis=0))
        for name, values in ran.items()
    }


def _mapped(
    run: Run,
    known: Sequence[Known],
    others: Sequence[int],
    table: pd.DataFrame,
    target: int,
    too_few: bool,
) -> dict[str, Array]:
    """Draws of the target's parameters (draw, parameter), by mapper."""
    from upscale.training.few_sites import LEAST_SITES, MAPPERS, SitePosteriors

    bounds = np.array(list(run.bounds.values()))
    means = np.array([known[k].draws.mean(axis=0) for k in others])
    found = {"mean": means.mean(axis=0, keepdims=True)}
    if too_few or len(others) < LEAST_SITES:
        return found
    sites = SitePosteriors(
        np.stack([known[k].draws for k in others]),
        bounds[:, 0],
        bounds[:, 1],
        table.iloc[list(others)],
    )
    at = table.iloc[[target]]
    for key, name in enumerate(MAPPED):
        pixel = known[target].site.pixel.id
        rng = np.random.default_rng(
            [run.config.seed, pixel, *RunStream.SPATIAL, key + 1]
        )
        found[name] = MAPPERS[name](sites, at, _MAPPED_DRAWS, rng)[0]
    return found


def _fitting_the_satellite(
    one: Known, theirs: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Choose the candidates that fit what satellites saw at the target itself.

    In the calibration years. None where nothing was seen.
    """
    rank = np.zeros(theirs.size)
    n = 0
    for name, stream in one.site.streams.items():
        inside = ~stream.held_out
        if name not in SATELLITE or inside.sum() < LEAST_SCORED:
            continue
        error = one.candidates[name][theirs][:, inside] - stream.value[inside]
        rank += np.sqrt(np.mean(error**2, axis=1)) / (np.std(stream.value[inside]) or 1)
        n += 1
    if n == 0:
        return None
    kept = max(2, round(_SEEN_FRACTION * theirs.size))
    return np.asarray(theirs[np.argsort(rank, kind="stable")[:kept]])


def _best_of_others(
    known: Sequence[Known], others: Sequence[int], rows: NDArray[np.int64]
) -> int:
    """Return the candidate with the least misfit over other sites and streams."""
    total = np.zeros(rows.size)
    for k in others:
        for name, stream in known[k].site.streams.items():
            inside = ~stream.held_out
            if inside.sum() < LEAST_SCORED:
                continue
            error = known[k].candidates[name][rows][:, inside] - stream.value[inside]
            spread = float(np.var(stream.value[inside])) or 1.0
            total += np.mean(error**2, axis=1) / spread
    return int(rows[np.argmin(total)])


def _without_parameters(
    run: Run,
    known: Sequence[Known],
    owner: NDArray[np.int64],
    others: Sequence[int],
    target: int,
    ensemble: Mapping[str, tuple[Array, Array]],
) -> Predictions:
    """Regressions on weather at other sites: of observations, of the ensemble's errors.

    The ensemble at another site is of the sites that are left there: neither that one's
    neighbours nor the target's.
    """
    one = known[target]
    weather: dict[str, tuple[Array, Array]] = {}
    corrected: dict[str, tuple[Array, Array]] = {}
    seed = run.config.seed % 2**31
    for name in one.site.streams:
        have = [k for k in others if name in known[k].site.streams]
        x, y, errors = [], [], []
        for k in have:
            other, stream = known[k], known[k].site.streams[name]
            rest = [o for o in have if known[o].block != other.block]
            rows = np.flatnonzero(np.isin(owner, rest))
            value = np.where(stream.held_out, np.nan, stream.value)
            x.append(other.features[name])
            y.append(value)
            guess = other.candidates[name][rows]
            errors.append(
                value - guess.mean(axis=0)
                if rows.size
                else np.full(value.shape, np.nan)
            )
        if not have:
            continue
        zero = np.zeros(one.site.streams[name].value.size)
        at = one.features[name]
        weather[name] = (baselines.regress(x, y, at, seed), zero)
        left = baselines.regress(x, errors, at, seed)
        corrected[name] = (ensemble[name][0] + left, ensemble[name][1])
    return {"weather": weather, "corrected": corrected}


def _blend(
    model: Mapping[str, tuple[Array, Array]], weather: Mapping[str, tuple[Array, Array]]
) -> dict[str, tuple[Array, Array]]:
    """Mean of the model's prediction and that of a regression on weather.

    The two err in different ways: one knows no other site's answer to weather, the
    other none of what the satellite saw here. Weights are equal and not fitted.
    """
    return {
        name: (0.5 * (model[name][0] + weather[name][0]), 0.5 * model[name][1])
        for name in model
        if name in weather
    }


def _joint_vector(run: Run, names: Sequence[str]) -> pd.DataFrame | None:
    """Return the pooled parameters of the joint step, where it is done."""
    if run.config.sites == "separate" or not is_joined(run):
        return None
    path = sites_folder(run) / "parameters.csv"
    rows = read_run_table(path, ["parameter"], ["pooled_mean"])
    means = rows.groupby("parameter")["pooled_mean"].first()
    return pd.DataFrame({name: [float(means[name])] for name in names})


def _rmse(simulated: Array, observed: Array) -> float:
    ok = np.isfinite(simulated) & np.isfinite(observed)
    if not ok.any():
        return float("nan")
    return float(np.sqrt(np.mean((simulated[ok] - observed[ok]) ** 2)))
