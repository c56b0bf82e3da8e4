"""A calibration may end before its budget, where its error is small and stays so."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.methods.adaptive import loop

DAY = np.arange(40.0)
TIMES = pd.date_range("2003-01-01", periods=40)
NOISE = 0.3


def calibrated(model, truth, priors, seed=5, **options):
    """Calibrate a twin of a model of (n, n_parameters) -> (n, 40)."""
    rng = np.random.default_rng(2)
    seen = model(np.array([truth]))[0] + NOISE * rng.standard_normal(40)

    def labelled(theta):
        series = model(np.asarray(theta))
        return xr.Dataset({"lai": (("sample", "time"), series, {"units": "1"})},
                          {"time": TIMES})  # fmt: skip

    observed = xr.Dataset(
        {"lai": ("time", seen, {"units": "1"}),
         "lai_sd": ("time", np.full(40, NOISE), {"units": "1"})},
        {"time": TIMES},
    )  # fmt: skip
    return masm.calibrate(
        labelled, observed, priors, seed=seed, variance="given", windows=None,
        n_predictive=0, **options,
    )  # fmt: skip


def line(theta):
    level, slope = (theta[:, [j]] for j in range(2))
    return level + slope * (DAY - 19.5)


LINE = {"level": (0.0, 4.0), "slope": (-0.1, 0.1)}


BUDGET = 15 * 2 + 27


def test_a_smooth_posterior_is_right_after_fewer_runs():
    truth = np.array([[1.8, 0.03]])
    result = calibrated(line, truth[0], LINE, stop_at_error=0.05)
    assert result.n_model_runs <= BUDGET - 8
    assert result.status == "done"
    assert float(result.attrs["error"]) <= 0.05
    # By linear regression: the posterior of a line.
    noise = NOISE * np.random.default_rng(2).standard_normal(40)
    seen, x = line(truth)[0] + noise, DAY - 19.5
    exact = {
        "level": (seen.mean(), NOISE / np.sqrt(40)),
        "slope": (x @ seen / (x @ x), NOISE / np.sqrt(x @ x)),
    }
    for name, (mean, sd) in exact.items():
        draws = result.posterior[name].to_numpy()
        assert abs(draws.mean() - mean) < 0.1 * sd
        assert draws.std() == pytest.approx(sd, rel=0.08)


def test_an_end_that_validation_does_not_bear_out_is_taken_back(monkeypatch):
    """No estimate is so small: the budget is gone on with, as it would have been."""
    foreseen = loop._Search._foreseen_error

    def none_if_known(*known):
        return 0.0 if np.isfinite(foreseen(*known)) else np.inf

    monkeypatch.setattr(loop._Search, "_foreseen_error", none_if_known)
    kept = calibrated(line, [1.8, 0.03], LINE, stop_at_error=0.05)
    result = calibrated(line, [1.8, 0.03], LINE, stop_at_error=1e-12)
    assert result.n_model_runs >= kept.n_model_runs + 8
    assert result.status == "done"


def test_a_mode_that_changes_places_is_found_before_an_early_end():
    def pools(theta):
        one, two, size = (theta[:, [j]] for j in range(3))
        return size * (np.exp(-one * DAY / 10.0) + np.exp(-two * DAY / 10.0))

    rate = (0.02, 6.0)
    priors = {"one": rate, "two": rate, "size": (3.0, 12.0)}
    result = calibrated(pools, [3.0, 0.3, 7.0], priors, stop_at_error=0.05)
    one, two = (result.posterior[name].to_numpy() for name in ("one", "two"))
    assert result.status == "suspect" or abs(np.mean(one > two) - 0.5) < 0.1


@pytest.mark.parametrize("error", [-0.1, 0.2, float("nan")])
def test_an_error_that_nothing_can_be_ended_for_is_refused(error):
    with pytest.raises(masm.InputError, match="option stop_at_error"):
        calibrated(line, [1.8, 0.03], LINE, stop_at_error=error)


def test_a_bare_cost_is_not_ended_early():
    def cost(theta):
        return np.sum((np.asarray(theta) - 0.5) ** 2, axis=1)

    with pytest.raises(masm.InputError, match="for a model of series"):
        masm.sample_cost(cost, {"a": (0.0, 1.0)}, seed=1, stop_at_error=0.05)
