"""The Gaussian process against closed forms, scikit-learn and its own limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize

from masm.errors import InputError
from masm.gaussian_process.marginal_likelihood import Objective, default_start
from masm.gaussian_process.mean_function import Trend
from masm.gaussian_process.regression import GaussianProcess, SurrogateNotFitted


def wavy(x):
    return np.sin(4.0 * x[:, 0]) + x[:, 1] ** 2 - 0.5 * x[:, 0] * x[:, 1]


@pytest.fixture
def sample():
    rng = np.random.default_rng(3)
    x = rng.random((40, 3))
    return x, wavy(x)


@pytest.mark.parametrize("kernel", ["matern52", "gaussian"])
@pytest.mark.parametrize("mean", ["constant", "linear", "quadratic"])
def test_gradients_of_the_marginal_likelihood_match_finite_differences(
    sample, mean, kernel
):
    x, y = sample
    trend = Trend.of(mean, x)
    start = default_start(3, trend.curved)
    logs = start + np.linspace(-0.4, 0.5, len(start))

    def objective(inputs):
        return Objective(inputs, y, 0.01 * np.arange(len(y)), trend, kernel)

    value, gradient, moved = objective(x).with_inputs(logs)
    numeric = optimize.approx_fprime(logs, lambda p: objective(x)(p)[0], 1e-6)
    assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-4)
    for row, column in [(0, 0), (7, 1), (39, 2)]:
        other = x.copy()
        other[row, column] += 1e-6
        slope = (objective(other)(logs)[0] - value) / 1e-6
        assert_allclose(moved[row, column], slope, rtol=1e-3, atol=1e-3)


def test_prediction_agrees_with_scikit_learn_at_the_same_kernel(sample):
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    from sklearn.gaussian_process import GaussianProcessRegressor

    x, y = sample
    gp = GaussianProcess(mean="constant").fit(x, y, rng=np.random.default_rng(0))
    hyper = gp.hyper
    kernel = hyper.signal_variance * kernels.Matern(
        length_scale=hyper.length_scales, nu=2.5
    ) + kernels.ConstantKernel(100.0)
    reference = GaussianProcessRegressor(
        kernel, alpha=hyper.noise_variance, optimizer=None
    ).fit(x, (y - gp.y_mean) / gp.y_scale)
    points = np.random.default_rng(1).random((20, 3))
    mean, sd = reference.predict(points, return_std=True)
    ours, variance = gp.predict(points)
    assert_allclose(ours, gp.y_mean + gp.y_scale * mean, rtol=1e-6, atol=1e-8)
    assert_allclose(np.sqrt(variance), gp.y_scale * sd, rtol=1e-4)
    assert_allclose(gp.predict_mean(points), ours, rtol=1e-7, atol=1e-9)


def test_a_smooth_function_is_learned_and_its_error_is_foretold(sample):
    x, y = sample
    gp = GaussianProcess().fit(x, y, rng=np.random.default_rng(0))
    points = np.random.default_rng(5).random((200, 3))
    mean, variance = gp.predict(points)
    error = mean - wavy(points)
    assert np.sqrt(np.mean(error**2)) < 0.05
    assert 0.3 < np.sqrt(np.mean(error**2 / variance)) < 3.0


def test_an_exact_quadratic_needs_only_as_many_runs_as_coefficients():
    rng = np.random.default_rng(2)
    x = rng.random((20, 4))

    def target(p):
        return 300.0 * np.sum((p - 0.4) ** 2, axis=1) + p[:, 0] * p[:, 1]

    gp = GaussianProcess(mean="quadratic").fit(x, target(x), rng=rng)
    points = rng.random((50, 4))
    assert_allclose(gp.predict_mean(points), target(points), atol=0.5)


def test_appending_gives_the_same_surrogate_as_conditioning_on_all(sample):
    x, y = sample
    gp = GaussianProcess(mean="quadratic").fit(
        x[:30], y[:30], rng=np.random.default_rng(0)
    )
    whole = GaussianProcess.from_arrays(
        gp.to_arrays()
        | {"x": x, "y": y, "extra_variance": np.zeros(len(y))}
        | {"center": gp.trend.center, "spread": gp.trend.spread}
    )
    gp.append(x[30:35], y[30:35]).append(x[35:], y[35:])
    points = np.random.default_rng(1).random((20, 3))
    for ours, theirs in zip(gp.predict(points), whole.predict(points), strict=True):
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_leave_one_out_equals_really_leaving_one_out(sample):
    x, y = sample
    gp = GaussianProcess().fit(x, y, rng=np.random.default_rng(0))
    mean, variance = gp.leave_one_out()
    keep = np.arange(len(y)) != 7
    rest = GaussianProcess.from_arrays(
        gp.to_arrays() | {"x": x[keep], "y": y[keep], "extra_variance": np.zeros(39)}
    )
    expected_mean, expected_variance = rest.predict(x[7:8])
    assert_allclose(mean[7], expected_mean[0], rtol=1e-6)
    assert_allclose(variance[7], expected_variance[0] + gp.noise_sd**2, rtol=1e-4)


def test_joint_covariance_has_the_predicted_variances_on_its_diagonal(sample):
    x, y = sample
    gp = GaussianProcess().fit(x, y, rng=np.random.default_rng(0))
    points = np.random.default_rng(1).random((8, 3))
    mean, covariance = gp.predict_covariance(points)
    assert_allclose(mean, gp.predict(points)[0])
    assert_allclose(np.diag(covariance), gp.predict(points)[1], rtol=1e-4)


def test_a_saved_surrogate_predicts_the_same(sample):
    x, y = sample
    gp = GaussianProcess().fit(x, y, rng=np.random.default_rng(0))
    again = GaussianProcess.from_arrays(gp.to_arrays())
    assert np.array_equal(gp.predict(x)[0], again.predict(x)[0])


def test_duplicates_and_conflicting_outputs_become_noise_not_a_crash():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.random((10, 2)), 4, axis=0)
    y = x[:, 0] + 0.1 * rng.standard_normal(40)
    gp = GaussianProcess().fit(x, y, rng=rng)
    assert 0.03 < gp.noise_sd < 0.3
    assert np.isfinite(gp.predict(x)[1]).all()


def test_a_constant_output_is_predicted_as_that_constant():
    rng = np.random.default_rng(0)
    gp = GaussianProcess().fit(rng.random((12, 3)), np.full(12, 4.5), rng=rng)
    assert_allclose(gp.predict(rng.random((5, 3)))[0], 4.5, atol=1e-6)


def test_points_with_large_variance_are_not_believed(sample):
    x, y = sample
    wrong = y.copy()
    wrong[0] += 50.0
    extra = np.zeros(len(y))
    extra[0] = 1e4
    rng = np.random.default_rng(0)
    gp = GaussianProcess().fit(x, wrong, rng=rng, extra_variance=extra)
    assert abs(gp.predict(x[:1])[0][0] - y[0]) < 0.5


def test_the_same_seed_gives_the_same_bits(sample):
    x, y = sample
    fits = [GaussianProcess().fit(x, y, rng=np.random.default_rng(9)) for _ in "ab"]
    assert np.array_equal(fits[0].alpha, fits[1].alpha)


def test_wrong_input_is_refused_with_a_reason(sample):
    x, y = sample
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="row 3"):
        GaussianProcess().fit(x, np.where(np.arange(40) == 3, np.nan, y), rng=rng)
    with pytest.raises(InputError, match="unknown mean"):
        GaussianProcess(mean="cubic")
    with pytest.raises(InputError, match="shape"):
        GaussianProcess().fit(x, y[:5], rng=rng)
    with pytest.raises(SurrogateNotFitted, match="not fitted"):
        GaussianProcess().predict(x)
