"""The chains against densities with known moments, at the bounds and across modes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from masm.errors import InputError
from masm.gaussian_process.regression import GaussianProcess
from masm.methods.published.surrogate_metropolis import surrogate_chains
from masm.samplers.ensemble import ensemble_chains
from masm.samplers.latin_hypercube import latin_hypercube
from masm.samplers.tempering import tempered_population

MEAN = np.array([0.4, 0.6, 0.5])
SD = np.array([0.05, 0.08, 0.04])
CORRELATION = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, -0.3], [0.0, -0.3, 1.0]])
COVARIANCE = CORRELATION * np.outer(SD, SD)
PRECISION = np.linalg.inv(COVARIANCE)


def correlated(u):
    r = u - MEAN
    return -0.5 * np.einsum("ij,jk,ik->i", r, PRECISION, r)


def half_normal_at_zero(u):
    """Mode on the lower bound of the first parameter; the second is flat."""
    return -0.5 * (u[:, 0] / 0.1) ** 2


def two_modes(u):
    """A quarter of the mass near 0.2 and the rest near 0.8, 12 sd apart."""
    a = -0.5 * np.sum(((u - 0.2) / 0.05) ** 2, axis=1) + np.log(0.25)
    b = -0.5 * np.sum(((u - 0.8) / 0.05) ** 2, axis=1) + np.log(0.75)
    return np.logaddexp(a, b)


def run(log_density, d, seed=1, n_steps=400):
    rng = np.random.default_rng(seed)
    starts = tempered_population(log_density, d, rng=rng, n_particles=200)
    return ensemble_chains(log_density, starts, rng=rng, n_steps=n_steps, n_burn=100)


def test_a_correlated_normal_is_drawn_with_its_moments():
    u = run(correlated, 3).pooled
    assert_allclose(u.mean(axis=0), MEAN, atol=0.04 * SD.min())
    assert_allclose(np.cov(u.T) / np.outer(SD, SD), CORRELATION, atol=0.04)


def test_a_density_that_ends_at_a_bound_is_not_piled_up_there():
    u = run(half_normal_at_zero, 2).pooled
    truth = stats.halfnorm(scale=0.1)
    fraction = np.mean(u[:, 0] < 0.01)
    assert_allclose(fraction, truth.cdf(0.01), rtol=0.1)
    assert_allclose(u[:, 0].mean(), truth.mean(), rtol=0.03)
    # The flat parameter stays uniform, at its edges too.
    counts = np.histogram(u[:, 1], bins=10, range=(0.0, 1.0))[0] / len(u)
    assert_allclose(counts, 0.1, rtol=0.08)


def test_two_distant_modes_keep_their_weights():
    fractions = [
        np.mean(run(two_modes, 4, seed).pooled[:, 0] < 0.5) for seed in range(4)
    ]
    assert_allclose(np.mean(fractions), 0.25, atol=0.04)


def test_a_hole_in_the_cube_is_never_entered():
    def ring(u):
        r = np.hypot(u[:, 0] - 0.5, u[:, 1] - 0.5)
        return np.where((r > 0.2) & (r < 0.3), 0.0, -np.inf)

    u = run(ring, 2).pooled
    r = np.hypot(u[:, 0] - 0.5, u[:, 1] - 0.5)
    assert r.min() > 0.2
    assert r.max() < 0.3
    assert_allclose(np.mean(u, axis=0), 0.5, atol=0.02)


@pytest.fixture(scope="module")
def surrogate():
    rng = np.random.default_rng(0)
    x = rng.random((120, 3))
    return GaussianProcess(mean="quadratic").fit(x, -2.0 * correlated(x), rng=rng)


def test_compiled_chains_draw_from_the_surrogate_mean(surrogate):
    chains = surrogate_chains(
        surrogate, rng=np.random.default_rng(1), n_steps=20_000, n_burn=5_000
    )
    u = chains.pooled
    assert_allclose(u.mean(axis=0), MEAN, atol=0.06 * SD.min())
    assert_allclose(u.std(axis=0), SD, rtol=0.06)
    assert_allclose(np.corrcoef(u.T), CORRELATION, atol=0.06)
    assert 0.1 < chains.acceptance < 0.6
    # What the chain carries is what the surrogate predicts there.
    some = u[::5000]
    log_density = chains.log_density.ravel()[::5000]
    assert_allclose(-2.0 * log_density, surrogate.predict_mean(some), atol=1e-6)


def test_compiled_chains_are_exact_at_a_bound():
    rng = np.random.default_rng(0)
    x = np.vstack([rng.random((80, 2)), [[0, 0], [0, 1], [1, 0], [1, 1]]])
    cost = -2.0 * half_normal_at_zero(x)
    gp = GaussianProcess(mean="quadratic").fit(x, cost, rng=rng)
    u = surrogate_chains(gp, rng=rng, n_steps=20_000).pooled
    truth = stats.halfnorm(scale=0.1)
    assert_allclose(np.mean(u[:, 0] < 0.02), truth.cdf(0.02), rtol=0.15)
    assert_allclose(u[:, 0].mean(), truth.mean(), rtol=0.06)


def test_costs_below_the_floor_count_as_the_floor(surrogate):
    chains = surrogate_chains(
        surrogate, rng=np.random.default_rng(1), n_steps=500, least_cost=4.0
    )
    assert chains.log_density.max() == -2.0


def test_the_same_seed_gives_the_same_bits(surrogate):
    def both(seed):
        compiled = surrogate_chains(
            surrogate, rng=np.random.default_rng(seed), n_steps=200, n_chains=3
        )
        return compiled.u, run(two_modes, 2, seed, 50).u

    first, again, other = both(5), both(5), both(6)
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)


def test_a_latin_hypercube_has_one_point_in_every_slice():
    u = latin_hypercube(20, 3, np.random.default_rng(0))
    assert np.array_equal(np.sort(np.floor(20 * u), axis=0)[:, 1], np.arange(20))


def test_starts_outside_the_cube_are_refused(surrogate):
    with pytest.raises(InputError, match="outside the unit cube"):
        surrogate_chains(
            surrogate, rng=np.random.default_rng(0), n_steps=10, starts=[[0.5, 0.5, 2]]
        )
