"""Posteriors of scalar objectives against exact ones; failures, modes and edges."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import masm
from benchmarks.metrics import distance
from benchmarks.targets import make


def posterior(result):
    return np.stack([v.to_numpy().ravel() for v in result.posterior.values()], axis=1)


def test_a_normal_posterior_is_found_within_a_hundred_runs():
    target = make("gauss4", 1)
    result = masm.sample_cost(target.cost, target.priors, seed=1, max_runs=100)
    found = distance(posterior(result), target.truth())
    assert found.mmtv < 0.05
    assert found.gskl < 0.1
    assert result.n_model_runs <= 100
    assert result.status == "done"


def test_a_banana_against_its_bounds_is_found():
    target = make("banana_edge6", 0)
    result = masm.sample_cost(target.cost, target.priors, seed=2, max_runs=120)
    found = distance(posterior(result), target.truth())
    assert found.mmtv < 0.06
    assert found.largest_tv < 0.1
    assert set(result.summary()["at_bound"]) == {"", "low", "high"}


def test_both_modes_keep_their_weight():
    target = make("bimodal4", 1)
    result = masm.sample_cost(target.cost, target.priors, seed=3, max_runs=100)
    assert distance(posterior(result), target.truth()).mmtv < 0.06


def test_three_in_a_hundred_failed_runs_change_next_to_nothing():
    target = make("gauss4", 2)
    rng = np.random.default_rng(0)

    def sometimes_nan(theta):
        cost = target.cost(np.asarray(theta))
        return np.where(rng.random(len(cost)) < 0.03, np.nan, cost)

    def mmtv(cost):
        result = masm.sample_cost(cost, target.priors, seed=5, max_runs=100)
        return distance(posterior(result), target.truth()).mmtv, result

    clean, _ = mmtv(target.cost)
    broken, result = mmtv(sometimes_nan)
    assert result.n_failed_runs > 0
    assert abs(broken - clean) < 0.01


def test_a_region_where_the_model_crashes_is_left_out_and_the_rest_kept():
    """The likelihood is flat in b, but the model only runs for b below one half."""

    def cost(theta):
        value = ((theta[:, 0] - 0.4) / 0.05) ** 2
        return np.where(theta[:, 1] > 0.5, np.nan, value)

    result = masm.sample_cost(cost, {"a": (0, 1), "b": (0, 1)}, seed=1, max_runs=50)
    b = result.posterior["b"].to_numpy().ravel()
    assert np.mean(b > 0.65) < 0.05
    assert_allclose(np.mean(b < 0.25) / np.mean(b < 0.5), 0.5, atol=0.07)


def test_a_cost_over_four_decades_is_right_or_flagged():
    """Normal in monotone maps of the parameters, one 0.005 wide: known exactly."""
    scale = np.array([4.0, -3.0, 2.0])
    sd = np.array([0.005, 0.02, 0.05])

    def straight(u):
        return np.expm1(scale * u) / np.expm1(scale)

    rng = np.random.default_rng(0)
    centre = np.array([0.4, 0.6, 0.3])
    truth = np.log1p(np.expm1(scale) * (centre + sd * rng.standard_normal((50_000, 3))))
    # The prior is flat in the parameters: weights are the map's Jacobian.
    truth /= scale
    weight = 1.0 / np.prod(np.exp(scale * truth), axis=1)
    truth = truth[rng.choice(len(truth), 50_000, p=weight / weight.sum())]

    def cost(theta):
        return (((straight(np.asarray(theta)) - centre) / sd) ** 2).sum(axis=1)

    assert cost(rng.random((20_000, 3))).max() > 1e4
    wrong = []
    for seed in (1, 2, 3):
        result = masm.sample_cost(
            cost, {name: (0.0, 1.0) for name in "abc"}, seed=seed, max_runs=70
        )
        wrong.append(distance(posterior(result), truth).mmtv > 0.10)
        assert not wrong[-1] or result.status == "suspect"
    assert sum(wrong) <= 1


def test_a_mode_that_only_its_far_slope_betrays_is_found():
    target = make("bimodal4", 1)
    result = masm.sample_cost(target.cost, target.priors, seed=13, max_runs=100)
    assert distance(posterior(result), target.truth()).mmtv < 0.06
    assert result.status == "done"


def test_a_cost_that_raises_now_and_then_is_survived():
    def cost(theta):
        if len(theta) > 1 or theta[0, 0] > 0.95:
            raise RuntimeError("one at a time, and not near the edge")
        return ((theta[:, 0] - 0.5) / 0.1) ** 2

    result = masm.sample_cost(cost, {"a": (0, 1)}, seed=1, max_runs=30)
    assert_allclose(result.mean["a"], 0.5, atol=0.02)


def test_the_same_seed_gives_the_same_bits():
    target = make("gauss4", 0)
    first, again, other = (
        posterior(masm.sample_cost(target.cost, target.priors, seed=s, max_runs=45))
        for s in ([1, 2], [1, 2], [1, 3])
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_units_do_not_matter():
    """The same problem in millimetres and in kilometres has the same posterior."""

    def of(scale):
        priors = {"a": (0.0, scale), "b": (-scale, scale)}

        def cost(theta):
            return (((theta / scale) - [0.3, 0.2]) ** 2 / 0.05**2).sum(axis=1)

        result = masm.sample_cost(cost, priors, seed=4, max_runs=40)
        return posterior(result) / scale

    assert_allclose(of(1e-6).mean(axis=0), of(1e6).mean(axis=0), atol=1e-3)


def test_batches_are_no_larger_than_asked_and_runs_no_more_than_allowed():
    sizes = []

    def cost(theta):
        sizes.append(len(theta))
        return ((theta - 0.5) ** 2 / 0.01).sum(axis=1)

    result = masm.sample_cost(
        cost, {"a": (0, 1), "b": (0, 1)}, seed=1, max_runs=60, batch_size=5
    )
    assert max(sizes[1:]) <= 5
    assert sum(sizes) == result.n_model_runs <= 60


def test_what_is_wrong_is_said_before_or_at_the_first_call():
    priors = {"a": (0, 1)}
    with pytest.raises(masm.InputError, match="not callable"):
        masm.sample_cost(3.0, priors, seed=1)
    with pytest.raises(masm.InputError, match="wrong shape"):
        masm.sample_cost(lambda theta: theta, priors, seed=1)
    with pytest.raises(masm.InputError, match="max_runs"):
        masm.sample_cost(lambda theta: theta[:, 0], priors, seed=1, max_runs=3)
    with pytest.raises(masm.CalibrationFailed, match="failed"):
        masm.sample_cost(lambda theta: np.full(len(theta), np.nan), priors, seed=1)
