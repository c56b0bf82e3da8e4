"""Members: latent moments, localisation, adjustment, inflation, weights."""

import numpy as np
import pytest

from masm.filters import (
    AdaptiveInflation,
    adaptive_inflation,
    adjust,
    choose_radius,
    chord_km,
    density_weights,
    great_circle_km,
    inflate,
    latent_forecast,
    localise,
    member_weights,
    particle_analysis,
    relax_spread,
    taper,
    tobit_wishart,
    weighted_summary,
)


def some_members(n, p, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(p, p)) / np.sqrt(p) + np.eye(p)
    return rng.normal(size=(n, p)) @ mixing + 3.0


# ------------------------------------------------------------ latent forecast


def test_without_censored_members_the_moments_are_those_of_the_sample():
    members = some_members(30, 4)
    found = latent_forecast(members, -100.0, n_sites=2, seed=1)
    np.testing.assert_allclose(found.covariance, np.cov(members, rowvar=False))
    np.testing.assert_allclose(found.mean, members.mean(axis=0))
    assert found.scope == "none"


@pytest.mark.parametrize("scope", ["all", "site"])
def test_a_state_at_its_bound_in_many_members_keeps_mean_and_spread(scope):
    rng = np.random.default_rng(2)
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    latent = rng.multivariate_normal([0.2, 3.0], covariance, 3000)
    bound = np.array([0.0, -np.inf])
    found = latent_forecast(
        np.maximum(latent, bound), bound, n_sites=1, seed=1, scope=scope,
        n_imputations=60, n_warm=60,
    )  # fmt: skip
    # Censoring makes the error about twice that of the whole sample.
    error = np.sqrt(np.diag(covariance) / 3000.0)
    assert np.all(np.abs(found.mean - [0.2, 3.0]) < 8.0 * error)
    assert np.all(np.abs(found.covariance - covariance) < 8.0 * np.sqrt(8.0 / 3000.0))
    assert found.n_censored[0] == (latent[:, 0] <= 0.0).sum()
    above = latent[:, 0] > 0.0
    np.testing.assert_array_equal(found.members[above], latent[above])
    assert np.all(found.members[~above, 0] <= 0.0)


def test_more_states_than_members_keep_the_covariance_between_sites():
    rng = np.random.default_rng(2)
    shared = rng.normal(size=(20, 1))
    latent = 1.5 + shared + 0.3 * rng.normal(size=(20, 30))
    found = latent_forecast(np.maximum(latent, 0.0), 0.0, n_sites=30, seed=1)
    assert found.scope == "site"
    sd = np.sqrt(np.diag(found.covariance))
    correlation = found.covariance / np.outer(sd, sd)
    assert np.median(correlation[np.triu_indices(30, 1)]) > 0.7


def test_a_state_at_its_bound_in_all_members_says_that_the_prior_decides():
    members = np.column_stack([np.zeros(20), 5.0 + some_members(20, 1).ravel()])
    variances = []
    for seed in (1, 2, 3):
        found = latent_forecast(members, 0.0, seed=seed, minimum_sd=0.5)
        np.testing.assert_array_equal(found.from_prior, [True, False])
        assert -3.0 < found.mean[0] < 0.0
        variances.append(found.covariance[0, 0])
    # Of one seed it varies by a factor of 2 and more.
    assert 0.05 < np.median(variances) < 2.0
    with pytest.raises(ValueError, match=r"state 0 of site 0[\s\S]*minimum_sd"):
        latent_forecast(members, 0.0, seed=1)


# -------------------------------------------------------------- localisation


def test_the_factor_is_the_printed_one_and_not_zero_beyond_the_radius():
    np.testing.assert_allclose(
        taper([0.0, 500.0, 1000.0], 500.0), np.exp([0.0, -0.5, -2.0])
    )
    np.testing.assert_array_equal(taper([0.0, 1.0], 0.0), [1.0, 0.0])
    compact = taper([0.0, 5.0, 3.65 * 500.0, 3.66 * 500.0], 500.0, "gaspari_cohn")
    assert compact[0] == 1.0
    assert 1.0 - compact[1] == pytest.approx(0.5 * 1e-4, rel=0.02)
    assert 0.0 < compact[2] < 1e-6
    assert compact[3] == 0.0


@pytest.mark.parametrize("kind", ["gaussian", "gaspari_cohn"])
@pytest.mark.parametrize("radius", [300.0, 4000.0])
def test_tapers_of_chords_are_positive_semidefinite_all_over_the_globe(kind, radius):
    rng = np.random.default_rng(0)
    latitude = np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, 200)))
    chord = chord_km(latitude, rng.uniform(-180.0, 180.0, 200))
    values = np.linalg.eigvalsh(taper(chord, radius, kind))
    assert values[0] > -1e-12 * values[-1]


def test_distances_of_known_places():
    km = great_circle_km([0.0, 0.0, 90.0], [0.0, 90.0, 0.0])
    np.testing.assert_allclose(km[0], np.array([0.0, 0.5, 0.5]) * np.pi * 6371.0)
    chord = chord_km([0.0, 0.0], [179.5, -179.5])
    assert chord[0, 1] == pytest.approx(2.0 * 6371.0 * np.sin(np.radians(0.5)))


def test_states_of_a_site_keep_their_covariance():
    covariance = np.cov(some_members(50, 6), rowvar=False)
    found = localise(covariance, [[0, 800, 0], [800, 0, 800], [0, 800, 0]], 400.0)
    np.testing.assert_allclose(found[:2, :2], covariance[:2, :2])
    np.testing.assert_allclose(found[:2, 2:4], covariance[:2, 2:4] * np.exp(-2.0))
    np.testing.assert_allclose(found[:2, 4:], covariance[:2, 4:])


def test_the_radius_with_the_least_residual_correlation_is_chosen():
    rng = np.random.default_rng(0)
    distance = chord_km(rng.uniform(30, 45, 30), rng.uniform(-100, -80, 30))
    noise = rng.normal(size=(40, 30))

    def residuals(radius):
        root = np.linalg.cholesky(
            taper(distance, abs(radius - 400.0)) + 1e-6 * np.eye(30)
        )
        found = noise @ root.T
        found[0, 0] = np.nan
        return found

    found = choose_radius([0.0, 200.0, 400.0, 900.0], residuals, distance)
    assert found.radius == 400.0
    assert found.criterion.argmin() == 2
    assert found.n_pairs.sum() == 40 * 435 - 29


# ---------------------------------------------------------------- adjustment


@pytest.mark.parametrize("form", ["symmetric", "eigenvector"])
def test_members_get_mean_and_covariance_of_the_analysis(form):
    members = some_members(40, 6)
    target = np.cov(some_members(90, 6, seed=3), rowvar=False) * 0.5
    found = adjust(members, np.arange(6.0), target, n_sites=3, form=form)
    assert found.scope == "global"
    np.testing.assert_allclose(found.latent.mean(axis=0), np.arange(6.0), atol=1e-10)
    np.testing.assert_allclose(np.cov(found.latent, rowvar=False), target, atol=1e-8)


def test_an_analysis_that_changes_nothing_moves_no_member():
    members = some_members(40, 6)
    mean, covariance = members.mean(axis=0), np.cov(members, rowvar=False)
    found = adjust(members, mean, covariance, n_sites=3)
    np.testing.assert_allclose(found.members, members, atol=1e-10)


def test_fewer_members_than_states_are_adjusted_site_by_site():
    members = some_members(20, 60)
    target = np.cov(some_members(200, 60, seed=3), rowvar=False)
    found = adjust(members, np.zeros(60), target, n_sites=20)
    assert found.scope == "site"
    covariance = np.cov(found.latent, rowvar=False)
    for j in range(0, 60, 3):
        block = slice(j, j + 3)
        np.testing.assert_allclose(covariance[block, block], target[block, block])
    whole = adjust(members, np.zeros(60), target, n_sites=20, scope="global")
    u = np.linalg.svd((members - members.mean(axis=0)).T, full_matrices=False)[0][
        :, :19
    ]
    spanned = u.T @ np.cov(whole.latent, rowvar=False) @ u
    np.testing.assert_allclose(spanned, u.T @ target @ u, atol=1e-8)
    assert whole.n_null == 41
    assert np.trace(np.cov(whole.latent, rowvar=False)) < 0.7 * np.trace(target)


def test_members_below_the_bound_are_clipped_for_the_model_and_counted():
    found = adjust(some_members(40, 2), [0.1, 5.0], np.eye(2) * 0.25, lower=0.0)
    assert found.members.min() == 0.0
    assert found.n_clipped[0] == (found.latent[:, 0] < 0.0).sum() > 0
    assert found.n_clipped[1] == 0


def test_a_state_without_spread_keeps_none_and_is_counted():
    members = some_members(40, 2)
    members[:, 1] = 7.0
    found = adjust(members, [0.0, 1.0], np.eye(2))
    assert found.n_null == 1
    np.testing.assert_allclose(found.latent[:, 1], 1.0, atol=1e-12)


# ----------------------------------------------------------------- inflation


def test_inflation_multiplies_the_variance_and_keeps_the_mean():
    members = some_members(40, 3)
    found = inflate(members, [1.0, 1.5, 0.5])
    np.testing.assert_allclose(found.mean(axis=0), members.mean(axis=0))
    ratio = found.var(axis=0) / members.var(axis=0)
    np.testing.assert_allclose(ratio, [1.0, 1.5, 0.5])
    relaxed = relax_spread(members, found, 1.0)
    np.testing.assert_allclose(relaxed.std(axis=0), members.std(axis=0))


def test_adaptive_inflation_finds_the_factor_that_is_missing():
    rng = np.random.default_rng(3)
    now = AdaptiveInflation(1.0, 0.25)
    kept = []
    for _ in range(300):
        members = rng.normal(size=(40, 20))
        values = np.sqrt(2.5) * rng.normal(size=20) + rng.normal(size=20)
        now = adaptive_inflation(members, np.eye(20), values, 1.0, now, drift=0.001)
        kept.append(now.factor)
    # The mean of 40 members adds a fortieth of the variance to each innovation.
    assert np.mean(kept[100:]) == pytest.approx(2.5, rel=0.1)
    nothing = adaptive_inflation(members, np.eye(20), np.full(20, np.nan), 1.0, now)
    assert nothing.factor == now.factor
    assert nothing.variance == pytest.approx(now.variance + 0.05)


# ------------------------------------------------------------------- weights


@pytest.mark.parametrize(
    ("process", "value", "rule", "mean", "variance"),
    [
        (0.0, 1.0, "ratio", 0.5333, 0.5733),
        (0.0, 1.0, "source", 0.4000, 0.5200),
        (0.5, 1.0, "ratio", 0.4000, 0.6800),
        (0.5, 1.0, "state_ratio", 0.6000, 0.6000),
        (0.5, np.nan, "ratio", 0.0, 1.0),
        (0.5, np.nan, "state_ratio", 0.0, 1.3200),
    ],
)
def test_weighted_fluxes_are_those_of_the_conditional_moments(
    process, value, rule, mean, variance
):
    rng = np.random.default_rng(0)
    n = 200_000
    state = rng.normal(size=n)
    flux = 0.8 * state + 0.6 * rng.normal(size=n)
    analysis = tobit_wishart(
        [0.0], [[1.0]], [[1.0]], [value], [0.5], None, None, None,
        n_sites=1, n_draws=2, n_chains=1, seed=1, process=[[process]],
    )  # fmt: skip
    weights = member_weights(state[:, None], analysis, rule=rule)
    found = weighted_summary(flux, weights.weight[0])
    error = 4.0 * np.sqrt(variance / weights.effective[0])
    assert abs(found.mean - mean) < error + 5e-5
    assert abs(found.variance / variance - 1.0) < 6.0 * np.sqrt(
        2.0 / weights.effective[0]
    )


def test_the_ratio_is_the_likelihood_of_the_forecast_state():
    members = some_members(50, 2)
    mean, covariance = members.mean(axis=0), np.cov(members, rowvar=False)
    operator, process = np.array([[1.0, 0.5]]), np.diag([0.4, 0.2])
    analysis = tobit_wishart(
        mean, covariance, operator, [4.0], [0.3], None, None, None,
        n_sites=1, n_draws=1, n_chains=1, seed=1, process=process,
    )  # fmt: skip
    total = 0.3 + operator @ process @ operator.T
    wanted = np.exp(-0.5 * (4.0 - members @ operator[0]) ** 2 / total[0, 0])
    found = member_weights(members, analysis).weight[0]
    np.testing.assert_allclose(found, wanted / wanted.sum(), rtol=1e-8)


def test_unlikely_members_get_little_weight_and_few_members_are_reported():
    members = np.linspace(-300.0, 300.0, 11)[:, None]
    with pytest.warns(UserWarning, match="effective members of 11 at 1 site"):
        found = density_weights(members, ([0.0], [[1.0]]), None)
    assert found.weight[0].argmax() == 5
    assert found.weight[0].sum() == pytest.approx(1.0)
    assert np.isnan(weighted_summary(np.arange(11.0), found.weight[0]).variance)


@pytest.mark.parametrize("seed", range(5))
def test_equal_weights_give_the_plain_moments_along_time(seed):
    values = some_members(400, 3, seed)
    values[0, 2] = np.nan
    found = weighted_summary(values, np.ones(400))
    np.testing.assert_allclose(found.variance[:2], values[:, :2].var(axis=0, ddof=1))
    assert np.isnan(found.mean[2])
    assert np.isnan(found.quantiles[:, 2]).all()
    # Rules of interpolation differ by less than one rank.
    levels = np.array([0.05, 0.5, 0.95])
    low = np.quantile(values[:, :2], levels - 1.0 / 400, axis=0)
    high = np.quantile(values[:, :2], levels + 1.0 / 400, axis=0)
    assert np.all((low <= found.quantiles[:, :2]) & (found.quantiles[:, :2] <= high))


# ----------------------------------------------------------------- particles


def test_censored_values_count_by_their_probability():
    rng = np.random.default_rng(0)
    members = rng.normal(size=(100_000, 1)) * 0.3**0.5 + 0.4
    found = particle_analysis(members, [[1.0]], [0.0], [0.2], lower=0.0, seed=1)
    wanted = tobit_wishart(
        [0.4], [[0.3]], [[1.0]], [0.0], [0.2], 0.0, None, None,
        n_sites=1, n_draws=1, n_chains=1, seed=1, process=[[0.0]],
    )  # fmt: skip
    error = 4.0 * np.sqrt(wanted.covariance[0, 0] / found.effective)
    assert abs(found.mean[0] - wanted.mean[0]) < error
    ratio = found.covariance[0, 0] / wanted.covariance[0, 0]
    assert abs(ratio - 1.0) < 6.0 * np.sqrt(2.0 / found.effective)


def test_resampling_keeps_the_posterior_and_says_where_members_came_from():
    rng = np.random.default_rng(0)
    members = rng.normal(size=(5000, 2)) @ [[1.0, 0.4], [0.0, 1.2]] + 3.0
    found = particle_analysis(members, np.eye(2), [4.0, 3.5], 0.2, seed=1)
    assert found.resampled
    np.testing.assert_array_equal(found.members, members[found.ancestors])
    np.testing.assert_allclose(found.members.mean(axis=0), found.mean, atol=0.02)
    spread = particle_analysis(members, np.eye(2), [4.0, 3.5], 0.2, seed=1, jitter=0.3)
    assert len(np.unique(spread.members[:, 0])) == 5000
    np.testing.assert_allclose(
        np.cov(spread.members, rowvar=False), found.covariance, atol=0.03
    )


def test_a_degenerate_particle_filter_warns_and_weights_of_none_are_refused():
    members = some_members(500, 1)
    with pytest.warns(UserWarning, match="degenerates"):
        particle_analysis(members, [[1.0]], [3.0], 1e-6, seed=1)
    with pytest.raises(ValueError, match="log_weight"):
        particle_analysis(
            members, [[1.0]], [3.0], 1.0, seed=1, log_weight=np.full(500, -np.inf)
        )
