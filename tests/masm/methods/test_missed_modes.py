"""Modes that a sampler or a surrogate misses are found, or the result is flagged."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special

import masm
from masm.methods.adaptive.error_estimate import ErrorEstimate
from masm.methods.adaptive.exchange import images_of_best
from masm.methods.adaptive.missed_modes import (
    runs_off_target,
    surrounded,
    with_missed_modes,
)
from masm.methods.adaptive.settings import Settings
from masm.problem.exchanges import exchangeable_pairs, exchanges
from masm.problem.priors import as_priors
from masm.problem.problem import Problem, Runs

SETTINGS = Settings()


def problem_of(priors):
    made = as_priors(priors)
    return Problem(made, made.names, lambda theta: np.zeros(len(theta)))


def test_what_is_between_two_modes_or_beside_a_ridge_is_not_among_draws():
    rng = np.random.default_rng(0)
    modes = 0.03 * rng.standard_normal((2000, 2)) + np.where(
        rng.random((2000, 1)) < 0.5, 0.25, 0.75
    )
    points = np.array([[0.25, 0.25], [0.31, 0.28], [0.5, 0.5], [0.25, 0.75]])
    assert surrounded(points, modes, SETTINGS).tolist() == [True, True, False, False]
    along = rng.random(2000)
    ridge = np.column_stack([along, 4.0 * (along - 0.5) ** 2])
    ridge[:, 1] += 0.02 * rng.standard_normal(2000)
    points = np.array([[0.5, 0.02], [0.1, 0.66], [0.5, 0.5]])
    assert surrounded(points, ridge, SETTINGS).tolist() == [True, True, False]


@pytest.mark.parametrize("d", [1, 2, 4, 8, 15])
def test_no_run_within_reach_of_a_normal_posterior_is_called_lost(d):
    rng = np.random.default_rng(d)
    draws = 0.5 + 0.05 * rng.standard_normal((4000, d))
    direction = rng.standard_normal((200, d))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    radius = np.sqrt(rng.uniform(0.0, max(6.0, d), (200, 1)))
    u = 0.5 + 0.05 * radius * direction
    runs = Runs(u, radius[:, 0] ** 2)
    assert len(runs_off_target(runs, draws, SETTINGS)) == 0
    # Ten standard deviations away the same fit is another mode.
    u[0, 0] = 0.95
    assert len(runs_off_target(Runs(u, radius[:, 0] ** 2), draws, SETTINGS)) == 1


@pytest.mark.parametrize("fraction", [0.5, 0.2])
def test_a_lost_mode_is_given_its_part_of_the_posterior(fraction):
    """Two normals of different widths; the population has only the first."""
    d = 3
    centres, sds = np.array([[0.3] * d, [0.7] * d]), np.array([0.05, 0.02])

    def log_density(u):
        apart = np.sum((u[:, None] - centres) ** 2, axis=2) / sds**2
        level = np.log([1.0 - fraction, fraction]) - d * np.log(sds)
        return special.logsumexp(level - 0.5 * apart, axis=1)

    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        population = centres[0] + sds[0] * rng.standard_normal((512, d))
        run = centres[1] + sds[1] * rng.standard_normal((1, d))
        problem = problem_of({name: (0.0, 1.0) for name in "abc"})
        both = with_missed_modes(problem, population, run, log_density, rng, SETTINGS)
        assert both.shape == population.shape
        second = both[:, 0] > 0.5
        found.append(second.mean())
        assert both[second].std(axis=0) == pytest.approx(0.02, rel=0.3)
    assert np.mean(found) == pytest.approx(fraction, abs=0.06)


def test_a_run_that_the_density_does_not_support_changes_nothing():
    rng = np.random.default_rng(0)
    population = 0.3 + 0.05 * rng.standard_normal((512, 2))

    def log_density(u):
        return -0.5 * np.sum(((u - 0.3) / 0.05) ** 2, axis=1)

    problem = problem_of({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    run = np.array([[0.8, 0.8]])
    same = with_missed_modes(problem, population, run, log_density, rng, SETTINGS)
    assert same is population
    # It stays lost, and that is said.
    parts = {"validation": 0.0, "variability": 0.0, "change": 0.0, "failed": 0.0}
    estimate = ErrorEstimate(**parts, r_hat=1.0, n_lost=1)
    assert (estimate.status, estimate.reason) == ("suspect", "mode_lost")


def test_only_parameters_of_the_same_prior_can_change_places():
    problem = problem_of(
        {
            "fast": (0.02, 6.0),
            "mass": (60.0, 140.0),
            "slow": (0.02, 6.0),
            "log": masm.LogUniform(0.02, 6.0),
        }
    )
    assert exchangeable_pairs(problem) == [(0, 2)]


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (masm.Uniform(0.03, 5.5), [(0, 1)]),
        (masm.Uniform(2.0, 8.0), []),
        (masm.LogUniform(0.02, 6.0), []),
        (masm.TruncatedNormal(0.02, 6.0, mean=3.0, sd=1.0), []),
    ],
)
def test_priors_that_differ_a_little_are_nearly_the_same(second, found):
    problem = problem_of({"fast": (0.02, 6.0), "slow": second})
    assert exchangeable_pairs(problem) == found


def test_values_change_places_and_not_their_places_in_priors():
    problem = problem_of({"a": (0.0, 10.0), "b": (0.0, 9.0), "c": (50.0, 60.0)})
    point = problem.unit([[8.0, 2.0, 52.0]])[0]
    images = problem.theta(exchanges(problem, point)[0])
    assert np.asarray(images) == pytest.approx(
        np.array([[2.0, 8.0, 52.0], [2.0, 8.0, 58.0]])
    )
    # 9.5 is outside the other's bounds.
    outside = problem.unit([[9.5, 2.0, 52.0]])[0]
    assert len(exchanges(problem, outside)[0]) == 0


def test_three_that_can_change_places_have_five_images_and_pools_move_whole():
    three = problem_of(dict.fromkeys("abc", (0.0, 1.0)))
    point = np.array([0.1, 0.4, 0.8])
    images, n_plain, source = exchanges(three, point)
    np.testing.assert_array_equal(images[:5], point[source[:5]])
    assert n_plain == 5
    orders = {tuple(row) for row in images.tolist()}
    assert {tuple(point[list(order)]) for order in permutations(range(3))} <= (
        orders | {tuple(point)}
    )
    pools = problem_of(
        {"k1": (0, 6), "k2": (0, 6), "m1": (1, 9), "m2": (1, 9), "end": (0, 365)}
    )
    images, *_ = exchanges(pools, np.array([0.1, 0.2, 0.3, 0.4, 0.6]))
    assert [0.2, 0.1, 0.4, 0.3, 0.6] in images.tolist()
    assert [0.2, 0.1, 0.4, 0.3, 0.4] in images.tolist()


class Blind:
    """A surrogate that excludes nothing, or says that nothing but the best fits."""

    def __init__(self, excess=0.0):
        self.excess = excess

    def sample_cost(self, u, n_draws, rng):
        return np.full((n_draws, len(u)), self.excess)


def test_images_are_those_that_no_draws_surround():
    problem = problem_of({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 2.0)})
    rng = np.random.default_rng(0)
    best = np.array([[0.2, 0.7, 0.4]])
    runs = Runs(np.vstack([best, rng.random((9, 3))]), np.arange(10.0))

    def images(population, most=12, excess=15.0):
        return images_of_best(
            problem, Blind(excess), runs, population, most, rng, SETTINGS
        ).tolist()

    one = best + 0.02 * rng.standard_normal((300, 3))
    assert images(one) == [[0.7, 0.2, 0.4], [0.7, 0.2, 0.6]]
    # Where the surrogate says that it does not fit the likeliest are run all the same,
    assert images(one, excess=1e6) == images(one)
    # and one that is only reflected where it says that it does.
    assert [0.8, 0.7, 0.4] in images(one, excess=1.0)
    assert len(images(one, most=1)) == 1
    both = np.vstack([one, one[:, [1, 0, 2]]])
    # Draws of a surrogate alone are no proof of a mode; a run that fits is.
    assert images(both) == [[0.7, 0.2, 0.4], [0.7, 0.2, 0.6]]
    runs = runs.append(Runs(best[:, [1, 0, 2]], np.array([0.5])))
    assert images(both) == [[0.7, 0.2, 0.6]]


TIME = pd.date_range("2003-01-05", periods=40, freq="24D")
YEARS = (np.arange(40) * 24 + 12) / 365.25
POOLS = {"k1": (0.02, 6.0), "k2": (0.02, 6.0), "w": (0.0, 1.0), "m0": (60.0, 140.0)}


def mass_left(theta):
    """Mass left of two litter pools (g), of rates per year and a fraction."""
    k1, k2, w, m0 = (np.asarray(theta)[:, [j]] for j in range(4))
    return m0 * (w * np.exp(-k1 * YEARS) + (1.0 - w) * np.exp(-k2 * YEARS))


def litter_model(theta):
    mass = (("sample", "time"), mass_left(theta), {"units": "g"})
    return xr.Dataset({"mass": mass}, {"time": TIME})


def test_both_orders_of_two_exchangeable_pools_are_found_or_it_is_said():
    """Each order of the rates holds half of the posterior, whatever the seed."""
    noise = np.random.default_rng(3).normal(size=40)
    values = mass_left([[3.0, 0.25, 0.45, 100.0]])[0] + 4.0 * noise
    observed = xr.Dataset(
        {
            "mass": ("time", values, {"units": "g"}),
            "mass_sd": ("time", np.full(40, 4.0), {"units": "g"}),
        },
        {"time": TIME},
    )
    found = []
    for seed in (11, 12, 13):
        result = masm.calibrate(
            litter_model, observed, POOLS, seed=seed, variance="given", windows=None
        )
        k1, k2 = (result.posterior[name].to_numpy() for name in ("k1", "k2"))
        right = abs(np.mean(k1 > k2) - 0.5) < 0.1
        assert right or result.status == "suspect"
        found.append(right)
    assert sum(found) >= 2
