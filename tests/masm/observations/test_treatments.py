"""Treatments of a stream, and a discrepancy of the model, as errors of a likelihood."""

from dataclasses import replace

import numpy as np
import pytest

import masm
from masm.errors import InputError
from masm.likelihood.correlation import correlation_of
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.discrepancy import discrepancy_covariance, orthogonal_to
from masm.observations.treatments import left_out
from masm.results.predictive import constant_data, posterior_groups

RNG = np.random.default_rng(4)
MONTH = np.arange("2001-01", "2005-01", dtype="datetime64[M]").astype("datetime64[D]")
N = MONTH.size
SEASON = 5.0 + 3.0 * np.sin(2 * np.pi * np.arange(N) / 12)
VALUE = SEASON + RNG.normal(0.0, 0.4, N)


def likelihood_of(treatment, value=VALUE, sd=None, **more):
    spread = np.full(N, 0.4) if sd is None else sd
    stream = masm.Stream(
        "gpp", MONTH, value, variance=masm.GivenVariance(), given=spread**2,
        windows=None, errors=masm.Errors(treatment=treatment, **more),
    )  # fmt: skip
    return GaussianLikelihood((stream.aggregate(),))


def matrix(treatment):
    month, year = np.arange(N) % 12, np.arange(N) // 12
    months = (month[:, None] == month[None, :]) / 4.0
    years = (year[:, None] == year[None, :]) / 12.0
    return {
        "remove_mean": np.eye(N) - 1.0 / N,
        "anomalies": np.eye(N) - months,
        "seasonal_cycle": months,
        "annual_means": years,
        "annual_means_and_anomalies": np.eye(N) - months + 1.0 / N,
    }[treatment]


@pytest.mark.parametrize(
    "treatment", ["remove_mean", "anomalies", "seasonal_cycle", "annual_means",
                  "annual_means_and_anomalies"]
)  # fmt: skip
def test_the_cost_is_that_of_treated_values_with_treated_errors(treatment):
    sd = RNG.uniform(0.2, 0.9, N)
    likelihood = likelihood_of(treatment, sd=sd, correlation=0.5)
    lag = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    steps = likelihood.observed[0].steps
    lag = np.abs(np.subtract.outer(steps, steps))
    errors = np.outer(sd, sd) * 0.5**lag
    t = matrix(treatment)
    series = SEASON + RNG.normal(size=(3, N))
    off = (series - VALUE) @ t.T
    expected = np.einsum(
        "si,ij,sj->s", off, np.linalg.pinv(t @ errors @ t.T, rcond=1e-9), off
    )
    np.testing.assert_allclose(likelihood.cost(series), expected, rtol=1e-4)


def test_a_removed_mean_costs_a_degree_of_freedom_and_any_offset_is_free():
    likelihood = likelihood_of("remove_mean")
    draws = VALUE + 0.4 * np.random.default_rng(1).standard_normal((4000, N))
    assert likelihood.cost(draws).mean() == pytest.approx(N - 1, abs=0.6)
    np.testing.assert_allclose(
        likelihood.cost(draws[:3] + 7.0), likelihood.cost(draws[:3]), atol=1e-3
    )


def test_errors_that_are_drawn_have_nothing_of_what_is_left_out():
    drawn = likelihood_of("anomalies").draw_errors(np.random.default_rng(0))
    assert np.abs(drawn).max() < 3.0
    likelihood = likelihood_of("anomalies")
    series = SEASON[None] + 1.0
    np.testing.assert_allclose(likelihood.unwhiten(likelihood.whiten(series)), series)


def test_divided_by_its_mean_a_series_may_have_any_size():
    likelihood = likelihood_of("divide_mean")
    series = SEASON + np.random.default_rng(2).normal(0.0, 0.4, (2, N))
    np.testing.assert_allclose(
        likelihood.cost(3.0 * series), likelihood.cost(series), rtol=1e-3
    )
    assert likelihood.cost(series).max() < 3 * N
    with pytest.raises(InputError, match="not linear"):
        likelihood.whiten_slopes(series)
    with pytest.raises(InputError, match="cannot be divided by"):
        likelihood_of("divide_mean", VALUE - VALUE.mean()).cost(series)


def test_matched_to_the_observed_distribution_only_the_order_counts():
    likelihood = likelihood_of("cdf_match")
    series = np.sort(VALUE)[np.argsort(np.argsort(VALUE))][None]
    assert likelihood.cost(np.exp(series))[0] == pytest.approx(0.0)
    assert likelihood.cost(-series)[0] > 100.0
    gap = np.where(np.arange(N) == 3, np.nan, series)
    assert np.isnan(likelihood.cost(gap)[0])


def test_what_cannot_be_treated_is_refused_before_any_run():
    with pytest.raises(InputError, match="unknown treatment"):
        masm.Errors(treatment="anomalie")
    year = masm.Stream(
        "gpp", MONTH[:12], VALUE[:12], variance=masm.GivenVariance(0.1), windows=None,
        errors=masm.Errors(treatment="anomalies"),
    )  # fmt: skip
    plain = replace(year, time=np.arange(12.0))
    for stream, said in ((year, "leaves nothing"), (plain, "without dates")):
        with pytest.raises(InputError, match=said):
            masm.calibrate(
                lambda theta: pytest.fail("a run was made"), {"gpp": stream},
                {"a": (0, 1)}, seed=1,
            )  # fmt: skip


def test_a_discrepancy_orthogonal_to_the_slopes_leaves_their_estimate_alone():
    slopes = np.stack([np.ones(N), np.arange(N) / N], axis=1)
    variance = np.full(N, 0.16)
    covariance = discrepancy_covariance(MONTH, 0.8, 90.0, True)
    rest = orthogonal_to(covariance, slopes, variance)
    assert np.abs(slopes.T @ (rest / variance[:, None])).max() < 1e-8
    assert np.trace(rest) > 0.5 * np.trace(covariance)
    assert np.linalg.eigvalsh(rest).min() > -1e-8


def test_discrepancy_widens_the_cost_and_is_drawn_with_the_errors():
    plain, wide = likelihood_of("none"), likelihood_of("none", discrepancy_sd=1.0)
    series = SEASON + np.cos(np.arange(N) / 6.0)
    assert wide.cost(series[None])[0] < 0.5 * plain.cost(series[None])[0]
    rng = np.random.default_rng(3)
    drawn = np.array([wide.draw_errors(rng) for _ in range(400)])
    assert np.var(drawn) == pytest.approx(1.0 + 0.16, rel=0.1)


def test_the_error_of_representation_adds_to_the_variance():
    likelihood = likelihood_of("none", representation_sd=0.3)
    series = VALUE[None] + 1.0
    assert likelihood.cost(series)[0] == pytest.approx(N / (0.16 + 0.09))


def line(theta):
    given = dict(theta)
    a, b = (np.atleast_1d(given[n])[:, None] for n in ("a", "b"))
    return {"gpp": a + b * np.sin(2 * np.pi * np.arange(N) / 12)}


def stream_of(**errors):
    return masm.Stream(
        "gpp", MONTH, VALUE, variance=masm.GivenVariance(0.16), windows=None,
        errors=masm.Errors(**errors),
    )  # fmt: skip


def test_a_calibration_on_anomalies_finds_no_mean_and_says_what_was_done():
    result = masm.calibrate(
        line, {"gpp": stream_of(treatment="remove_mean")}, {"a": (0, 10), "b": (0, 6)},
        seed=1, method="esmda",
    )  # fmt: skip
    assert float(result.sd["a"]) > 2.0
    assert float(result.mean["b"]) == pytest.approx(3.0, abs=0.3)
    assert result.attrs["treatment_gpp"].startswith("remove_mean: ")


def test_a_discrepancy_costs_two_runs_a_parameter_for_the_slopes():
    runs = [
        masm.calibrate(
            line, {"gpp": stream_of(discrepancy_sd=size)}, {"a": (0, 10), "b": (0, 6)},
            seed=1, method="esmda", n_members=20,
        ).n_model_runs
        for size in (0.0, 0.5)
    ]  # fmt: skip
    assert runs[1] == runs[0] + 4
    within = masm.calibrate(
        line, {"gpp": stream_of(discrepancy_sd=0.5)}, {"a": (0, 10), "b": (0, 6)},
        seed=1, method="large_sample", max_runs=200,
    )  # fmt: skip
    assert within.n_model_runs == 200


def test_the_variance_in_a_result_is_that_of_replicates():
    likelihood = likelihood_of(
        "remove_mean", bias_sd=0.5, representation_sd=0.3, between_years=0.5
    )
    known = constant_data(likelihood, {})["gpp_variance"].to_numpy()
    np.testing.assert_allclose(known, 0.16 * 1.25 + 0.25 + 0.09)
    rng = np.random.default_rng(3)
    drawn = np.array([likelihood.draw_errors(rng) for _ in range(2000)])
    np.testing.assert_allclose(drawn.var(axis=0), known, rtol=0.2)


@pytest.mark.parametrize(
    ("treatment", "kept"),
    [("none", 48), ("remove_mean", 47), ("anomalies", 36), ("seasonal_cycle", 12),
     ("annual_means", 4), ("annual_means_and_anomalies", 37), ("divide_mean", 47),
     ("cdf_match", 48)],
)  # fmt: skip
def test_an_unknown_factor_is_found_from_what_a_treatment_leaves(treatment, kept):
    stream = masm.Stream(
        "gpp", MONTH, VALUE, variance=masm.SampledVariance(), given=np.full(N, 0.16),
        windows=None, errors=masm.Errors(treatment=treatment),
    )  # fmt: skip
    likelihood = GaussianLikelihood((stream.aggregate(),))
    (scale,) = likelihood.scales.values()
    assert scale.freedom == kept
    # Errors twice as large as stated, on average.
    rng = np.random.default_rng(3)
    drawn = scale.draw(np.full(4000, 4.0 * kept), rng)
    assert np.median(drawn) == pytest.approx(2.0, rel=0.12)
    # Conditional densities know the factor as often as there is something to know.
    series = np.tile(SEASON, (2, 1))
    one, two = likelihood.log_densities(series, [{"gpp": 1.0}, {"gpp": 2.0}])
    square = likelihood.squares(likelihood.whiten(series))["gpp"][0]
    expected = kept * np.log(2.0) - 0.375 * square
    assert np.sum(one - two) == pytest.approx(expected, abs=1e-3)


def test_replicates_of_a_treated_stream_are_of_model_runs():
    rng = np.random.default_rng(0)
    runs = np.tile(SEASON, (4, 1))
    for treatment, source in (("anomalies", "model runs"), ("none", "emulator")):
        found = posterior_groups(likelihood_of(treatment), runs, runs + 1.0, rng)
        assert found["posterior_predictive"].attrs["source"] == source


def test_an_effect_of_years_needs_dates():
    stream = masm.Stream(
        "gpp", np.arange(8.0), np.arange(8.0), variance=masm.GivenVariance(1.0),
        errors=masm.Errors(between_years=0.3),
    )  # fmt: skip
    with pytest.raises(InputError, match="between_years"):
        correlation_of(stream.aggregate())


@pytest.mark.parametrize("treatment", ["none", "remove_mean", "anomalies"])
def test_a_discrepancy_is_orthogonal_to_slopes_as_they_are_treated(treatment):
    sd = RNG.uniform(0.2, 0.9, N)
    (series,) = likelihood_of(treatment, sd=sd, discrepancy_sd=0.8).observed
    slopes = 1e-5 * np.stack([SEASON, 1.0 + np.arange(N) / N], axis=1)
    known = replace(series, slopes=slopes)
    errors = correlation_of(known, treated=False) * np.outer(sd, sd)
    discrepancy = errors - np.diag(sd**2)
    left = left_out(treatment, MONTH, VALUE, "gpp") / sd[:, None]
    white = slopes / sd[:, None]
    if left.shape[1]:
        white = white - left @ np.linalg.lstsq(left, white, rcond=None)[0]
    pull = (white / sd[:, None]).T @ discrepancy
    assert np.abs(pull).max() < 1e-9 * np.abs(slopes).sum() * np.abs(discrepancy).max()
    assert np.trace(discrepancy) > 0.05 * N


def test_what_is_left_out_is_orthonormal_and_nothing_where_all_is_kept():
    for treatment in ("remove_mean", "anomalies", "seasonal_cycle", "annual_means"):
        free = left_out(treatment, MONTH, VALUE, "gpp")
        np.testing.assert_allclose(free.T @ free, np.eye(free.shape[1]), atol=1e-12)
        kept = matrix(treatment) @ VALUE
        again = matrix(treatment) @ (VALUE + free @ np.ones(free.shape[1]))
        np.testing.assert_allclose(again, kept, atol=1e-12)
    years = np.arange("2001", "2021", dtype="datetime64[Y]").astype("datetime64[D]")
    assert left_out("annual_means", years, np.ones(20), "gpp").shape == (20, 0)
