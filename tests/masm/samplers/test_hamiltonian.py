"""Chains led by an approximate density sample the exact one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.gaussian_process.regression import GaussianProcess
from masm.samplers.hamiltonian import hamiltonian_chains


class WrongNormal:
    """An approximation that is off in place and in width."""

    def __init__(self, mean, sd):
        self.mean, self.sd = mean, sd

    def value(self, u):
        return -0.5 * np.sum(((u - self.mean) / self.sd) ** 2, axis=1)

    def value_and_gradient(self, u):
        return self.value(u), -(u - self.mean) / self.sd**2


def sampled(log_density, approximation, d, n_steps=600):
    rng = np.random.default_rng(1)
    return hamiltonian_chains(
        log_density,
        approximation,
        np.clip(
            approximation.mean + approximation.sd * rng.standard_normal((300, d)),
            0.01,
            0.99,
        ),
        rng=rng,
        n_chains=40,
        n_steps=n_steps,
        n_burn=100,
    )


def test_a_wrong_approximation_leads_to_the_right_normal():
    mean, sd = np.array([0.5, 0.45]), np.array([0.05, 0.08])
    chains = sampled(
        lambda u: -0.5 * np.sum(((u - mean) / sd) ** 2, axis=1),
        WrongNormal(mean + 0.03, 1.3 * sd),
        2,
    )
    assert_allclose(chains.pooled.mean(axis=0), mean, atol=0.004)
    assert_allclose(chains.pooled.std(axis=0), sd, rtol=0.05)


def test_mass_at_a_bound_is_neither_piled_up_nor_lost():
    """Half a normal at the lower bound, and a parameter that does nothing."""
    chains = sampled(
        lambda u: -0.5 * (u[:, 0] / 0.1) ** 2,
        WrongNormal(np.array([0.1, 0.5]), np.array([0.1, 1.0])),
        2,
    )
    half = stats.halfnorm(scale=0.1)
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    assert_allclose(
        np.quantile(chains.pooled[:, 0], quantiles), half.ppf(quantiles), atol=0.008
    )
    assert_allclose(np.quantile(chains.pooled[:, 1], quantiles), quantiles, atol=0.04)


def test_a_curved_ridge_of_two_parameters_is_walked_from_end_to_end():
    """Only the product is known: each alone spreads over most of its range."""

    class Product:
        mean, sd = np.array([0.5, 0.5]), np.array([0.2, 0.2])

        def value(self, u):
            return -0.5 * ((u[:, 0] * u[:, 1] - 0.2) / 0.01) ** 2

        def value_and_gradient(self, u):
            off = -(u[:, 0] * u[:, 1] - 0.2) / 0.01**2
            return self.value(u), off[:, None] * u[:, ::-1]

    approximation = Product()
    chains = sampled(approximation.value, approximation, 2)
    # The density of the first parameter, by quadrature over the second.
    first, second = np.linspace(0.0, 1.0, 1001), np.linspace(0.0, 1.0, 4001)
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
    density = (
        np.exp(approximation.value(grid.reshape(-1, 2))).reshape(1001, 4001).sum(axis=1)
    )
    fraction = np.cumsum(density) / density.sum()
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    assert_allclose(
        np.quantile(chains.pooled[:, 0], quantiles),
        np.interp(quantiles, fraction, first),
        atol=0.012,
    )


def test_what_is_impossible_is_never_entered():
    chains = sampled(
        lambda u: np.where(u[:, 0] < u[:, 1], 0.0, -np.inf),
        WrongNormal(np.array([0.3, 0.7]), np.array([0.3, 0.3])),
        2,
        n_steps=300,
    )
    inside = chains.log_density[:, 50:] > -np.inf
    assert np.all(chains.u[:, 50:][inside][:, 0] < chains.u[:, 50:][inside][:, 1])
    assert inside.mean() > 0.99


@pytest.mark.parametrize("mean", ["linear", "quadratic"])
@pytest.mark.parametrize("kernel", ["gaussian", "matern52"])
def test_compiled_processes_predict_what_the_processes_do(kernel, mean):
    rng = np.random.default_rng(2)
    x = rng.random((40, 3))
    outputs = [np.sin(4 * x[:, 0]) + x[:, 1], x[:, 2] ** 2 - x[:, 0]]
    processes = [
        GaussianProcess(mean=mean, kernel=kernel).fit(x, y, rng=rng) for y in outputs
    ]
    compiled = CompiledProcesses(processes, certain={1})
    u = rng.random((300, 3))
    mean, variance = compiled.predict(u)
    same_mean, gradient = compiled.gradient(u)
    for j, gp in enumerate(processes):
        expected, expected_variance = gp.predict(u)
        assert_allclose(mean[j], expected, atol=1e-8)
        assert_allclose(compiled.mean(u)[j], expected, atol=1e-8)
        assert_allclose(same_mean[j], expected, atol=1e-8)
        wanted = 0.0 if j == 1 else expected_variance
        assert_allclose(variance[j], wanted, atol=1e-8)
        step = 1e-5 * np.eye(3)
        for k in range(3):
            slope = gp.predict_mean(u + step[k]) - gp.predict_mean(u - step[k])
            assert_allclose(gradient[j, :, k], slope / 2e-5, atol=1e-4)
