import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import ndtr

import upscale
from upscale.prediction.error_fields import (
    ErrorCopula,
    fit_copula,
    mean_error,
    normal_scores,
)
from upscale.training.applicability import training_dissimilarity
from upscale.training.conformal import PROBABILITIES, residual_quantiles
from upscale.training.posteriors import from_draws, normal_points, split_covariance
from upscale.training.splits import (
    block_ids,
    choose_block_km,
    fold_ids,
    plane,
    random_test,
    sphere,
)

from ..landscape import BOUNDS, QUICK, make_landscape, train


def unseen_blocks(land, seed):
    """Whole blocks of 100 km, a quarter of the pixels."""
    lat, lon = (land.covariates[name].to_numpy() for name in ("latitude", "longitude"))
    blocks = block_ids(plane(lat, lon), 100.0)
    return fold_ids(blocks, 4, np.random.default_rng(seed)) == 0


def require_nine_tenths(held):
    """Coverage is 0.90, or up to 0.01 more where a rank is no whole number."""
    error = 4.0 * np.std(held) / np.sqrt(len(held))
    assert error < 0.01
    assert -error < np.mean(held) - 0.90 < 0.01 + error


@pytest.mark.parametrize("n", [25, 32, 39, 200])
def test_quantiles_of_exchangeable_residuals_cover_what_they_promise(n):
    """Neither less nor more: whole ranks outward would hold 94 % with 32."""
    rng = np.random.default_rng(n)
    held = []
    for _ in range(1000):
        found = residual_quantiles(rng.standard_normal((n, 1)))
        low, high = np.interp([0.05, 0.95], PROBABILITIES, found)
        held.append(ndtr(high) - ndtr(low))
    require_nine_tenths(held)


@pytest.mark.parametrize("between", [0.05, 0.5, 2.0])
def test_intervals_hold_nine_tenths_of_a_new_posterior_of_any_width(between):
    """Means scatter less than, as, or more than each posterior is wide."""
    rng = np.random.default_rng(5)
    sd = np.hypot(1.0, between)
    held = []
    for _ in range(300):
        middle = between * rng.standard_normal((32, 1))
        found = residual_quantiles(middle + rng.standard_normal((32, 49)))
        low, high = np.interp([0.05, 0.95], PROBABILITIES, found)
        held.append(ndtr(high / sd) - ndtr(low / sd))
    require_nine_tenths(held)


def test_intervals_hold_nine_of_ten_pixels_of_blocks_never_seen():
    """Over landscapes: within one, whole blocks are right or wrong together."""
    held = []
    for seed in range(21, 25):
        land = make_landscape(500, seed)
        out = unseen_blocks(land, seed)
        maps = train(land, land.calibrated.index[~out]).predict(land.covariates[out])
        seen = land.calibrated[out].T.to_numpy()
        held.append(((seen >= maps["p05"]) & (seen <= maps["p95"])).mean("pixel"))
    assert 0.85 < float(np.mean(held)) < 0.95


def test_claimed_coverage_is_that_of_ninety_percent(upscaler):
    claimed = upscaler.summary()["coverage_blocked"]
    assert claimed.between(0.85, 0.95).all()


def test_intervals_are_wider_where_the_map_errs_more():
    """The error of vmax grows with sand; that of p18 does not."""
    land = make_landscape(1000, seed=5, own=0.04, sd=0.0)
    maps = train(land).predict(land.covariates)
    sand = land.covariates["sand"]
    sandy = (sand > sand.quantile(0.8)).to_numpy()
    firm = (sand < sand.quantile(0.2)).to_numpy()
    ratio = {
        name: float(
            maps["sd"].sel(parameter=name)[sandy].mean()
            / maps["sd"].sel(parameter=name)[firm].mean()
        )
        for name in ("vmax", "p18")
    }
    assert ratio["vmax"] > 1.5
    assert 0.7 < ratio["p18"] < 1.4


def test_intervals_for_the_parameter_hold_its_posterior_and_are_wider(land):
    vague = dataclasses.replace(land, sd=land.sd * 6.0)
    rules = dataclasses.replace(QUICK, intervals_for="parameter")
    wide, narrow = train(vague, rules=rules), train(vague)
    table = {
        name: one.validation.query("split == 'blocked' and method == 'upscaled'")
        for name, one in (("wide", wide), ("narrow", narrow))
    }
    assert table["wide"]["coverage_posterior"].between(0.86, 0.94).all()
    assert (table["narrow"]["coverage_posterior"] < 0.86).all()
    assert (table["wide"]["width"].array > table["narrow"]["width"].array).all()


def test_the_posterior_s_spread_is_mapped(land):
    uneven = dataclasses.replace(land, sd=land.sd.copy())
    west = land.covariates["longitude"] < -80.0
    uneven.sd.loc[west, "p18"] = 20.0
    uneven.sd.loc[~west, "p18"] = 2.0
    maps = train(uneven).predict(land.covariates)["posterior_sd"].sel(parameter="p18")
    assert float(maps[west.to_numpy()].median()) > 4.0 * float(
        maps[~west.to_numpy()].median()
    )
    alone = upscale.train(
        land.calibrated[["p18"]],
        land.covariates,
        bounds={"p18": (10.0, 200.0)},
        seed=1,
        rules=QUICK,
    )
    assert np.isnan(alone.predict(land.covariates)["posterior_sd"]).all()


def test_points_of_a_posterior_have_its_mean_and_spread():
    points = normal_points(np.array([0.5]), np.array([0.1]))
    assert points.mean() == pytest.approx(0.5)
    assert points.std() == pytest.approx(0.1)


def test_points_of_draws_keep_their_shape_and_what_hangs_together():
    rng = np.random.default_rng(9)
    skewed = 0.1 * rng.exponential(size=(2, 4000))
    draws = np.stack([skewed, 1.0 - skewed], axis=2)
    found = from_draws(draws)
    assert np.median(found.points[:, 0], axis=1) == pytest.approx(
        0.1 * np.log(2.0), abs=0.005
    )
    assert found.sd == pytest.approx(0.1, abs=0.005)
    spread = found.covariance[0]
    assert spread[0, 1] == pytest.approx(-spread[0, 0], rel=1e-9)


def test_a_posterior_splits_into_the_prior_s_fraction_and_noise():
    """In closed form for a linear model with normal noise and prior."""
    rng = np.random.default_rng(8)
    h, noise = rng.standard_normal((3, 4)), 0.3
    prior = np.eye(4) / 12.0
    gain = prior @ h.T @ np.linalg.inv(h @ prior @ h.T + noise**2 * np.eye(3))
    posterior = prior - gain @ h @ prior
    kernel = gain @ h
    shared, own = split_covariance(posterior)
    np.testing.assert_allclose(own, noise**2 * gain @ gain.T, atol=1e-12)
    missed = np.eye(4) - kernel
    np.testing.assert_allclose(shared, missed @ prior @ missed.T, atol=1e-12)
    np.testing.assert_allclose(shared + own, posterior, atol=1e-12)


def test_dissimilarity_is_the_weighted_distance_to_the_nearest_over_the_mean():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, 3)) * [1.0, 10.0, 5.0]
    importance = np.array([2.0, 1.0, 0.0])
    cloud, index = training_dissimilarity(x, importance, np.arange(60) % 5)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0) * [1.0, 0.5, 0.0]
    gap = np.linalg.norm(scaled[:, None] - scaled[None], axis=-1)
    mean = gap.sum() / (60 * 59)
    same = (np.arange(60) % 5)[:, None] == (np.arange(60) % 5)[None]
    assert index == pytest.approx(np.where(same, np.inf, gap).min(axis=1) / mean)
    assert cloud.index(x) == pytest.approx(0.0, abs=1e-6)
    far = x[:1] + np.array([[0.0, 30.0, 1e6]])
    wanted = np.linalg.norm(
        (far - x.mean(axis=0)) / x.std(axis=0) * [1.0, 0.5, 0.0] - scaled, axis=1
    ).min()
    assert cloud.index(far) == pytest.approx(wanted / mean)
    # The upper whisker of a box plot is one of the values.
    assert cloud.limit in index


def test_a_climate_never_trained_on_is_outside_the_area_of_applicability(
    land, upscaler
):
    tropical = land.covariates.iloc[:50].copy()
    tropical["temperature_mean"] += 15.0
    tropical["latitude"] -= 20.0
    maps = upscaler.predict(pd.concat([land.covariates, tropical.set_axis(
        np.arange(1000, 1050))]))  # fmt: skip
    quality = maps["quality"].sel(parameter=["vmax", "p18"])
    assert (quality.sel(pixel=np.arange(1000, 1050)) == 2).all()
    assert float((quality.sel(pixel=land.covariates.index) == 1).mean()) == 1.0


def test_draws_have_the_interval_s_ends_at_each_pixel(land, upscaler):
    some = land.covariates.iloc[:40]
    maps, draws = upscaler.predict(some), upscaler.draw(some, 4000, seed=3)
    for name in upscaler.names:
        one = maps.sel(parameter=name)
        below = float((draws[name] < one["p05"] - 1e-12).mean())
        above = float((draws[name] > one["p95"] + 1e-12).mean())
        assert below == pytest.approx(0.05, abs=0.012)
        assert above == pytest.approx(0.05, abs=0.012)


def test_errors_of_two_parameters_stay_together_in_draws(land):
    """p18 errs as vmax does, upside down: the draws must too."""
    tied = dataclasses.replace(
        land, truth=land.truth.copy(), calibrated=land.calibrated.copy()
    )
    vmax = (land.calibrated["vmax"] - 2e-5) / 6e-5
    tied.calibrated["p18"] = 10.0 + 190.0 * (0.7 - 0.8 * vmax)
    upscaler = train(tied)
    draws = upscaler.draw(land.covariates.iloc[:30], 500, seed=1)
    error = {name: draws[name] - draws[name].mean("draw") for name in ("vmax", "p18")}
    found = np.corrcoef(error["vmax"].to_numpy().T.ravel() / 1e-5,
                        error["p18"].to_numpy().T.ravel())[0, 1]  # fmt: skip
    assert found < -0.8
    free = train(land).copula.correlation
    assert np.abs(free[np.triu_indices(3, 1)]).max() < 0.3


def test_a_pixel_s_draws_do_not_depend_on_the_others(land, upscaler):
    every = upscaler.draw(land.covariates, 4, seed=9)
    some = upscaler.draw(land.covariates.iloc[[7, 3]], 4, seed=9)
    for name in upscaler.names:
        assert some[name].to_numpy() == pytest.approx(
            every[name].sel(pixel=[7, 3]).to_numpy(), rel=1e-9
        )
    other = upscaler.draw(land.covariates, 4, seed=10)
    assert not np.allclose(other["vmax"], every["vmax"])


def test_the_copula_of_a_field_is_found_again():
    rng = np.random.default_rng(4)
    places = sphere(36.0 + 8.0 * rng.random(1200), -84.0 + 8.0 * rng.random(1200))
    matrix = np.array([[1.0, -0.6], [-0.6, 1.0]])
    truth = ErrorCopula.intrinsic(matrix, 60.0, 0.3)
    scores = truth.scores(places, np.arange(1200), 4, [8])
    one_by_one = np.arange(1200)
    found = [fit_copula(one.T, places, one_by_one) for one in scores]
    assert np.mean([one.correlation[0, 1] for one in found]) == pytest.approx(
        -0.6, abs=0.12
    )
    assert 30.0 < np.mean([one.length_km for one in found]) < 120.0
    own = [one.own[0, 0] for one in found]
    assert np.mean(own) == pytest.approx(0.3, abs=0.15)


def test_scores_of_the_copula_are_standard_normal_and_fade_with_distance():
    lat = np.array([40.0, 40.0, 40.0])
    lon = np.array([-80.0, -80.0 + 50.0 / (111.195 * np.cos(np.radians(40.0))), -70.0])
    copula = ErrorCopula.intrinsic(np.eye(1), 50.0, 0.2)
    scores = np.concatenate(
        [copula.scores(sphere(lat, lon), [1, 2, 3], 50, [seed])[:, 0]
         for seed in range(80)]
    )  # fmt: skip
    assert scores.mean(axis=0) == pytest.approx(0.0, abs=0.06)
    assert scores.std(axis=0) == pytest.approx(1.0, abs=0.03)
    correlation = np.corrcoef(scores.T)
    assert correlation[0, 1] == pytest.approx(0.8 * np.exp(-1.0), abs=0.06)
    assert correlation[0, 2] == pytest.approx(0.0, abs=0.06)


def test_a_mean_over_the_region_is_more_uncertain_than_independent_pixels_say(
    land, upscaler
):
    draws = upscaler.draw(land.covariates, 200, seed=2)["vmax"]
    spread = float(draws.mean("pixel").std())
    independent = float(draws.std("draw").mean()) / np.sqrt(draws.sizes["pixel"])
    assert spread > 1.5 * independent


def test_what_no_observation_constrains_is_wrong_everywhere_alike():
    """A mean over the region is then as uncertain as one pixel; noise averages out."""
    land = make_landscape(120, seed=3)
    rng = np.random.default_rng(12)
    names = list(land.calibrated)
    noise = 0.05 * rng.standard_normal((len(land.calibrated), 200, 3))
    vague = rng.random(noise.shape)  # the prior
    ends = np.array([BOUNDS[name] for name in names])
    mean = (land.calibrated.to_numpy() - ends[:, 0]) / (ends[:, 1] - ends[:, 0])
    rules = dataclasses.replace(QUICK, intervals_for="parameter")
    spread = {}
    for what, values in (
        ("noise", np.clip(mean[:, None] + noise, 0.0, 1.0)),
        ("prior", vague),
    ):
        draws = xr.DataArray(
            ends[:, 0] + values * (ends[:, 1] - ends[:, 0]),
            dims=("pixel", "draw", "parameter"),
            coords={"pixel": land.calibrated.index, "parameter": names},
        )
        seen = dataclasses.replace(land, sd=None, calibrated=pd.DataFrame(
            draws.mean("draw").to_numpy(), land.calibrated.index, names))  # fmt: skip
        upscaler = train(seen, rules=rules, draws=draws)
        drawn = upscaler.draw(land.covariates, 300, seed=2)["p20"]
        one = float(drawn.std("draw").mean())
        spread[what] = float(drawn.mean("pixel").std()) / one
    assert spread["prior"] > 0.95
    assert spread["noise"] < 0.5


def test_the_mean_s_own_error_is_estimated_from_blocks():
    """Blocks that err as a whole: the mean of B of them errs by 1 / sqrt(B)."""
    rng = np.random.default_rng(13)
    blocks = np.repeat(np.arange(20), 10)
    found = [
        mean_error(np.repeat(rng.standard_normal((20, 1)), 10, axis=0), blocks)[0, 0]
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(1.0 / 20.0, rel=0.06)


def test_normal_scores_keep_order_and_gaps():
    values = np.array([3.0, np.nan, 1.0, 2.0])
    found = normal_scores(values)
    assert ndtr(found[[2, 3, 0]]) == pytest.approx([0.25, 0.5, 0.75])
    assert np.isnan(found[1])


def test_no_block_is_in_two_folds_and_folds_are_even():
    rng = np.random.default_rng(6)
    places = plane(36.0 + 8.0 * rng.random(900), -84.0 + 8.0 * rng.random(900))
    blocks = block_ids(places, 100.0)
    folds = fold_ids(blocks, 5, rng)
    assert (pd.Series(folds).groupby(blocks).nunique() == 1).all()
    sizes = np.bincount(folds)
    assert sizes.min() > 0.8 * sizes.max()
    for block in range(3):
        inside = places[blocks == block]
        assert (np.ptp(inside, axis=0) <= 100.0).all()


def test_the_block_size_is_the_largest_that_gives_enough_blocks():
    rng = np.random.default_rng(7)
    wide = plane(30.0 + 15.0 * rng.random(2000), -95.0 + 20.0 * rng.random(2000))
    assert choose_block_km(wide, 5) == 200.0
    small = plane(41.5 + 1.5 * rng.random(300), -73.5 + 2.0 * rng.random(300))
    assert choose_block_km(small, 5) == 25.0


def test_the_random_split_has_the_fraction_that_was_asked_for():
    assert random_test(1000, 0.3, np.random.default_rng(1)).sum() == 300
