"""Errors of streams in the joint step: normal, Student-t, Laplace."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special, stats

import masm
from masm.errors import InputError
from masm.hierarchical import (
    CalibratedSite,
    StreamErrors,
    calibrate_together,
    site_problem,
)
from masm.hierarchical.stream_errors import OtherErrors, StreamsLikelihood
from masm.hierarchical.together import _Emulated
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.dataset import as_streams

DAYS = pd.date_range("2001-01-01", periods=120)
PRIORS = masm.Priors({"a": masm.Uniform(0.0, 10.0)})
FEW = {"n_chains": 8, "n_draws": 40, "n_warm": 40, "most_rounds": 0, "n_check": 6}


def model(theta):
    values = np.asarray(theta["a"])[:, None] + np.zeros(DAYS.size)
    return xr.Dataset(
        {"nee": (("sample", "time"), values, {"units": "g m-2 d-1"})}, {"time": DAYS}
    )


def site(a, seed, outliers=0):
    rng = np.random.default_rng(seed)
    nee = a + rng.normal(0.0, 0.5, DAYS.size)
    nee[rng.choice(DAYS.size, outliers, replace=False)] += 12.0
    data = xr.Dataset(
        {"nee": ("time", nee, {"units": "g m-2 d-1"})}, coords={"time": DAYS}
    )
    found = site_problem(
        model, dict(as_streams(data, variance=0.25, windows=None)), PRIORS
    )
    u = (np.arange(24)[:, None] + 0.5) / 24
    return CalibratedSite(found, found.run(u))


def joined(sites, **words):
    return calibrate_together(sites, seed=3, **FEW, **words)


def mean_a(found, k):
    return 10.0 * special.ndtr(found.hierarchical.theta[:, :, k, 0]).mean()


@pytest.fixture(scope="module")
def sites():
    return {"s0": site(3.0, 0), "s1": site(4.0, 1, outliers=6)}


@pytest.fixture(scope="module")
def normal(sites):
    return joined(sites)


def test_normal_errors_by_name_are_the_normal_errors(sites, normal):
    named = joined(sites, errors={"nee": StreamErrors("gaussian", count="all")})
    for k in range(2):
        assert mean_a(normal, k) == pytest.approx(mean_a(named, k), abs=0.03)
        sds = [x.hierarchical.theta[:, :, k].std() for x in (normal, named)]
        assert sds[0] == pytest.approx(sds[1], rel=0.25)


@pytest.mark.parametrize(
    "errors",
    [
        StreamErrors("student", count="all"),
        StreamErrors("laplace", a0=0.35, a1=0.02, a2=0.01, count="all"),
    ],
    ids=["student", "laplace"],
)
def test_outliers_rule_normal_errors_and_no_others(sites, normal, errors):
    other = joined(sites, errors={"nee": errors})
    assert mean_a(normal, 1) > 4.4
    assert abs(mean_a(other, 1) - 4.0) < 0.2
    assert other.verdicts["s1"].disagreement < 0.5


def test_the_likelihood_of_series_is_the_sum_over_values(sites):
    known = sites["s1"].problem.likelihood
    predicted = np.full((1, known.n_obs), 3.5)
    errors = StreamErrors("laplace", a0=0.3, a1=0.2, a2=0.1, count="all")
    found = StreamsLikelihood(known, {"nee": errors}, known.value)(predicted)
    want = stats.laplace.logpdf(known.value, 3.5, 0.3 + 0.2 * 3.5).sum()
    assert found[0] == pytest.approx(want, rel=1e-12)
    student = StreamsLikelihood(
        known, {"nee": StreamErrors("student", count="all")}, known.value
    )
    scale = np.sqrt(0.25 / 2.0)
    want = stats.t.logpdf((known.value - 3.5) / scale, 4.0) - np.log(scale)
    assert student(predicted)[0] == pytest.approx(want.sum(), rel=1e-12)


def test_correlated_residuals_count_less():
    rng = np.random.default_rng(4)
    one = site(3.0, 0)
    known = one.problem.likelihood
    walk = np.zeros(known.n_obs)
    for t in range(1, walk.size):
        walk[t] = 0.8 * walk[t - 1] + rng.normal()
    fitted = known.value - walk
    found = StreamsLikelihood(known, {"nee": StreamErrors("student")}, fitted)
    assert 0.05 < found.fractions()[0] < 0.25  # (1 - 0.8) / (1 + 0.8) is 0.11
    every = {"nee": StreamErrors("student", count="all")}
    assert StreamsLikelihood(known, every, fitted).fractions() == [1.0]


def test_a_density_taken_before_stays_what_it_was(sites):
    one = sites["s0"]
    emulated = OtherErrors(
        one.problem.likelihood, {"nee": StreamErrors("student")}, special.ndtri
    )
    emulated.refit(one.runs)
    density, u = emulated.density_now(), np.array([[0.31]])
    before = density(u)
    emulated.refit(one.runs.append(one.problem.run(np.array([[0.305], [0.315]]))))
    assert np.array_equal(before, density(u))


def test_what_cannot_be_is_one_error(sites):
    for errors, said in (
        ({"gpp": StreamErrors("student")}, "errors of a stream"),
        ({"nee": StreamErrors("cauchy")}, "kind of errors"),
        ({"nee": StreamErrors("student", count="some")}, "count of values"),
        ({"nee": StreamErrors("student", degrees=2.0)}, "degrees"),
        ({"nee": StreamErrors("laplace", a1=0.1, a2=0.2)}, "a1 above a2"),
    ):
        with pytest.raises(InputError, match=said):
            joined(sites, errors=errors)


@pytest.mark.parametrize(
    "more",
    [{"correlation": 0.5}, {"bias_sd": 1.0}, {"between_years": 0.3},
     {"representation_sd": 1.0}, {"discrepancy_sd": 1.0},
     {"treatment": "remove_mean"}],
)  # fmt: skip
def test_errors_with_other_parts_are_refused_and_not_left_out(sites, more):
    known = sites["s0"].problem.likelihood
    (series,) = known.observed
    other = GaussianLikelihood((replace(series, errors=masm.Errors(**more)),))
    with pytest.raises(InputError, match="independent errors"):
        StreamsLikelihood(other, {"nee": StreamErrors("student")}, known.value)


def test_other_errors_need_series(sites):
    bare = {
        name: replace(one, problem=replace(one.problem, likelihood=None))
        for name, one in sites.items()
    }
    with pytest.raises(InputError, match="no series"):
        _Emulated("s0", bare["s0"], np.random.SeedSequence(1),
                  {"nee": StreamErrors("student")})  # fmt: skip
