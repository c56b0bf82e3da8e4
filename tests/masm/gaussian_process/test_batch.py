"""Processes fitted together are those fitted one by one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from masm.errors import InputError
from masm.gaussian_process.batch import Batched, fit_many
from masm.gaussian_process.regression import GaussianProcess

# One objective and its gradient, in exact arithmetic equal: only rounding differs.
ROUNDING = 1e-7
# The same search of both, with the same last step, ends this close in log posterior
# (a search beyond the tolerance would end 1e-3 higher), and its predictions within this
# fraction of the predicted standard deviation.
SEARCH, FRACTION = 1e-4, 0.01


@pytest.fixture
def torch():
    # Its import takes seconds and its threads would fight over the cores.
    package = pytest.importorskip("torch", reason="masm[torch] is not installed")
    pytest.importorskip("gpytorch", reason="masm[torch] is not installed")
    package.set_num_threads(1)
    return package


@pytest.fixture(params=[3])
def pixels(request):
    """Four outputs of three parameters, each at points of its own."""
    rng = np.random.default_rng(request.param)
    x = rng.random((4, 45, 3))
    y = np.stack(
        [
            np.sin(4 * x[0, :, 0]) + x[0, :, 1] ** 2,
            np.exp(-3 * x[1, :, 2]) * x[1, :, 0],
            1e3 + 50.0 * np.abs(x[2, :, 1] - 0.4),
            1e-4 * rng.standard_normal(45) + 0.01 * x[3, :, 0],
        ]
    )
    return x, y, 1e-6 * np.var(y, axis=1)[:, None] * rng.random(y.shape)


def rngs(n=4):
    return [np.random.default_rng([5, k]) for k in range(n)]


@pytest.mark.parametrize("kernel", ["matern52", "gaussian"])
@pytest.mark.parametrize("mean", ["constant", "linear", "quadratic"])
def test_the_log_posterior_and_its_gradient_are_the_same(torch, pixels, mean, kernel):
    from masm.gaussian_process.batch_torch import Batch

    made = []
    for a, b, v in zip(*pixels, strict=True):
        process = GaussianProcess(mean=mean, kernel=kernel)
        process._set_data(a, b, v)
        made.append(process)
    rng = np.random.default_rng(0)
    logs = rng.normal(-0.5, 0.7, (4, 6 if mean == "quadratic" else 5))
    logs[:, 4] -= 5.0
    batch = Batch(made, "cpu")
    for who in ([0, 1, 2, 3], [1, 3]):
        answers = batch.objective(who, [logs[i] for i in who])
        for i, (value, gradient) in zip(who, answers, strict=True):
            own_value, own_gradient = made[i].objective()(logs[i])
            assert value == pytest.approx(own_value, rel=ROUNDING)
            assert_allclose(gradient, own_gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mean", ["linear", "quadratic"])
def test_predictions_at_the_same_hyper_parameters_are_the_same(torch, pixels, mean):
    x, y, extra = pixels
    own = fit_many(
        x, y, rngs=rngs(), extra_variance=extra, mean=mean, n_starts=1, backend="own"
    )
    points = np.random.default_rng(1).random((4, 30, 3))
    means, variances = Batched(own.processes, "cpu").predict(points)
    own_means, own_variances = own.predict(points)
    spread = y.std(axis=1)[:, None]
    assert_allclose(means / spread, own_means / spread, atol=ROUNDING)
    assert_allclose(variances / spread**2, own_variances / spread**2, atol=ROUNDING)


@pytest.mark.parametrize("pixels", range(3), indirect=True)
def test_fits_are_those_of_one_by_one(torch, pixels):
    x, y, extra = pixels
    options = {"extra_variance": extra, "n_starts": 2}
    own = fit_many(x, y, rngs=rngs(), backend="own", **options)
    both = fit_many(x, y, rngs=rngs(), backend="gpytorch", **options)
    for one, other in zip(own.processes, both.processes, strict=True):
        assert other.log_posterior == pytest.approx(one.log_posterior, abs=SEARCH)
    points = np.random.default_rng(1).random((30, 3))
    means, variances = both.predict(points)
    own_means, own_variances = own.predict(points)
    assert np.all(np.abs(means - own_means) < FRACTION * np.sqrt(own_variances))
    assert_allclose(variances, own_variances, rtol=2 * FRACTION)


def test_a_process_does_not_depend_on_its_company(torch, pixels):
    x, y, _ = pixels
    whole = fit_many(x, y, rngs=rngs(), n_starts=2, backend="gpytorch")
    part = fit_many(x[1:3], y[1:3], rngs=rngs()[1:3], n_starts=2, backend="gpytorch")
    for one, other in zip(whole.processes[1:3], part.processes, strict=True):
        assert other.log_posterior == pytest.approx(one.log_posterior, abs=SEARCH)


def test_points_twice_in_a_process_do_not_spoil_the_others(torch, pixels):
    x, y, _ = (array.copy() for array in pixels)
    x[0, 1:20], y[0, 1:20] = x[0, 0], y[0, 0]
    found = fit_many(
        x, y, rngs=rngs(), n_starts=1, backend="gpytorch", noise_floor=1e-12
    )
    assert all(np.isfinite(process.log_posterior) for process in found.processes)


def test_without_a_device_the_own_processes_are_used(pixels):
    x, y, _ = pixels
    found = fit_many(x, y, rngs=rngs(), n_starts=1)
    alone = GaussianProcess().fit(x[2], y[2], rng=rngs()[2], n_starts=1)
    assert not isinstance(found, Batched)
    assert found.processes[2].log_posterior == alone.log_posterior


def test_shared_points_need_not_be_repeated(pixels):
    x, y, _ = pixels
    shared = fit_many(x[0], y, rngs=rngs(), n_starts=1)
    repeated = fit_many(np.stack([x[0]] * 4), y, rngs=rngs(), n_starts=1)
    for a, b in zip(shared.predict(x[1]), repeated.predict(x[1]), strict=True):
        assert np.array_equal(a, b)


def test_what_is_wrong_is_said(pixels):
    x, y, _ = pixels
    with pytest.raises(InputError, match="generator for each"):
        fit_many(x, y, rngs=rngs(3))
    with pytest.raises(InputError, match="unknown backend"):
        fit_many(x, y, rngs=rngs(), backend="tensorflow")
    with pytest.raises(InputError, match="no device"):
        fit_many(x, y, rngs=rngs(), backend="own", device="cuda")
