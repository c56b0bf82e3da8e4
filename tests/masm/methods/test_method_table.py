"""Every method through the same tests: a known normal, failures, seeds, refusals."""

import numpy as np
import pytest
import xarray as xr

import masm
from masm.errors import InputError
from masm.methods.ensemble.update import kalman_update
from masm.methods.registry import METHODS, method_of

N_OBS = 12
TIME = np.arange("2001-01-01", "2001-01-13", dtype="datetime64[D]")
DESIGN = np.random.default_rng(3).normal(size=(N_OBS, 2))
TRUTH, SD = np.array([0.6, -0.4]), 0.5
PRIORS = {n: masm.TruncatedNormal(-8.0, 8.0, mean=0.0, sd=1.0) for n in ("a", "b")}
POSTERIORS = [n for n in METHODS if method_of(n).gives == "posterior"]
POINTS = [n for n in METHODS if method_of(n).gives == "point"]
QUICK = {
    "metropolis": {"max_runs": 10_000},
    "demc": {"max_runs": 10_000},
    "affine": {"max_runs": 12_000},
    "dream": {"max_runs": 12_000},
    "smc": {"max_runs": 20_000, "n_particles": 400},
    "two_phase": {"max_runs": 16_000, "n_chains": 10, "test_share": 0.15},
    "importance": {"max_runs": 4_000},
    "esmda": {"n_members": 1_000},
    "4denvar": {"n_members": 800},
    "4dvar": {"n_draws": 800},
    "emulator": {"max_runs": 60},
    "published": {"n_iterations": 3},
    "nuts": {"n_warmup": 80, "n_draws": 150},
}


def model(theta):
    given = dict(theta)
    x = np.stack([np.atleast_1d(given[n]) for n in ("a", "b")], axis=-1)
    values = {"gpp": (("sample", "time"), x @ DESIGN.T, {"units": "g m-2 d-1"})}
    return xr.Dataset(values, coords={"time": TIME})


def sometimes_failing(theta):
    made = model(theta)
    a = np.atleast_1d(dict(theta)["a"])
    lost = (np.floor(np.abs(a) * 1e5).astype(np.int64) % 33) == 0  # 3 % of all runs
    made["gpp"] = made["gpp"].where(~xr.DataArray(lost, dims="sample"))
    return made


def observations():
    noise = np.random.default_rng(5).normal(0.0, SD, N_OBS)
    values = DESIGN @ TRUTH + noise
    attrs = {"units": "g m-2 d-1"}
    return xr.Dataset(
        {"gpp": ("time", values, attrs), "gpp_sd": ("time", np.full(N_OBS, SD), attrs)},
        coords={"time": TIME},
    )


def exact():
    precision = DESIGN.T @ DESIGN / SD**2 + np.eye(2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ DESIGN.T @ observations()["gpp"].to_numpy() / SD**2
    return mean, np.sqrt(np.diag(covariance)), covariance


def calibrate(method, run=model, seed=1, **options):
    return masm.calibrate(
        run, observations(), PRIORS, seed=seed, method=method, windows=None, **options
    )


@pytest.mark.parametrize("method", POSTERIORS)
def test_the_posterior_of_a_linear_model_is_the_exact_normal(method):
    result = calibrate(method, **QUICK.get(method, {}))
    mean, sd, covariance = exact()
    found = np.array([float(result.mean[n]) for n in ("a", "b")])
    spread = np.array([float(result.sd[n]) for n in ("a", "b")])
    assert np.all(np.abs(found - mean) < 0.2 * sd), (found, mean, sd)
    np.testing.assert_allclose(spread, sd, rtol=0.15)
    draws = np.stack([result.posterior[n].to_numpy().ravel() for n in ("a", "b")])
    expected = covariance[0, 1] / sd.prod()
    assert abs(np.corrcoef(draws)[0, 1] - expected) < 0.15


@pytest.mark.parametrize("method", POINTS)
def test_an_optimum_is_the_best_fit_and_claims_no_posterior(method):
    result = calibrate(method)
    least = np.linalg.lstsq(DESIGN, observations()["gpp"].to_numpy(), rcond=None)[0]
    best = np.array([float(result.best[n]) for n in ("a", "b")])
    np.testing.assert_allclose(best, least, atol=0.15)
    assert result.status == "suspect"
    assert result.reason == "no_posterior"


@pytest.mark.parametrize(
    "method", ["4dvar", "4denvar", "esmda", "kalman_inversion", "smc", "affine",
               "dream", "genetic", "cma_es", "two_phase"]
)  # fmt: skip
def test_failed_runs_are_survived(method):
    options = {
        "affine": {"max_runs": 4_000},
        "dream": {"max_runs": 6_000},
        "smc": {"max_runs": 10_000, "n_particles": 200},
        "two_phase": {"max_runs": 6_000, "n_chains": 10, "test_share": 0.25},
    }.get(method, {})
    result = calibrate(method, sometimes_failing, **options)
    mean, sd, _ = exact()
    values = result.best if method_of(method).gives == "point" else result.mean
    found = np.array([float(values[n]) for n in ("a", "b")])
    assert np.all(np.abs(found - mean) < 1.0 * sd)
    assert result.n_failed_runs > 0


@pytest.mark.parametrize("method", ["4dvar", "4denvar", "esmda", "genetic", "cma_es"])
def test_the_same_seed_gives_the_same_answer_and_another_one_another(method):
    few = {"max_runs": 800} if method in POINTS else {}
    one, again, other = (calibrate(method, seed=s, **few) for s in (4, 4, 5))
    xr.testing.assert_identical(one.posterior, again.posterior)
    assert not one.posterior.equals(other.posterior)


@pytest.mark.parametrize("method", ["4dvar", "4denvar", "esmda", "kalman_inversion"])
def test_a_method_of_the_series_refuses_a_model_that_gives_only_its_cost(method):
    with pytest.raises(InputError, match="series"):
        masm.sample_cost(
            lambda theta: (theta**2).sum(axis=1), {"a": (-1, 1)}, seed=1, method=method
        )


def test_the_evidence_of_a_normal_is_the_exact_one():
    d, sd = 2, 0.1
    exact_log = 0.5 * d * np.log(2.0 * np.pi * sd**2)
    found = []
    for seed in range(8):
        result = masm.sample_cost(
            lambda theta: ((theta - 0.5) ** 2).sum(axis=1) / sd**2,
            {"a": (0, 1), "b": (0, 1)},
            seed=seed,
            method="smc",
            max_runs=20_000,
            n_particles=400,
        )
        found.append(float(result.attrs["log_evidence"]))
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - exact_log) < 4.0 * error + 0.02


@pytest.mark.parametrize("method", ["cma_es", "genetic"])
def test_a_global_search_finds_the_basin_of_rastrigin(method):
    def rastrigin(theta):
        return 10.0 * (
            10.0 * theta.shape[1]
            + np.sum(theta**2 - 10.0 * np.cos(2 * np.pi * theta), axis=1)
        )

    priors = {f"x{i}": (-5.12, 5.12) for i in range(5)}
    hits = 0
    for seed in range(4):
        result = masm.sample_cost(
            rastrigin, priors, seed=seed, method=method, max_runs=20_000
        )
        hits += max(abs(float(result.best[n])) for n in priors) < 0.5
    assert hits >= 3


def test_a_kalman_update_with_many_members_is_the_exact_one():
    rng = np.random.default_rng(2)
    z = rng.standard_normal((8_000, 2))
    residual = (z @ DESIGN.T - observations()["gpp"].to_numpy()) / SD
    found = kalman_update_in_parts(z, residual, rng)
    mean, sd, _ = exact()
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.05 * sd.max())
    np.testing.assert_allclose(found.std(axis=0), sd, rtol=0.05)


def kalman_update_in_parts(z, residual, rng):
    parts = []
    for part, found in zip(np.split(z, 8), np.split(residual, 8), strict=True):
        noise = rng.standard_normal(found.shape)
        parts.append(kalman_update(part, found, 1.0, noise))
    return np.concatenate(parts)


@pytest.mark.parametrize("method", METHODS)
def test_the_runs_of_a_method_are_not_more_than_it_says(method):
    value = method_of(method)
    assert value.expected_runs(3, value.options) > 0
    assert value.gives in ("posterior", "point", "region")
