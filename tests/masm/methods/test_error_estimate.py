"""Numbers that may be trusted: other seeds move them no more than chance allows, and
what no Gaussian process can be fitted to ends with a reason.
"""

from itertools import combinations

import numpy as np
import pytest

import masm
from benchmarks.targets import make
from masm.gaussian_process.regression import GaussianProcess, SurrogateNotFitted

SEEDS = (21, 22, 23)


def standardised_differences(results):
    """Differences of posterior means over their Monte Carlo error, each pair."""
    found = []
    for one, other in combinations([result.summary() for result in results], 2):
        error = one["sd"] ** 2 / one["ess_bulk"] + other["sd"] ** 2 / other["ess_bulk"]
        found.append((one["mean"] - other["mean"]) / np.sqrt(error))
    return np.array(found)


def calibrated_cost():
    target = make("gauss4", 1)
    return [
        masm.sample_cost(target.cost, target.priors, seed=seed, max_runs=100)
        for seed in SEEDS
    ]


def calibrated_series(twin):
    return [
        masm.calibrate(
            twin.model, twin.targets, twin.priors, seed=seed, method="emulator",
            max_runs=60,
        )
        for seed in SEEDS
    ]  # fmt: skip


@pytest.mark.parametrize("problem", ["cost", "series"])
def test_another_seed_moves_results_within_their_monte_carlo_error(twin, problem):
    """Runs, surrogate and chains all differ; were only chance at work, z would be 1.

    A mean of squares of two allows the surrogates an error of the chains' own size.
    """
    results = calibrated_cost() if problem == "cost" else calibrated_series(twin)
    assert [result.status for result in results] == ["done"] * 3
    z = standardised_differences(results)
    assert np.mean(z**2) < 4.0
    assert np.abs(z).max() < 5.0
    assert np.abs(z).max() > 0.01  # the seeds do differ
    sd = np.array([result.summary()["sd"] for result in results])
    assert (sd.max(axis=0) / sd.min(axis=0)).max() < 1.15


def sample():
    rng = np.random.default_rng(0)
    x = rng.random((30, 2))
    return x, np.sin(3.0 * x[:, 0]) + x[:, 1]


ONE_POINT = np.full((30, 2), 0.5)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("mean", ["constant", "linear", "quadratic"])
@pytest.mark.parametrize("kernel", ["matern52", "gaussian"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda x, y: (ONE_POINT, y),
        lambda x, y: (ONE_POINT + 1e-12 * x, y),
        lambda x, y: (ONE_POINT, 0.0 * y + 2.0),
        lambda x, y: (np.stack([x[:, 0], x[:, 0]], axis=1), y),
        lambda x, y: (x, 0.0 * y),
        lambda x, y: (x, np.where(np.arange(30) == 3, 1e30, y)),
        lambda x, y: (x, 1e-300 * y),
        lambda x, y: (x, 1e90 * y),
    ],
)
def test_an_ill_conditioned_process_is_fitted_with_finite_numbers(spoil, mean, kernel):
    x, y = spoil(*sample())
    gp = GaussianProcess(mean=mean, kernel=kernel)
    gp.fit(x, y, rng=np.random.default_rng(1), n_starts=1)
    for found in gp.predict(np.random.default_rng(2).random((40, 2))):
        assert np.isfinite(found).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("value", [1e160, -1e300, np.inf, np.nan])
def test_outputs_that_cannot_be_squared_are_refused(value):
    x, y = sample()
    y[3] = value
    with pytest.raises((masm.InputError, SurrogateNotFitted), match="row 3"):
        GaussianProcess().fit(x, y, rng=np.random.default_rng(1))


def bowl(theta):
    return 40.0 * ((np.asarray(theta) - 0.4) ** 2).sum(axis=1)


def with_corner(value):
    def cost(theta):
        return np.where(np.asarray(theta)[:, 0] > 0.95, value, bowl(theta))

    return cost


PRIORS = {"a": (0.0, 1.0), "b": (0.0, 1.0)}


def sampled(cost):
    return masm.sample_cost(cost, PRIORS, seed=1, max_runs=40)


def test_a_constant_cost_gives_the_prior_back():
    result = sampled(lambda theta: np.zeros(len(theta)))
    summary = result.summary()
    error = np.sqrt(1.0 / 12.0 / summary["ess_bulk"])
    assert (np.abs(summary["mean"] - 0.5) < 5.0 * error + 0.02).all()
    np.testing.assert_allclose(summary["sd"], np.sqrt(1.0 / 12.0), rtol=0.05)


@pytest.fixture(scope="module")
def plain():
    return sampled(bowl)


@pytest.mark.parametrize("value", [1e30, -1e30, np.inf])
def test_absurd_costs_in_a_corner_are_failed_runs_and_no_more(plain, value):
    result = sampled(with_corner(value))
    assert result.status == "done"
    assert result.n_failed_runs > 0
    np.testing.assert_allclose(result.summary()["mean"], plain.summary()["mean"], 0.05)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_a_cost_that_is_never_a_number_ends_with_its_reason(value):
    with pytest.raises(masm.CalibrationFailed) as caught:
        sampled(lambda theta: np.full(len(theta), value))
    assert caught.value.reason == "model_nan"
