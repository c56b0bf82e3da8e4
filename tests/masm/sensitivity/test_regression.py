"""Sums of squares of a model's outputs: one schema with the other methods."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.sensitivity.regression import default_draws, described, regression_effects
from masm.sensitivity.selection import importance

YEAR = pd.date_range("2001-01-01", "2001-12-31")
PRIORS = {"a": (-(3.0**0.5), 3.0**0.5), "b": (-(3.0**0.5), 3.0**0.5), "idle": (0, 1)}


def series(values):
    flat = np.repeat(np.asarray(values)[:, None], YEAR.size, axis=1)
    data = {"nee": (("sample", "time"), flat, {"units": "g m-2 d-1"})}
    return xr.Dataset(data, {"time": YEAR})


def product(theta):
    return series(2.0 * theta["a"] + theta["b"] + theta["a"] * theta["b"])


def found(model=product, n=3000, **options):
    return regression_effects(
        model, PRIORS, seed=3, streams=["nee"], n_draws=n, **options
    )


def test_shares_of_a_model_with_a_product_are_those_of_the_closed_form():
    effects = found()
    at = effects.sel(stream="nee", statistic="annual")
    np.testing.assert_allclose(at["main"], [4 / 6, 1 / 6, 0.0], atol=0.01)
    np.testing.assert_allclose(at["effect"], [5 / 6, 2 / 6, 0.0], atol=0.01)
    fraction = at["product"].sel(parameter="a", parameter_2="b")
    assert float(fraction) == pytest.approx(1 / 6, abs=0.01)
    assert described(effects).all()


def test_intervals_hold_the_closed_form():
    off, width = [], []
    for seed in range(30):
        effects = regression_effects(
            product, PRIORS, seed=seed, streams=["nee"], n_draws=400
        ).sel(stream="nee", statistic="annual")
        off.append(np.abs(effects["effect"].to_numpy()[:2] - [5 / 6, 2 / 6]))
        width.append(effects["effect_conf"].to_numpy()[:2])
    held = np.mean(np.array(off) < np.array(width))
    assert held > 0.9  # wide, since evenly spread draws err less than random ones
    assert np.mean(width) < 0.13


def test_a_curved_model_is_flagged():
    def bowl(theta):
        return series(theta["a"] ** 2)

    effects = found(bowl)
    assert not described(effects).any()
    assert float(effects["adjusted_r2"].max()) < 0.8


def test_every_method_gives_what_selection_needs_by_the_same_names():
    options = {"seed": 3, "streams": ["nee"]}
    every = [
        masm.screen(product, PRIORS, n_trajectories=200, **options),
        masm.total_effects(product, PRIORS, n_base=64, **options),
        found(),
    ]
    for effects in every:
        assert {"effect", "effect_conf", "n_used", "n_dropped", "n_failed_runs"} <= set(
            effects
        )
        assert effects["effect"].dims == ("stream", "statistic", "parameter")
        assert list(effects["units"].to_numpy()) == ["g m-2 d-1"]
        chosen = masm.select(effects, statistics=["annual"])
        assert chosen.parameters == ("a", "b")
        ranked = importance(effects, ["annual"]).sel(stream="nee")
        assert ranked.to_series().idxmax() == "a"


def test_sums_of_squares_agree_with_sobol_where_there_are_only_products():
    totals = masm.total_effects(
        product, PRIORS, seed=1, streams=["nee"], n_base=512
    ).sel(statistic="annual")
    fractions = found().sel(statistic="annual")
    np.testing.assert_allclose(fractions["effect"], totals["effect"], atol=0.06)


def test_failed_runs_are_left_out_and_counted():
    def fragile(theta):
        made = product(theta)
        made["nee"][theta["a"] > 1.6] = np.nan
        return made

    effects = found(fragile)
    assert 0 < int(effects["n_dropped"]) == int(effects["n_failed_runs"])
    assert int(effects["n_used"]) == 3000 - int(effects["n_dropped"])

    def broken(theta):
        made = product(theta)
        made["nee"][:] = np.nan
        return made

    with pytest.raises(masm.CalibrationFailed, match="runs failed"):
        found(broken)


def test_too_few_draws_are_refused_before_any_run():
    def never(theta):
        raise AssertionError("a run was made")

    with pytest.raises(masm.InputError, match="20 draws"):
        found(never, n=20)  # 7 coefficients
    with pytest.raises(masm.InputError, match="500 draws"):
        regression_effects(
            never, {f"p{i}": (0, 1) for i in range(32)}, seed=1, streams=["nee"],
            n_draws=500,
        )  # fmt: skip
    assert default_draws(32) > 1587


def test_screened_products_and_none_need_fewer_draws():
    few = found(n=60, products="none").sel(stream="nee", statistic="annual")
    assert np.isnan(few["product"].sel(parameter="a", parameter_2="b"))
    screened = found(n=200, products="screened").sel(stream="nee", statistic="annual")
    assert np.isnan(screened["product"].sel(parameter="a", parameter_2="idle"))
    assert float(screened["product"].sel(parameter="a", parameter_2="b")) > 0.1


def test_the_same_seed_gives_the_same_fractions_in_any_batch_size():
    xr.testing.assert_identical(found(n=100), found(n=100, samples_per_call=7))


def test_constraints_are_refused():
    priors = masm.Priors(
        {"a": masm.Uniform(0, 1), "b": masm.Uniform(0, 1)}, [masm.below("a", "b")]
    )
    with pytest.raises(masm.InputError, match="constrained"):
        regression_effects(product, priors, seed=1, streams=["nee"])
