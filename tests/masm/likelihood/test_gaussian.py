import numpy as np
import pytest
from scipy import stats

import masm
from masm.likelihood.gaussian import GaussianLikelihood

RNG = np.random.default_rng(4)


def two_streams():
    gpp = masm.Stream(
        "gpp", np.arange(5), RNG.normal(size=5), variance=masm.GivenVariance(2.0)
    )
    lai = masm.Stream(
        "lai", np.arange(3), RNG.normal(size=3), variance=masm.GivenVariance(0.5)
    )
    return GaussianLikelihood((gpp.aggregate(), lai.aggregate()))


def complete(likelihood, series):
    return likelihood.cost(series) + likelihood.normaliser


def test_complete_cost_is_minus_two_log_of_the_normal_density():
    likelihood = two_streams()
    series = likelihood.value + RNG.normal(size=(6, 8))
    density = stats.norm(likelihood.value, np.sqrt(likelihood.variance))
    expected = -2.0 * density.logpdf(series).sum(axis=1)
    assert complete(likelihood, series) == pytest.approx(expected)


def test_the_normaliser_counts_observations_not_parameters():
    expected = 8 * np.log(2 * np.pi) + 5 * np.log(2.0) + 3 * np.log(0.5)
    assert two_streams().normaliser == pytest.approx(expected)


def correlated(errors, times=(0, 1, 2, 4, 5)):
    stream = masm.Stream(
        "gpp",
        np.array(times),
        RNG.normal(size=len(times)),
        variance=masm.RelativeVariance(0.5, 0.3),
        errors=errors,
    )
    return GaussianLikelihood((stream.aggregate(),))


def test_correlated_biased_errors_are_a_multivariate_normal():
    likelihood = correlated(masm.Errors(correlation=0.6, bias_sd=0.8))
    sd = np.sqrt(likelihood.variance)
    times = np.array([0, 1, 2, 4, 5])  # a gap: 0.6 squared across it
    correlation = 0.6 ** np.abs(times[:, None] - times)
    covariance = np.outer(sd, sd) * correlation + 0.8**2
    series = likelihood.value + RNG.normal(size=(4, 5))
    density = stats.multivariate_normal(likelihood.value, covariance)
    expected = -2.0 * density.logpdf(series)
    assert complete(likelihood, series) == pytest.approx(expected)


def test_whitened_errors_are_white():
    likelihood = correlated(masm.Errors(correlation=0.7, bias_sd=1.0), range(12))
    sd = np.sqrt(likelihood.variance)
    lag = np.abs(np.arange(12)[:, None] - np.arange(12))
    covariance = np.outer(sd, sd) * 0.7**lag + 1.0
    errors = RNG.multivariate_normal(np.zeros(12), covariance, size=40_000)
    white = likelihood.whiten(likelihood.value + errors)
    assert np.cov(white.T) == pytest.approx(np.eye(12), abs=0.05)


def test_a_shared_bias_forgives_an_offset_and_little_else():
    plain, biased = (correlated(masm.Errors(bias_sd=b)) for b in (0.0, 100.0))
    offset = np.ones((1, 5))
    assert biased.cost(biased.value + offset)[0] < 0.01
    assert plain.cost(plain.value + offset)[0] > 1.0


def test_no_correlation_is_independence():
    plain, named = correlated(masm.Errors()), correlated(masm.Errors(0.0, 0.0))
    assert plain.cost(plain.value + 1.0) == pytest.approx(np.sum(1.0 / plain.variance))
    assert named.observed[0].errors.name == "independent"


@pytest.mark.parametrize("bad", [{"correlation": 1.0}, {"bias_sd": -1.0}])
def test_impossible_errors_are_refused(bad):
    with pytest.raises(masm.InputError, match=next(iter(bad))):
        masm.Errors(**bad)


def test_series_variance_makes_the_cost_sse_over_variance():
    # ... which is (n - 1) times one minus the Nash-Sutcliffe efficiency.
    observed = masm.Stream("gpp", np.arange(20), RNG.normal(size=20)).aggregate()
    model = observed.value + RNG.normal(size=(1, 20))
    sse = np.sum((model - observed.value) ** 2)
    nse = 1.0 - sse / np.sum((observed.value - observed.value.mean()) ** 2)
    cost = GaussianLikelihood((observed,)).cost(model)
    assert cost == pytest.approx([19.0 * (1.0 - nse)])


def test_streams_add_up_and_have_their_places():
    likelihood = two_streams()
    series = RNG.normal(size=(4, 8))
    parts = [
        GaussianLikelihood((observed,)).cost(
            series[:, likelihood.slices[observed.name]]
        )
        for observed in likelihood.observed
    ]
    assert likelihood.n_obs == 8
    assert likelihood.cost(series) == pytest.approx(parts[0] + parts[1])
    assert np.sum(likelihood.whiten(series) ** 2, axis=1) == pytest.approx(
        likelihood.cost(series)
    )


def test_a_failed_run_has_no_cost():
    likelihood = two_streams()
    series = np.tile(likelihood.value, (2, 1))
    series[1, 3] = np.nan
    assert likelihood.cost(series)[0] == 0.0
    assert np.isnan(likelihood.cost(series)[1])
