"""Quadratics that lead chains in place of processes: right where they are used."""

import numpy as np
from numpy.testing import assert_allclose

from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.gaussian_process.regression import GaussianProcess
from masm.surrogates.quadratic_means import QuadraticMeans


def test_a_quadratic_output_is_replaced_and_a_wavy_one_is_not():
    rng = np.random.default_rng(0)
    x = rng.random((60, 2))
    bowl = 3.0 * (x[:, 0] - 0.4) ** 2 + x[:, 0] * x[:, 1]
    wavy = 3.0 * np.sin(15.0 * x[:, 0])
    processes = [
        GaussianProcess(mean="quadratic", kernel="gaussian").fit(x, y, rng=rng)
        for y in (wavy, bowl)
    ]
    exact = CompiledProcesses(processes, {0, 1})
    draws = rng.uniform(0.2, 0.8, (300, 2))
    means = QuadraticMeans(processes, draws, exact.mean(draws), np.ones(2), 0.8)
    assert (means.quadratic.tolist(), means.other.tolist()) == ([1], [0])
    points = rng.uniform(0.2, 0.8, (50, 2))
    assert_allclose(means.mean(points), exact.mean(points), atol=0.02)
    value, gradient = means.gradient(points)
    assert_allclose(value, means.mean(points), atol=1e-8)
    for j, step in enumerate(1e-6 * np.eye(2)):
        change = (means.mean(points + step) - means.mean(points - step)) / 2e-6
        assert_allclose(gradient[:, :, j], change, rtol=1e-3, atol=0.01)


def test_as_many_coefficients_as_draws_prove_nothing():
    rng = np.random.default_rng(1)
    x = rng.random((40, 3))
    gp = GaussianProcess().fit(x, np.sin(9.0 * x[:, 0]), rng=rng)
    draws = rng.random((10, 3))
    mean = CompiledProcesses([gp], {0}).mean(draws)
    assert len(QuadraticMeans([gp], draws, mean, np.ones(1), 0.8).quadratic) == 0
