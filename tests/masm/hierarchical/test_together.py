"""Sites joined from the model runs of their own: exact where the model is linear."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special

import masm
from masm.hierarchical import (
    CalibratedSite,
    calibrate_together,
    matched_group_prior,
    sample_hierarchy,
    site_problem,
)
from masm.observations.dataset import as_streams

DAYS = pd.date_range("2001-01-01", "2001-12-31")
PRIORS = masm.Priors({"a": masm.Uniform(0.0, 10.0), "b": masm.Uniform(-5.0, 5.0)})
WAVE = np.sin(2 * np.pi * np.arange(DAYS.size) / 365.0)
FEW = {"n_chains": 24, "n_draws": 150, "n_warm": 150, "most_rounds": 2}


def model(theta):
    a, b = (np.asarray(theta[name])[:, None] for name in ("a", "b"))
    values = a + b * WAVE
    return xr.Dataset(
        {"nee": (("sample", "time"), values, {"units": "g m-2 d-1"})}, {"time": DAYS}
    )


def streams(a, b, seed, variance=30.0):
    rng = np.random.default_rng(seed)
    nee = a + b * WAVE + rng.normal(0.0, 0.5, DAYS.size)
    data = xr.Dataset(
        {"nee": ("time", nee, {"units": "g m-2 d-1"})}, coords={"time": DAYS}
    )
    return dict(as_streams(data, variance=variance))


def site(a, b, seed, priors=PRIORS, n=40, **options):
    problem = site_problem(model, streams(a, b, seed, **options), priors)
    u = np.random.default_rng(seed).random((n, len(priors)))
    return CalibratedSite(problem, problem.run(u))


@pytest.fixture(scope="module")
def sites():
    truth = [(3.0, 1.0), (5.0, 1.5), (6.5, 0.5)]
    return {f"s{k}": site(*pair, k) for k, pair in enumerate(truth)} | {"blind": None}


@pytest.fixture(scope="module")
def together(sites):
    return calibrate_together(sites, seed=3, **FEW)


def exact(one):
    """The log-likelihood of ``z`` by the model itself."""

    def log_likelihood(z):
        return -0.5 * one.problem.run(special.ndtr(z)).cost

    return log_likelihood


def test_the_joint_posterior_is_that_of_the_model_itself(sites, together):
    prior = matched_group_prior(np.zeros(2), np.eye(2), degrees=4, share_between=0.5)
    functions = {
        name: None if one is None else exact(one) for name, one in sites.items()
    }
    want = sample_hierarchy(
        functions, prior, seed=9, n_chains=24, n_draws=150, n_warm=150
    )
    got = together.hierarchical
    for k in range(3):
        sd = want.theta[:, :, k].std((0, 1))
        off = got.theta[:, :, k].mean((0, 1)) - want.theta[:, :, k].mean((0, 1))
        assert np.all(np.abs(off) < 0.2 * sd)
        ratio = got.theta[:, :, k].std((0, 1)) / sd
        assert np.all((ratio > 0.85) & (ratio < 1.18))
    assert all(verdict.disagreement < 0.1 for name, verdict in
               together.verdicts.items() if name != "blind")  # fmt: skip


def test_a_blind_site_follows_the_group_and_is_named(together):
    assert together.verdicts["blind"].n_runs == 0
    assert "blind" in together.note
    assert list(together.hierarchical.from_group) == [False, False, False, True]
    seen = together.hierarchical.theta[:, :, :3].std((0, 1)).mean(axis=0)
    assert np.all(together.hierarchical.theta[:, :, 3].std((0, 1)) > seen)


def test_the_pooled_vector_lies_between_the_sites_and_is_sure_of_itself(together):
    theta = together.theta(together.pooled.theta[:, :, 0], PRIORS)
    own = together.theta(together.hierarchical.theta[:, :, :3], PRIORS)
    means = own.mean((0, 1))
    assert means[:, 0].min() < theta[..., 0].mean() < means[:, 0].max()
    assert np.all(theta.std((0, 1)) < own.std((0, 1)).min(axis=0))


def test_the_same_seed_gives_the_same_bits(sites, together):
    again = calibrate_together(sites, seed=3, **FEW)
    np.testing.assert_array_equal(again.hierarchical.theta, together.hierarchical.theta)
    np.testing.assert_array_equal(again.pooled.theta, together.pooled.theta)
    other = calibrate_together(sites, seed=4, **{**FEW, "n_draws": 20})
    assert not np.array_equal(
        other.hierarchical.theta[:, 0], together.hierarchical.theta[:, 0]
    )


def test_a_site_alone_has_the_same_prior_as_in_the_group():
    prior = matched_group_prior(np.zeros(2), np.eye(2), degrees=4, share_between=0.5)
    np.testing.assert_allclose(prior.site_variance, np.eye(2), atol=1e-12)


def test_sites_that_do_not_go_together_are_refused():
    first = site(3.0, 1.0, 1)
    with pytest.raises(masm.InputError, match="two or more"):
        calibrate_together({"a": first, "b": None}, seed=1)
    narrow = masm.Priors({"a": masm.Uniform(0.0, 9.0), "b": masm.Uniform(-5.0, 5.0)})
    with pytest.raises(masm.InputError, match="other priors"):
        calibrate_together({"a": first, "b": site(3.0, 1.0, 2, narrow)}, seed=1)
    fewer = masm.Priors({"b": masm.Uniform(-5.0, 5.0), "a": masm.Uniform(0.0, 10.0)})
    with pytest.raises(masm.InputError, match="other parameters"):
        calibrate_together({"a": first, "b": site(3.0, 1.0, 2, fewer)}, seed=1)
    with pytest.raises(masm.InputError, match="too few model runs"):
        calibrate_together({"a": first, "b": site(3.0, 1.0, 2, n=3)}, seed=1)


def test_sites_with_different_streams_are_refused():
    def two(theta):
        made = model(theta)
        return made.assign(er=made["nee"])

    one = streams(3.0, 1.0, 1)
    data = xr.Dataset(
        {name: ("time", 3.0 + WAVE, {"units": "g m-2 d-1"}) for name in ("nee", "er")},
        coords={"time": DAYS},
    )
    both = dict(as_streams(data, variance=30.0))
    u = np.random.default_rng(0).random((20, 2))
    sites = {}
    for name, observed in (("a", one), ("b", both)):
        problem = site_problem(two, observed, PRIORS)
        sites[name] = CalibratedSite(problem, problem.run(u))
    with pytest.raises(masm.InputError, match="other streams"):
        calibrate_together(sites, seed=1)


@pytest.mark.parametrize(("apart", "n_calls"), [(0.0, 1), (5.0, 2)])
def test_chains_that_do_not_agree_are_made_once_more_and_longer(
    monkeypatch, apart, n_calls
):
    from masm.hierarchical import HierarchicalDraws
    from masm.hierarchical import together as module

    asked = []

    def sample(sites, prior, *, n_warm, thin, **options):
        asked.append((n_warm, thin))
        theta = np.random.default_rng(1).normal(size=(4, 400, 1, 1))
        theta += apart * np.arange(4.0).reshape(4, 1, 1, 1)
        return HierarchicalDraws(
            ("a",), theta, theta[:, :, 0], theta[..., None], np.array([False]),
            np.array([0.3]),
        )  # fmt: skip

    monkeypatch.setattr(module, "sample_hierarchy", sample)
    module._sample_until_they_agree({"a": None}, None, n_warm=10, seed=1)
    assert asked == [(10, 2), (40, 8)][:n_calls]
