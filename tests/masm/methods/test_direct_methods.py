"""Baselines against posteriors and minima that are known in closed form."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

import masm

MEAN = np.array([0.4, 0.6])
SD = np.array([0.05, 0.08])
CORRELATION = 0.6
PRECISION = np.linalg.inv(
    np.outer(SD, SD) * np.array([[1.0, CORRELATION], [CORRELATION, 1.0]])
)
PRIORS = {"a": (10.0, 20.0), "b": (0.0, 1e-3)}
LOW, HIGH = np.array(list(PRIORS.values())).T

SAMPLERS = {
    "metropolis": {"max_runs": 40_000, "n_chains": 10},
    "demc": {"max_runs": 20_000, "n_chains": 20},
    "importance": {"max_runs": 4000, "batch_size": 200},
    "two_phase": {"max_runs": 24_000},
}
OPTIMISERS = {
    "nelder_mead": {"max_runs": 800, "n_starts": 4},
    "lbfgsb": {"max_runs": 800, "n_starts": 4},
    "differential_evolution": {"max_runs": 2000},
}
ALL = {**SAMPLERS, **OPTIMISERS, "history_matching": {"max_runs": 100, "n_waves": 4}}


def unit(theta):
    return (np.asarray(theta) - LOW) / (HIGH - LOW)


def correlated(theta):
    r = unit(theta) - MEAN
    return np.einsum("ij,jk,ik->i", r, PRECISION, r)


def at_the_edges(theta):
    """Half normal at the lower bound of a; in b the mode lies beyond the upper one."""
    u = unit(theta)
    return (u[:, 0] / 0.1) ** 2 + ((u[:, 1] - 1.05) / 0.15) ** 2


def two_modes(theta):
    """A quarter of the mass near 0.3 and the rest near 0.7, in both parameters."""
    u = unit(theta)
    a = -0.5 * np.sum(((u - 0.3) / 0.05) ** 2, axis=1) + np.log(0.25)
    b = -0.5 * np.sum(((u - 0.7) / 0.05) ** 2, axis=1) + np.log(0.75)
    return -2.0 * np.logaddexp(a, b)


def run(method, cost, seed=1, priors=PRIORS, **changes):
    options = {**ALL[method], **changes}
    return masm.sample_cost(cost, priors, seed=seed, method=method, **options)


def draws_of(result):
    columns = [result.posterior[name].to_numpy().ravel() for name in PRIORS]
    return unit(np.stack(columns, axis=1))


def four_errors(result):
    """Four standard errors of a mean, in standard deviations of the draws."""
    if "ess_weights" in result.attrs:
        return 4.0 / np.sqrt(result.attrs["ess_weights"])
    return 4.0 / np.sqrt(result.summary()["ess_bulk"].min())


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_normal_posterior_is_drawn_with_its_moments(method):
    result = run(method, correlated)
    u = draws_of(result)
    error = four_errors(result)
    assert result.status == "done"
    assert error < 0.2
    assert np.all(np.abs(u.mean(axis=0) - MEAN) < error * SD)
    # The standard deviation of a standard deviation, and of a correlation.
    assert_allclose(u.std(axis=0), SD, rtol=error / np.sqrt(2.0))
    assert np.corrcoef(u.T)[0, 1] == pytest.approx(
        CORRELATION, abs=error * (1.0 - CORRELATION**2)
    )


@pytest.mark.parametrize("method", SAMPLERS)
def test_the_mass_at_a_bound_is_exact(method):
    result = run(method, at_the_edges)
    u = draws_of(result)
    error = four_errors(result)
    assert u.min() >= 0.0
    assert u.max() <= 1.0
    # Of a half normal of scale 0.1: its mean (its sd is 0.0603), and its mass below
    # 0.03.
    assert np.mean(u[:, 0]) == pytest.approx(
        0.1 * np.sqrt(2.0 / np.pi), abs=error * 0.0603
    )
    assert np.mean(u[:, 0] < 0.03) == pytest.approx(0.236, abs=error * 0.425)
    assert np.mean(u[:, 0] == 0.0) == 0.0
    # Of a normal of mean 1.05 and sd 0.15 cut at one.
    assert np.mean(u[:, 1] > 0.95) == pytest.approx(0.317, abs=error * 0.465)


@pytest.mark.parametrize("method", ["demc", "importance"])
def test_two_modes_keep_their_weight(method):
    assert np.mean(draws_of(run(method, two_modes))[:, 0] < 0.5) == pytest.approx(
        0.25, abs=0.05
    )


def test_chains_that_do_not_agree_are_suspect():
    """Two narrow modes far apart: a random walk cannot cross."""

    def far_apart(theta):
        u = unit(theta)
        parts = [-0.5 * np.sum(((u - c) / 0.01) ** 2, axis=1) for c in (0.1, 0.9)]
        return -2.0 * np.logaddexp(*parts)

    result = run("metropolis", far_apart)
    assert (result.status, result.reason) == ("suspect", "not_converged")


def test_weights_that_hang_on_few_runs_are_suspect():
    result = run("importance", correlated, max_runs=400)
    assert (result.status, result.reason) == ("suspect", "not_converged")
    assert result.attrs["ess_weights"] < 400


def test_importance_draws_claim_no_more_than_their_weights_are_worth():
    result = run("importance", correlated)
    n_draws = result.posterior.sizes["chain"] * result.posterior.sizes["draw"]
    assert n_draws <= result.attrs["ess_weights"] < result.n_model_runs
    assert result.attrs["pareto_k"] < 0.7


@pytest.mark.parametrize("method", OPTIMISERS)
@pytest.mark.parametrize(
    ("cost", "minimum"),
    [(correlated, MEAN), (at_the_edges, [0.0, 1.0]), (two_modes, [0.7, 0.7])],
)
def test_an_optimiser_finds_the_lowest_cost(method, cost, minimum):
    result = run(method, cost)
    assert_allclose(unit(result.mean.to_numpy()[None])[0], minimum, atol=0.005)
    assert_allclose(result.best, result.mean, rtol=1e-12)


@pytest.mark.parametrize("method", OPTIMISERS)
def test_an_optimiser_pretends_no_posterior(method):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        result = run(method, correlated)
        table = result.summary()
    assert (result.status, result.reason) == ("suspect", "no_posterior")
    assert result.attrs["draws"] == "best point"
    assert result.sd.isna().all()
    empty = ["sd", "q05", "q50", "q95", "r_hat", "ess_bulk", "ess_tail", "r_hat_gr"]
    assert table[empty].isna().all(axis=None)
    assert table["mean"].notna().all()


def test_a_minimum_on_a_bound_is_met_exactly():
    result = run("lbfgsb", at_the_edges)
    assert result.mean["a"] == LOW[0]
    assert result.mean["b"] == HIGH[1]


@pytest.mark.parametrize("method", ALL)
def test_no_run_leaves_the_bounds_and_none_is_uncounted(method):
    seen = []

    def cost(theta):
        theta = np.asarray(theta)
        seen.append(theta)
        return at_the_edges(theta)

    smallest = {"max_runs": 2000} if method in SAMPLERS else {"max_runs": 90}
    if method == "differential_evolution":
        smallest["population"] = 5
    result = run(method, cost, **smallest)
    theta = np.concatenate(seen)
    assert np.all((theta >= LOW) & (theta <= HIGH))
    assert result.n_model_runs == len(theta) == result.groups["runs"].sizes["run"]
    assert len(theta) <= smallest["max_runs"]


@pytest.mark.parametrize("method", ALL)
def test_constraints_are_kept_by_every_run(method):
    priors = masm.Priors({"a": (0.0, 1.0), "b": (0.0, 1.0)}, [masm.below("a", "b")])
    seen = []

    def cost(theta):
        theta = np.asarray(theta)
        seen.append(theta)
        return np.sum(((theta - [0.55, 0.45]) / 0.1) ** 2, axis=1)

    result = run(method, cost, priors=priors)
    theta = np.concatenate(seen)
    assert np.all(theta[:, 0] < theta[:, 1])
    draws = np.stack([result.posterior[n].to_numpy().ravel() for n in "ab"], axis=1)
    assert np.all(draws[:, 0] < draws[:, 1])
    # The lowest cost that is allowed lies at (0.5, 0.5).
    if method in OPTIMISERS:
        assert_allclose(result.mean, 0.5, atol=0.05)


@pytest.mark.parametrize("method", ALL)
def test_failed_runs_are_survived_and_counted(method):
    """The model fails wherever the last digits of a parameter say so."""

    def sometimes(theta):
        theta = np.asarray(theta)
        failed = np.modf(unit(theta)[:, 0] * 1e5)[0] < 0.1
        return np.where(failed, np.nan, correlated(theta))

    result = run(method, sometimes)
    assert result.n_failed_runs > 0
    u = draws_of(result)
    loose = 0.1 if method == "history_matching" else 0.02
    assert_allclose(u.mean(axis=0), MEAN, atol=loose)
    if method in SAMPLERS:
        assert_allclose(u.std(axis=0), SD, rtol=0.15)


@pytest.mark.parametrize("method", ALL)
def test_a_model_that_never_runs_is_given_up(method):
    n_runs = []

    def never(theta):
        n_runs.append(len(theta))
        return np.full(len(theta), np.nan)

    with pytest.raises(masm.CalibrationFailed, match="failed"):
        run(method, never)
    assert sum(n_runs) < 500


@pytest.mark.parametrize("method", ALL)
def test_the_same_seed_gives_the_same_bits(method):
    options = {"max_runs": 2000} if method in SAMPLERS else {}
    first, again, other = (
        run(method, two_modes, seed=s, **options) for s in ([3, 1], [3, 1], [3, 2])
    )
    runs = [result.groups["runs"]["cost"].to_numpy() for result in (first, again)]
    assert np.array_equal(*runs)
    assert np.array_equal(draws_of(first), draws_of(again))
    assert not np.array_equal(draws_of(first), draws_of(other))


def test_starts_are_improved_side_by_side_in_one_batch():
    sizes = []

    def cost(theta):
        sizes.append(len(theta))
        return correlated(theta)

    run("lbfgsb", cost, n_starts=4)
    # Four times as many points to choose from, then 1 + 2 runs for each start.
    assert sizes[:2] == [16, 12]


def test_what_history_matching_leaves_holds_the_posterior_and_little_else():
    result = run("history_matching", correlated)
    u = draws_of(result)
    assert result.reason == "no_posterior"
    # Out to three deviations of a chi-squared number about its mean.
    inside = correlated(LOW + u * (HIGH - LOW)) < 2 + 3 * np.sqrt(2 * 2) + 4
    assert np.mean(inside) > 0.95
    area = np.pi * (2 + 3 * 2) * np.prod(SD) * np.sqrt(1 - CORRELATION**2)
    assert result.attrs["share_left"] == pytest.approx(area, rel=0.5)
    assert np.all(np.diff(result.groups["runs"]["history_share_left"]) <= 0)


def test_a_line_through_the_origin_is_left_three_standard_errors_of_its_slope():
    """One exact component: what is left is known, at the slope by least squares."""
    x = np.linspace(0.5, 2.0, 30)
    y = 3.0 * x + np.random.default_rng(0).normal(0.0, 0.4, 30)
    result = masm.calibrate(
        lambda theta: {"y": theta["slope"][:, None] * x},
        {"y": masm.Stream("y", np.arange(30), y, variance=masm.GivenVariance(0.16))},
        {"slope": (0.0, 10.0)},
        seed=1,
        method="history_matching",
        max_runs=80,
        n_waves=3,
    )
    slope, error = x @ y / (x @ x), 0.4 / np.sqrt(x @ x)
    draws = result.posterior["slope"].to_numpy().ravel()
    assert draws.min() == pytest.approx(slope - 3 * error, abs=0.05 * error)
    assert draws.max() == pytest.approx(slope + 3 * error, abs=0.05 * error)
    assert result.attrs["share_left"] == pytest.approx(6 * error / 10.0, rel=0.1)
    # Spread evenly: the sd of a uniform distribution.
    assert draws.std() == pytest.approx(6 * error / np.sqrt(12), rel=0.05)


@pytest.fixture
def budgets():
    return {
        "metropolis": {"max_runs": 4000, "n_chains": 8},
        "demc": {"max_runs": 4000, "n_chains": 20},
        "importance": {"max_runs": 1500, "batch_size": 150},
        "two_phase": {"max_runs": 8000, "step_divisor": 40.0},
        "nelder_mead": {"max_runs": 300, "n_starts": 4},
        "lbfgsb": {"max_runs": 300, "n_starts": 4},
        "differential_evolution": {"max_runs": 400, "population": 5},
        "history_matching": {"max_runs": 140, "n_waves": 4},
    }


@pytest.mark.parametrize("method", ALL)
def test_calibrate_takes_every_method(method, twin, budgets):
    """Same problem, same budget of the whole call, truth among what is found."""
    options = budgets[method]
    result = masm.calibrate(
        twin.model, twin.targets, twin.priors, seed=1, method=method, **options
    )
    assert result.n_model_runs <= options["max_runs"]
    assert result.attrs["method"] == method
    assert not result.fit.empty
    spread = np.array([0.15, 1.2, 1.0])  # about a posterior's sd
    if method in OPTIMISERS:
        assert np.all(np.abs(result.mean - twin.truth) < 4 * spread)
        assert result.sd.isna().all()
    else:
        assert np.all(np.abs(result.mean - twin.truth) < 4 * result.sd)
        assert np.all(result.sd < 10 * spread)


def test_a_stopped_baseline_goes_on_to_the_same_answer(twin, budgets, tmp_path):
    calls = []

    def stopping(theta):
        calls.append(len(theta))
        if len(calls) == 12:
            raise KeyboardInterrupt
        return twin.model(theta)

    def calibrate(model, path):
        return masm.calibrate(
            model,
            twin.targets,
            twin.priors,
            seed=1,
            method="lbfgsb",
            checkpoint=path,
            **budgets["lbfgsb"],
        )

    with pytest.raises(KeyboardInterrupt):
        calibrate(stopping, tmp_path / "stopped.nc")
    resumed = calibrate(twin.model, tmp_path / "stopped.nc")
    straight = calibrate(twin.model, tmp_path / "straight.nc")
    assert np.array_equal(resumed.mean, straight.mean)
    assert resumed.n_model_runs == straight.n_model_runs


def test_a_point_is_written_and_read_back(tmp_path):
    result = run("nelder_mead", correlated)
    result.to_netcdf(tmp_path / "point.nc")
    again = masm.open_result(tmp_path / "point.nc")
    assert again.mean.equals(result.mean)
    assert again.sd.isna().all()
    assert again.reason == "no_posterior"


def test_wrong_options_are_refused_before_any_run():
    def never(theta):
        raise AssertionError

    for method in sorted(ALL):
        with pytest.raises(masm.InputError, match="max_runs"):
            run(method, never, max_runs=3)
        with pytest.raises(masm.InputError, match="unknown option 'colour'"):
            run(method, never, colour="red")
    with pytest.raises(masm.InputError, match="option step"):
        run("lbfgsb", never, step=0.0)
    with pytest.raises(masm.InputError, match="cutoff"):
        run("history_matching", never, cutoff=-1.0)
    with pytest.raises(masm.InputError, match="n_chains"):
        run("demc", never, n_chains=2)
    with pytest.raises(masm.InputError, match="unknown method"):
        masm.sample_cost(never, PRIORS, seed=1, method="annealing")
