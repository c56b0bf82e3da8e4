"""Covariances between states: chance is left out, what members can tell stays."""

import numpy as np
import pytest

from masm.errors import InputError
from masm.filters import (
    Carried,
    CycleOptions,
    adjust,
    analyse_cycle,
    local_ensemble_transform,
    state_taper,
    stochastic_enkf,
    taper_states,
)

N, N_SITES = 20, 4


def ensemble(seed, rho=0.0, shared=0.7):
    """Two states at four sites; members share a part, as those with parameters do."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((N, 1, 2))
    z = np.sqrt(shared) * common + np.sqrt(1.0 - shared) * rng.standard_normal(
        (N, N_SITES, 2)
    )
    z[..., 1] = rho * z[..., 0] + np.sqrt(1.0 - rho**2) * z[..., 1]
    return z


def factor(z, **words):
    words = {"seed": 1} | words
    return state_taper(z.reshape(N, -1), n_sites=N_SITES, **words).factor[0, 1]


def test_states_apart_are_taken_together_no_oftener_than_the_level():
    """Though all four sites show the same chance correlation."""
    found = [factor(ensemble(seed), level=0.1) > 0.0 for seed in range(200)]
    # Binomial, 200 and 0.1: these are 3 sd.
    assert 0.036 < np.mean(found) < 0.164


def test_what_is_correlated_stays_and_is_shrunk_by_its_error():
    z = ensemble(3, rho=0.9)
    r = [np.corrcoef(z[:, s].T)[0, 1] for s in range(N_SITES)]
    m = np.mean(np.square(r))
    found = state_taper(z.reshape(N, -1), n_sites=N_SITES, seed=1)
    assert found.mean_square[0, 1] == pytest.approx(m)
    assert found.p_value[0, 1] < 0.01
    assert found.factor[0, 1] == pytest.approx(1.0 - 1.0 / (19.0 * m))


def test_signs_that_differ_between_sites_do_not_cancel():
    z = ensemble(3, rho=0.9, shared=0.0)
    z[:, ::2, 1] *= -1.0
    assert factor(z) > 0.8


def test_the_factor_has_less_error_than_the_sample_correlation():
    """Mean square error over networks with correlations of 0 and of 0.5."""
    off = {"sampled": [], "tested": []}
    for seed in range(120):
        rho = 0.5 * (seed % 2)
        z = ensemble(seed, rho, shared=0.3)
        r = np.array([np.corrcoef(z[:, s].T)[0, 1] for s in range(N_SITES)])
        off["sampled"].append(np.mean((r - rho) ** 2))
        off["tested"].append(np.mean((factor(z, level=1.0) * r - rho) ** 2))
    assert np.mean(off["tested"]) < 0.9 * np.mean(off["sampled"])


def test_the_rules_by_name_and_a_state_without_spread():
    z = ensemble(0, rho=0.9)
    assert factor(z, rule="apart") == 0.0
    assert factor(z, rule="sampled") == 1.0
    z[..., 1] = 5.0
    assert factor(z) == 0.0
    with pytest.raises(InputError, match="rule between states"):
        factor(z, rule="guessed")
    with pytest.raises(InputError, match="level"):
        factor(z, level=0.0)


def test_tapered_covariances_stay_covariances():
    rng = np.random.default_rng(0)
    for _ in range(30):
        mix = rng.standard_normal((3, 3))
        z = np.einsum("nsq,qk->nsk", rng.standard_normal((8, 2, 3)), mix)
        found = state_taper(z.reshape(8, -1), n_sites=2, level=1.0, seed=1).factor
        whole = taper_states(np.cov(z.reshape(8, -1).T), found)
        assert np.linalg.eigvalsh(found)[0] > -1e-12
        assert np.linalg.eigvalsh(whole)[0] > -1e-10 * np.trace(whole)
    with pytest.raises(InputError, match="factor between states"):
        taper_states(np.eye(4), np.full((2, 2), 2.0))


def test_a_state_apart_is_left_where_it_is():
    members = 5.0 + ensemble(2, rho=0.6).reshape(N, -1)
    h = np.zeros((N_SITES, 2 * N_SITES))
    h[np.arange(N_SITES), 2 * np.arange(N_SITES)] = 1.0
    y, distance = np.full(N_SITES, 7.0), np.zeros((N_SITES, N_SITES))
    apart = np.eye(2)
    for found in (
        stochastic_enkf(members, h, y, 0.25, seed=1, state_taper=apart),
        local_ensemble_transform(
            members, h, y, 0.25, distance=distance, radius=np.inf, state_taper=apart
        ),
    ):
        np.testing.assert_array_equal(found.members[:, 1::2], members[:, 1::2])
        assert np.all(found.mean[::2] > members[:, ::2].mean(axis=0))
    one, two = (
        local_ensemble_transform(
            members, h, y, 0.25, distance=distance, radius=9.0, state_taper=factor
        )
        for factor in (None, np.ones((2, 2)))
    )
    np.testing.assert_array_equal(one.members, two.members)


def test_the_members_keep_a_correlation_that_was_not_believed():
    z = 5.0 + ensemble(2, rho=0.6)[:, 0]
    target = np.diag([0.2, 1.5])
    found = adjust(z, [6.0, 5.0], target, state_taper=np.eye(2)).latent
    np.testing.assert_allclose(found.mean(axis=0), [6.0, 5.0])
    np.testing.assert_allclose(found.var(axis=0, ddof=1), np.diag(target))
    before, after = np.corrcoef(z.T)[0, 1], np.corrcoef(found.T)[0, 1]
    assert after == pytest.approx(before)
    # An analysis that changes nothing moves nobody.
    same = np.diag(z.var(axis=0, ddof=1))
    still = adjust(z, z.mean(axis=0), same, state_taper=np.eye(2)).latent
    np.testing.assert_allclose(still, z, rtol=1e-9)


def test_a_state_nobody_observes_is_not_moved_by_chance():
    """A chance correlation of 0.3 in 20 members, the same at all sites."""
    z = np.random.default_rng(5).standard_normal((N, 2))
    z[:, 1] -= z[:, 0] * (z[:, 0] @ z[:, 1]) / (z[:, 0] @ z[:, 0])
    z[:, 1] = 0.3 * z[:, 0] / z[:, 0].std() + 0.95 * z[:, 1] / z[:, 1].std()
    members = np.array([80.0, 50.0]) + np.tile(z[:, None], (1, N_SITES, 1))
    members += 1e-3 * np.random.default_rng(6).standard_normal(members.shape)
    y = np.full((N_SITES, 2), np.nan)
    y[:, 0] = 83.0
    moved = {}
    for rule in ("tested", "sampled"):
        options = CycleOptions(
            np.array([0.1, 0.1]), between_states=rule, n_draws=100, n_warm=50,
            n_chains=1,
        )  # fmt: skip
        found = analyse_cycle(
            members, y, np.where(np.isfinite(y), 0.3, np.nan), options=options,
            carried=Carried.first(options, N),
            distance=1.0 - np.eye(N_SITES), seed=2,
        )  # fmt: skip
        moved[rule] = (found.mean - members.mean(axis=0))[:, 1]
        assert np.all(found.mean[:, 0] > 82.0)
    assert np.all(moved["sampled"] > 0.5)
    assert np.abs(moved["tested"]).max() < 0.1


def test_factors_of_one_are_no_factors_where_an_observation_sees_two_states():
    z = ensemble(3).reshape(N, -1)
    q = z.shape[1] // N_SITES
    operator = np.zeros((1, z.shape[1]))
    operator[0, :2] = 1.0
    given = (z, operator, [1.0], 0.1)
    where = {"distance": np.zeros((N_SITES, N_SITES)), "radius": 1.0}
    plain = local_ensemble_transform(*given, **where)
    same = local_ensemble_transform(*given, **where, state_taper=np.ones((q, q)))
    assert np.array_equal(plain.members, same.members)
    with pytest.raises(InputError, match="more than one state"):
        local_ensemble_transform(*given, **where, state_taper=np.eye(q))
