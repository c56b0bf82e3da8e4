"""A model of thresholds is reported as less well known than a smooth one.

A season that begins at a sum of degrees and ends on a whole day: its output jumps from
one parameter set to the next, and its posterior is a row of steps.
"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm

DAY = np.arange(120)
PRIORS = {"rate": (0.02, 0.10), "begin": (20.0, 60.0)}
LEVELS = (np.arange(240) + 0.5) / 240.0
NOISE = 0.55


def leaf_area(theta, warmth, *, smooth):
    """Leaf area by 4-day means, (n, 30); it grows from a day to a ceiling."""
    rate, begin = (np.asarray(theta)[:, [j]] for j in range(2))
    # Warm days come in spells, so that the beginning leaps over the days between.
    start = begin if smooth else np.searchsorted(warmth, begin)
    leaf = np.minimum(rate * np.clip(DAY - start, 0.0, None), 3.0)
    return leaf.reshape(len(leaf), 30, 4).mean(axis=2)


def posterior_of(seed, *, smooth):
    """Calibrate a twin; returns the result and its mean distance from the truth."""
    rng = np.random.default_rng(seed)
    warmth = np.cumsum(rng.choice([0.0, 0.0, 0.0, 4.0], DAY.size))

    def series(theta):
        return leaf_area(theta, warmth, smooth=smooth)

    times = pd.date_range("2003-01-01", periods=30, freq="4D")

    def model(theta):
        data = (("sample", "time"), series(np.asarray(theta)), {"units": "1"})
        return xr.Dataset({"lai": data}, {"time": times})

    truth = np.array([[0.05, rng.uniform(35.0, 45.0)]])
    seen = series(truth)[0] + NOISE * rng.standard_normal(30)
    observed = xr.Dataset(
        {"lai": ("time", seen, {"units": "1"}),
         "lai_sd": ("time", np.full(30, NOISE), {"units": "1"})},
        {"time": times},
    )  # fmt: skip
    result = masm.calibrate(
        model, observed, PRIORS, seed=seed, variance="given", windows=None
    )
    grid = np.stack(np.meshgrid(LEVELS, LEVELS, indexing="ij"), axis=-1).reshape(-1, 2)
    low, high = np.array(list(PRIORS.values())).T
    cost = np.sum(((series(low + grid * (high - low)) - seen) / NOISE) ** 2, axis=1)
    weight = np.exp(-0.5 * (cost - cost.min()))
    weight /= weight.sum()
    found = []
    for j, name in enumerate(PRIORS):
        draws = (result.posterior[name].to_numpy().ravel() - low[j]) / (high - low)[j]
        edges = np.linspace(0.0, 1.0, 31)
        mine = np.histogram(draws, edges)[0] / draws.size
        true = np.histogram(grid[:, j], edges, weights=weight)[0]
        found.append(0.5 * np.abs(mine - true).sum())
    return result, float(np.mean(found))


@pytest.fixture(scope="module")
def kinked():
    return [posterior_of(seed, smooth=False) for seed in (1, 2, 3)]


def test_no_posterior_of_a_kinked_model_is_wrong_without_a_word(kinked):
    unflagged = [gap for result, gap in kinked if result.status == "done"]
    assert max(unflagged, default=0.0) < 0.10


def test_a_smooth_model_is_reported_as_better_known_and_is(kinked):
    smooth = [posterior_of(seed, smooth=True) for seed in (1, 2)]
    assert [result.status for result, _ in smooth] == ["done"] * 2
    reported = max(float(result.attrs["error"]) for result, _ in smooth)
    assert reported < min(float(result.attrs["error"]) for result, _ in kinked)
    assert max(gap for _, gap in smooth) < 0.06
