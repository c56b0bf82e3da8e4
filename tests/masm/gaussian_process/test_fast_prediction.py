"""Compiled predictions are those of the processes, one by one."""

import math

import numpy as np
import pytest

from masm.gaussian_process.fast_exp import exp_minus
from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.gaussian_process.regression import GaussianProcess

KINDS = [("linear", "matern52"), ("quadratic", "gaussian"), ("constant", "matern52")]


# Four parameters are summed at a time: some numbers of them leave a rest.
@pytest.fixture(params=[1, 4, 6, 9])
def processes(request):
    """Three kinds at the same 40 runs."""
    rng = np.random.default_rng(3)
    x = rng.random((40, request.param))
    outputs = [np.sin(3.0 * x[:, 0]) + x[:, -1] ** 2, x.sum(axis=1), np.exp(-x[:, 0])]
    return [
        GaussianProcess(mean=mean, kernel=kernel).fit(
            x, y + 0.01 * rng.standard_normal(40), rng=rng, n_starts=1
        )
        for (mean, kernel), y in zip(KINDS, outputs, strict=True)
    ]


def test_means_and_variances_are_those_of_each_process(processes):
    compiled = CompiledProcesses(processes, certain={2})
    u = np.random.default_rng(4).random((300, processes[0].x.shape[1]))
    mean, variance = compiled.predict(u)
    assert np.all(variance[2] == 0.0)
    np.testing.assert_allclose(compiled.mean(u), mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(compiled.gradient(u)[0], mean, rtol=1e-10, atol=1e-12)
    for k, gp in enumerate(processes):
        one, own = gp.predict(u)
        np.testing.assert_allclose(mean[k], one, rtol=1e-9, atol=1e-10)
        if k != 2:
            np.testing.assert_allclose(variance[k], own, rtol=1e-5, atol=1e-9)


def test_variances_are_made_only_where_they_are_needed(processes):
    compiled = CompiledProcesses(processes, certain=set())
    u = np.random.default_rng(5).random((300, processes[0].x.shape[1]))
    mean, variance = compiled.predict(u)
    wanted = mean[0] > np.median(mean[0])
    seen = []

    def needed(means, at):
        np.testing.assert_array_equal(means, mean[:, at])
        seen.append(at)
        return wanted[at]

    _, some = compiled.predict(u, needed)
    assert len(seen) > 1
    assert np.all(some[:, ~wanted] == 0.0)
    np.testing.assert_allclose(some[:, wanted], variance[:, wanted], rtol=1e-7)


def test_the_compiled_exponential_is_one():
    for y in (0.0, 1e-9, 0.3, 2.0, 17.0, 100.0):
        assert exp_minus(y) == pytest.approx(math.exp(-y), rel=1e-12, abs=0.0)
    assert 0.0 <= exp_minus(math.inf) < 1e-200
    assert math.isnan(exp_minus(math.nan))
