"""Tangent and adjoint of whole runs: dot product, complex step, Taylor, restarts."""

import numpy as np
import pytest

from landmodels.dalec_bethy.drivers import Drivers
from landmodels.dalec_bethy.equations.day import DAILY_OUTPUTS, PARAMETERS
from landmodels.dalec_bethy.plain import plain_run
from landmodels.dalec_bethy.problem import cell_problem
from landmodels.dalec_bethy.tile import Run, Tile

from .places import cell, drivers_of_place, point, tile_of

SITES = [("boreal", "EvCn"), ("savanna", "C3Gr"), ("temperate", "TmSg")]


def random_run(rng, n_days):
    zeros = Run.zeros(n_days)
    return Run(*(rng.standard_normal(a.shape) for a in
                 (zeros.states, zeros.daily, zeros.hourly)))  # fmt: skip


def product(a, b):
    return sum(
        float(np.sum(getattr(a, part) * getattr(b, part)))
        for part in ("states", "daily", "hourly")
    )


@pytest.mark.parametrize(("place", "kind"), SITES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_adjoint_is_the_transpose_of_the_tangent(place, kind, seed):
    rng = np.random.default_rng(seed)
    tile = tile_of(place, kind)
    parameters, state = point(kind, 0.5 * rng.standard_normal(23))
    d_parameters = parameters * rng.standard_normal(17)
    d_state = state * rng.standard_normal(10)
    run = tile.run(parameters, state)
    slope = tile.tangent(parameters, state, d_parameters, d_state)
    w = random_run(rng, tile.drivers.n_days)
    b_parameters, b_state = tile.adjoint(parameters, run.states, w)
    forward = product(w, slope)
    backward = float(b_parameters @ d_parameters + b_state @ d_state)
    assert backward == pytest.approx(forward, rel=1e-10)


@pytest.mark.parametrize(("place", "kind"), SITES)
def test_the_tangent_after_a_year_agrees_with_a_complex_step(place, kind):
    rng = np.random.default_rng(7)
    tile = tile_of(place, kind)
    parameters, state = point(kind, 0.3 * rng.standard_normal(23))
    d_parameters = parameters * rng.standard_normal(17)
    d_state = state * rng.standard_normal(10)
    moved = plain_run(
        tile, parameters + 1e-30j * d_parameters, state + 1e-30j * d_state
    )
    run = tile.run(parameters, state)
    slope = tile.tangent(parameters, state, d_parameters, d_state)
    for part in ("states", "daily", "hourly"):
        values, slopes = getattr(moved, part).real, getattr(moved, part).imag / 1e-30
        scale = np.max(np.abs(values), axis=0) + 1e-30
        assert np.max(np.abs(getattr(run, part) - values) / scale) < 1e-10
        scale = np.max(np.abs(slopes), axis=0) + 1e-30
        assert np.max(np.abs(getattr(slope, part) - slopes) / scale) < 1e-9


def test_no_cotangent_gives_no_gradient():
    tile = tile_of("temperate", "TmSg")
    parameters, state = point("TmSg", 0.0)
    run = tile.run(parameters, state)
    b_parameters, b_state = tile.adjoint(parameters, run.states, Run.zeros(365))
    assert np.all(b_parameters == 0.0)
    assert np.all(b_state == 0.0)


def test_a_parameter_without_effect_has_a_gradient_of_exactly_zero():
    tile = tile_of("temperate", "TmSg")
    parameters, state = point("TmSg", 0.0)
    run = tile.run(parameters, state)
    w = Run.zeros(365)
    w.daily[:, DAILY_OUTPUTS.index("gpp")] = 1.0
    b_parameters, _ = tile.adjoint(parameters, run.states, w)
    for name in ("p_l2s", "p_roo", "tor_w", "tor_r", "tor_lit", "tor_som", "p_t"):
        assert b_parameters[PARAMETERS.index(name)] == 0.0


@pytest.mark.parametrize("split", [1, 100, 364])
def test_a_window_in_two_parts_has_the_same_gradient(split):
    rng = np.random.default_rng(5)
    tile = tile_of("temperate", "TmSg")
    parameters, state = point("TmSg", 0.2)
    w = random_run(rng, 365)
    run = tile.run(parameters, state)
    whole = tile.adjoint(parameters, run.states, w)

    def part(days, n):
        d = tile.drivers
        drivers = Drivers(d.daily[days].copy(), d.hourly[days].copy())
        return Tile(drivers, tile.electron_ratio, tile.aerodynamic), n

    first, _ = part(slice(0, split), split)
    second, _ = part(slice(split, 365), 365 - split)
    early = first.run(parameters, state)
    late = second.run(parameters, early.states[-1])
    np.testing.assert_array_equal(late.states[-1], run.states[-1])
    w_late = Run(w.states[split:].copy(), w.daily[split:], w.hourly[split:])
    p_late, s_late = second.adjoint(parameters, late.states, w_late)
    w_early = Run(w.states[: split + 1].copy(), w.daily[:split], w.hourly[:split])
    w_early.states[-1] = s_late
    p_early, s_early = first.adjoint(parameters, early.states, w_early)
    np.testing.assert_allclose(p_early + p_late, whole[0], rtol=1e-9)
    np.testing.assert_allclose(s_early, whole[1], rtol=1e-9)


@pytest.fixture(scope="module")
def two_types():
    """A cell of two types whose observations are those of a known point."""
    types = [("EvCn", 0.67), ("EShr", 0.33)]
    problem = cell("boreal", types)
    truth = 0.3 * np.random.default_rng(2).standard_normal(problem.n)
    observations = problem.observations.with_values(problem.observe(truth))
    return cell_problem(drivers_of_place("boreal", 1, 1), types, observations)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dot_product_through_operators_and_transforms(two_types, seed):
    rng = np.random.default_rng(seed)
    x, v = 0.5 * rng.standard_normal((2, two_types.n))
    w = rng.standard_normal(two_types.observations.n)
    forward = float(w @ two_types.jvp(x, v))
    assert float(two_types.vjp(x, w) @ v) == pytest.approx(forward, rel=1e-10)


def test_the_taylor_remainder_falls_with_the_square_of_the_step(two_types):
    rng = np.random.default_rng(4)
    x, v = 0.3 * rng.standard_normal((2, two_types.n))
    cost, gradient = two_types.cost(x)
    slope = float(gradient @ v)
    steps = 10.0 ** -np.arange(1, 6)
    rest = np.array(
        [abs(two_types.cost(x + e * v)[0] - cost - e * slope) for e in steps]
    )
    order = np.log10(rest[:-1] / rest[1:])
    # Beyond these steps the rounding of J itself shows.
    good = rest[1:] > 1e-11 * cost
    assert good.sum() >= 3
    assert np.all(np.abs(order[good] - 2.0) < 0.15)


def test_the_columns_of_the_jacobian_are_tangents(two_types):
    rng = np.random.default_rng(6)
    x, v = 0.3 * rng.standard_normal((2, two_types.n))
    jacobian = two_types.jacobian(x)
    np.testing.assert_allclose(jacobian @ v, two_types.jvp(x, v), rtol=1e-9, atol=1e-12)


def test_gauss_newton_is_the_hessian_of_the_misfit_at_a_perfect_fit(two_types):
    rng = np.random.default_rng(2)
    truth = 0.3 * rng.standard_normal(two_types.n)
    s = two_types.jacobian(truth) / np.sqrt(two_types.observations.variance)[:, None]
    scale = np.max(np.abs(s.T @ s))
    for j in (0, 11, 16, 20, 46, 51):
        e = np.zeros(two_types.n)
        e[j] = 1e-4
        up, down = two_types.cost(truth + e)[1], two_types.cost(truth - e)[1]
        difference = (up - down) / 2e-4
        difference[j] -= 1.0  # the prior's part
        assert np.max(np.abs(difference - (s.T @ s)[j])) < 1e-6 * scale
