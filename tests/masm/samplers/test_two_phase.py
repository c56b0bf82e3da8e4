"""The two-phase sampler on densities that are known."""

import doctest

import numpy as np
import pytest

from masm.errors import InputError
from masm.samplers import two_phase as module
from masm.samplers.two_phase import gelman_rubin, two_phase

MEAN = np.array([0.3, -0.2, 0.1])
COVARIANCE = np.array([[0.010, 0.006, 0.0], [0.006, 0.009, -0.002],
                       [0.0, -0.002, 0.004]])  # fmt: skip
BOUNDS = -np.ones(3), np.ones(3)


def gaussian(theta):
    z = np.linalg.solve(np.linalg.cholesky(COVARIANCE), (theta - MEAN).T)
    return 0.5 * (z**2).sum(axis=0)


@pytest.fixture(scope="module")
def result():
    return two_phase(
        gaussian, *BOUNDS, np.random.default_rng(4), test_runs=10_000,
        formal_runs=10_000,
    )  # fmt: skip


def test_mean_and_covariance_of_a_gaussian_are_found(result):
    draws = result.posterior
    sd = np.sqrt(np.diag(COVARIANCE))
    assert np.all(np.abs(draws.mean(axis=0) - MEAN) < 0.15 * sd)
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.12)
    correlation = np.corrcoef(draws, rowvar=False)[0, 1]
    assert correlation == pytest.approx(0.6325, abs=0.08)


def test_the_test_run_finds_the_covariance(result):
    sd = np.sqrt(np.diag(result.covariance))
    np.testing.assert_allclose(sd, np.sqrt(np.diag(COVARIANCE)), rtol=0.25)


def test_chains_agree_and_lie_in_the_window(result):
    assert result.kept.all()
    assert np.all((result.acceptance > 0.15) & (result.acceptance < 0.5))
    assert np.all(result.r_hat < 1.05)
    assert result.samples.shape == (3, 5000, 3)


def test_a_seed_gives_the_same_result():
    runs = [
        two_phase(gaussian, *BOUNDS, np.random.default_rng(9), test_runs=200,
                  formal_runs=100).samples
        for _ in range(2)
    ]  # fmt: skip
    np.testing.assert_array_equal(*runs)


def test_proposals_outside_are_rejections_and_are_not_run():
    """The flat density of the whole box is met, and the model sees no point outside."""
    seen = []

    def flat(theta):
        seen.append(theta.copy())
        return np.zeros(len(theta))

    result = two_phase(
        flat, [0.0, 2.0], [1.0, 3.0], np.random.default_rng(2), test_runs=4000,
        formal_runs=12_000, window=(0.0, 1.0),
    )  # fmt: skip
    points = np.concatenate(seen)
    assert points[:, 0].min() >= 0.0
    assert points[:, 1].max() <= 3.0
    assert result.n_out_of_range > 0
    assert len(points) == result.n_model_runs
    proposals = 1 + 1 + 4000 + 3 * 12_000 + 3 + 3
    assert result.n_model_runs + result.n_out_of_range == proposals
    # Redrawn proposals would be too rare near the bounds.
    fraction = (result.posterior[:, 0] < 0.1).mean()
    assert fraction == pytest.approx(0.1, abs=0.025)
    assert result.posterior[:, 1].mean() == pytest.approx(2.5, abs=0.03)


def test_where_the_model_cannot_run_no_chain_goes():
    def half(theta):
        return np.where(theta[:, 0] > theta[:, 1], gaussian(theta), np.nan)

    result = two_phase(
        half, *BOUNDS, np.random.default_rng(3), start=[0.2, 0.0, 0.0],
        test_runs=2000, formal_runs=1000,
    )  # fmt: skip
    assert np.all(result.samples[..., 0] > result.samples[..., 1])
    assert np.isfinite(result.cost).all()


def test_a_chain_outside_the_window_is_rejected():
    result = two_phase(
        gaussian, *BOUNDS, np.random.default_rng(5), test_runs=2000, formal_runs=500,
        scale=100.0,
    )  # fmt: skip
    assert not result.kept.any()
    assert result.posterior.shape == (0, 3)
    assert np.isnan(result.r_hat).all()


def test_the_first_step_of_the_test_run_is_that_of_the_paper():
    seen = []

    def flat(theta):
        seen.append(theta.copy())
        return np.zeros(len(theta))

    two_phase(
        flat, [0.0], [10.0], np.random.default_rng(6), test_runs=500, formal_runs=10
    )
    steps = np.abs(np.diff(np.concatenate(seen[1:300])[:, 0]))
    assert 0.9 < steps.max() <= 1.0


def test_r_hat_sees_chains_that_differ():
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(3, 500, 1))
    assert gelman_rubin(draws) == pytest.approx(1.0, abs=0.01)
    draws[0] += 3.0
    assert gelman_rubin(draws)[0] > 1.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lower": [1.0, 0.0, 0.0]}, "bounds"),
        ({"upper": [1.0]}, "bounds"),
        ({"start": [5.0, 0.0, 0.0]}, "start"),
        ({"test_runs": 3}, "runs"),
        ({"scale": 0.0}, "steps"),
        ({"window": (0.5, 0.2)}, "window"),
        ({"cost": lambda theta: 1.0}, "cost"),
    ],
)
def test_what_cannot_be_used_is_refused(change, words):
    call = {"cost": gaussian, "lower": BOUNDS[0], "upper": BOUNDS[1],
            "rng": np.random.default_rng(1)}  # fmt: skip
    with pytest.raises(InputError, match=words):
        two_phase(**(call | change))


def test_the_example_runs():
    assert doctest.testmod(module).failed == 0
