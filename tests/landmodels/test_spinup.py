"""Steady states of small models whose answer is known."""

import numpy as np
import pytest

from landmodels.spinup import (
    Settings,
    linear_after,
    linear_equilibrium,
    solve_cycle,
)

PHI = np.array([[0.9, 0.0, 0.0003], [0.05, 0.99, 0.0], [0.01, 0.009, 0.9995]])
INPUT = np.array([1.0, 0.2, 0.0])
FIXED = np.linalg.solve(np.eye(3) - PHI, INPUT)


def test_the_closed_form_is_the_repeated_step():
    state = np.array([5.0, 1.0, 2.0])
    stepped = state.copy()
    for _ in range(400):
        stepped = PHI @ stepped + INPUT
    np.testing.assert_allclose(linear_after(PHI, INPUT, state, 400), stepped, 1e-12)
    np.testing.assert_allclose(linear_equilibrium(PHI, INPUT), FIXED, rtol=1e-13)


def test_a_pool_without_a_loss_has_no_equilibrium():
    with pytest.raises(np.linalg.LinAlgError):
        linear_equilibrium(np.eye(2), np.ones(2))


def solve(year, cycle, start, **keywords):
    settings = Settings(years_per_cycle=4, **keywords)
    n = len(start)
    return solve_cycle(
        year, cycle, np.asarray(start, float), np.arange(n), np.arange(n),
        settings=settings,
    )  # fmt: skip


def repeat(year, n=4):
    def cycle(states):
        for _ in range(n):
            states = year(states)
        return states

    return cycle


def linear(states):
    return states @ PHI.T + INPUT


def test_a_linear_model_is_solved_at_once():
    found = solve(linear, repeat(linear), [1.0, 1.0, 1.0])
    assert found.kind == "periodic"
    np.testing.assert_allclose(found.state, FIXED, rtol=1e-9)
    assert found.site_years < 60


def test_a_nonlinear_model_is_solved_in_far_fewer_years_than_it_needs():
    def year(states):
        uptake = 2.0 * states[:, :1] / (10.0 + states[:, :1])
        slow = states[:, 1:] * 0.999 + 0.05 * uptake
        return np.hstack([states[:, :1] * 0.9 + 1.0 + 0.002 * slow, slow])

    state = np.array([[1.0, 1.0]])
    for _ in range(25_000):
        state = year(state)
    found = solve(year, repeat(year), [1.0, 1.0])
    assert found.kind == "periodic"
    assert found.site_years < 100
    np.testing.assert_allclose(found.state, state[0], rtol=1e-7)


def curved(states):
    fast, slow = states[:, :1], states[:, 1:]
    uptake = 2.0 * fast / (10.0 + fast)
    return np.hstack([fast * 0.9 + 1.0 + 0.002 * slow, slow * 0.999 + 0.05 * uptake])


def test_a_jacobian_is_used_for_more_than_one_step():
    lanes = []

    def year(states):
        lanes.append(len(states))
        return curved(states)

    often = solve(curved, repeat(curved), [1.0, 1.0], newton_reuse=0)
    found = solve(year, repeat(curved), [1.0, 1.0])
    assert lanes.count(3) < 5
    assert lanes.count(1) > 1
    np.testing.assert_allclose(found.state, often.state, rtol=1e-8)


def test_an_orbit_whose_change_stays_is_left_after_few_passes():
    passes = [0]

    def cycle(states):
        passes[0] += 1
        return repeat(linear)(states) * (1.0 + 0.1 * (-1.0) ** passes[0])

    assert solve(linear, cycle, [1.0, 1.0, 1.0], groups=0).kind == "none"
    short = passes[0]
    solve(linear, cycle, [1.0, 1.0, 1.0], groups=0, patience=1000)
    assert short < 25 < passes[0] - short


def test_an_orbit_that_does_not_repeat_has_a_mean():
    phase = [0]

    def cycle(states):
        phase[0] += 1
        swing = 1.0 + 0.05 * np.sin(2.1 * phase[0])
        for _ in range(4):
            states = states @ PHI.T + INPUT * swing
        return states

    found = solve(linear, cycle, [1.0, 1.0, 1.0], mean_stop=5e-3)
    assert found.kind == "mean"
    np.testing.assert_allclose(found.state[2], FIXED[2], rtol=0.02)


def test_the_mean_of_a_stock_that_remembers_too_long_is_none():
    phase = [0]
    slow = PHI.copy()
    slow[:, 2] = 0.0, 0.0, 1.0 - 1e-6

    def year(states):
        return states @ slow.T + INPUT

    def cycle(states):
        phase[0] += 1
        for _ in range(4):
            states = states @ slow.T + INPUT * (1.0 + 0.05 * np.sin(2.1 * phase[0]))
        return states

    assert solve(year, cycle, [1.0, 1.0, 1.0], mean_stop=1.0).kind == "none"
    short = solve(year, cycle, [1.0, 1.0, 1.0], mean_stop=1.0, longest_memory=1e9)
    assert short.kind == "mean"


def test_a_model_that_breaks_down_has_none():
    def year(states):
        return states * np.nan

    found = solve(year, repeat(year), [1.0, 2.0])
    assert found.kind == "none"
    assert np.isnan(found.state).all()


def test_a_stock_that_grows_for_ever_has_none():
    def year(states):
        return states * 1.0 + np.array([[1.0, 2.0]])

    found = solve(year, repeat(year), [1.0, 2.0], groups=3)
    assert found.kind == "none"


def test_a_stock_that_nothing_moves_does_not_matter():
    def year(states):
        return np.hstack([linear(states[:, :3]), states[:, 3:]])

    found = solve(year, repeat(year), [1.0, 1.0, 1.0, 0.3])
    assert found.kind == "periodic"
    np.testing.assert_allclose(found.state, [*FIXED, 0.3], rtol=1e-9)


def test_a_change_without_numbers_is_none():
    from landmodels.spinup_algebra import steps

    one = np.array([1.0, 2.0, 1e-9])
    assert steps.relative_change(one, np.array([1.1, 2.0, 2e-9]), 1e-6) == (
        pytest.approx(0.1 / 1.1)
    )
    assert np.isnan(steps.relative_change(one, np.array([np.nan, 2.0, 0.0]), 1e-6))
    assert np.isnan(steps.relative_change(np.array([np.inf, 2.0, 0.0]), one, 1e-6))
