"""Input warping and rotation: maps of the cube, and costs made quadratic."""

import numpy as np
from numpy.testing import assert_allclose

from masm.gaussian_process.regression import GaussianProcess
from masm.surrogates.input_warping import (
    Coordinates,
    Rotation,
    Warp,
    fit_warping,
    warp_for_quadratic,
)


def test_a_warp_maps_the_cube_onto_itself_and_rises_everywhere():
    parameter = np.array([-4.0, -1e-5, 0.0, 1e-5, 4.0])
    u = np.tile(np.linspace(0.0, 1.0, 101)[:, None], (1, 5))
    w = Warp(parameter)(u)
    assert_allclose(w[[0, -1]], [[0.0] * 5, [1.0] * 5], atol=1e-12)
    assert np.all(np.diff(w, axis=0) > 0.0)
    assert_allclose(w[:, 1:4], u[:, 1:4], atol=1e-5)
    # Opposite parameters are mirror images.
    assert_allclose(w[:, 0], 1.0 - w[::-1, 4], atol=1e-12)


def test_the_gradient_in_the_warp_parameter_matches_finite_differences():
    rng = np.random.default_rng(0)
    u, parameter = rng.random((30, 4)), np.array([-2.0, 0.0, 0.01, 3.0])
    numeric = (Warp(parameter + 1e-5)(u) - Warp(parameter - 1e-5)(u)) / 2e-5
    assert_allclose(Warp(parameter).parameter_gradient(u), numeric, atol=1e-6)


def crooked(u):
    """A bowl in the logarithm of the first parameter and the square of the second."""
    a, b = np.log(u[:, 0] + 0.05), u[:, 1] ** 2
    return ((a + 1.0) / 0.3) ** 2 + ((b + 0.5 * a - 0.1) / 0.1) ** 2


def test_the_gradient_in_the_parameter_matches_finite_differences():
    u = np.random.default_rng(0).uniform(0.05, 0.95, (30, 4))
    warp = Warp(np.array([-3.0, 0.0, 5e-4, 4.0]))
    numeric = (warp(u + 1e-6) - warp(u - 1e-6)) / 2e-6
    assert_allclose(warp.gradient(u), numeric, rtol=1e-6)


def test_the_warp_that_makes_a_crooked_cost_quadratic_is_found():
    rng = np.random.default_rng(1)
    u = rng.random((60, 2))
    cost = crooked(u)
    warp = warp_for_quadratic(u, cost, 0.5 + 0.1 * cost)
    assert warp.parameter[0] > 1.0
    assert warp.parameter[1] < -1.0


def test_fitting_the_warp_raises_the_likelihood_and_predicts_better():
    rng = np.random.default_rng(2)
    u, new = rng.random((40, 2)), rng.random((200, 2))
    cost = crooked(u)
    straight = Coordinates(Warp.identity(2), Rotation.identity(2))
    gp = GaussianProcess(mean="quadratic").fit(straight(u), cost, rng=rng)
    before = gp.log_posterior
    error = np.std(gp.predict_mean(straight(new)) - crooked(new))
    warped = fit_warping(gp, u, straight, 60)
    assert gp.log_posterior + warped.log_prior() > before
    assert np.std(gp.predict_mean(warped(new)) - crooked(new)) < 0.7 * error


def test_posterior_axes_make_a_correlated_cloud_round():
    rng = np.random.default_rng(0)
    covariance = np.array([[0.01, 0.0095], [0.0095, 0.01]])
    u = rng.multivariate_normal([0.5, 0.5], covariance, 400)
    excess = np.einsum("ij,jk,ik->i", u - 0.5, np.linalg.inv(covariance), u - 0.5)
    moved = Rotation.principal_axes(u, excess)(u)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.1
    assert_allclose(moved.std(axis=0)[0] / moved.std(axis=0)[1], 1.0, rtol=0.15)
