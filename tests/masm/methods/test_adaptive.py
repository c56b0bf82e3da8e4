"""The adaptive loop: what is run next, what is avoided, and what is believed."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import masm
from masm.design.information_gain import Information, most_informative
from masm.design.space_filling import spread_points
from masm.methods.adaptive.batch import weighted_centres
from masm.methods.adaptive.error_estimate import (
    ErrorEstimate,
    error_ratio,
    function_variability,
    joint_variability,
    moment_change,
    split_gelman_rubin,
    weight_error,
)
from masm.methods.adaptive.loop import default_cost_runs, default_runs, sample
from masm.methods.adaptive.mode_search import ModeSearch
from masm.problem.priors import as_priors
from masm.problem.problem import Problem, Runs
from masm.problem.seeds import seed_sequence


def cost_problem(cost, priors, constraints=()):
    prior = masm.Priors(priors, constraints) if constraints else as_priors(priors)
    return Problem(priors=prior, active=prior.names, runner=cost)


def bowl(theta):
    return ((np.asarray(theta) - 0.5) ** 2 / 0.01).sum(axis=1)


def test_greedy_choice_takes_the_most_informative_run_and_not_its_twin():
    # Rows 0 and 1 are the same place; row 2 is another; the reference likes both.
    prior = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    information = Information(np.hstack([prior, prior[:, [0, 2]]]), np.ones(2), 1e-6)
    assert most_informative([information], 0, 2) == [0, 2]
    assert most_informative([information], 1, 1) == [2]


def test_the_mode_search_looks_where_a_second_mode_would_fit():
    """Runs crowd one corner; the farthest uncovered part is worth a look."""
    rng = np.random.default_rng(0)
    u = np.vstack(
        [0.25 + 0.05 * rng.standard_normal((30, 2)), [[0.0, 1.0], [1.0, 0.0]]]
    )
    u = np.clip(u, 0.0, 1.0)
    runs = Runs(u, 2.0 * np.sum(((u - 0.25) / 0.05) ** 2, axis=1))
    search = ModeSearch(runs, rng)
    points = search.candidate_modes(search.candidates(rng), u[:30], 2, rng)
    assert np.all(np.linalg.norm(points - 0.25, axis=1) > 0.2)
    assert np.linalg.norm(points[0] - points[1]) > 0.1


def test_first_points_are_spread_and_keep_the_constraints():
    rng = np.random.default_rng(0)
    problem = cost_problem(bowl, {"a": (0, 1), "b": (0, 1)}, [masm.below("a", "b")])
    points = spread_points(problem, 30, rng)
    assert points.shape == (30, 2)
    assert np.all(points[:, 0] < points[:, 1])


def test_the_posterior_keeps_a_constraint():
    problem = cost_problem(bowl, {"a": (0, 1), "b": (0, 1)}, [masm.below("a", "b")])
    outcome = sample(problem, seed_sequence(1), max_runs=40)
    assert np.all(outcome.u[..., 0] < outcome.u[..., 1])
    assert np.all(outcome.runs.u[:, 0] < outcome.runs.u[:, 1])
    # Half of a round normal, cut along its diagonal.
    middle = 0.5 * outcome.u.reshape(-1, 2).sum(axis=1)
    assert_allclose(middle.mean(), 0.5, atol=0.01)


def test_errors_of_the_cost_become_a_total_variation():
    assert weight_error(np.full(9, 7.0)) == pytest.approx(0.0)
    # Weights 1 and 3 in equal fractions are 0.25 away from equal ones.
    assert weight_error(np.array([0.0, 2.0 * np.log(3.0)])) == pytest.approx(0.25)
    assert weight_error(np.array([1.0])) == 1.0


def test_spread_of_functions_is_that_of_the_posteriors_they_make():
    u = (np.arange(4000)[:, None] + 0.5) / 4000.0
    cost = np.zeros(4000)
    assert function_variability(u, cost, np.full((3, 4000), 5.0)) == pytest.approx(0.0)
    # All of the mass in the lower half is half away from a uniform density.
    half = np.where(u[:, 0] < 0.5, 0.0, 100.0)
    assert function_variability(u, cost, half[None, :]) == pytest.approx(0.5, abs=1e-3)


def test_steps_of_a_marginal_show_in_fine_bins_and_a_smooth_change_in_any():
    u = (np.arange(4000)[:, None] + 0.5) / 4000.0
    cost = np.zeros(4000)
    steps = np.where(np.floor(16.0 * u[:, 0]) % 2 == 0, 0.0, 2.0)[None, :]
    slope = 4.0 * u.T
    coarse, fine = (
        [function_variability(u, cost, one, n) for one in (steps, slope)]
        for n in (8, 16)
    )
    assert coarse[0] < 0.01 < 0.2 < fine[0]
    assert fine[1] == pytest.approx(coarse[1], rel=0.02)


def test_shift_of_moments_is_the_total_variation_of_close_normals():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((200_000, 1))
    # Two normals 0.2 sd apart differ by 2 Phi(0.1) - 1 = 0.0797.
    assert moment_change(a + 0.2, a) == pytest.approx(0.0797, abs=0.002)


def test_a_surrogate_wrong_at_the_posterior_is_not_believed():
    good = ErrorEstimate(
        validation=0.05, variability=0.02, change=0.05, failed=0.0, r_hat=1.01
    )
    assert (good.status, good.reason) == ("done", "")
    for part in ({"validation": 0.6}, {"variability": 0.3}, {"change": 0.5}):
        estimate = ErrorEstimate(
            **{"validation": 0.0, "variability": 0.0, "change": 0.0, **part},
            failed=0,
            r_hat=1.0,
        )
        assert estimate.status == "suspect"
        assert estimate.reason == "surrogate_not_fitted"
    failed = ErrorEstimate(
        validation=0.0, variability=0.0, change=0.0, failed=0.8, r_hat=1.0
    )
    assert failed.reason == "model_nan"
    apart = ErrorEstimate(
        validation=0.0, variability=0.0, change=0.0, failed=0.0, r_hat=1.3
    )
    assert (apart.status, apart.reason) == ("suspect", "not_converged")


def test_an_estimated_error_is_a_total_variation():
    parts = {"validation": 0.1, "variability": 0.4, "change": 0.1, "failed": 0.0}
    assert ErrorEstimate(**parts, r_hat=1.0, error_ratio=9.0).error == 1.0
    assert ErrorEstimate(**parts, r_hat=1.0, infeasible=1.3).error == 1.0


def test_errors_about_the_posterior_inflate_the_estimate():
    parts = {"validation": 0.1, "variability": 0.04, "change": 0.0, "failed": 0.0}
    calm = ErrorEstimate(**parts, r_hat=1.0, error_ratio=1.0, local_ratio=1.0)
    kinks = ErrorEstimate(**parts, r_hat=1.0, error_ratio=1.0, local_ratio=4.5)
    assert calm.error == pytest.approx(0.04)
    # 4.5 times, less the 1.2 that chance may do.
    assert kinks.error == pytest.approx(0.15)


def test_few_draws_or_disagreeing_chains_are_not_converged():
    parts = {"validation": 0.0, "variability": 0.0, "change": 0.0, "failed": 0.0}
    for r_hat, ess in ((1.02, 5000.0), (1.0, 100.0), (np.nan, 5000.0)):
        assert ErrorEstimate(**parts, r_hat=r_hat, ess=ess).reason == "not_converged"
    assert ErrorEstimate(**parts, r_hat=1.005, ess=5000.0).reason == ""


def test_a_model_that_fails_over_most_of_its_prior_is_calibrated_all_the_same():
    """It runs in 12 % of the prior; few of the first runs do."""

    def cost(theta):
        x = np.asarray(theta)
        value = (((x - [0.75, 0.7, 0.3]) / 0.06) ** 2).sum(axis=1)
        fails = (x[:, 0] < 0.5) | (x[:, 1] < 0.5) | (x[:, 2] > 0.5)
        return np.where(fails, np.nan, value)

    for seed in (0, 1):
        result = masm.sample_cost(
            cost, {name: (0.0, 1.0) for name in "abc"}, seed=seed, max_runs=64
        )
        first = np.asarray(result.groups["runs"]["cost"])[:32]
        assert np.isfinite(first).sum() < 10
        assert result.n_model_runs <= 64
        assert_allclose(result.mean, [0.75, 0.7, 0.3], atol=0.02)
        assert_allclose(result.sd, 0.06, rtol=0.15)


def test_a_scalar_cost_of_many_parameters_is_refused_with_the_runs_it_takes():
    calls = []

    def counted(theta):
        calls.append(len(theta))
        return bowl(theta)

    twenty = {f"p{i}": (0.0, 1.0) for i in range(20)}
    with pytest.raises(masm.InputError, match="20 parameters needs about 1159 runs"):
        masm.sample_cost(counted, twenty, seed=1)
    # Fewer than a quadratic has coefficients, 231, are refused too.
    with pytest.raises(masm.InputError, match="at least 347 for 20 parameters"):
        masm.sample_cost(counted, twenty, seed=1, max_runs=327)
    assert not calls
    assert default_cost_runs(10) == default_runs(10) == 177


def test_errors_as_large_as_expected_are_no_error_ratio():
    rng = np.random.default_rng(6)
    fraction = np.full(400, 1 / 400)
    expected = 2.0 * rng.standard_normal((100, 400))
    same = 2.0 * rng.standard_normal(400)
    assert error_ratio(same, fraction, expected) == pytest.approx(1.0, abs=0.1)
    # A common offset does not matter to a posterior; failed runs say nothing.
    offset = np.where(np.arange(400) < 40, np.nan, 3.0 * same + 50.0)
    assert error_ratio(offset, fraction, expected) == pytest.approx(3.0, abs=0.3)


def test_errors_larger_than_predicted_inflate_the_estimate():
    parts = {
        "validation": 0.6,
        "variability": 0.04,
        "change": 0.05,
        "failed": 0.0,
        "r_hat": 1.0,
    }
    near = {**parts, "local_ratio": 1.0}
    assert ErrorEstimate(**near, error_ratio=0.9).status == "done"
    assert ErrorEstimate(**near, error_ratio=0.9).error == pytest.approx(0.04)
    assert ErrorEstimate(**near, error_ratio=4.0).reason == "surrogate_not_fitted"
    # Without an expectation the errors themselves count.
    assert ErrorEstimate(**parts).reason == "surrogate_not_fitted"


def test_a_good_validation_after_a_bad_one_may_be_chance():
    """Of several, by half a dozen runs each, one is small; so two count."""
    parts = {"validation": 0.1, "variability": 0.04, "change": 0.0, "failed": 0.0}
    parts |= {"r_hat": 1.0, "local_ratio": 1.0, "error_ratio": 0.2}
    assert ErrorEstimate(**parts).status == "done"
    assert ErrorEstimate(**parts, earlier_ratio=1.0).status == "done"
    after = ErrorEstimate(**parts, earlier_ratio=4.2)
    assert after.error == pytest.approx(0.12)
    assert after.reason == "surrogate_not_fitted"


def test_series_with_too_few_runs_about_the_posterior_are_not_believed():
    """Nothing shows by how much the emulator underestimates its errors there."""
    parts = {"validation": 0.1, "variability": 0.01, "change": 0.0, "failed": 0.0}
    few = ErrorEstimate(**parts, r_hat=1.0, error_ratio=1.0)
    assert few.reason == "surrogate_not_fitted"
    enough = ErrorEstimate(**parts, r_hat=1.0, error_ratio=1.0, local_ratio=1.0)
    assert enough.status == "done"


def test_on_a_bare_cost_the_spread_of_functions_weighs_most():
    parts = {
        "validation": 0.3,
        "variability": 0.04,
        "change": 0.1,
        "failed": 0.0,
        "r_hat": 1.0,
    }
    assert ErrorEstimate(**parts).status == "done"
    assert (
        ErrorEstimate(**{**parts, "variability": 0.06}).reason == "surrogate_not_fitted"
    )


def test_views_that_differ_are_an_error_of_a_scalar_cost():
    """Where the surrogate's own spread says nothing of it."""
    parts = {"validation": 0.1, "variability": 0.02, "change": 0.05, "failed": 0.0}
    alike = ErrorEstimate(**parts, r_hat=1.0, views=0.05)
    assert alike.error == pytest.approx(0.04)
    assert alike.status == "done"
    apart = ErrorEstimate(**parts, r_hat=1.0, views=0.2)
    assert apart.error == pytest.approx(0.12)
    assert apart.reason == "surrogate_not_fitted"


def test_joint_variability_is_the_total_variation_of_what_each_function_says():
    """Of two normals a shift of one standard deviation apart: 2 Phi(1/2) - 1."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(200_000)
    shifted = (x - 1.0) ** 2
    assert joint_variability(x**2, shifted[None]) == pytest.approx(0.3829, abs=0.01)
    both = joint_variability(x**2, np.stack([x**2, shifted]))
    assert both == pytest.approx(0.3829 / np.sqrt(2.0), abs=0.01)
    assert joint_variability(x**2, np.empty((0, len(x)))) == 0.0


def test_chains_that_drift_disagree_and_chains_of_one_law_agree():
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((8, 1000, 2))
    assert split_gelman_rubin(noise) < 1.01
    drift = noise + np.linspace(0.0, 2.0, 1000)[:, None]
    # Means of the halves are 1 apart, each half has variance 1 + 1/12.
    assert split_gelman_rubin(drift) == pytest.approx(
        np.sqrt(1.0 + 17 / 16 * (4 / 15) / (1.0 + 1 / 12)), abs=0.01
    )


def test_a_stopped_calibration_goes_on_to_the_same_answer():
    """A record that already holds the first batches changes nothing."""

    class Record:
        def __init__(self, kept):
            self.kept, self.asked = list(kept), 0

        def run(self, u, run):
            if self.asked < len(self.kept):
                found = self.kept[self.asked]
                assert np.array_equal(found.u, u)
            else:
                found = run(u)
                self.kept.append(found)
            self.asked += 1
            return found

    def go(kept):
        record = Record(kept)
        prior = as_priors({"a": (0, 1), "b": (0, 1)})
        problem = Problem(prior, prior.names, bowl, record=record)
        return sample(problem, seed_sequence(3), max_runs=40), record.kept

    whole, batches = go([])
    resumed, _ = go(batches[:4])
    assert np.array_equal(whole.u, resumed.u)


def test_weighted_centres_represent_all_of_a_posterior_its_small_modes_too():
    rng = np.random.default_rng(0)
    main = 0.3 + 0.02 * rng.standard_normal((285, 2))
    small = 0.8 + 0.02 * rng.standard_normal((15, 2))
    points, weight = weighted_centres(np.vstack([main, small]), 6)
    assert weight.sum() == pytest.approx(1.0)
    assert weight[points[:, 0] > 0.5].sum() == pytest.approx(0.05)
    # An error in the small mode alone, of a cost too high by 12, is a large error.
    error = np.where(points[:, 0] > 0.5, 12.0, 0.0)
    assert weight_error(error, weight) > 0.5


def test_the_mode_search_follows_a_run_too_good_for_where_it_is():
    """A run at 4 sd of an unseen mode leads there, not down the known one's tail."""
    rng = np.random.default_rng(0)
    u = np.vstack([0.25 + 0.04 * rng.standard_normal((40, 2)), rng.random((15, 2))])
    u = np.clip(np.vstack([u, [[0.75, 0.6]]]), 0.0, 1.0)

    def cost(x):
        modes = [np.sum(((x - m) / 0.04) ** 2, axis=1) for m in (0.25, 0.72)]
        return np.minimum(*modes)

    search = ModeSearch(Runs(u, cost(u)), rng)
    lead = search.candidate_modes(search.candidates(rng), u[:40], 2, rng)[0]
    assert np.linalg.norm(lead - [0.75, 0.6]) < 0.35
    assert np.linalg.norm(lead - 0.25) > 0.4


def wavy(theta):
    u = np.asarray(theta)
    return ((u - 0.5) ** 2 / 0.02).sum(axis=1) + 2.0 * np.sin(18.0 * u).sum(axis=1)


def test_runs_are_added_only_while_the_error_is_too_large():
    priors = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    short = masm.sample_cost(wavy, priors, seed=4, max_runs=30)
    assert (short.status, short.reason) == ("suspect", "surrogate_not_fitted")
    longer = masm.sample_cost(wavy, priors, seed=4, max_runs=30, more_runs=70)
    assert longer.status == "done"
    assert 30 < longer.n_model_runs <= 100
    # The first runs are the same ones: nothing is thrown away.
    first, all_runs = (result.groups["runs"] for result in (short, longer))
    for name in priors:
        assert_allclose(all_runs[name].to_numpy()[:30], first[name].to_numpy())
    enough = masm.sample_cost(bowl, priors, seed=4, max_runs=60, more_runs=40)
    assert enough.n_model_runs <= 60
    with pytest.raises(masm.InputError, match="option more_runs"):
        masm.sample_cost(bowl, priors, seed=4, more_runs=-1)


def test_the_budget_of_a_calibration_is_for_the_whole_call():
    time = np.arange(30.0)
    calls = []

    def model(theta):
        calls.append(len(theta))
        slope, level = np.asarray(theta).T
        series = level[:, None] + slope[:, None] * np.tanh(time / 10.0)
        return xr.Dataset({"y": (("sample", "time"), series)}, {"time": time})

    observed = model(np.array([[0.4, 0.6]])).isel(sample=0)
    observed["y_sd"] = ("time", np.full(30, 0.1))
    calls.clear()
    priors = {"slope": (0.0, 1.0), "level": (0.0, 1.0)}
    result = masm.calibrate(model, observed, priors, seed=1, max_runs=40)
    assert result.n_model_runs == sum(calls) <= 40


@pytest.mark.parametrize("max_runs", [40, 43, 60, 87, 88])
@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_the_last_batch_is_large_enough_to_check_by(max_runs, batch_size):
    """Whatever the budget: with 22 runs in threes the last would be one alone."""
    calls = []

    def counted(theta):
        calls.append(len(theta))
        return 100.0 * bowl(theta)

    # With equal bounds a few runs would be of points with the two swapped.
    priors = {"a": (0.0, 1.0), "b": (0.0, 1.01)}
    result = masm.sample_cost(
        counted, priors, seed=1, max_runs=max_runs, batch_size=batch_size, n_draws=20
    )
    assert sum(calls) <= max_runs
    assert calls[-1] >= 3
    assert np.isfinite(result.attrs["error"])
    if batch_size is None:
        assert len(calls) <= 11
        assert max(calls[1:-1]) - min(calls[1:-1]) <= 1
