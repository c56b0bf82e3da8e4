"""One analysis of a reanalysis: units, limits, and what each filter carries on."""

from __future__ import annotations

import numpy as np
import pytest

from masm.errors import InputError
from masm.filters import (
    FILTERS,
    Carried,
    CycleOptions,
    analyse_cycle,
    ensemble_transform,
)

SD = np.array([200.0, 0.2])
QUICK = {"n_draws": 200, "n_warm": 100, "n_chains": 2}


def forecast(n=24, n_sites=3, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, n_sites, 2))
    z[..., 1] = 0.6 * z[..., 0] + 0.8 * z[..., 1]
    return np.array([8000.0, 3.0]) + np.array([900.0, 0.4]) * z


def observed(n_sites=3):
    y = np.full((n_sites, 2), np.nan)
    y[:, 0] = 8600.0
    y[0, 1] = 3.4
    sd = np.where(np.isfinite(y), np.array([300.0, 0.3]), np.nan)
    return y, sd


def analysed(name, members=None, y=None, **words):
    members = forecast() if members is None else members
    obs = observed(members.shape[1]) if y is None else y
    options = CycleOptions(SD, name=name, radius=300.0, **QUICK, **words)
    distance = 400.0 * np.abs(np.subtract.outer(*[np.arange(members.shape[1])] * 2))
    return analyse_cycle(
        members, *obs, options=options,
        carried=Carried.first(options, len(members)), distance=distance, seed=[5, 1],
    )  # fmt: skip


@pytest.mark.parametrize("name", [f for f in FILTERS if f not in ("none", "particle")])
def test_every_filter_moves_towards_what_was_observed_and_is_surer(name):
    ran, found = forecast(), analysed(name)
    assert found.n_observed == 4
    moved = found.members.mean(axis=0) - ran.mean(axis=0)
    assert np.all(moved[:, 0] > 0.0)
    assert np.all(found.sd[:, 0] < ran.std(axis=0, ddof=1)[:, 0])
    np.testing.assert_allclose(found.weight.sum(axis=1), 1.0)
    np.testing.assert_allclose(found.members.mean(axis=0), found.mean, rtol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_units_of_the_states_decide_nothing(name):
    """Wood in kg instead of g: the same analysis, in kg."""
    factor = np.array([1e-3, 1.0])
    y, sd = observed()
    one = analysed(name, y=(y, 2.0 * sd), minimum_sd=0.1 * SD)
    options = CycleOptions(
        SD * factor, name=name, radius=300.0, minimum_sd=0.1 * SD * factor, **QUICK
    )
    distance = 400.0 * np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    two = analyse_cycle(
        forecast() * factor, y * factor, 2.0 * sd * factor, options=options,
        carried=Carried.first(options, 24), distance=distance, seed=[5, 1],
    )  # fmt: skip
    np.testing.assert_allclose(two.members, one.members * factor, rtol=1e-5)
    np.testing.assert_allclose(two.weight, one.weight, rtol=1e-4, atol=1e-9)
    outer = np.outer(factor, factor)
    np.testing.assert_allclose(two.carried.beta, one.carried.beta * outer, rtol=1e-4)


@pytest.mark.parametrize("name", FILTERS)
def test_the_seed_alone_decides(name):
    one, two = analysed(name), analysed(name)
    assert np.array_equal(one.members, two.members)
    assert np.array_equal(one.weight, two.weight)


def test_the_transform_filter_is_the_transform_of_noisy_members():
    tiny = CycleOptions(1e-9 * SD, name="etkf")
    y, sd = observed()
    found = analyse_cycle(
        forecast(), y, sd, options=tiny, carried=Carried.first(tiny, 24),
        distance=np.zeros((3, 3)), seed=1,
    )  # fmt: skip
    seen = np.flatnonzero(np.isfinite(y.ravel()))
    operator = np.eye(6)[seen]
    exact = ensemble_transform(
        forecast().reshape(24, 6), operator, y.ravel()[seen], sd.ravel()[seen] ** 2
    )
    np.testing.assert_allclose(found.members.reshape(24, 6), exact.members, rtol=1e-6)


def test_without_observations_members_are_weighed_alike():
    nothing = (np.full((3, 2), np.nan),) * 2
    for name in ("tobit_wishart", "letkf", "none"):
        found = analysed(name, y=nothing)
        np.testing.assert_allclose(found.weight, 1.0 / 24.0, rtol=1e-6)
        np.testing.assert_allclose(found.effective, 24.0, rtol=1e-6)


def test_members_at_zero_stay_possible_and_none_falls_below():
    ran = np.maximum(forecast() - np.array([0.0, 3.1]), 0.0)
    assert (ran[..., 1] == 0.0).sum() > 10
    y = np.full((3, 2), np.nan)
    y[:, 1] = 0.0
    for name in ("tobit_wishart", "enkf", "letkf"):
        found = analysed(name, members=ran, y=(y, np.where(y == 0.0, 0.2, np.nan)))
        assert found.members.min() >= 0.0
        assert found.n_censored >= 10
        assert np.isfinite(found.weight).all()


def test_particles_change_places_and_take_their_past_with_them():
    members = forecast()
    found = analysed("particle", members=members, jitter=0.0)
    assert sorted(set(found.ancestors)) != list(range(24))
    assert found.diagnostics["effective"] < 12.0
    assert found.weight.shape == (3, 24)
    assert np.all(found.weight == found.weight[0])


def test_the_model_s_limit_holds_and_is_counted():
    options = CycleOptions(SD, name="letkf")
    found = analyse_cycle(
        forecast(), *observed(), options=options, carried=Carried.first(options, 24),
        distance=np.zeros((3, 3)), seed=1, highest=[8500.0, 30.0],
    )  # fmt: skip
    assert found.members[..., 0].max() == 8500.0
    assert found.n_clipped > 0


def test_q_without_a_mean_is_refused():
    with pytest.raises(InputError, match="more than 3"):
        Carried.first(CycleOptions(SD, alpha=3.0), 10)


def test_process_error_is_learned_where_there_is_data_only():
    found = analysed("tobit_wishart")
    assert found.process_from == ("data", "data")
    y, sd = observed()
    y[0, 1] = np.nan
    found = analysed("tobit_wishart", y=(y, sd))
    assert found.process_from == ("data", "prior")
    assert found.carried.alpha > 4.0
