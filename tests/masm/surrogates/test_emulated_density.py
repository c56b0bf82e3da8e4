"""What a chain rejects in any case costs less, and nothing else changes."""

import numpy as np
import pytest

from masm.problem.problem import Runs
from masm.samplers.chains import values_above
from masm.samplers.ensemble import ensemble_chains
from masm.samplers.tempering import tempered_population
from masm.surrogates.components import ErrorOfVariance, KnownErrors
from masm.surrogates.series import SeriesEmulator


class White:
    """A likelihood of independent unit errors around zero."""

    def whiten(self, series):
        return series


@pytest.fixture(scope="module")
def emulator():
    """Of a series of 30 values and three parameters, from few runs."""
    rng = np.random.default_rng(5)
    time, u = np.linspace(0.0, 3.0, 30), rng.random((25, 3))
    series = 20.0 * (u[:, :1] * np.exp(-(0.5 + u[:, 1:2]) * time) - 0.4 * np.exp(-time))
    series += u[:, 2:] * np.sin(3.0 * time) + rng.standard_normal(30)
    found = SeriesEmulator(White(), 3)
    found.update(Runs(u, np.sum(series**2, axis=1), series), rng)
    return found


def errors(most_variance=1.0):
    return KnownErrors(10, 0.02, ErrorOfVariance(most_variance=most_variance))


@pytest.mark.parametrize("most_variance", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("optimistic", [False, True])
def test_no_variance_makes_an_output_likelier_than_the_bound(optimistic, most_variance):
    components = errors(most_variance)
    log_likelihood = components.log_likelihood(optimistic=optimistic)
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((5, 4000)) * rng.choice([0.3, 1.0, 5.0], (5, 4000))
    least = np.array([0.0, 0.02, 0.5, 0.0, 3.0])[:, None]
    variance = least + rng.exponential(1.0, mean.shape) ** 3
    bound = components.largest_likelihood()(mean, least)
    assert np.all(log_likelihood(mean, variance) <= bound + 1e-12)


def test_the_bound_is_reached_where_the_variance_suits_the_mean():
    components = errors()
    mean = np.array([[1.2, 0.4]])
    limited = np.maximum(mean**2 - 1.0, 0.0)
    variance = limited / (1.0 - limited)
    at_best = components.log_likelihood(optimistic=True)(mean, variance)
    bound = components.largest_likelihood()(mean, np.zeros((1, 1)))
    np.testing.assert_allclose(at_best, bound)


class Screened:
    """A density that spares itself what is below the level, and counts it."""

    def __init__(self):
        self.n_spared = 0

    def __call__(self, u):
        return -0.5 * np.sum(((u - 0.4) / 0.1) ** 2, axis=1)

    def above(self, u, least):
        value = self(u)
        self.n_spared += int(np.sum(value < least))
        return np.where(value < least - 1e-9, -np.inf, value)


def test_a_density_that_spares_itself_rejected_points_gives_the_same_draws():
    screened = Screened()
    populations = [
        tempered_population(density, 3, rng=np.random.default_rng(1), n_particles=100)
        for density in (screened, screened.__call__)
    ]
    np.testing.assert_array_equal(*populations)
    assert screened.n_spared > 100
    starts = populations[0][:20]
    chains = [
        ensemble_chains(density, starts, rng=np.random.default_rng(2), n_steps=40)
        for density in (screened, screened.__call__)
    ]
    np.testing.assert_array_equal(chains[0].u, chains[1].u)
    np.testing.assert_array_equal(chains[0].log_density, chains[1].log_density)


def test_an_emulated_density_is_exact_above_the_level(emulator):
    for density in (emulator.log_density, emulator.acquisition_density):
        u = np.random.default_rng(3).random((400, emulator.d))
        value = density(u)
        least = np.full(len(u), np.quantile(value, 0.7))
        found = values_above(density, u, least)
        high = value >= least
        np.testing.assert_allclose(found[high], value[high], rtol=1e-8)
        assert np.all(found[~high] < least[~high])
        assert np.isneginf(found).any()
