"""Methods that follow gradients: the model's own, or finite differences of its runs."""

import numpy as np
import pytest
import xarray as xr

import masm
from masm.errors import InputError
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.differentiable import DifferentiableProblem
from masm.observations.dataset import as_streams
from masm.problem.problem import Problem
from masm.runners.series_runner import ModelRunner

TIME = np.arange("2001-01-01", "2001-03-30", dtype="datetime64[D]")
DAY = np.arange(TIME.size)
PRIORS = {
    "a": masm.TransformedNormal(0.05, 20.0, center=1.0, scale=0.5, transform="log"),
    "b": masm.TransformedNormal(0.01, 0.99, center=0.4, scale=0.6, transform="logit"),
    "c": masm.Uniform(-1.0, 1.0),
    "d": masm.TransformedNormal(-9.0, 9.0, center=0.5, scale=1.0),
    "e": masm.LogUniform(1.4, 1.6),
    "unseen": masm.TransformedNormal(-3.0, 3.0, center=0.0, scale=1.0),
}


def _series(p):
    return p["a"] * np.exp(-p["b"] * DAY / 20.0) + p["c"] * DAY / 50.0 + p["d"] * p["e"]


def _dataset(values, dims):
    return xr.Dataset(
        {"gpp": (dims, values, {"units": "g m-2 d-1"})}, coords={"time": TIME}
    )


class Smooth:
    """A model with derivatives that are written down."""

    def __init__(self):
        self.n_adjoints = 0
        self.dead = []

    def __call__(self, theta):
        rows = [{n: float(np.atleast_1d(v)[i]) for n, v in dict(theta).items()}
                for i in range(len(theta))]  # fmt: skip
        return _dataset(np.stack([_series(p) for p in rows]), ("sample", "time"))

    def jacobian(self, theta, names):
        p = {n: float(np.atleast_1d(v)[0]) for n, v in dict(theta).items()}
        fall = np.exp(-p["b"] * DAY / 20.0)
        slopes = {
            "a": fall,
            "b": -p["a"] * DAY / 20.0 * fall,
            "c": DAY / 50.0,
            "d": np.full(DAY.size, p["e"]),
            "e": np.full(DAY.size, p["d"]),
            "unseen": np.zeros(DAY.size),
        }
        rows = np.stack([slopes[n] for n in names], axis=1)
        return _dataset(_series(p), ("time",)), {"gpp": rows}

    def vjp(self, theta):
        output, slopes = self.jacobian(theta, list(dict(theta)))
        self.n_adjoints += 1
        return output, lambda weights: slopes["gpp"].T @ weights["gpp"]

    def collapsed(self, theta):
        return self.dead


def values_only(theta):
    return Smooth()(theta)


def observations(noise=0.1):
    truth = {"a": 2.0, "b": 0.5, "c": 0.2, "d": 1.0, "e": 1.5}
    rng = np.random.default_rng(1)
    values = _series(truth) + noise * rng.standard_normal(DAY.size)
    attrs = {"units": "g m-2 d-1"}
    return xr.Dataset(
        {"gpp": ("time", values, attrs),
         "gpp_sd": ("time", np.full(DAY.size, noise), attrs)},
        coords={"time": TIME},
    )  # fmt: skip


def problem(model, errors=None):
    streams = as_streams(observations(), variance=None, windows="auto", errors=errors)
    likelihood = GaussianLikelihood(tuple(s.aggregate() for s in streams.values()))
    priors = masm.Priors(PRIORS)
    runner = ModelRunner(model, likelihood.observed)
    return Problem(priors, priors.names, runner, likelihood)


ERRORS = (None, masm.Errors(correlation=0.6, bias_sd=0.2))


@pytest.mark.parametrize("errors", ERRORS, ids=["independent", "correlated"])
def test_tangent_and_adjoint_are_transposed_and_the_gradient_is_the_slope(errors):
    cost = DifferentiableProblem(problem(Smooth(), errors), "test")
    assert cost.exact
    rng = np.random.default_rng(2)
    for _ in range(3):
        z = np.clip(rng.standard_normal(cost.n), -2.0, 2.0)
        v, w = rng.standard_normal(cost.n), rng.standard_normal(cost.n_obs)
        assert cost.jvp(z, v) @ w == pytest.approx(cost.vjp(z, w) @ v, rel=1e-10)
        value, gradient = cost.cost(z)
        steps = 10.0 ** -np.arange(2.0, 5.0)
        left = [abs(cost.cost(z + e * v)[0] - value - e * gradient @ v) for e in steps]
        # The remainder of Taylor's series falls with the square of the step.
        assert np.all(np.diff(np.log10(left)) < -1.8)


def test_a_parameter_without_effect_has_the_gradient_of_its_prior_alone():
    cost = DifferentiableProblem(problem(Smooth()), "test")
    z = np.full(cost.n, 0.3)
    assert cost.cost(z)[1][-1] == pytest.approx(0.3, rel=1e-12)


def test_differences_are_near_the_exact_derivatives():
    exact = DifferentiableProblem(problem(Smooth()), "test")
    near = DifferentiableProblem(problem(values_only), "test")
    assert not near.exact
    z = np.linspace(-0.5, 0.5, exact.n)
    rows = exact.jacobian(z)
    np.testing.assert_allclose(near.jacobian(z), rows, atol=1e-3 * np.abs(rows).max())
    np.testing.assert_allclose(near.cost(z)[1], exact.cost(z)[1], rtol=5e-3, atol=0.05)
    assert near.n_runs == 2 * (near.n + 1)


def test_the_hessian_of_a_perfect_fit_is_that_of_gauss_and_newton():
    cost = DifferentiableProblem(problem(Smooth()), "test")
    found = cost.covariance(np.zeros(cost.n))
    s = cost.whitened_jacobian(np.zeros(cost.n))
    np.testing.assert_allclose(found @ (s.T @ s + np.eye(cost.n)), np.eye(cost.n),
                               atol=1e-8)  # fmt: skip


def calibrate(model, method, **options):
    return masm.calibrate(model, observations(), PRIORS, seed=1, method=method,
                          n_predictive=0, **options)  # fmt: skip


@pytest.mark.parametrize("method", ["4dvar", "laplace", "nuts"])
def test_a_method_uses_the_exact_derivatives_and_reports_its_search(method):
    model = Smooth()
    few = {"n_chains": 2, "n_draws": 40, "n_warmup": 30, "n_rounds": 1}
    options = few if method == "nuts" else {"n_draws": 100}
    found = calibrate(model, method, **options)
    assert found.attrs["derivatives"] == "exact"
    assert found.attrs["n_gradients"] == model.n_adjoints > 10
    assert "converged" in found.attrs["minimum_report"]
    assert found.attrs["minimum_cost"] < 20.0
    series = _series({n: float(found.mean[n]) for n in PRIORS})
    assert np.abs(series - observations()["gpp"].to_numpy()).mean() < 0.12


def test_chains_that_do_not_agree_go_on_for_as_many_rounds_as_allowed():
    few = {"n_chains": 2, "n_draws": 20, "n_warmup": 10}
    short, long = (calibrate(Smooth(), "nuts", n_rounds=n, **few) for n in (1, 2))
    assert (short.status, short.reason) == ("suspect", "not_converged")
    first, both = (f.posterior.to_array().transpose("chain", "draw", ...)
                   for f in (short, long))  # fmt: skip
    assert (first.sizes["draw"], both.sizes["draw"]) == (20, 40)
    np.testing.assert_array_equal(both[:, :20], first)


def test_longer_chains_keep_to_the_budget_of_runs():
    few = {"n_chains": 2, "n_draws": 20, "n_warmup": 10, "max_runs": 2200}
    found = calibrate(Smooth(), "nuts", n_rounds=50, **few)
    assert 1500 < found.n_model_runs <= 2200
    assert found.posterior.sizes["draw"] > 20


def test_both_kinds_of_derivatives_find_the_same_minimum():
    costs = [
        calibrate(model, "laplace", derivatives=kind, n_draws=60).attrs["minimum_cost"]
        for model, kind in ((Smooth(), "exact"), (values_only, "differences"))
    ]
    assert costs[0] == pytest.approx(costs[1], abs=0.01)


def test_exact_derivatives_of_a_model_without_them_are_refused():
    for method in ("4dvar", "laplace", "nuts"):
        with pytest.raises(InputError, match="no exact derivatives"):
            calibrate(values_only, method, derivatives="exact")
    with pytest.raises(InputError, match="option derivatives"):
        calibrate(values_only, "4dvar", derivatives="adjoint")


def test_what_has_died_out_makes_a_result_suspect():
    model = Smooth()
    model.dead = ["tile of EvCn, year 2"]
    found = calibrate(model, "4dvar", n_starts=1, n_draws=60)
    assert (found.status, found.reason) == ("suspect", "collapsed")
    assert "EvCn" in found.attrs["collapsed"]


def test_a_stopped_search_goes_on_from_its_checkpoint(tmp_path):
    class Stops(Smooth):
        def vjp(self, theta):
            if self.n_adjoints == 12:
                raise KeyboardInterrupt
            return super().vjp(theta)

    path = tmp_path / "checkpoint.nc"
    with pytest.raises(KeyboardInterrupt):
        calibrate(Stops(), "4dvar", checkpoint=path, n_draws=60)
    again = calibrate(Smooth(), "4dvar", checkpoint=path, n_draws=60)
    whole = calibrate(Smooth(), "4dvar", n_draws=60)
    xr.testing.assert_identical(again.posterior, whole.posterior)
    assert again.n_model_runs == whole.n_model_runs


@pytest.mark.parametrize("name", PRIORS)
def test_the_density_of_a_prior_is_the_slope_of_its_distribution(name):
    prior = masm.Priors(PRIORS)[name]
    value = prior.quantile(np.array([0.1, 0.5, 0.9]))
    step = 1e-6 * (prior.high - prior.low)
    slope = (prior.cdf(value + step) - prior.cdf(value - step)) / (2.0 * step)
    np.testing.assert_allclose(prior.density(value), slope, rtol=1e-5)
    np.testing.assert_allclose(prior.cdf(value), [0.1, 0.5, 0.9], atol=1e-9)


def test_a_search_whose_runs_are_used_up_says_so_and_goes_on():
    def bent(theta):
        x = np.stack([np.atleast_1d(theta[n]) for n in theta.names], axis=-1)
        return {"y": np.hstack([x, np.exp(3.0 * x[:, :1]), x[:, 1:2] ** 2])}

    names = [f"x{i}" for i in range(6)]
    seen = masm.Stream(
        "y", np.arange(8), np.full(8, 0.4), variance=masm.GivenVariance(0.01),
        windows=None,
    )  # fmt: skip
    method = masm.method_of("4dvar")
    for budget in (150, 200, 300):
        options = method.with_budget(budget, 6)
        result = masm.calibrate(
            bent, {"y": seen}, {n: (-1.0, 1.0) for n in names}, seed=1, method=method,
            n_predictive=0, **options,
        )  # fmt: skip
        assert result.n_model_runs <= 1.2 * budget + 20


def test_an_emulator_gives_derivatives_at_no_run_of_its_own():
    few = {"n_draws": 60, "n_starts": 2}
    found = calibrate(values_only, "laplace", derivatives="emulator", **few)
    differences = calibrate(values_only, "laplace", derivatives="differences", **few)
    assert found.attrs["derivatives"] == "emulator"
    assert found.attrs["minimum_cost"] == pytest.approx(
        differences.attrs["minimum_cost"], abs=0.05
    )
    assert found.n_model_runs < differences.n_model_runs
    with pytest.raises(InputError, match="option derivatives"):
        calibrate(values_only, "nuts", derivatives="emulator")


def test_steps_of_a_model_of_few_digits_are_long_enough():
    """Steps that the digits swallow would end the search where it began."""

    def few_digits(theta):
        made = Smooth()(theta)
        return made.round(4)

    cost = DifferentiableProblem(problem(few_digits), "test")
    cost.choose_steps(np.zeros(cost.n))
    assert np.all(cost.steps > 1e-3)
    exact = DifferentiableProblem(problem(Smooth()), "test").jacobian(np.zeros(cost.n))
    off = np.abs(cost.jacobian(np.zeros(cost.n)) - exact).max()
    assert off < 0.02 * np.abs(exact).max()
    smooth = DifferentiableProblem(problem(values_only), "test")
    smooth.choose_steps(np.zeros(smooth.n))
    assert np.all(smooth.steps[:2] < 1e-4)  # in the others the model is linear
