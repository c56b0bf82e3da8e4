"""The emulator of series against the model it stands for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import masm
from benchmarks.metrics import distance
from benchmarks.targets import as_dataset, make
from masm.problem.problem import Runs
from masm.samplers.latin_hypercube import latin_hypercube
from masm.surrogates.components import Basis
from masm.surrogates.series import SeriesEmulator, Settings


class White:
    """A likelihood of independent unit errors around zero."""

    def whiten(self, series):
        return series


def runs_of(model, u):
    series = model(u)
    return Runs(u, np.sum(series**2, axis=1), series)


@pytest.fixture
def decay():
    """Series of 60 values, smooth in three parameters, the last without effect."""
    time = np.linspace(0.0, 3.0, 60)
    noise = np.random.default_rng(5).standard_normal(60)

    def model(u):
        rate = 0.5 + u[:, 1:2]
        return 20.0 * (u[:, :1] * np.exp(-rate * time) - 0.4 * np.exp(-time)) + noise

    return model


def test_the_emulated_cost_is_the_models(decay):
    rng = np.random.default_rng(0)
    emulator = SeriesEmulator(White(), 3)
    emulator.update(runs_of(decay, latin_hypercube(40, 3, rng)), rng)
    u = rng.random((2000, 3))
    cost = np.sum(decay(u) ** 2, axis=1)
    near = cost < cost.min() + 20.0
    assert near.sum() > 50
    # Half a unit of -2 log L at a plausible point moves a posterior by little.
    for guess in (emulator.cost(u[near]), -2.0 * emulator.log_density(u[near])):
        assert np.sqrt(np.mean((guess - cost[near]) ** 2)) < 0.5


def test_at_its_own_runs_the_emulator_has_the_models_cost(decay):
    rng = np.random.default_rng(0)
    runs = runs_of(decay, latin_hypercube(40, 3, rng))
    emulator = SeriesEmulator(White(), 3)
    emulator.update(runs, rng)
    near = runs.cost < runs.cost.min() + 10.0
    assert_allclose(emulator.cost(runs.u[near]), runs.cost[near], atol=0.05)


def test_appended_runs_are_learned(decay):
    rng = np.random.default_rng(0)
    u = latin_hypercube(46, 3, rng)
    u[40:, :2] = [0.4, 0.5] + 0.02 * rng.standard_normal((6, 2))
    emulator = SeriesEmulator(White(), 3)
    emulator.update(runs_of(decay, u[:40]), rng)
    fitted = emulator.processes
    emulator.update(runs_of(decay, u), rng)
    assert emulator.processes is fitted
    assert len(fitted[0].x) == 46
    new = runs_of(decay, u[40:])
    assert_allclose(emulator.cost(new.u), new.cost, atol=0.05)


def test_where_nothing_is_known_runs_are_sought_but_no_posterior_is_put(decay):
    rng = np.random.default_rng(0)
    u = 0.3 * latin_hypercube(15, 3, rng)
    emulator = SeriesEmulator(White(), 3)
    emulator.update(runs_of(decay, u), rng)
    far = np.full((1, 3), 0.95)
    assert -2.0 * emulator.acquisition_density(far)[0] < emulator.cost(far)[0]
    near = u[np.argmin(emulator.cost(u))][None]
    gap = emulator.log_density(near)[0] - emulator.log_density(far)[0]
    assert gap > 100.0


def test_functions_drawn_scatter_around_the_best_guess(decay):
    rng = np.random.default_rng(0)
    emulator = SeriesEmulator(White(), 3)
    emulator.update(runs_of(decay, latin_hypercube(20, 3, rng)), rng)
    u = rng.random((5, 3))
    drawn = emulator.sample_cost(u, 4000, rng)
    x = emulator.warp(u)
    expected = emulator.cost(u) + sum(g.predict(x)[1] for g in emulator.processes)
    assert_allclose(drawn.mean(axis=0), expected, rtol=0.05)


def test_components_are_orthonormal_and_span_the_plausible_runs():
    rng = np.random.default_rng(0)
    series = rng.standard_normal((30, 3)) @ rng.standard_normal((3, 50))
    basis = Basis.of(series, np.ones(30), 10)
    assert len(basis.vectors) == 3
    assert_allclose(basis.vectors @ basis.vectors.T, np.eye(3), atol=1e-12)
    back = basis.scores(series) @ basis.vectors
    assert_allclose(back, series, atol=0.3)


def test_the_carbon_models_posterior_is_found_from_its_series():
    target = make("dalec6", 0)
    result = masm.calibrate(
        lambda theta: as_dataset(target.model(np.asarray(theta))),
        target.observations(),
        target.priors,
        seed=1,
    )
    draws = np.stack(
        [result.posterior[name].to_numpy().ravel() for name in target.priors]
    )
    found = distance(draws.T, target.truth())
    assert result.n_model_runs <= 120
    assert result.status == "done"
    assert found.mmtv < 0.06
    assert found.largest_tv < 0.1
    assert found.gskl < 0.1


def test_jumps_of_a_model_are_noise_that_the_likelihood_counts():
    """A series that jumps by 0.5 sd from run to run, whatever the smooth part does."""
    rng = np.random.default_rng(3)
    shape = np.sin(np.linspace(0.0, 6.0, 50))
    shape /= np.linalg.norm(shape)

    def model(u):
        jump = 0.5 * np.sin(1e5 * u[:, :1]) * np.sqrt(2.0)
        return (8.0 * (u[:, :1] - 0.5) + 2.0 * u[:, 1:] + jump) * shape

    emulator = SeriesEmulator(White(), 2)
    emulator.update(runs_of(model, latin_hypercube(80, 2, rng)), rng)
    assert emulator.nugget_variance[0] == pytest.approx(0.25, rel=0.4)
    u = np.array([[0.5, 0.9]])
    # The score's square counts as that of an error with variance 1 + v, v capped.
    variance = emulator.nugget_variance[0]
    widened = 1.0 + variance / (1.0 + variance)
    cost = emulator.cost(u)[0]
    expected = -0.5 * (cost / widened + np.log1p(variance))
    assert emulator.log_density(u)[0] == pytest.approx(expected, abs=0.1)
    # It falls off less steeply than with the cost alone.
    far = np.array([[0.9, 0.9]])
    fall = emulator.log_density(u)[0] - emulator.log_density(far)[0]
    assert fall < 0.9 * 0.5 * (emulator.cost(far)[0] - cost)


def test_unknown_places_where_the_mean_happens_to_fit_are_not_likely():
    """Runs in one half only: the other is guessed, and may hold anything."""
    rng = np.random.default_rng(0)
    shapes = np.linalg.qr(rng.standard_normal((40, 4)))[0].T

    def model(u):
        wave = np.array([np.sin(f * u[:, 0] + u[:, 1]) for f in (5, 7, 9, 11)])
        return 10.0 * wave.T @ shapes

    u = latin_hypercube(60, 2, rng) * [0.4, 1.0]
    emulator = SeriesEmulator(White(), 2)
    emulator.update(runs_of(model, u), rng)
    known, unknown = np.array([[0.2, 0.5]]), np.array([[0.95, 0.5]])
    _, variance = emulator.predict(unknown)
    assert np.sum(np.log1p(variance)) > 8.0
    lowered = emulator.acquisition_density(unknown) - emulator.log_density(unknown)
    assert lowered[0] > 2.0
    assert emulator.acquisition_density(known)[0] == pytest.approx(
        emulator.log_density(known)[0], abs=0.1
    )


@pytest.fixture
def crooked():
    """Series that follow the logarithm of one parameter and the square of another."""
    time = np.linspace(0.0, 3.0, 40)

    def model(u):
        size = np.log(0.02 + u[:, :1])
        return 6.0 * (size * np.exp(-(0.3 + u[:, 1:] ** 2) * time) + np.exp(-time))

    return model


def test_input_warping_makes_an_emulator_more_accurate(crooked):
    u = np.random.default_rng(7).random((500, 2))
    cost = np.sum(crooked(u) ** 2, axis=1)
    near = cost < np.median(cost)

    def error(seed, settings=None):
        rng = np.random.default_rng(seed)
        emulator = SeriesEmulator(White(), 2, settings=settings)
        emulator.update(runs_of(crooked, latin_hypercube(30, 2, rng)), rng)
        wrong = np.median(np.abs(emulator.cost(u) - cost)[near])
        return wrong, emulator.warp.parameter

    ratios = []
    for seed in range(6):
        warped, parameter = error(seed)
        straight, none = error(seed, Settings(warp_steps=0))
        assert parameter[0] > 1.0
        assert not np.any(none)
        ratios.append(warped / straight)
    # Of one design the ratio is 0.55, give or take a factor of 1.5 (40 designs).
    assert np.exp(np.mean(np.log(ratios))) < 0.9


def test_the_gradient_that_leads_chains_is_that_of_the_approximate_density(crooked):
    rng = np.random.default_rng(0)
    emulator = SeriesEmulator(White(), 2)
    emulator.update(runs_of(crooked, latin_hypercube(25, 2, rng)), rng)
    approximation = emulator.approximate(rng.random((50, 2)))
    assert np.any(emulator.warp.parameter)
    u, step = rng.uniform(0.1, 0.9, (20, 2)), 1e-6
    numeric = np.stack(
        [
            (approximation.value(u + move) - approximation.value(u - move))
            / (2.0 * step)
            for move in step * np.eye(2)
        ],
        axis=1,
    )
    value, gradient = approximation.value_and_gradient(u)
    assert_allclose(value, approximation.value(u), rtol=1e-9)
    assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-3)


def test_a_snapshot_of_the_density_stays_as_it_was(decay):
    rng = np.random.default_rng(0)
    emulator = SeriesEmulator(White(), 3)
    runs = runs_of(decay, latin_hypercube(30, 3, rng))
    emulator.update(runs, rng)
    u = rng.random((20, 3))
    snapshot, before = emulator.snapshot(), emulator.log_density(u)
    emulator.refit(runs.append(runs_of(decay, rng.random((20, 3)))), rng)
    assert not np.allclose(emulator.log_density(u), before, rtol=1e-3)
    assert_allclose(snapshot(u), before, rtol=1e-10)


def test_minima_of_the_emulated_series_are_found_side_by_side():
    """A square in the first parameter: two fits that are equally good."""
    time = np.linspace(0.0, 3.0, 60)

    def model(u):
        even = (u[:, :1] - 0.5) ** 2 - 0.09
        return 8.0 * even * np.exp(-time) + 5.0 * (u[:, 1:] - 0.4) * np.sin(time)

    rng = np.random.default_rng(0)
    emulator = SeriesEmulator(White(), 2)
    emulator.update(runs_of(model, latin_hypercube(40, 2, rng)), rng)
    minima = emulator.minima(48, rng)
    found = minima[emulator.cost(minima) < 0.1]
    found = found[np.argsort(found[:, 0])]
    assert_allclose(found, [[0.2, 0.4], [0.8, 0.4]], atol=0.01)


def test_functions_drawn_jump_where_the_model_does():
    """The jumps of a threshold do not average out over the draws beside it."""
    rng = np.random.default_rng(3)
    shape = np.ones(50) / np.sqrt(50.0)

    def model(u):
        jump = 0.7 * np.sign(np.sin(1e5 * u[:, :1]))
        return (8.0 * (u[:, :1] - 0.5) + 2.0 * u[:, 1:] + jump) * shape

    emulator = SeriesEmulator(White(), 2)
    emulator.update(runs_of(model, latin_hypercube(80, 2, rng)), rng)
    u = np.column_stack([np.linspace(0.4, 0.6, 50), np.full(50, 0.2)])
    drawn = emulator.sample_cost(u, 400, rng)
    # Half of the functions jump along the first parameter: neighbours mostly agree.
    apart = np.abs(np.diff(np.sqrt(drawn), axis=1))
    assert np.median(apart) < 0.1 < np.quantile(apart, 0.99)


def test_errors_about_the_posterior_are_larger_than_predicted_at_a_kink():
    """Every score is smooth but for a kink in the middle of the posterior."""
    time = np.linspace(0.0, 3.0, 40)

    def of(kink):
        def model(u):
            bend = kink * np.maximum(u[:, :1] - 0.5, 0.0) * (u[:, 1:] > 0.5)
            smooth = 6.0 * np.sin(2.0 * u[:, :1] - 1.0) + 4.0 * (u[:, 1:] - 0.5)
            return (smooth + bend) * np.exp(-time)

        rng = np.random.default_rng(0)
        u = np.vstack(
            [latin_hypercube(30, 2, rng), 0.5 + 0.1 * rng.normal(size=(40, 2))]
        )
        runs = runs_of(model, np.clip(u, 0.0, 1.0))
        emulator = SeriesEmulator(White(), 2)
        emulator.update(runs, rng)
        return emulator.local_error_ratio(runs, rng)

    assert of(0.0) < 1.3
    assert of(20.0) > of(0.0)
