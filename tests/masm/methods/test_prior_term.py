"""What 4dvar and laplace minimise is the posterior's own density, whatever the prior.

Coordinates are standard normal under the prior, so that its term is z'z / 2: for a
uniform prior that is the derivative of the transform that keeps the bounds, and no
knowledge of the parameter.
"""

import numpy as np
import pytest
from scipy import stats

import masm
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.differentiable import DifferentiableProblem
from masm.problem.problem import Problem
from masm.runners.series_runner import ModelRunner

DENSITIES = {
    "uniform": (masm.Uniform(2.0, 5.0), stats.uniform(2.0, 3.0)),
    "log_uniform": (masm.LogUniform(0.1, 20.0), stats.loguniform(0.1, 20.0)),
    "normal": (
        masm.TruncatedNormal(0.0, 4.0, mean=1.0, sd=2.0),
        stats.truncnorm(-0.5, 1.5, 1.0, 2.0),
    ),
}


def curved(theta):
    a = np.atleast_1d(dict(theta)["a"])[:, None]
    return {"y": np.hstack([a, np.sqrt(a), np.log1p(a)])}


@pytest.mark.parametrize("kind", DENSITIES)
def test_the_cost_is_that_of_the_posterior_in_normal_coordinates(kind):
    prior, density = DENSITIES[kind]
    seen = np.array([3.0, 1.6, 1.2])
    stream = masm.Stream("y", np.arange(3), seen, variance=masm.GivenVariance(0.3))
    likelihood = GaussianLikelihood((stream.aggregate(),))
    priors = masm.Priors({"a": prior})
    runner = ModelRunner(curved, likelihood.observed)
    cost = DifferentiableProblem(
        Problem(priors, priors.names, runner, likelihood), "4dvar"
    )
    z = np.linspace(-2.5, 2.5, 11)[:, None]
    half = 0.5 * (np.sum(cost.residuals(z) ** 2, axis=1) + z[:, 0] ** 2)
    step = 1e-5
    theta, beside = (
        np.array([cost.to_parameters(at)[0] for at in z + off]) for off in (0.0, step)
    )
    off = curved({"a": theta})["y"] - seen
    log_posterior = -0.5 * np.sum(off**2, axis=1) / 0.3 + density.logpdf(theta)
    log_posterior += np.log(np.abs(beside - theta) / step)  # of z, not of a
    np.testing.assert_allclose(np.diff(half), -np.diff(log_posterior), atol=1e-4)


@pytest.mark.parametrize(
    ("centre", "sd"), [(0.5, 0.05), (0.5, 0.3), (1.1, 0.2), (-0.02, 0.1), (0.3, 5.0)]
)
def test_with_a_uniform_prior_draws_are_those_of_the_likelihood_within_bounds(
    centre, sd
):
    """The prior's term adds no knowledge: at a bound, or where nothing is seen."""
    rule = masm.GivenVariance(sd**2)
    stream = masm.Stream("y", [0.0], [centre], variance=rule, windows=None)
    result = masm.calibrate(
        lambda theta: {"y": np.atleast_1d(theta["a"])[:, None]}, {"y": stream},
        {"a": (0.0, 1.0)}, seed=5, method="4dvar", n_draws=2_000, n_predictive=0,
    )  # fmt: skip
    exact = stats.truncnorm(-centre / sd, (1.0 - centre) / sd, centre, sd)
    draws = result.posterior["a"].to_numpy().ravel()
    assert result.status == "done"
    assert stats.kstest(draws, exact.cdf).statistic < 0.06


def bowl_cost(values, design):
    seen = design @ np.array([0.4, -0.2])
    rule = masm.GivenVariance(0.04)
    stream = masm.Stream("y", np.arange(6), seen, variance=rule, windows=None)
    likelihood = GaussianLikelihood((stream.aggregate(),))
    priors = masm.Priors({n: masm.TruncatedNormal(-8, 8, mean=0, sd=1) for n in values})

    def line(theta):
        given = dict(theta)
        return {"y": np.stack([np.atleast_1d(given[n]) for n in values], 1) @ design.T}

    runner = ModelRunner(line, likelihood.observed)
    problem = Problem(priors, priors.names, runner, likelihood)
    return DifferentiableProblem(problem, "laplace"), seen


def test_from_anywhere_a_linear_model_has_one_posterior():
    """The point of it less the point that was asked from is the step still to go."""
    design = np.random.default_rng(4).normal(size=(6, 2))
    cost, seen = bowl_cost(("a", "b"), design)
    covariance = np.linalg.inv(design.T @ design / 0.04 + np.eye(2))
    mean = covariance @ design.T @ seen / 0.04
    for z in ([0.0, 0.0], [1.5, -2.0]):
        found = cost.linear_posterior(np.array(z))
        np.testing.assert_allclose(found[0], mean, atol=1e-6)
        np.testing.assert_allclose(found[1], covariance, rtol=1e-5)


def test_a_search_that_stopped_short_of_the_minimum_says_by_how_much():
    def bent(theta):
        a, b = (np.atleast_1d(theta[name]) for name in ("a", "b"))
        return {"y": np.stack([b - a**2, a, a * b], axis=1)}

    rule = masm.GivenVariance(1e-5)
    seen = np.array([0.0, 1.0, 1.0])
    stream = masm.Stream("y", np.arange(3), seen, variance=rule, windows=None)
    bounds = {"a": (-2.0, 2.0), "b": (-2.0, 4.0)}
    reported = {}
    for n_iterations in (1, 15):
        result = masm.calibrate(
            bent, {"y": stream}, bounds, seed=1, method="laplace",
            n_iterations=n_iterations, n_starts=1, n_predictive=0,
        )  # fmt: skip
        reported[n_iterations] = result.attrs["minimum_off"], result.status
    assert reported[15][0] < 1e-3
    assert reported[15][1] == "done"
    assert reported[1][0] > 0.3
    assert reported[1][1] == "suspect"
