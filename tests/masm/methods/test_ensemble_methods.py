"""Ensemble methods of a linear model are the Kalman update of their own ensemble."""

import numpy as np
import pytest

import masm
from benchmarks.compare import problem as target_problem
from benchmarks.targets import make
from masm.errors import CalibrationFailed, InputError
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.ensemble import four_d_en_var, smoother
from masm.methods.ensemble.update import transform_update
from masm.methods.normal_space import to_cube, to_normal
from masm.methods.registry import method_of
from masm.methods.support import checked_outcome
from masm.problem.problem import Problem, Runs
from masm.runners.series_runner import ModelRunner

N_OBS, SD = 15, 0.5


def linear(d):
    """Problem of a linear model, its design and observations, both in units of SD."""
    rng = np.random.default_rng(3)
    design = rng.normal(size=(N_OBS, d)) / np.sqrt(d)
    seen = design @ rng.uniform(-0.5, 0.5, d) + SD * rng.normal(size=N_OBS)

    def model(theta):
        given = dict(theta)
        x = np.stack([np.atleast_1d(given[f"p{i}"]) for i in range(d)], axis=-1)
        return {"y": x @ design.T}

    rule = masm.GivenVariance(SD**2)
    stream = masm.Stream("y", np.arange(N_OBS), seen, variance=rule, windows=None)
    prior = masm.TruncatedNormal(-8.0, 8.0, mean=0.0, sd=1.0)
    priors = masm.Priors({f"p{i}": prior for i in range(d)})
    likelihood = GaussianLikelihood((stream.aggregate(),))
    runner = ModelRunner(model, likelihood.observed)
    return Problem(priors, priors.names, runner, likelihood), design / SD, seen / SD


def kalman(prior_mean, covariance, design, seen):
    """Mean and covariance after observing ``seen = design x`` with unit errors."""
    inner = design @ covariance @ design.T + np.eye(len(seen))
    gain = np.linalg.solve(inner, design @ covariance).T
    mean = prior_mean + gain @ (seen - design @ prior_mean)
    return mean, covariance - gain @ design @ covariance


def members_of(outcome):
    return to_normal(outcome.u.reshape(-1, outcome.u.shape[-1]))


def four_d(n_members, d=3, seed=1, **options):
    """Members of 4DEnVar, the update of their prior ensemble, and the true one."""
    problem, design, seen = linear(d)
    sequence = np.random.SeedSequence(seed)
    z = members_of(
        four_d_en_var.sample(problem, sequence, n_members=n_members, **options)
    )
    prior = np.random.default_rng(sequence).standard_normal((n_members, d))
    b = np.cov(prior.T)
    exact = kalman(np.zeros(d), b, design, seen)
    return z, exact, kalman(np.zeros(d), np.eye(d), design, seen)


@pytest.mark.parametrize(("n_members", "d"), [(8, 3), (8, 12), (52, 3), (400, 12)])
@pytest.mark.parametrize("n_rounds", [1, 3])
def test_4denvar_is_the_kalman_update_of_its_ensemble(n_members, d, n_rounds):
    z, (mean, covariance), _ = four_d(n_members, d, n_rounds=n_rounds)
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=1e-8)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=1e-8)


def test_the_error_of_4denvar_falls_with_the_root_of_its_members():
    sizes, errors = (50, 500, 5_000), []
    for n_members in sizes:
        each = []
        for seed in range(20):
            z, _, (mean, covariance) = four_d(n_members, d=6, seed=seed)
            sd = np.sqrt(np.diag(covariance))
            each.append(np.abs(z.mean(axis=0) - mean) / sd)
            each.append(np.abs(z.std(axis=0, ddof=1) / sd - 1.0))
        errors.append(np.mean(each))
    slopes = np.diff(np.log(errors)) / np.diff(np.log(sizes))
    assert slopes[0] < -0.4, errors  # few members are worse than that
    assert -0.65 < slopes[1] < -0.35, errors


@pytest.mark.parametrize(("n_members", "d"), [(8, 3), (8, 12), (200, 3)])
def test_the_transform_is_the_kalman_update_of_its_ensemble(n_members, d):
    """Whatever the number of members and of steps, with any factors."""
    problem, design, seen = linear(d)
    sequence = np.random.SeedSequence(4)
    prior = np.random.default_rng(sequence).standard_normal((n_members, d))
    mean, covariance = kalman(prior.mean(axis=0), np.cov(prior.T), design, seen)
    for options in ({"n_steps": 1}, {"n_steps": 4}, {"n_steps": 2, "alphas": "3, 1.5"}):
        z = members_of(
            smoother.sample(
                problem, sequence, n_members=n_members, update="transform", **options
            )
        )
        np.testing.assert_allclose(z.mean(axis=0), mean, atol=1e-8)
        np.testing.assert_allclose(np.cov(z.T), covariance, atol=1e-8)


def test_a_transform_without_observations_in_reach_moves_nothing():
    z = np.random.default_rng(1).standard_normal((20, 3))
    np.testing.assert_allclose(
        transform_update(z, np.ones((20, 4)), 1.0), z, atol=1e-12
    )


def test_a_transform_is_not_localised_and_other_updates_are_not_known():
    problem, _, _ = linear(2)
    sequence = np.random.SeedSequence(1)
    with pytest.raises(InputError, match="option localisation"):
        smoother.sample(
            problem, sequence, update="transform", localisation="correlation"
        )
    with pytest.raises(InputError, match="option update"):
        smoother.sample(problem, sequence, update="square root")


@pytest.mark.parametrize("method", ["esmda", "4denvar", "enkf", "kalman_inversion"])
def test_members_that_all_fail_at_last_are_no_posterior(method):
    """The last runs of all fail: nothing is known of the members."""
    n_members, before = 12, {"4denvar": 13, "kalman_inversion": 12}.get(method, 24)
    options = {"esmda": {"n_steps": 2}, "enkf": {"n_windows": 2}}.get(method, {})
    made = 0

    def model(theta):
        nonlocal made
        a = np.atleast_1d(theta["a"])[:, None] * np.ones(9)
        lost = made + np.arange(len(a)) >= before
        made += len(a)
        return {"y": np.where(lost[:, None], np.nan, a)}

    stream = masm.Stream(
        "y", np.arange(9.0), np.linspace(1.0, 1.4, 9), variance=masm.GivenVariance(0.1)
    )
    with pytest.raises(CalibrationFailed, match="members failed"):
        masm.calibrate(
            model, {"y": stream}, {"a": (0.0, 3.0)}, seed=1, method=method,
            n_members=n_members, **options,
        )  # fmt: skip


def test_outer_loops_of_4denvar_fit_a_carbon_model_better():
    """The twin of dalec6: median of the members' costs, far from a normal prior."""
    target = make("dalec6")
    model, observations, _ = target_problem(target)
    medians = []
    for n_rounds in (1, 4):
        result = masm.calibrate(
            model, observations, target.priors, seed=2, method=method_of("4denvar"),
            n_predictive=0, n_members=100, n_rounds=n_rounds,
        )  # fmt: skip
        draws = [result.posterior[n].to_numpy().ravel() for n in target.priors]
        medians.append(float(np.median(target.cost(np.stack(draws, axis=1)))))
        assert result.status == "suspect"  # it is beside the posterior, and says so
    assert medians[1] < 0.5 * medians[0]


def test_an_earlier_run_that_fits_beside_all_members_is_another_mode():
    """Members are right about one of two modes; a run made before lies in the other."""
    rng = np.random.default_rng(6)
    z = 1.0 + 0.1 * rng.standard_normal((400, 2))
    residual = np.sqrt(np.maximum(np.sum(((z - 1.0) / 0.1) ** 2 - z**2, 1), 0) + 9.0)
    residual = residual[:, None]
    u = to_cube(np.vstack([z, [[-1.0, -1.0]]]))
    for cost, status in ((5.0, "suspect"), (60.0, "done")):
        runs = Runs(u, np.append(residual[:, 0] ** 2, cost), None)
        outcome = checked_outcome(z, residual, runs)
        assert (outcome.status, outcome.attrs["n_fits_beside"]) == (
            status, int(status == "suspect"),
        )  # fmt: skip
