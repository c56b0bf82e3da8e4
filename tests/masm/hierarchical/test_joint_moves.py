"""Moves of a group with its sites leave the prior as it is."""

import numpy as np
import pytest

from masm.hierarchical.group import GroupPrior, draw_inverse_wishart
from masm.hierarchical.joint_moves import (
    log_prior_of_covariance,
    narrow_step,
    stretch_factors,
    wide_step,
)
from masm.hierarchical.sampler import _State
from masm.hierarchical.walkers import Walker

N = 20_000
PRIOR = GroupPrior(
    np.zeros(2), np.diag([1.0, 4.0]), 7.0, np.array([[1, 0.3], [0.3, 2]])
)


def state_at_prior(seed):
    """Group and three sites, drawn exactly from the prior."""
    rng = np.random.default_rng(seed)
    state = _State(PRIOR, N, None, None, rng)
    scatter = np.tile(np.linalg.inv(PRIOR.scale), (N, 1, 1))
    state.covariance = draw_inverse_wishart(PRIOR.degrees, scatter, rng)
    return state, [Walker(state) for _ in range(3)]


def figures(state, walkers):
    """What a wrong move would change, (figure, chain)."""
    _, volume = np.linalg.slogdet(state.covariance)
    off = np.stack([one.theta for one in walkers]) - state.mean
    spread = np.log(np.sum(off**2, axis=(0, 2)))
    trace = np.log(np.trace(np.linalg.inv(state.covariance), axis1=1, axis2=2))
    return np.stack([volume, spread, trace, *state.mean.T, *np.abs(state.mean.T)])


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", ["stretch", "wide", "narrow"])
def test_a_move_leaves_the_prior_as_it_is(kind, seed):
    state, walkers = state_at_prior(seed)
    before, covariance = figures(state, walkers), state.covariance
    mean = state.mean
    for _ in range(15):
        if kind == "stretch":
            state._stretch(walkers)
        elif kind == "wide":
            state._shift(walkers, wide_step(PRIOR, N, state.rng))
        else:
            roots = [np.eye(2), np.diag([0.5, 2.0])]
            state._shift(walkers, narrow_step(PRIOR, roots, N, state.rng))
    moved = state.covariance if kind == "stretch" else state.mean
    same = moved == (covariance if kind == "stretch" else mean)
    assert same.reshape(N, -1).all(axis=1).mean() < 0.1
    after = figures(state, walkers)
    error = np.sqrt((before.var(axis=1) + after.var(axis=1)) / N)
    assert np.abs((after.mean(axis=1) - before.mean(axis=1)) / error).max() < 4.0


def test_the_density_of_covariances_is_that_of_scipy():
    from scipy import stats

    rng = np.random.default_rng(0)
    scatter = np.linalg.inv(PRIOR.scale)
    some = draw_inverse_wishart(7.0, np.tile(scatter, (5, 1, 1)), rng)
    exact = [stats.invwishart.logpdf(one, 7.0, scatter) for one in some]
    off = log_prior_of_covariance(PRIOR, some) - exact
    np.testing.assert_allclose(off, off[0], rtol=0, atol=1e-10)


def test_a_narrow_step_has_the_covariance_of_one_vector_for_all_sites():
    rng = np.random.default_rng(1)
    roots = [np.array([[0.1, 0.0], [0.05, 0.3]]), np.diag([0.2, 0.1])]
    steps = narrow_step(PRIOR, roots, 200_000, rng)
    precision = np.linalg.inv(PRIOR.covariance)
    precision = precision + sum(np.linalg.inv(root @ root.T) for root in roots)
    wanted, found = np.linalg.inv(precision), np.cov(steps.T)
    np.testing.assert_allclose(
        found / found[0, 0], wanted / wanted[0, 0], rtol=0.05, atol=0.01
    )


def test_one_parameter_is_stretched_in_each_chain():
    factors = stretch_factors(4, 1000, np.random.default_rng(1))
    assert np.all((factors != 1.0).sum(axis=1) == 1)
    assert set(np.argmax(factors != 1.0, axis=1)) == {0, 1, 2, 3}
