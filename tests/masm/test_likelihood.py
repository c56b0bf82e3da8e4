import numpy as np
import pytest
from scipy import stats

import masm
from masm.likelihood import GaussianLikelihood, gaussian_cost

RNG = np.random.default_rng(4)


def two_streams():
    gpp = masm.Stream(
        "gpp", np.arange(5), RNG.normal(size=5), variance=masm.GivenVariance(2.0)
    )
    lai = masm.Stream(
        "lai", np.arange(3), RNG.normal(size=3), variance=masm.GivenVariance(0.5)
    )
    return GaussianLikelihood((gpp.aggregate(), lai.aggregate()))


def test_complete_cost_is_minus_two_log_of_the_normal_density():
    residual, variance = RNG.normal(size=(6, 8)), RNG.uniform(0.5, 2.0, 8)
    expected = -2.0 * stats.norm(0.0, np.sqrt(variance)).logpdf(residual).sum(axis=1)
    assert gaussian_cost(residual, variance, normalised=True) == pytest.approx(expected)


def test_the_normaliser_counts_observations_not_parameters():
    likelihood = two_streams()
    series = likelihood.value + RNG.normal(size=(3, 8))
    complete = gaussian_cost(
        series - likelihood.value, likelihood.variance, normalised=True
    )
    assert likelihood.cost(series) + likelihood.normaliser == pytest.approx(complete)
    expected = 8 * np.log(2 * np.pi) + 5 * np.log(2.0) + 3 * np.log(0.5)
    assert likelihood.normaliser == pytest.approx(expected)


def test_one_variance_serves_all_residuals():
    residual = RNG.normal(size=(2, 5))
    single = gaussian_cost(residual, np.array([3.0]), normalised=True)
    spelled = gaussian_cost(residual, np.full(5, 3.0), normalised=True)
    assert single == pytest.approx(spelled)


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
