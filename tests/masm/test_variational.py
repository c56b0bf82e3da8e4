"""Variational methods on problems whose answer is known."""

import doctest
import importlib

import numpy as np
import pytest

from masm.errors import InputError
from masm.information import (
    information_content,
    posterior_covariance,
    target_covariance,
    uncertainty_reduction,
)
from masm.methods.variational import (
    Objective,
    four_d_en_var,
    four_d_var,
    gauss_newton,
    gauss_newton_covariance,
    laplace_posterior,
    low_rank_covariance,
)


class Linear:
    """Observations ``M x``."""

    def __init__(self, matrix):
        self.matrix = matrix

    def observe(self, x):
        return self.matrix @ x

    def vjp(self, x, w):
        return self.matrix.T @ w

    def jacobian(self, x):
        return self.matrix


class Curved(Linear):
    """Observations ``exp(M x)``."""

    def observe(self, x):
        return np.exp(self.matrix @ x)

    def vjp(self, x, w):
        return self.matrix.T @ (w * np.exp(self.matrix @ x))

    def jacobian(self, x):
        return self.matrix * np.exp(self.matrix @ x)[:, None]


def spd(rng, n):
    a = rng.standard_normal((n, n))
    return a @ a.T + n * np.eye(n)


@pytest.fixture(params=["variances", "matrices"])
def linear(request):
    rng = np.random.default_rng(5)
    m = rng.standard_normal((12, 4))
    r = rng.uniform(0.5, 2.0, 12)
    b = rng.uniform(0.5, 2.0, 4)
    if request.param == "matrices":
        r, b = spd(rng, 12) / 12.0, spd(rng, 4) / 4.0
    return m, rng.standard_normal(12), r, rng.standard_normal(4), b


def full(covariance):
    return np.diag(covariance) if covariance.ndim == 1 else covariance


def closed_form(linear):
    m, y, r, xb, b = linear
    a = np.linalg.inv(m.T @ np.linalg.solve(full(r), m) + np.linalg.inv(full(b)))
    return xb + a @ m.T @ np.linalg.solve(full(r), y - m @ xb), a


def objective(linear, kind=Linear):
    m, y, r, xb, b = linear
    return Objective(kind(m), y, r, xb, b)


def test_the_minimum_of_a_linear_problem_has_a_closed_form(linear):
    x, _ = closed_form(linear)
    cost = objective(linear)
    start = linear[3]
    found = four_d_var(
        cost, start, bounds=None, cost_tolerance=1e-16, gradient_tolerance=1e-12
    )
    np.testing.assert_allclose(found.x, x, atol=1e-7)
    assert found.converged
    newton = gauss_newton(cost, start)
    np.testing.assert_allclose(newton.x, x, atol=1e-10)
    assert newton.best.n_iterations <= 3


def test_the_posterior_covariance_of_a_linear_problem_has_a_closed_form(linear):
    m, _, r, _, b = linear
    _, a = closed_form(linear)
    np.testing.assert_allclose(gauss_newton_covariance(m, r, b), a, atol=1e-12)
    np.testing.assert_allclose(posterior_covariance(m, r, full(b)), a, atol=1e-12)


def test_few_observations_of_many_controls_give_the_same_covariance():
    rng = np.random.default_rng(8)
    m = rng.standard_normal((3, 9))
    expected = np.linalg.inv(m.T @ m + np.eye(9))
    np.testing.assert_allclose(
        posterior_covariance(m, np.ones(3)), expected, atol=1e-12
    )


def test_the_gradient_of_the_cost_is_that_of_its_differences(linear):
    cost = objective(linear, Curved)
    x, v = 0.1 * np.random.default_rng(2).standard_normal((2, 4))
    slope = cost(x)[1] @ v
    up, down = cost(x + 1e-5 * v)[0], cost(x - 1e-5 * v)[0]
    assert (up - down) / 2e-5 == pytest.approx(slope, rel=1e-7)


def test_gauss_newton_and_lbfgsb_find_the_same_minimum(linear):
    m, _, r, xb, b = linear
    # Observations that the model can meet: the curvature left out is then small.
    fitting = Curved(m).observe(np.array([0.3, -0.2, 0.1, 0.4]))
    cost = objective((m, fitting, r, 0.0 * xb, b), Curved)
    newton = gauss_newton(cost, np.zeros(4))
    found = four_d_var(cost, np.zeros(4), bounds=None, cost_tolerance=1e-15)
    assert newton.cost == pytest.approx(found.cost, rel=1e-8)
    assert newton.best.n_evaluations < found.n_evaluations


def test_a_bound_that_holds_the_minimum_is_named():
    found = four_d_var(
        lambda x: (0.5 * float(np.sum((x - 3.0) ** 2)), x - 3.0),
        np.zeros(2),
        bounds=(np.array([-1.0, -9.0]), np.array([1.0, 9.0])),
        names=["a", "b"],
    )
    np.testing.assert_allclose(found.x, [1.0, 3.0], atol=1e-6)
    assert found.at_bound == ("a",)
    assert "at a bound: a" in found.summary()


def test_other_starts_find_the_deeper_of_two_wells():
    def cost(x):
        value = (x**2 - 1.0) ** 2 + 0.3 * x
        return float(value[0]), 4.0 * x * (x**2 - 1.0) + 0.3

    alone = four_d_var(cost, [0.9])
    several = four_d_var(
        cost, [0.9], n_starts=6, spread=1.5, rng=np.random.default_rng(1)
    )
    assert alone.x[0] > 0.0
    assert several.x[0] < 0.0
    assert 1 <= several.n_agreeing < 6
    again = four_d_var(
        cost, [0.9], n_starts=6, spread=1.5, rng=np.random.default_rng(1)
    )
    np.testing.assert_array_equal(again.x, several.x)


def test_a_cost_that_fails_is_met_with_half_the_step():
    def cost(x):
        if x[0] > 2.0:
            return np.nan, np.full(1, np.nan)
        return float((x[0] - 1.9) ** 2), 200.0 * (x - 1.9) / 100.0

    found = four_d_var(lambda x: tuple(50.0 * v for v in cost(x)), [0.0])
    assert found.x[0] == pytest.approx(1.9, abs=1e-4)
    assert len(found.best.not_finite) >= 1
    assert all(x[0] > 2.0 for x in found.best.not_finite)
    assert "not finite" in found.summary()


def test_a_cost_that_fails_everywhere_is_said_to():
    with pytest.raises(InputError, match="cost") as caught:
        four_d_var(lambda x: (np.inf, x), np.zeros(2), names=["vm", "lma"])
    assert "vm 0" in str(caught.value)


def test_a_collapse_is_reported_with_the_minimum():
    found = four_d_var(
        lambda x: (0.5 * float(x @ x), x), [1.0], collapsed=lambda x: ["tile 0, year 2"]
    )
    assert "collapsed: tile 0, year 2" in found.summary()


def test_draws_of_a_normal_posterior_are_reliable():
    a = np.array([[0.5, 0.2], [0.2, 0.3]])
    inverse = np.linalg.inv(a)
    rng = np.random.default_rng(3)
    found = laplace_posterior(
        lambda x: 0.5 * float(x @ inverse @ x), np.zeros(2), a, n_draws=4000, rng=rng
    )
    assert found.status == "reliable"
    assert found.effective_share == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(np.cov(found.draws.T), a, atol=0.03)
    np.testing.assert_allclose(found.weighted_sd, found.sd, rtol=0.05)


def test_draws_of_another_posterior_are_not_reliable():
    rng = np.random.default_rng(3)
    # The true posterior is ten times as narrow in each of eight directions.
    found = laplace_posterior(
        lambda x: 50.0 * float(x @ x), np.zeros(8), np.eye(8), n_draws=500, rng=rng
    )
    assert found.status == "unreliable"
    assert "effective" in found.reasons[0]


def test_bounds_collapse_and_failed_draws_make_a_posterior_doubtful():
    rng = np.random.default_rng(3)

    def cost(x):
        return np.nan if x[0] > 1.5 else 0.5 * float(x @ x)

    found = laplace_posterior(
        cost, np.zeros(1), np.eye(1), n_draws=500, rng=rng, at_bound=["vm"]
    )
    assert found.status == "doubtful"
    assert found.n_not_finite > 5
    assert np.all(found.weights[found.draws[:, 0] > 1.5] == 0.0)
    assert any("vm" in reason for reason in found.reasons)


def test_lanczos_gives_the_covariance_of_a_problem_of_low_rank():
    rng = np.random.default_rng(4)
    s = rng.standard_normal((6, 40))
    found = low_rank_covariance(lambda v: s.T @ (s @ v), 40, 8, rng=rng)
    np.testing.assert_allclose(found, np.linalg.inv(s.T @ s + np.eye(40)), atol=1e-9)


def test_a_large_ensemble_finds_the_minimum_of_a_linear_problem(linear):
    m, y, r, xb, b = linear
    x, a = closed_form(linear)
    found = four_d_en_var(
        lambda x: m @ x, y, r, xb, b, n_members=4000, rng=np.random.default_rng(6)
    )
    scale = np.sqrt(np.diag(a))
    assert np.max(np.abs(found.x - x) / scale) < 0.1
    np.testing.assert_allclose(found.sd, scale, rtol=0.05)
    assert found.cost < found.cost_at_background


def test_more_rounds_of_an_ensemble_lower_the_true_cost(linear):
    m, _, r, xb, b = linear
    scaled = (0.5 * m, np.exp(0.5 * m @ np.full(4, 0.3)), r, 0.0 * xb, b)
    model = Curved(scaled[0])
    lowest = gauss_newton(Objective(model, *scaled[1:]), np.zeros(4)).cost
    done = four_d_en_var(
        model.observe, *scaled[1:], n_members=100, n_rounds=5,
        rng=np.random.default_rng(6),
    )  # fmt: skip
    assert np.all(np.diff(done.costs) <= 0.0)
    assert done.cost == pytest.approx(lowest, rel=0.02)


def test_members_that_fail_are_left_out_and_counted():
    def observe(x):
        return np.full(1, np.nan) if x[0] > 1.0 else x

    found = four_d_en_var(
        observe, [0.5], [1.0], [0.0], [1.0], n_members=200, rng=np.random.default_rng(1)
    )
    assert 10 < found.n_failed < 70
    assert np.isfinite(found.x).all()


class OnlyRun:
    """A model without derivatives."""

    def observe(self, x):
        return x


def test_a_model_without_derivatives_has_no_exact_adjoint():
    with pytest.raises(InputError, match="OnlyRun has no derivatives") as caught:
        Objective(OnlyRun(), [1.0], [1.0], [0.0], [1.0])
    assert "vjp" in str(caught.value)
    assert "4DEnVar" in str(caught.value)


def test_gauss_newton_needs_a_jacobian():
    class OnlyAdjoint(OnlyRun):
        def vjp(self, x, w):
            return w

    cost = Objective(OnlyAdjoint(), [1.0], [1.0], [0.0], [1.0])
    with pytest.raises(InputError, match="jacobian"):
        gauss_newton(cost, [0.0])


@pytest.mark.parametrize(
    ("r", "b", "message"),
    [
        ([1.0, -1.0], [1.0], "R, variance 1"),
        ([1.0, 0.0], [1.0], "R, variance 1"),
        ([1.0, np.nan], [1.0], "R, variance 1"),
        ([[1.0, 2.0], [2.0, 1.0]], [1.0], "R is not positive definite"),
        ([1.0, 1.0], [[-1.0]], "B, variance 0"),
        ([[1.0, 0.5], [0.1, 1.0]], [1.0], "R"),
        ([1.0], [1.0], "R"),
    ],
)
def test_covariances_that_are_none_are_refused(r, b, message):
    with pytest.raises(InputError, match=message) as caught:
        Objective(Linear(np.ones((2, 1))), [1.0, 1.0], r, [0.0], b)
    assert "wanted" in str(caught.value)


def test_a_background_covariance_that_is_not_positive_definite_is_refused():
    with pytest.raises(InputError, match="B is not positive definite") as caught:
        Objective(
            Linear(np.ones((1, 2))), [1.0], [1.0], np.zeros(2), [[1.0, 2.0], [2.0, 1.0]]
        )
    assert "-1" in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"start": [5.0]}, "start"),
        ({"start": [np.nan]}, "start"),
        ({"start": [0.0], "bounds": ([1.0], [1.0])}, "bounds"),
        ({"start": [0.0], "n_starts": 2}, "rng"),
    ],
)
def test_a_search_that_cannot_begin_is_refused(keywords, message):
    with pytest.raises(InputError, match=message):
        four_d_var(lambda x: (0.5 * float(x @ x), x), **keywords)


# Information content


@pytest.fixture(scope="module")
def content():
    rng = np.random.default_rng(9)
    m = rng.standard_normal((30, 5))
    m[:, 4] = 0.0  # a control that nothing sees
    streams = np.repeat(["sif", "lvod", "ssm"], 10)
    return information_content(
        m, rng.uniform(0.5, 2.0, 30), streams, names=list("abcde"),
        target_jacobian=rng.standard_normal((2, 5)), target_names=["gpp", "nee"],
    )  # fmt: skip


def test_more_streams_never_know_less(content):
    prior = np.eye(5)
    everything = content.covariance["all"]
    for name, a in content.covariance.items():
        assert np.linalg.eigvalsh(a - everything)[0] >= -1e-10
        assert np.linalg.eigvalsh(prior - a)[0] >= -1e-10
        if name != "all":
            assert np.all(content.target_sd[name] >= content.target_sd["all"] - 1e-12)
            assert content.signal[name] < content.signal["all"]


def test_what_nothing_sees_is_not_reduced(content):
    for reduction in content.reduction.values():
        assert reduction[4] == pytest.approx(0.0, abs=1e-12)
        assert np.all((reduction >= -1e-12) & (reduction < 1.0))


def test_a_target_without_prior_uncertainty_has_no_reduction():
    assert np.isnan(uncertainty_reduction([0.0], [0.0])[0])
    np.testing.assert_allclose(
        target_covariance([[1.0, 2.0]], np.diag([1.0, 0.25])), [[2.0]]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variance": [1.0, -2.0]}, "variance 1"),
        ({"variance": [1.0]}, "variance"),
        ({"streams": ["a"]}, "streams"),
        ({"names": ["x", "y"]}, "names"),
        ({"target_names": ["gpp"]}, "target_jacobian"),
        ({"prior_covariance": [[-1.0]]}, "prior covariance"),
        ({"jacobian": [[np.nan], [1.0]]}, "jacobian"),
    ],
)
def test_information_of_what_does_not_fit_is_refused(change, message):
    row = {"jacobian": [[1.0], [2.0]], "variance": [1.0, 1.0], "streams": ["a", "b"],
           "names": ["x"]} | change  # fmt: skip
    with pytest.raises(InputError, match=message):
        information_content(
            row.pop("jacobian"), row.pop("variance"), row.pop("streams"), **row
        )


@pytest.mark.parametrize(
    "name",
    [
        "masm.minimisation.objective",
        "masm.minimisation.four_d_var",
        "masm.methods.variational.gauss_newton",
        "masm.methods.variational.hessian",
        "masm.methods.variational.four_d_en_var",
        "masm.information.content",
    ],
)
def test_examples_in_the_documentation_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_a_search_says_in_words_why_it_ended():
    def bowl(x):
        return float(x @ x), 2.0 * x

    def steep(x):
        return float(np.sum(x**4)), 4.0 * x**3

    found = four_d_var(bowl, np.ones(3), n_starts=1)
    assert "converged: the" in found.summary()
    assert "FACTR" not in found.summary()
    stopped = four_d_var(steep, np.ones(3), n_starts=1, max_evaluations=2)
    assert "NOT converged: the evaluations" in stopped.summary()
