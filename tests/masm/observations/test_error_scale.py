"""Errors of unknown size: integrated out exactly, found again, and stored."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

import masm
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.error_scale import ErrorScale
from masm.problem.problem import Runs
from masm.surrogates.series import SeriesEmulator
from masm.surrogates.series_unknown_scale import ScaledEmulator

TIME = np.arange(60.0)
SHAPE = np.stack([np.ones(60), np.linspace(-1.0, 1.0, 60)])


@pytest.mark.parametrize("n", [3, 40, 900])
@pytest.mark.parametrize("size", [0.3, 1.0, 4.0])
def test_the_integral_over_the_size_is_the_incomplete_gamma_function(n, size):
    scale = ErrorScale(0.1, 10.0, n)
    squares = n * size**2
    # With t = S / 2k^2 the integral is one of t^(n/2 - 1) exp(-t).
    inside = np.subtract(*special.gammainc(n / 2, squares / 2 / np.array([0.01, 100])))
    log_value = -n / 2 * np.log(squares / 2) + special.gammaln(n / 2) + np.log(inside)
    expected = -2.0 * (log_value - np.log(2.0 * np.log(100.0)))
    assert scale.cost(squares) == pytest.approx(expected, abs=1e-3)


def test_a_far_off_model_costs_what_the_largest_error_allows():
    scale = ErrorScale(0.5, 2.0, 10)
    step = float(scale.cost(5e6) - scale.cost(4e6))
    assert step == pytest.approx(1e6 / 2.0**2, rel=1e-6)
    assert np.isnan(scale.cost(np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_draws_of_the_size_follow_the_truncated_gamma_law():
    scale = ErrorScale(0.8, 10.0, 30)
    rng = np.random.default_rng(0)
    factor = scale.draw(np.full(20_000, 30.0), rng)
    precision = stats.gamma(15.0, scale=1.0 / 15.0)
    top = precision.cdf(1.0 / 0.8**2)

    def cdf(k):
        return 1.0 - precision.cdf(1.0 / k**2) / top

    assert factor.min() >= 0.8
    assert stats.kstest(factor, cdf).statistic < 0.015


def likelihood_of(values, variance):
    stream = masm.Stream("y", TIME, values, windows=None, variance=variance)
    return GaussianLikelihood((stream.aggregate(),))


def some_runs(likelihood, n=40, seed=0):
    rng = np.random.default_rng(seed)
    u = rng.random((n, 2))
    curved = np.stack([u[:, 0] + u[:, 1] ** 2, np.sin(2.0 * u[:, 1])], axis=1)
    series = curved @ SHAPE
    return Runs(u, likelihood.cost(series), series)


def test_errors_of_known_size_are_those_of_the_plain_emulator():
    known = likelihood_of(SHAPE[0], masm.GivenVariance(0.09))
    runs = some_runs(known)
    plain, scaled = SeriesEmulator(known, 2), ScaledEmulator(known, 2)
    u = np.random.default_rng(1).random((50, 2))
    for emulator in (plain, scaled):
        emulator.update(runs, np.random.default_rng(2))
    # Only the unit of the outputs, the size at the best run, is their own.
    assert scaled.components.unit == pytest.approx([1.0])
    assert_allclose(scaled.log_density(u), plain.log_density(u), rtol=1e-5)
    assert_allclose(scaled.cost(u), plain.cost(u), rtol=1e-5)


def test_an_emulator_of_unknown_size_has_the_cost_and_slope_it_says():
    likelihood = likelihood_of(
        SHAPE[0] + 0.5 * np.cos(TIME),
        masm.SampledVariance(masm.GivenVariance(0.01)),
    )
    runs = some_runs(likelihood)
    emulator = ScaledEmulator(likelihood, 2)
    emulator.update(runs, np.random.default_rng(2))
    assert emulator.components.unit[0] == pytest.approx(0.35 / 0.1, rel=0.1)
    assert_allclose(emulator.cost(runs.u), runs.cost, rtol=0.02)
    # Where the emulator is sure, its density is the likelihood.
    log_density = emulator.log_density(runs.u)
    good = runs.cost < runs.cost.min() + 20.0
    assert_allclose(-2.0 * log_density[good], runs.cost[good], atol=0.3)
    approximation = emulator.approximate(runs.u[good])
    u = np.array([[0.4, 0.6], [0.7, 0.2]])
    step = 1e-5
    value, gradient = approximation.value_and_gradient(u)
    assert_allclose(value, approximation.value(u), rtol=1e-9)
    for j in range(2):
        move = step * np.eye(2)[j]
        change = approximation.value(u + move) - approximation.value(u - move)
        change /= 2.0 * step
        assert_allclose(gradient[:, j], change, rtol=1e-4)


def constant(theta):
    return {"y": theta["level"][:, None] * np.ones(60)}


def level_stream(true_sd, stated_sd, seed, **options):
    values = 5.0 + true_sd * np.random.default_rng(seed).standard_normal(60)
    return masm.Stream(
        "y", TIME, values, windows=None, given=np.full(60, stated_sd**2), **options
    )


METHODS = {
    "emulator": {},
    "published": {
        "n_initial_per_parameter": 12,
        "n_iterations": 8,
        "n_steps": 2000,
        "n_draws": 20_000,
    },
}


@pytest.mark.parametrize("method", METHODS)
def test_a_mean_with_unknown_error_has_a_student_posterior(method):
    stream = level_stream(1.5, 0.5, 3, variance=masm.SampledVariance("given"))
    result = masm.calibrate(
        constant, stream, {"level": (0.0, 10.0)}, seed=1, method=method,
        **METHODS[method],
    )  # fmt: skip
    level = result.posterior["level"].to_numpy().ravel()
    values = stream.value
    exact = stats.t(59, values.mean(), values.std(ddof=1) / np.sqrt(60))
    assert stats.kstest(level, exact.cdf).statistic < 0.03
    # The factor: (n - 1) s^2 / sigma^2 is chi-squared.
    factor = result.error_scale["y"].to_numpy().ravel()
    sizes = np.sqrt(59 * values.var(ddof=1) / stats.chi2(59).ppf([0.95, 0.5, 0.05]))
    tolerance = 0.04 if method == "emulator" else 0.15
    assert_allclose(np.quantile(factor, [0.05, 0.5, 0.95]), sizes / 0.5, atol=tolerance)
    assert result.status == "done"


def test_intervals_cover_when_the_error_was_understated():
    """Noise is three times what was stated: given misses, sampled does not."""
    covered = {"given": 0, "sampled": 0}
    factors = []
    for seed in range(8):
        for rule in covered:
            stream = level_stream(1.5, 0.5, 100 + seed)
            result = masm.calibrate(
                constant, stream, {"level": (0.0, 10.0)}, seed=seed, variance=rule,
                max_runs=22, n_draws=30,
            )  # fmt: skip
            row = result.summary().loc["level"]
            covered[rule] += int(row["q05"] < 5.0 < row["q95"])
            if rule == "sampled":
                factors.append(result.summary_of_errors().loc["y"])
    # 90 % intervals: more than two of eight misses have a chance of 0.04; a third as
    # wide they cover 42 %.
    assert covered["sampled"] >= 6
    assert covered["given"] <= 5
    inside = [row["q05"] < 3.0 < row["q95"] for row in factors]
    assert sum(inside) >= 5
    assert np.mean([row["mean"] for row in factors]) == pytest.approx(3.0, rel=0.08)


def test_the_store_holds_the_factor_and_the_variance_it_makes(tmp_path):
    stream = level_stream(1.5, 0.5, 3, variance=masm.SampledVariance(high=2.0))
    result = masm.calibrate(
        constant, stream, {"level": (0.0, 10.0)}, seed=2, max_runs=22, n_draws=40
    )
    result.to_netcdf(tmp_path / "posterior.nc")
    again = masm.open_result(tmp_path / "posterior.nc")
    assert again.error_scale.identical(result.error_scale)
    assert again.error_scale["y"].sizes == result.posterior["level"].sizes
    # Three times the stated error is more than the prior lets it be.
    assert again.summary_of_errors().loc["y", "at_bound"] == "high"
    assert again.parameters == ("level",)
    variance = again.groups["constant_data"]["y_variance"]
    expected = 0.25 * np.mean(again.error_scale["y"].to_numpy() ** 2)
    assert_allclose(variance, expected)
    assert again.attrs["variance_y"] == "sampled (sd 0.1 to 2 times given)"
    plain = masm.calibrate(
        constant, level_stream(1.5, 0.5, 3), {"level": (0.0, 10.0)}, seed=2,
        variance="given", max_runs=22, n_draws=40,
    )  # fmt: skip
    assert plain.error_scale is None
    assert plain.summary_of_errors().empty


def test_what_is_scaled_is_given_where_it_can_be():
    values = np.sin(TIME)
    for given, name in ((np.full(60, 4.0), "given"), (None, "series")):
        stream = masm.Stream(
            "y", TIME, values, given=given, variance=masm.SampledVariance()
        )
        series = stream.aggregate()
        assert series.variance_rule == f"sampled (sd 0.1 to 10 times {name})"
        assert series.variance[0] == pytest.approx(
            4.0 if name == "given" else values.var(ddof=1)
        )
        assert series.scale == ErrorScale(0.1, 10.0, 60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 0.0},
        {"low": 2.0, "high": 1.0},
        {"base": "sampled"},
        {"base": masm.SampledVariance()},
    ],
)
def test_a_size_without_bounds_or_of_a_size_is_refused(wrong):
    with pytest.raises(masm.InputError, match="sampled variance"):
        masm.SampledVariance(**wrong)


def test_streams_have_each_their_own_size():
    rng = np.random.default_rng(5)

    def model(theta):
        level, slope = theta["level"][:, None], theta["slope"][:, None]
        return {"a": level + slope * SHAPE[1], "b": level - slope * SHAPE[1]}

    truth = {"level": np.array([4.0]), "slope": np.array([2.0])}
    made = model(truth)
    streams = {
        name: masm.Stream(
            name, TIME, made[name][0] + sd * rng.standard_normal(60),
            windows=None, variance=rule,
        )
        for name, sd, rule in (
            ("a", 2.0, masm.SampledVariance(1.0)),
            ("b", 0.3, masm.SampledVariance(1.0)),
        )
    }  # fmt: skip
    priors = {"level": (0.0, 10.0), "slope": (-5.0, 5.0)}
    result = masm.calibrate(model, streams, priors, seed=3, n_draws=100)
    table = result.summary_of_errors()
    assert table.loc["a", "mean"] == pytest.approx(2.0, rel=0.25)
    assert table.loc["b", "mean"] == pytest.approx(0.3, rel=0.25)
    z = (result.mean - [4.0, 2.0]) / result.sd
    assert np.all(np.abs(z) < 3.0)
    # Nearly all is known from the surer stream: as by least squares on it alone.
    assert result.sd["level"] == pytest.approx(0.3 / np.sqrt(60), rel=0.3)
    stepwise = masm.calibrate(
        model, streams, priors, seed=3, n_draws=100,
        blocks=[masm.Block("a", "level"), masm.Block("b", "slope")],
    )  # fmt: skip
    assert set(stepwise.error_scale) == {"a", "b"}
