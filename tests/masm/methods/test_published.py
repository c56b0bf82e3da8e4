import numpy as np
import pytest

import masm
from masm.methods.published.loop import (
    _status,
    representative_points,
    sample,
    surrogate_rmse,
)
from masm.problem.problem import Problem, Runs
from masm.problem.seeds import seed_sequence
from masm.runners.cost_runner import CostRunner
from masm.samplers.chains import Chains

QUICK = {"n_iterations": 15, "n_steps": 2000, "n_draws": 20_000, "n_check": 16}
MIDDLE = np.array([0.4, 0.6])
COVARIANCE = np.array([[0.05**2, 0.6 * 0.05 * 0.08], [0.6 * 0.05 * 0.08, 0.08**2]])


def problem_of(cost, names=("a", "b"), constraints=(), runner=None):
    priors = masm.Priors({name: (0.0, 1.0) for name in names}, constraints)
    return Problem(priors, tuple(names), runner or CostRunner(cost))


def gaussian(theta):
    step = np.asarray(theta) - MIDDLE
    return np.einsum("ij,jk,ik->i", step, np.linalg.inv(COVARIANCE), step)


def run(problem, seed=1, **changes):
    return sample(problem, seed_sequence(seed), **{**QUICK, **changes})


def test_a_gaussian_posterior_is_recovered():
    outcome = run(problem_of(gaussian))
    draws = outcome.u.reshape(-1, 2)
    assert outcome.status == "done"
    assert draws.mean(axis=0) == pytest.approx(MIDDLE, abs=0.01)
    assert np.cov(draws.T) == pytest.approx(COVARIANCE, rel=0.15)
    assert outcome.surrogate_rmse < 0.3


def test_the_numbers_of_the_paper():
    problem = problem_of(gaussian)
    outcome = run(problem)
    # 18 n initial runs, five for each iteration, then the check.
    assert outcome.runs.n == 18 * 2 + 5 * 15 + 16
    assert outcome.history["n_runs"].tolist() == [36 + 5 * i for i in range(1, 16)]
    assert outcome.u.shape == (4, 5000, 2)


def test_an_edge_hitting_posterior_keeps_its_mass_where_it_is():
    # Half normal at the lower bound in a, mode beyond the upper bound in b.
    def cost(theta):
        a, b = theta["a"], theta["b"]
        return (a / 0.1) ** 2 + ((b - 1.05) / 0.15) ** 2

    draws = run(problem_of(cost)).u.reshape(-1, 2)
    assert np.mean(draws[:, 0]) == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.05)
    assert np.mean(draws[:, 0] < 0.01) == pytest.approx(0.0797, abs=0.015)
    assert np.mean(draws[:, 0] == 0.0) == 0.0  # no pile on the edge
    # A normal of mean 1.05 and sd 0.15 cut at 1: P(b > 0.95) by its distribution.
    assert np.mean(draws[:, 1] > 0.95) == pytest.approx(0.317, abs=0.03)


def test_more_noise_never_sharpens_the_posterior():
    sharp = run(problem_of(gaussian)).u.reshape(-1, 2).std(axis=0)
    wide = run(problem_of(lambda t: gaussian(t) / 4.0)).u.reshape(-1, 2).std(axis=0)
    assert np.all(wide > 1.5 * sharp)


def test_failed_runs_neither_abort_nor_bias():
    calls = np.random.default_rng(5)

    def failing(theta):
        cost = gaussian(theta)
        cost[calls.random(len(cost)) < 0.1] = np.nan
        return cost

    outcome = run(problem_of(failing))
    assert outcome.runs.n_failed > 5
    draws = outcome.u.reshape(-1, 2)
    assert draws.mean(axis=0) == pytest.approx(MIDDLE, abs=0.015)
    assert draws.std(axis=0) == pytest.approx(np.sqrt(np.diag(COVARIANCE)), rel=0.15)


def test_a_model_that_always_fails_says_so_with_its_first_error():
    def broken(theta):
        raise ZeroDivisionError("no leaves")

    with pytest.raises(masm.CalibrationFailed, match="no leaves") as caught:
        run(problem_of(broken))
    assert caught.value.reason == "model_nan"


def test_a_surrogate_that_does_not_fit_is_flagged_though_its_chains_agree():
    # A comb far finer than the runs can resolve.
    def comb(theta):
        return (
            20.0 * np.sin(60.0 * theta["a"]) ** 2
            + 20.0 * np.sin(50.0 * theta["b"] + 40.0 * theta["a"]) ** 2
        )

    outcome = run(problem_of(comb), n_iterations=5)
    assert outcome.attrs["paper_converged"] == 1
    assert (outcome.status, outcome.reason) == ("suspect", "surrogate_not_fitted")


def checked(cost, predicted_error, best=0.0, n_failed=0):
    """Verdict on a check of ten runs of two parameters."""
    cost = np.full(10, cost)
    cost[:n_failed] = np.nan
    u = np.full((10, 2), 0.5)
    check = Runs(u, cost)
    runs = Runs(u[:1], np.array([best])).append(check)
    return _status(True, np.full(10, predicted_error), check, runs, 1.0)


def test_the_status_and_its_reasons():
    assert checked(2.0, 0.5) == ("done", "")
    assert checked(2.0, 1.5) == ("suspect", "surrogate_not_fitted")
    # Much better runs are known than any at the posterior draws.
    assert checked(12.0, 0.5) == ("suspect", "surrogate_not_fitted")
    assert checked(2.0, 0.5, n_failed=2) == ("done", "")
    assert checked(2.0, 0.5, n_failed=3) == ("suspect", "model_nan")


def test_chains_that_disagree_are_kept_and_flagged():
    # Two modes so narrow and far apart that short chains stay in their own.
    def cost(theta):
        a = theta["a"]
        return np.minimum((a - 0.1) ** 2, (a - 0.9) ** 2) / 0.01**2

    outcome = run(problem_of(cost, names=("a",)), n_draws=400, n_cycles=2)
    assert outcome.u.shape == (4, 100, 1)
    assert outcome.status == "suspect"
    assert outcome.attrs["n_cycles"] == 2


def test_constraints_hold_in_every_run_and_draw():
    def cost(theta):
        return ((theta["a"] - 0.5) ** 2 + (theta["b"] - 0.5) ** 2) / 0.1**2

    problem = problem_of(cost, constraints=[masm.below("a", "b")])
    outcome = run(problem, n_iterations=5, n_draws=8000)
    assert np.all(outcome.runs.u[:, 0] < outcome.runs.u[:, 1])
    draws = outcome.u.reshape(-1, 2)
    assert np.all(draws[:, 0] < draws[:, 1])
    # (b - a) is the half normal left of a normal with sd 0.1 sqrt(2).
    expected = 0.1 * np.sqrt(2.0) * np.sqrt(2.0 / np.pi)
    assert np.mean(draws[:, 1] - draws[:, 0]) == pytest.approx(expected, rel=0.1)


def chains_of(draws, cost):
    return Chains(np.asarray(draws)[None], -0.5 * np.asarray(cost)[None], 0.3)


def test_representative_points_one_from_each_bin_and_the_best():
    # Draws on a line; the visited points are near the start of each bin.
    draws = np.column_stack([np.linspace(0.0, 1.0, 80), np.full(80, 0.5)])
    order = np.random.default_rng(1).permutation(80)
    visited = draws[[0, 20, 40, 60]]
    points = representative_points(
        chains_of(draws[order], np.arange(80.0)[order]),
        visited,
        problem_of(gaussian),
        0.01,
        np.random.default_rng(2),
    )
    assert points.shape == (5, 2)
    assert points[4].tolist() == draws[0].tolist()
    bins = np.floor(points[:4, 0] * 79 / 20).astype(int)
    assert bins.tolist() == [0, 1, 2, 3]
    # Farthest from everything, choices already made included.
    assert points[0].tolist() == draws[10].tolist()
    assert points[3].tolist() == draws[79].tolist()


def test_each_choice_is_a_visited_point_for_the_next():
    # Every bin reaches along the whole line, so all four would go for its far end.
    draws = np.column_stack([np.linspace(0.0, 1.0, 80), np.full(80, 0.5)])
    cost = np.arange(80.0) % 4 + 1e-3 * np.arange(80.0)
    points = representative_points(
        chains_of(draws, cost),
        draws[:1],
        problem_of(gaussian),
        0.01,
        np.random.default_rng(2),
    )
    along = np.sort(points[:4, 0])
    assert np.diff(along).min() > 0.15


def test_a_bin_without_news_gives_way_to_a_point_that_fills_space():
    draws = 0.5 + 1e-4 * np.random.default_rng(1).random((100, 2))
    visited = np.array([[0.5, 0.5]])
    points = representative_points(
        chains_of(draws, np.arange(100.0)),
        visited,
        problem_of(gaussian),
        0.01,
        np.random.default_rng(2),
    )
    seen = visited
    for point in points[:4]:
        assert np.linalg.norm(seen - point, axis=1).min() > 0.3
        seen = np.vstack([seen, point])
    assert points[4].tolist() == draws[0].tolist()


def test_surrogate_rmse_is_eq_8():
    assert surrogate_rmse(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))
    assert np.isnan(surrogate_rmse(np.array([])))


@pytest.mark.parametrize(
    "option",
    [
        {"n_iterations": -1},
        {"n_steps": 10.5},
        {"n_chains": 1},
        {"n_check": 20_000},
        {"resolution": 0.0},
    ],
)
def test_bad_options_are_named(option):
    (name,) = option
    with pytest.raises(masm.InputError, match=name):
        run(problem_of(gaussian), **option)
