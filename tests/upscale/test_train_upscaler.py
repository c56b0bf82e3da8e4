import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import upscale
from upscale.training.conditional_means import given
from upscale.training.posteriors import from_draws

from .landscape import BOUNDS, QUICK, make_landscape, train


def scores(upscaler, split, method="upscaled"):
    table = upscaler.validation
    chosen = (table["split"] == split) & (table["method"] == method)
    return table[chosen].set_index("parameter")


def test_what_follows_climate_and_soil_is_upscaled_and_what_does_not_is_not(upscaler):
    assert upscaler["vmax"].upscaled
    assert upscaler["p18"].upscaled
    assert not upscaler["p20"].upscaled
    summary = upscaler.summary()
    assert summary.loc["vmax", "r2_random"] > 0.7
    assert summary.loc["p20", "statement"].startswith("cannot be upscaled")


def test_a_parameter_without_skill_is_the_region_mean_with_its_spread(land, upscaler):
    maps = upscaler.predict(land.covariates).sel(parameter="p20")
    seen = land.calibrated["p20"]
    assert np.ptp(maps["mean"].to_numpy()) == 0.0
    assert float(maps["mean"][0]) == pytest.approx(seen.mean(), rel=1e-6)
    assert float(maps["sd"][0]) == pytest.approx(seen.std(), rel=0.1)
    assert (maps["quality"] == 3).all()


def test_trees_beat_every_baseline_where_covariates_rule(upscaler):
    blocked = upscaler.validation.query("split == 'blocked' and parameter == 'vmax'")
    rmse = blocked.set_index("method")["rmse"]
    assert set(rmse.index) == {
        "upscaled", "default", "region_mean", "nearest_pixel", "kriging"
    }  # fmt: skip
    assert rmse.idxmin() == "upscaled"


def test_an_unseen_block_is_harder_than_an_unseen_neighbour(upscaler):
    assert (
        scores(upscaler, "blocked").loc["vmax", "rmse"]
        > scores(upscaler, "random").loc["vmax", "rmse"]
        > scores(upscaler, "random_train").loc["vmax", "rmse"]
    )


def test_the_same_seed_gives_the_same_answer_whatever_the_workers(land, upscaler):
    again = train(land, n_jobs=3)
    maps = upscaler.predict(land.covariates)
    assert again.predict(land.covariates).identical(maps)
    pd.testing.assert_frame_equal(again.validation, upscaler.validation)
    other = train(land, seed=2)
    assert not other.predict(land.covariates).equals(maps)


def test_a_parameter_s_map_does_not_depend_on_the_others(land, upscaler):
    alone = upscale.train(
        land.calibrated[["p18"]],
        land.covariates,
        bounds=BOUNDS,
        sd=land.sd,
        seed=1,
        rules=QUICK,
    )
    a = alone.predict(land.covariates)["mean"].sel(parameter="p18")
    b = upscaler.predict(land.covariates)["mean"].sel(parameter="p18")
    assert (a == b).all()


def test_no_prediction_leaves_the_prior(land):
    tight = {name: (low, high) for name, (low, high) in BOUNDS.items()}
    values = land.calibrated.copy()
    # Half the pixels on an edge, as an unconstrained calibration leaves them.
    values["p18"] = np.where(values["p18"] > values["p18"].median(), 200.0, 10.0)
    upscaler = upscale.train(values, land.covariates, bounds=tight, seed=1, rules=QUICK)
    maps = upscaler.predict(land.covariates)
    drawn = upscaler.draw(land.covariates, 5, seed=1)
    for name, (low, high) in BOUNDS.items():
        one = maps.sel(parameter=name)
        assert float(one["p05"].min()) >= low
        assert float(one["p95"].max()) <= high
        assert (one["p05"] <= one["mean"]).all()
        assert (one["mean"] <= one["p95"]).all()
        assert float(drawn[name].min()) >= low
        assert float(drawn[name].max()) <= high


def test_a_precise_pixel_counts_more_than_a_vague_one(land):
    """A few wild values with a wide posterior must not bend the map."""
    wild = dataclasses.replace(
        land, calibrated=land.calibrated.copy(), sd=land.sd.copy()
    )
    chosen = land.calibrated.index[::5]
    wild.calibrated.loc[chosen, "vmax"] = BOUNDS["vmax"][1]
    wild.sd.loc[chosen, "vmax"] = 3e-5
    rows = land.calibrated.index.difference(chosen)
    bias = {}
    for weighting in ("precision", "none"):
        rules = dataclasses.replace(QUICK, weighting=weighting)
        maps = train(wild, rules=rules).predict(land.covariates.loc[rows])
        error = maps["mean"].sel(parameter="vmax") - land.truth.loc[rows, "vmax"]
        bias[weighting] = float(error.mean())
    assert abs(bias["precision"]) < 0.7 * abs(bias["none"])


def test_values_left_out_are_not_trained_on(land):
    holes = dataclasses.replace(land, calibrated=land.calibrated.copy())
    holes.calibrated.loc[land.calibrated.index[::4], "p18"] = np.nan
    upscaler = train(holes)
    assert scores(upscaler, "blocked")["n"].to_dict() == {
        "vmax": 400, "p18": 300, "p20": 400
    }  # fmt: skip


def test_pixels_with_an_unknown_covariate_are_left_out_counted_and_mapped_as_nan(land):
    holes = dataclasses.replace(land, covariates=land.covariates.copy())
    holes.covariates.loc[[3, 4], "sand"] = np.nan
    upscaler = train(holes)
    assert upscaler.meta["n_left_out"] == 2
    maps = upscaler.predict(holes.covariates)
    assert np.isnan(maps["mean"].sel(pixel=[3, 4])).all()
    assert (maps["quality"].sel(pixel=[3, 4]) == 4).all()
    assert np.isfinite(maps["mean"].sel(pixel=5)).all()


def test_shap_values_and_base_add_up_to_the_prediction(land, upscaler):
    some = land.covariates.iloc[:20]
    shap = upscaler.shap(some)
    mean = upscaler.predict(some)["mean"]
    total = shap["base"] + shap.sum("covariate")
    for name, (low, high) in BOUNDS.items():
        gap = np.abs(total.sel(parameter=name) - mean.sel(parameter=name)).max()
        assert float(gap) < 1e-5 * (high - low)


def test_importance_names_the_covariates_that_made_the_parameter(upscaler):
    table = upscaler.importance
    first = table[table["parameter"] == "vmax"]["covariate"].iloc[:3].tolist()
    assert "sand" in first
    assert {"temperature_mean", "latitude"} & set(first)


def test_what_was_saved_predicts_and_draws_the_same(land, upscaler, tmp_path):
    upscaler.save(tmp_path / "upscaling")
    upscaler.save(tmp_path / "upscaling")  # writes over its own, and nothing else
    again = upscale.open_upscaler(tmp_path / "upscaling")
    covariates = land.covariates
    assert again.predict(covariates).identical(upscaler.predict(covariates))
    assert again.draw(covariates, 3, 1).identical(upscaler.draw(covariates, 3, 1))
    pd.testing.assert_frame_equal(again.summary(), upscaler.summary())
    suffixes = {path.suffix for path in (tmp_path / "upscaling").iterdir()}
    assert suffixes == {".json", ".csv", ".ubj"}
    assert [path.name for path in tmp_path.iterdir()] == ["upscaling"]


def test_a_folder_that_holds_something_else_is_not_touched(upscaler, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(upscale.InputError, match="something else"):
        upscaler.save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(upscale.InputError, match=r"upscaler\.json"):
        upscale.open_upscaler(tmp_path)


def test_tables_that_do_not_fit_are_refused_before_any_work(land):
    def attempt(**changes):
        options = {"bounds": BOUNDS, "seed": 1, "rules": QUICK}
        tables = {"parameters": land.calibrated, "covariates": land.covariates}
        return upscale.train(**(tables | options | changes))

    outside = land.calibrated.copy()
    outside.loc[17, "vmax"] = 9e-5
    with pytest.raises(upscale.InputError, match="vmax, pixel 17"):
        attempt(parameters=outside)
    with pytest.raises(upscale.InputError, match="no row for pixel 399"):
        attempt(covariates=land.covariates.iloc[:-1])
    with pytest.raises(upscale.InputError, match="bounds: p20"):
        attempt(bounds={name: BOUNDS[name] for name in ("vmax", "p18")})
    with pytest.raises(upscale.InputError, match="at least 30"):
        attempt(parameters=land.calibrated.iloc[:20])
    with pytest.raises(upscale.InputError, match="latitude"):
        attempt(covariates=land.covariates.drop(columns="latitude"))
    with pytest.raises(upscale.InputError, match="n_folds"):
        upscale.TrainingRules(n_folds=1)


def test_the_least_number_of_training_pixels_is_a_setting_with_a_warning(land, caplog):
    few = land.calibrated.iloc[:20]
    rules = dataclasses.replace(QUICK, least_pixels=12, n_folds=2, block_km=100.0)
    found = upscale.train(few, land.covariates, bounds=BOUNDS, seed=1, rules=rules)
    assert found.meta["n_training"] == 20
    assert "trained on 20 pixels: below 30" in caplog.text
    with pytest.raises(upscale.InputError, match="least_pixels"):
        dataclasses.replace(QUICK, least_pixels=5)


def test_predict_names_a_missing_covariate(land, upscaler):
    renamed = land.covariates.rename(columns={"sand": "sands"})
    with pytest.raises(upscale.InputError, match='Did you mean "sands"'):
        upscaler.predict(renamed)
    shuffled = land.covariates[land.covariates.columns[::-1]]
    assert upscaler.predict(shuffled).identical(upscaler.predict(land.covariates))


def test_a_region_too_small_for_blocks_is_refused():
    small = make_landscape(60, seed=3, degrees=0.05)
    with pytest.raises(upscale.InputError, match="blocks"):
        train(small)


def test_a_statement_says_when_a_simpler_map_does_better():
    """p20 is smooth over 150 km and follows nothing known: neighbours know more."""
    land = make_landscape(400, seed=4, own_km=150.0)
    summary = train(land).summary()
    assert summary.loc["p20", "best_baseline"] == "kriging"
    assert "kriging does better there" in summary.loc["p20", "statement"]


def test_pixels_may_have_names_and_their_index_too(land, upscaler):
    named = land.covariates.iloc[:5].set_axis(list("abcde")).rename_axis("site")
    maps = upscaler.predict(named)
    assert maps["mean"].dims == ("parameter", "pixel")
    one = maps["mean"].sel(parameter="vmax", pixel="c")
    wanted = upscaler.predict(land.covariates)["mean"].sel(parameter="vmax")[2]
    assert float(one) == float(wanted)
    assert upscaler.draw(named, 2, 1)["vmax"].sel(pixel="e").shape == (2,)
    assert upscaler.shap(named).sel(pixel="a").shape == (3, 6)


def test_a_parameter_beside_known_others_is_a_conditional_normal():
    """Of two that sum to one exactly, one is told by the other."""
    rng = np.random.default_rng(3)
    first = 0.1 * rng.standard_normal((5, 4000)) + 0.5
    known = from_draws(np.stack([first, 1.0 - first], axis=2))
    mean, sd = given(known, known.mean[:, 0], 0, {1: 0.6})
    assert mean == pytest.approx(0.4, abs=1e-4)
    assert (sd < 2e-3 * known.sd[:, 0]).all()
    alone, its_sd = given(known, known.mean[:, 0], 0, {})
    assert alone == pytest.approx(known.mean[:, 0])
    assert its_sd == pytest.approx(0.1, rel=0.05)


def test_what_only_combinations_show_is_learned_beside_what_cannot_be_mapped():
    """The sum follows temperature; where on the ridge a posterior lies is chance."""
    land = make_landscape(150, seed=8, degrees=5.0)
    rng = np.random.default_rng(4)
    warm = (land.covariates["temperature_mean"].to_numpy() - 10.0) / 2.0
    total = 1.0 + 0.06 * warm
    along = 0.12 * rng.standard_normal((150, 1))
    along = along + 0.15 * rng.standard_normal((150, 300))
    across = 0.01 * rng.standard_normal(along.shape)
    draws = np.stack([total[:, None] / 2 + along, total[:, None] / 2 - along + across],
                     axis=2).clip(0.0, 1.0)  # fmt: skip
    names, pixels = ["first", "second"], land.covariates.index
    means = pd.DataFrame(draws.mean(axis=1), pixels, names)
    error = {}
    for what, posteriors in (
        ("alone", {"sd": pd.DataFrame(draws.std(axis=1), pixels, names)}),
        ("beside", {"draws": xr.DataArray(
            draws, {"pixel": pixels, "parameter": names}, ["pixel", "draw", "parameter"]
        )}),
    ):  # fmt: skip
        bounds = dict.fromkeys(names, (0.0, 1.0))
        made = upscale.train(
            means, land.covariates, bounds=bounds, seed=1, rules=QUICK, **posteriors
        )
        mapped = made.predict(land.covariates)["mean"].sum("parameter").to_numpy()
        error[what] = np.sqrt(np.mean((mapped - total) ** 2))
    assert error["beside"] < 0.5 * error["alone"]
