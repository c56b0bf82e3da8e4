"""Bad input: one clear error before any work, from every filter alike."""

import numpy as np
import pytest

from masm.filters import (
    adjust,
    choose_radius,
    chord_km,
    ensemble_transform,
    kalman,
    latent_forecast,
    local_ensemble_transform,
    localise,
    member_weights,
    observation_operator,
    particle_analysis,
    stochastic_enkf,
    taper,
    tobit_wishart,
)

MEMBERS = np.random.default_rng(0).normal(size=(12, 2))
GOOD = {"operator": np.eye(2), "observations": [1.0, 2.0], "variance": [0.5, 0.5]}


def by_moments(**given):
    return tobit_wishart(
        given.pop("mean", [0.0, 0.0]), given.pop("covariance", np.eye(2)),
        given["operator"], given["observations"], given["variance"],
        given.pop("lower", 0.0), given.pop("alpha", 6.0), given.pop("beta", np.eye(2)),
        n_sites=given.pop("n_sites", 1), seed=given.pop("seed", 1), n_draws=4,
    )  # fmt: skip


def exact(**given):
    return kalman(
        given.pop("mean", [0.0, 0.0]), given.pop("covariance", np.eye(2)), **given
    )


def enkf(**given):
    return stochastic_enkf(given.pop("members", MEMBERS), seed=1, **given)


def transform(**given):
    return ensemble_transform(given.pop("members", MEMBERS), **given)


def local(**given):
    members = given.pop("members", MEMBERS)
    distance = 100.0 * (1.0 - np.eye(2))
    return local_ensemble_transform(members, distance=distance, radius=50.0, **given)


def particles(**given):
    return particle_analysis(given.pop("members", MEMBERS), seed=1, **given)


FILTERS = [by_moments, exact, enkf, transform, local, particles]
BAD = {
    "sd of zero": (
        {"variance": [0.5, 0.0]}, "error of observation 1 is zero or missing"
    ),
    "sd below zero": ({"variance": [-0.5, 0.5]}, "observation 0 is zero or missing"),
    "sd missing": ({"variance": [0.5, np.nan]}, "error of observation 1"),
    "a state of no model": (
        {"operator": [[1.0, 0.0], [0.0, 0.0]]},
        "observation 1 is of a state that no model gives",
    ),
    "operator of other states": ({"operator": np.eye(3)}, r"operator[\s\S]*\(2, 2\)"),
    "operator of other observations": ({"operator": np.eye(2)[:1]}, "operator"),
    "variances of other observations": ({"variance": [0.5] * 3}, "variance"),
    "infinite observations": ({"observations": [1.0, np.inf]}, "infinite"),
    "observations that are words": ({"observations": ["a", "b"]}, "numbers"),
    "errors that are no covariance": (
        {"variance": [[1.0, 2.0], [2.0, 1.0]]}, "not positive definite"
    ),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("run", FILTERS)
def test_every_filter_refuses_bad_observations(run, bad):
    changed, message = BAD[bad]
    with pytest.raises(ValueError, match=message):
        run(**{**GOOD, **changed})


@pytest.mark.parametrize("run", [enkf, transform, local, particles])
@pytest.mark.parametrize(
    ("members", "message"),
    [
        (MEMBERS[:2], "too few members"),
        (MEMBERS[:, 0], "members"),
        (np.where(MEMBERS > 1.0, np.nan, MEMBERS), "not finite"),
    ],
)
def test_every_filter_refuses_bad_members(run, members, message):
    with pytest.raises(ValueError, match=message):
        run(**GOOD, members=members)


@pytest.mark.parametrize("run", [by_moments, exact])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"covariance": [[1.0, 2.0], [2.0, 1.0]]}, "positive semidefinite"),
        ({"covariance": [[1.0, 0.5], [0.1, 1.0]]}, "not symmetric"),
        ({"covariance": [[1.0, np.nan], [np.nan, 1.0]]}, "not finite"),
        ({"covariance": np.eye(3)}, "covariance"),
        ({"mean": [0.0, np.nan]}, "mean has 1 value"),
    ],
)
def test_moments_that_are_none_are_refused(run, given, message):
    with pytest.raises(ValueError, match=message):
        run(**GOOD, **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alpha": 1.0}, r"alpha[\s\S]*above 1"),
        ({"alpha": np.nan}, "alpha"),
        ({"beta": [[1.0, 2.0], [2.0, 1.0]]}, "beta is not positive definite"),
        ({"beta": [[1.0]]}, r"beta[\s\S]*\(2, 2\)"),
        ({"n_sites": 3}, "no multiple"),
        ({"n_sites": 0}, "n_sites"),
        ({"lower": np.nan}, "lower"),
        ({"lower": [0.0, 0.0, 0.0]}, "lower"),
        ({"seed": "one"}, "seed"),
        ({"seed": -1}, "seed"),
        (
            {"alpha": 2.5, "observations": [1.0, np.nan]},
            "variance of state 1 would not be finite",
        ),
    ],
)
def test_the_tobit_wishart_filter_refuses_a_bad_prior(given, message):
    with pytest.raises(ValueError, match=message):
        by_moments(**{**GOOD, **given})


def test_names_of_states_that_no_model_gives_are_refused():
    operator = observation_operator(["a", "b"], ["wood", "lai"], [("b", "wood")])
    np.testing.assert_array_equal(operator, [[0.0, 0.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match=r"observation 0 is of a state[\s\S]*lai"):
        observation_operator(["a"], ["wood", "lai"], [("a", "soil")])
    with pytest.raises(ValueError, match="of a site that no model gives"):
        observation_operator(["a"], ["wood"], [("b", "wood")])
    with pytest.raises(ValueError, match="each once"):
        observation_operator(["a", "a"], ["wood"], [("a", "wood")])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chord_km([95.0], [0.0]), "degrees"),
        (lambda: chord_km([45.0, 1.0], [0.0]), "one of each"),
        (lambda: taper([-1.0], 10.0), "zero or more"),
        (lambda: taper([1.0], np.nan), "radius"),
        (lambda: taper([1.0], 1.0, "box"), "'gaussian' or 'gaspari_cohn'"),
        (lambda: localise(np.eye(2), [[0.0, 1.0], [2.0, 0.0]], 1.0), "symmetric"),
        (lambda: localise(np.eye(3), np.zeros((2, 2)), 1.0), "no multiple"),
        (lambda: choose_radius([1.0], lambda _: [[1.0]], [[0.0]]), "two sites"),
        (lambda: latent_forecast(MEMBERS[:2], 0.0, seed=1), "too few members"),
        (lambda: latent_forecast(MEMBERS, [0.0] * 3, seed=1), "lower"),
        (lambda: adjust(MEMBERS, [0.0], np.eye(2)), "mean"),
        (lambda: adjust(MEMBERS, [0.0, 0.0], np.eye(3)), "covariance"),
        (lambda: adjust(MEMBERS, [0.0, 0.0], -np.eye(2)), "positive"),
        (
            lambda: stochastic_enkf(
                MEMBERS, **GOOD, seed=1, localisation=[[1.0, 2.0], [2.0, 1.0]]
            ),
            "localisation",
        ),
    ],
)  # fmt: skip
def test_other_parts_refuse_what_they_cannot_use(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_rule_of_weights_has_to_be_known():
    with pytest.raises(ValueError, match="'ratio' or 'state_ratio' or 'source'"):
        member_weights(MEMBERS, by_moments(**GOOD), rule="likelihood")


def test_a_singular_forecast_covariance_is_no_error():
    """A localised covariance of many sites is singular in double precision."""
    members = np.random.default_rng(0).normal(size=(3, 6))
    found = tobit_wishart(
        np.zeros(6), np.cov(members, rowvar=False), np.eye(6), np.ones(6), 0.5, None,
        6.0, [[1.0]], n_sites=6, n_draws=10, seed=1,
    )  # fmt: skip
    assert np.all(np.linalg.eigvalsh(found.covariance) > 0.0)


def test_a_forecast_without_spread_and_a_column_of_equal_members_are_no_error():
    flat = MEMBERS.copy()
    flat[:, 1] = 3.0
    for run in (enkf, transform, local, particles):
        found = run(**GOOD, members=flat)
        assert np.all(np.isfinite(found.mean))
        assert found.mean[1] == pytest.approx(3.0)
    found = by_moments(**GOOD, covariance=np.zeros((2, 2)))
    np.testing.assert_allclose(found.forecast_state_mean, 0.0, atol=1e-12)
