"""Maps that make margins normal are inverted, differentiated and useful."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from masm.samplers.marginal_transforms import Marginals


@pytest.fixture(scope="module")
def draws():
    """A long right tail, a long left one, heavy tails, and light ones."""
    rng = np.random.default_rng(3)
    return np.column_stack(
        [
            stats.lognorm(0.6).rvs(3000, random_state=rng),
            -stats.gamma(2.0).rvs(3000, random_state=rng),
            5.0 + stats.t(4.0).rvs(3000, random_state=rng),
            1e-3 * stats.uniform().rvs(3000, random_state=rng),
        ]
    )


def test_margins_become_normal(draws):
    new = Marginals.of(draws).forward(draws)
    assert_allclose(new.mean(axis=0), 0.0, atol=0.05)
    assert_allclose(new.std(axis=0), 1.0, atol=0.05)
    # The last is flat with edges, which no map of this family makes round.
    for before, after in zip(draws.T[:3], new.T[:3], strict=True):
        closeness = [
            stats.kstest((x - x.mean()) / x.std(), "norm").statistic
            for x in (before, after)
        ]
        assert closeness[1] < 0.5 * closeness[0]
        # What 3,000 normal draws exceed once in a hundred times, and a little.
        assert closeness[1] < 1.63 / np.sqrt(len(draws)) + 0.01


def test_a_ridge_of_a_constant_product_becomes_straight():
    rng = np.random.default_rng(4)
    first = np.exp(0.7 * rng.standard_normal(2000))
    ridge = np.column_stack([first, np.exp(0.05 * rng.standard_normal(2000)) / first])
    assert np.corrcoef(ridge.T)[0, 1] > -0.8
    assert np.corrcoef(Marginals.of(ridge).forward(ridge).T)[0, 1] < -0.98


def test_maps_are_inverted(draws):
    marginals = Marginals.of(draws)
    assert_allclose(
        marginals.inverse(marginals.forward(draws)), draws, rtol=1e-9, atol=1e-9
    )


def test_derivatives_are_those_of_differences(draws):
    marginals = Marginals.of(draws)
    y = np.linspace(-4.0, 4.0, 41)[:, None] * np.ones(4)
    step = 1e-5
    first, of_log = marginals.derivatives(y)
    moved = marginals.inverse(y + step) - marginals.inverse(y - step)
    assert_allclose(first, moved / (2 * step), rtol=1e-5)
    logs = [np.log(marginals.derivatives(y + s)[0]) for s in (step, -step)]
    assert_allclose(of_log, (logs[0] - logs[1]) / (2 * step), atol=1e-5)
    assert_allclose(marginals.log_jacobian(y), np.log(first).sum(axis=1), rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_draws_that_say_nothing_and_points_far_away_stay_numbers():
    same = np.full((50, 2), 0.3)
    marginals = Marginals.of(same)
    assert_allclose(marginals.inverse(marginals.forward(same)), same)
    far = np.array([[1e30, -1e30]])
    for value in (marginals.inverse(far), *marginals.derivatives(far)):
        assert np.all(np.isfinite(value))
    assert np.isfinite(marginals.log_jacobian(far))
