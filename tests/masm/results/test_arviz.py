"""A result in ArviZ: the checks and statistics that people call on a posterior file."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import masm
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.dataset import as_streams

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    az = pytest.importorskip("arviz")


@pytest.fixture(scope="module")
def make():
    import matplotlib as mpl

    mpl.use("Agg")


@pytest.fixture
def stored(twin_streams, tmp_path, make):
    result = masm.calibrate(
        twin_streams.model, twin_streams.targets, twin_streams.priors, seed=3,
        variance="given", max_runs=50, n_draws=100,
    )  # fmt: skip
    result.to_netcdf(tmp_path / "posterior.nc")
    return result, tmp_path / "posterior.nc"


def test_arviz_opens_checks_and_scores_a_file(stored):
    result, path = stored
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = az.from_netcdf(path)
        table = az.summary(data)
        loo = az.loo(data, var_name="gpp", reff=1)
        for given in (data, result.to_arviz()):
            if hasattr(az, "plot_ppc"):
                az.plot_ppc(given)
            else:
                az.plot_ppc_dist(given)
    assert list(table.index) == list(result.parameters)
    runs = result.groups["log_likelihood"]["gpp"]
    assert np.isfinite(float(getattr(loo, "elpd_loo", getattr(loo, "elpd", np.nan))))
    assert loo.n_data_points == runs.sizes["gpp_time"]
    assert set(result.groups["observed_data"].data_vars) == {"gpp", "lai"}
    assert set(result.groups["constant_data"].data_vars) == {
        "gpp_variance",
        "lai_variance",
    }


def test_there_are_draws_enough_and_they_are_those_of_the_posterior(stored):
    result, _ = stored
    known = result.groups["constant_data"]
    for name in ("gpp", "lai"):
        replicated = result.groups["posterior_predictive"][name]
        assert replicated.sizes["draw"] >= 100
        # Replicates spread about the model runs by the stated errors.
        middle = result.groups["predictive_runs"][name].mean(("chain", "draw"))
        z = (replicated - middle).to_numpy() / np.sqrt(known[f"{name}_variance"].values)
        assert abs(z.mean()) < 0.1
        assert z.std() == pytest.approx(1.0, abs=0.1)
        assert replicated.attrs["units"] == result.groups["observed_data"][name].units
    assert result.groups["posterior_predictive"].attrs["source"] == "emulator"


def test_log_likelihoods_are_those_that_the_calibration_saw(stored):
    result, _ = stored
    groups = result.groups
    total = sum(groups["log_likelihood"][n].sum(f"{n}_time") for n in ("gpp", "lai"))
    seen = groups["sample_stats"]["lp"].to_numpy()
    assert float(total.mean()) == pytest.approx(seen.mean(), abs=1.0)
    assert float(total.std()) == pytest.approx(seen.std(), rel=0.5)


def test_without_an_emulator_they_are_normal_densities_of_model_runs(twin_streams):
    groups = masm.calibrate(
        twin_streams.model, twin_streams.targets, twin_streams.priors, seed=3,
        variance="given", method="importance", max_runs=700, n_predictive=40,
    ).groups  # fmt: skip
    assert groups["log_likelihood"].attrs["source"] == "model runs"
    for name in ("gpp", "lai"):
        expected = stats.norm.logpdf(
            groups["observed_data"][name].to_numpy(),
            groups["predictive_runs"][name].to_numpy(),
            np.sqrt(groups["constant_data"][f"{name}_variance"].to_numpy()),
        )
        assert_allclose(groups["log_likelihood"][name], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "errors", [masm.Errors(correlation=0.6), masm.Errors(bias_sd=0.4)]
)
def test_densities_of_correlated_errors_sum_to_the_whole(twin, errors):
    streams = as_streams(twin.targets, variance="given", windows="auto", errors=errors)
    likelihood = GaussianLikelihood((streams["gpp"].aggregate(),))
    rng = np.random.default_rng(0)
    series = likelihood.value + rng.normal(0, 1, (3, likelihood.n_obs))
    assert_allclose(likelihood.unwhiten(likelihood.whiten(series)), series)
    whole = likelihood.log_densities(series).sum(axis=1)
    assert_allclose(whole, -0.5 * (likelihood.cost(series) + likelihood.normaliser))


def test_a_factor_on_the_errors_widens_each_density(twin):
    streams = as_streams(
        twin.targets, variance=masm.SampledVariance(), windows="auto", errors=None
    )
    likelihood = GaussianLikelihood((streams["gpp"].aggregate(),))
    series = likelihood.value[None] + 1.0
    sd = np.sqrt(likelihood.variance)
    assert_allclose(
        likelihood.log_densities(series, [{"gpp": 3.0}])[0],
        stats.norm.logpdf(1.0, 0.0, 3.0 * sd),
    )
    drawn = likelihood.draw_errors(np.random.default_rng(1), {"gpp": 3.0})
    assert np.std(drawn / sd) == pytest.approx(3.0, rel=0.3)


def test_every_picture_of_a_result_names_units_and_what_is_asked(stored):
    import matplotlib.pyplot as plt

    result, _ = stored
    axes = result.plot_posterior(truth={"peak": 9.0})
    assert [axis.get_xlabel() for axis in axes] == list(result.parameters)
    pairs = result.plot_pair(["peak", "width"])
    assert pairs.shape == (2, 2)
    ranks = result.plot_rank("peak")
    assert "R-hat" in ranks[0].get_title()
    fit = result.plot_fit()
    assert fit[0].get_ylabel() == "gpp (g m-2 d-1)"
    assert "of 138 observations" in result.plot_predictive()[0].get_title()
    with pytest.raises(masm.InputError, match="paek"):
        result.plot_rank(["paek"])
    with pytest.raises(masm.InputError, match="two at least"):
        result.plot_pair(["peak"])
    plt.close("all")


def test_a_cost_alone_has_no_fit_to_draw(make):
    result = masm.sample_cost(
        lambda theta: (theta["a"] - 3.0) ** 2, {"a": (0.0, 9.0)}, seed=1, max_runs=30
    )
    result.plot_posterior()
    with pytest.raises(masm.InputError, match="no observations"):
        result.plot_fit()
