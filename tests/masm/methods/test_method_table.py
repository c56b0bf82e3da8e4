"""Every method through the same tests: a known normal, failures, seeds, refusals."""

import numpy as np
import pytest
import xarray as xr

import masm
from masm.errors import InputError
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.differentiable import DifferentiableProblem
from masm.methods.ensemble.unscented import _updated
from masm.methods.ensemble.update import kalman_update
from masm.methods.minimum import minimise
from masm.methods.registry import METHODS, method_of
from masm.methods.support import support
from masm.observations.dataset import as_streams
from masm.problem.problem import Problem
from masm.runners.series_runner import ModelRunner

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
    "large_sample": {"max_runs": 400},
    "enkf": {"n_members": 1_000},
    "particle_filter": {"n_particles": 2_000},
    "unscented": {"n_draws": 1_000},
}


def model(theta):
    given = dict(theta)
    x = np.stack([np.atleast_1d(given[n]) for n in ("a", "b")], axis=-1)
    return {"gpp": x @ DESIGN.T}


def sometimes_failing(theta):
    made = model(theta)
    a = np.atleast_1d(dict(theta)["a"])
    lost = (np.floor(np.abs(a) * 1e5).astype(np.int64) % 33) == 0  # 3 % of all runs
    return {"gpp": np.where(lost[:, None], np.nan, made["gpp"])}


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


@pytest.mark.parametrize("method", [*POSTERIORS, *POINTS])
def test_failed_runs_are_survived(method):
    options = {
        "affine": {"max_runs": 4_000},
        "dream": {"max_runs": 6_000},
        "smc": {"max_runs": 10_000, "n_particles": 200},
        "two_phase": {"max_runs": 6_000, "n_chains": 10, "test_share": 0.25},
        "metropolis": {"max_runs": 4_000},
        "demc": {"max_runs": 4_000},
        "importance": {"max_runs": 1_500},
        "nuts": {"n_warmup": 40, "n_draws": 60},
        "published": {"n_iterations": 2},
        "emulator": {"max_runs": 50},
        "large_sample": {"max_runs": 400},
    }.get(method, {})
    result = calibrate(method, sometimes_failing, **options)
    mean, sd, _ = exact()
    values = result.best if method_of(method).gives == "point" else result.mean
    found = np.array([float(values[n]) for n in ("a", "b")])
    assert np.all(np.abs(found - mean) < 1.0 * sd)
    assert result.n_failed_runs > 0


@pytest.mark.parametrize(
    "method",
    ["4dvar", "4denvar", "esmda", "genetic", "cma_es", "enkf", "particle_filter"],
)
def test_the_same_seed_gives_the_same_answer_and_another_one_another(method):
    few = {"max_runs": 800} if method in POINTS else {}
    one, again, other = (calibrate(method, seed=s, **few) for s in (4, 4, 5))
    xr.testing.assert_identical(one.posterior, again.posterior)
    assert not one.posterior.equals(other.posterior)


@pytest.mark.parametrize(
    "method",
    ["4dvar", "4denvar", "esmda", "kalman_inversion", "enkf", "particle_filter"],
)
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


@pytest.mark.parametrize("method", ["cma_es", "genetic", "differential_evolution"])
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


def test_both_selections_of_the_genetic_algorithm_find_a_minimum():
    def bowl(theta):
        return np.sum((theta - 0.3) ** 2, axis=1)

    for selection in ("tournament", "rank"):
        result = masm.sample_cost(
            bowl, {"a": (0, 1), "b": (0, 1)}, seed=1, method="genetic", max_runs=1500,
            selection=selection,
        )  # fmt: skip
        assert abs(float(result.best["a"]) - 0.3) < 0.02
    with pytest.raises(InputError, match="option selection"):
        calibrate("genetic", selection="roulette")


def test_nelder_mead_goes_along_the_valley_of_rosenbrock():
    def valley(theta):
        x = np.asarray(theta)
        steps = 100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2
        return np.sum(steps, axis=1)

    hits = 0
    for seed in range(3):
        result = masm.sample_cost(
            valley, {"a": (-2, 2), "b": (-2, 2)}, seed=seed, method="nelder_mead",
            max_runs=1500, n_starts=3,
        )  # fmt: skip
        hits += max(abs(float(result.best[n]) - 1.0) for n in "ab") < 0.05
    assert hits == 3


def test_a_kalman_update_with_many_members_is_the_exact_one():
    rng = np.random.default_rng(2)
    z = rng.standard_normal((8_000, 2))
    residual = (z @ DESIGN.T - observations()["gpp"].to_numpy()) / SD
    found = kalman_update(z, residual, 1.0, rng.standard_normal(residual.shape))
    mean, sd, _ = exact()
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.05 * sd.max())
    np.testing.assert_allclose(found.std(axis=0), sd, rtol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_the_runs_of_a_method_are_not_more_than_it_says(method):
    value = method_of(method)
    assert value.expected_runs(3, value.options) > 0
    assert value.gives in ("posterior", "point", "region")


BENT = masm.Stream(
    "y", np.arange(2), np.array([0.0, 1.2]), variance=masm.GivenVariance(0.04),
    windows=None,
)  # fmt: skip
CURVED = {
    "large_sample": {"max_runs": 600}, "importance": {"max_runs": 4_000},
    "demc": {"max_runs": 8_000}, "dream": {"max_runs": 8_000},
    "smc": {"max_runs": 12_000, "n_particles": 500}, "nuts": {"n_draws": 100},
    "metropolis": {"max_runs": 6_000}, "affine": {"max_runs": 6_000},
    "two_phase": {"max_runs": 6_000, "n_chains": 10, "test_share": 0.25},
}  # fmt: skip


def banana(theta):
    given = dict(theta)
    a, b = (np.atleast_1d(given[name]) for name in ("a", "b"))
    return {"y": np.stack([b - a**2, 0.5 * a + b], axis=1)}


def banana_moments():
    a, b = np.meshgrid(np.linspace(-2, 2, 801), np.linspace(-1, 3, 801))
    made = banana({"a": a.ravel(), "b": b.ravel()})["y"]
    weight = np.exp(-0.5 * np.sum((made - [0.0, 1.2]) ** 2, axis=1) / 0.04)
    weight /= weight.sum()
    points = np.stack([a.ravel(), b.ravel()], axis=1)
    mean = weight @ points
    return mean, np.sqrt(weight @ (points - mean) ** 2)


@pytest.mark.parametrize("method", POSTERIORS)
def test_of_a_bent_posterior_a_method_is_right_or_says_that_it_is_not(method):
    options = CURVED.get(method) or QUICK.get(method)
    if options is None:
        options = method_of(method).with_budget(4_000, 2)
    result = masm.calibrate(
        banana, {"y": BENT}, {"a": (-2.0, 2.0), "b": (-1.0, 3.0)}, seed=3,
        method=method, n_predictive=0, **options,
    )  # fmt: skip
    mean, sd = banana_moments()
    found = np.array([float(result.mean[n]) for n in ("a", "b")])
    spread = np.array([float(result.sd[n]) for n in ("a", "b")])
    right = np.all(np.abs(found - mean) < 0.3 * sd)
    right = right and np.all(np.abs(np.log(spread / sd)) < 0.3)
    assert right or result.status == "suspect"


@pytest.mark.parametrize("kind", ["random_features", "sparse_gp", "xgboost"])
def test_an_emulator_of_many_runs_is_judged_by_runs_held_out(kind):
    result = calibrate("large_sample", kind=kind, max_runs=400)
    mean, sd, _ = exact()
    found = np.array([float(result.mean[n]) for n in ("a", "b")])
    assert np.all(np.abs(found - mean) < 0.2 * sd)
    assert result.status == "done"
    assert result.attrs["held_out_r2"] > 0.9
    assert result.attrs["held_out_coverage"] > 0.7


def test_an_emulator_that_cannot_follow_the_model_is_suspect():
    def rough(theta):
        return 40.0 * np.sin(200.0 * theta[:, 0]) ** 2 + theta[:, 1] ** 2

    result = masm.sample_cost(
        rough, {"a": (-1, 1), "b": (-1, 1)}, seed=1, method="large_sample",
        max_runs=200, kind="xgboost",
    )  # fmt: skip
    assert result.status == "suspect"


def smallest(method):
    """Options of the least budget that a method takes, or those for quick tests."""
    slow = {
        "emulator": {"max_runs": 28}, "published": {"n_iterations": 1},
        "history_matching": {"max_runs": 19, "n_waves": 1},
        "nuts": {"n_warmup": 20, "n_draws": 20, "n_chains": 2},
    }  # fmt: skip
    if method in slow:
        return slow[method]
    for budget in (60, 120, 240, 600, 1_500, 4_000, 10_000):
        options = method_of(method).with_budget(budget, 2)
        try:
            calibrate(method, refused, **options)
        except InputError:
            continue
        except Started:
            return options
    raise AssertionError(f"{method} takes no budget up to 10,000 runs")


class Started(BaseException):
    """The method has begun to run the model: it takes its options."""


def refused(theta):
    raise Started


@pytest.mark.parametrize("method", METHODS)
def test_one_seed_is_one_answer_on_any_worker_and_after_a_stop(method, tmp_path):
    """Over the whole registry: a new method is tested by being in it."""

    def backwards(function, items):
        return list(reversed([function(item) for item in reversed(list(items))]))

    calls = []

    def stopping(theta):
        calls.append(len(theta))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return model(theta)

    options = {"n_predictive": 0, **smallest(method)}
    one = calibrate(method, **options)
    other = calibrate(method, map=backwards, samples_per_call=37, **options)
    xr.testing.assert_allclose(one.posterior, other.posterior, rtol=1e-9)
    path = tmp_path / "kept.nc"
    with pytest.raises(KeyboardInterrupt):
        calibrate(method, stopping, checkpoint=path, **options)
    resumed = calibrate(method, checkpoint=path, **options)
    xr.testing.assert_identical(one.posterior, resumed.posterior)
    assert resumed.n_model_runs == one.n_model_runs


def test_unscented_updates_of_a_linear_model_come_to_the_exact_posterior():
    def runs(z):
        return (z @ DESIGN.T - observations()["gpp"].to_numpy()) / SD

    mean, covariance = np.zeros(2), np.eye(2)
    for _ in range(40):
        mean, covariance = _updated(mean, 2.0 * covariance, runs)
    np.testing.assert_allclose(mean, exact()[0], atol=1e-8)
    np.testing.assert_allclose(covariance, exact()[2], atol=1e-8)


def test_members_beside_the_posterior_or_too_narrow_for_it_are_not_supported():
    rng = np.random.default_rng(8)
    z = rng.standard_normal((400, 3))

    def of(members):
        return support(members, np.zeros(len(members)))  # the posterior is N(0, 1)

    assert of(z)[0] > 0.9
    assert of(z + 2.0)[0] < 0.3 or of(z + 2.0)[1] > 0.7
    assert of(0.5 * z)[1] > 0.7 or of(0.5 * z)[0] < 0.3
    assert of(z[:10]) == (0.0, np.inf)  # too few to know their covariance
    assert np.isfinite(of(z[:14])[0])


def test_a_smoother_of_many_members_has_the_posteriors_moments():
    """Mean within 0.05 posterior sd and sd within 3 %, four steps of alpha 4."""
    rng = np.random.default_rng(6)
    z = rng.standard_normal((20_000, 2))
    for _ in range(4):
        residual = (z @ DESIGN.T - observations()["gpp"].to_numpy()) / SD
        z = kalman_update(z, residual, 4.0, rng.standard_normal(residual.shape))
    mean, sd, _ = exact()
    assert np.all(np.abs(z.mean(axis=0) - mean) < 0.05 * sd)
    np.testing.assert_allclose(z.std(axis=0), sd, rtol=0.03)


def test_by_differences_the_minimum_and_covariance_are_exact_to_a_ten_thousandth():
    """Of a linear model, in posterior standard deviations."""
    streams = as_streams(observations(), windows=None)
    likelihood = GaussianLikelihood(tuple(s.aggregate() for s in streams.values()))
    priors = masm.Priors(PRIORS)
    runner = ModelRunner(model, likelihood.observed)
    problem = Problem(priors, priors.names, runner, likelihood)
    cost = DifferentiableProblem(problem, "4dvar")
    rng = np.random.default_rng(1)
    found = minimise(cost, rng, n_starts=2, n_iterations=15)
    mean, sd, covariance = exact()
    assert np.max(np.abs(found.minimum.x - mean) / sd) < 1e-4
    scaled = (found.root @ found.root.T - covariance) / np.outer(sd, sd)
    assert np.max(np.abs(scaled)) < 1e-4


def test_the_smoother_takes_factors_whose_inverses_add_up_to_one():
    mean, sd, _ = exact()
    few = {"n_members": 600, "n_predictive": 0}
    result = calibrate("esmda", alphas="9.333, 7, 4, 2", **few)
    found = np.array([float(result.mean[n]) for n in ("a", "b")])
    assert np.all(np.abs(found - mean) < 0.2 * sd)
    assert result.status == "done"
    one = calibrate("esmda", alphas=(4.0, 4.0, 4.0, 4.0), **few)
    xr.testing.assert_identical(one.posterior, calibrate("esmda", **few).posterior)
    for wrong in ("4, 4, 4", "2, 2, 2, 2", "4, 4, 4, x", "4 4 4 -4"):
        with pytest.raises(InputError, match="option alphas"):
            calibrate("esmda", alphas=wrong)


@pytest.mark.parametrize("method", ["esmda", "kalman_inversion"])
def test_inflation_and_localisation_are_options_and_off_by_default(method):
    few = {"n_members": 40, "n_predictive": 0}
    plain = calibrate(method, **few)
    for options in ({"inflation": 1.2}, {"localisation": "correlation"}):
        assert not calibrate(method, **few, **options).posterior.equals(plain.posterior)
    assert calibrate(method, inflation=1.2, **few).reason == "no_posterior"
    with pytest.raises(InputError, match="option inflation"):
        calibrate(method, inflation=0.9)
    with pytest.raises(InputError, match="option localisation"):
        calibrate(method, localisation="distance")


def test_localisation_takes_the_noise_of_few_members_and_nothing_of_many():
    """A parameter that nothing sees keeps its spread; many members are as they were."""

    def spread(seed, n, localisation):
        rng = np.random.default_rng(seed)
        z = rng.standard_normal((n, 3))
        seen = z[:, :2] @ DESIGN.T / SD
        noise = rng.standard_normal(seen.shape)
        moved = kalman_update(z, seen, 1.0, noise, localisation)
        return moved.std(axis=0, ddof=1)

    few = [
        np.mean([spread(seed, 12, kind)[2] for seed in range(40)])
        for kind in ("none", "correlation")
    ]
    assert few[0] + 0.03 < few[1] < 1.0
    many = [spread(1, 4_000, kind) for kind in ("none", "correlation")]
    np.testing.assert_allclose(*many, rtol=0.06)
