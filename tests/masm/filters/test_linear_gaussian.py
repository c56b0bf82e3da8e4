"""Every filter over 50 times of a linear model with 5 sites, against Kalman."""

import numpy as np
import pytest

from masm.filters import (
    add_process_error,
    adjust,
    ensemble_transform,
    kalman,
    local_ensemble_transform,
    particle_analysis,
    stochastic_enkf,
    tobit_wishart,
)

N_SITES, N_TIMES, N_MEMBERS = 5, 50, 2000
NOISE = 0.8
PROCESS = np.array([[0.1]])
DISTANCE = 100.0 * np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))


def step(state):
    """One step of the model; its states stay near 10."""
    mixed = 0.8 * state + 0.1 * np.roll(state, 1, axis=-1)
    return mixed + 1.0


@pytest.fixture(scope="module")
def case():
    """Observations, at two sites of five missing in turn, and the exact filter."""
    rng = np.random.default_rng(1)
    first = rng.multivariate_normal(np.full(5, 10.0), np.eye(5) + 0.3, N_MEMBERS)
    truth, values = first[0], []
    for time in range(N_TIMES):
        truth = step(truth) + np.sqrt(PROCESS[0, 0]) * rng.normal(size=N_SITES)
        seen = truth + np.sqrt(NOISE) * rng.normal(size=N_SITES)
        seen[[time % 5, (2 * time) % 5]] = np.nan
        values.append(seen)
    return first, np.array(values), exact(first, values, with_process=True)


def exact(first, values, with_process):
    """Means and sd of the Kalman filter, from the moments of the first members."""
    matrix = (step(np.eye(5)) - step(np.zeros(5))).T
    mean, covariance = first.mean(axis=0), np.cov(first, rowvar=False)
    found = []
    for seen in values:
        mean, covariance = step(mean), matrix @ covariance @ matrix.T
        now = kalman(
            mean, covariance, np.eye(5), seen, NOISE,
            process=PROCESS if with_process else None, n_sites=5,
        )  # fmt: skip
        mean, covariance = now.mean, now.covariance
        found.append((mean, np.sqrt(np.diag(covariance))))
    return np.array(found)


def relative(found, wanted):
    """Errors of means and of sd over all times, relative to their sizes."""
    size = np.sqrt(np.mean(wanted**2, axis=(0, 2)))
    error = np.sqrt(np.mean((found - wanted) ** 2, axis=(0, 2)))
    bias = np.abs(np.mean(found[:, 1] / wanted[:, 1]) - 1.0)
    return error[0] / size[0], bias


def moments(members):
    return members.mean(axis=0), members.std(axis=0, ddof=1)


def test_the_stochastic_filter_is_near_the_exact_one(case):
    members, values, wanted = case
    found = []
    for time, seen in enumerate(values):
        members = add_process_error(step(members), PROCESS, n_sites=5, seed=[1, time])
        members = stochastic_enkf(
            members, np.eye(5), seen, NOISE, seed=[2, time]
        ).members
        found.append(moments(members))
    mean, sd = relative(np.array(found), wanted)
    assert mean < 1e-2
    assert sd < 1e-2


@pytest.mark.parametrize("is_local", [False, True])
def test_the_transform_filters_are_exact_in_the_spanned_space(case, is_local):
    """Without process error the members span all that there is."""
    members, values, _ = case
    wanted = exact(members, values, with_process=False)
    found = []
    for seen in values:
        members = step(members)
        if is_local:
            done = local_ensemble_transform(
                members, np.eye(5), seen, NOISE, distance=DISTANCE, radius=np.inf
            )
        else:
            done = ensemble_transform(members, np.eye(5), seen, NOISE)
        members = done.members
        found.append(moments(members))
    np.testing.assert_allclose(np.array(found), wanted, rtol=1e-9)


def test_the_transform_filter_takes_process_error_as_inflation(case):
    members, values, wanted = case
    found = []
    for time, seen in enumerate(values):
        members = add_process_error(step(members), PROCESS, n_sites=5, seed=[1, time])
        members = ensemble_transform(members, np.eye(5), seen, NOISE).members
        found.append(moments(members))
    mean, sd = relative(np.array(found), wanted)
    assert mean < 1e-2
    assert sd < 1e-2


@pytest.mark.parametrize("n_members", [12, 2000])
def test_adjusted_members_follow_the_exact_filter_to_rounding(case, n_members):
    """Q fixed and more members than states: their moments are Kalman's."""
    members, values, _ = case
    members = members[:n_members]
    wanted = exact(members, values, with_process=True)
    found = []
    for seen in values:
        members = step(members)
        now = tobit_wishart(
            members.mean(axis=0), np.cov(members, rowvar=False), np.eye(5), seen, NOISE,
            None, None, None, n_sites=5, n_draws=1, n_chains=1, seed=1, process=PROCESS,
        )  # fmt: skip
        members = adjust(members, now.mean, now.covariance, n_sites=5).members
        found.append(moments(members))
    np.testing.assert_allclose(np.array(found), wanted, rtol=1e-8)


def test_the_particle_filter_is_near_the_exact_one(case):
    members, values, wanted = case
    log_weight, found = None, []
    for time, seen in enumerate(values):
        members = step(members)
        rng = np.random.default_rng([1, time])
        members = members + np.sqrt(PROCESS[0, 0]) * rng.normal(size=members.shape)
        now = particle_analysis(
            members, np.eye(5), seen, NOISE, log_weight=log_weight, seed=[2, time]
        )
        members, log_weight = now.members, now.log_weight
        found.append((now.mean, np.sqrt(np.diag(now.covariance))))
    mean, sd = relative(np.array(found), wanted)
    assert mean < 1e-2
    assert sd < 2e-2


def test_the_stochastic_filter_is_within_sampling_error_at_many_members():
    """One analysis, 10,000 members: four standard errors of mean and variance."""
    rng = np.random.default_rng(5)
    n, covariance = 10_000, np.array([[1.0, 0.5], [0.5, 2.0]])
    members = rng.multivariate_normal([1.0, 2.0], covariance, n)
    wanted = kalman([1.0, 2.0], covariance, [[1.0, 0.0]], [3.0], [0.5])
    found = stochastic_enkf(members, [[1.0, 0.0]], [3.0], [0.5], seed=1)
    own = kalman(
        members.mean(axis=0), np.cov(members, rowvar=False), [[1.0, 0.0]], [3.0], [0.5]
    )
    # Given the members' own moments the mean is exact; the rest is that of sampling.
    np.testing.assert_allclose(found.mean, own.mean, atol=1e-12)
    error = np.sqrt(np.diag(covariance) / n)
    assert np.all(np.abs(found.mean - wanted.mean) < 4.0 * error)
    ratio = np.diag(found.covariance) / np.diag(wanted.covariance)
    assert np.all(np.abs(ratio - 1.0) < 4.0 * np.sqrt(2.0 / n) * 2.0)


def test_localisation_leaves_far_sites_alone():
    rng = np.random.default_rng(5)
    members = rng.normal(size=(20, 4))
    factors = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = stochastic_enkf(
        members, np.eye(4)[[0]], [3.0], [0.5], seed=1, localisation=factors
    )
    np.testing.assert_array_equal(found.members[:, 2:], members[:, 2:])
    assert np.all(found.members[:, :2] != members[:, :2])
    local = local_ensemble_transform(
        members, np.eye(4)[[0]], [3.0], [0.5],
        distance=[[0.0, 500.0], [500.0, 0.0]], radius=100.0,
    )  # fmt: skip
    np.testing.assert_array_equal(local.members[:, 2:], members[:, 2:])
    near = ensemble_transform(members, np.eye(4)[[0]], [3.0], [0.5])
    np.testing.assert_allclose(local.members[:, :2], near.members[:, :2], atol=1e-12)


def test_nothing_observed_changes_nothing():
    members = np.random.default_rng(5).normal(size=(20, 2))
    nothing = (np.eye(2), [np.nan, np.nan], [np.nan, np.nan])
    found = [
        stochastic_enkf(members, *nothing, seed=1),
        ensemble_transform(members, *nothing),
        particle_analysis(members, *nothing, seed=1),
    ]
    for now in found:
        assert now.n_observed == 0
        np.testing.assert_array_equal(now.members, members)
