"""Errors that differ between years: in the likelihood, and in intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from masm import Errors, InputError, streams_from_dataset
from masm.likelihood.gaussian import GaussianLikelihood
from masm.results.residuals import drift, season_table, swing, timing, weather_relations
from masm.results.year_effects import year_effects

YEARS = 6


def windows(first=2001, n_years=YEARS):
    return np.concatenate(
        [
            np.datetime64(f"{year}-01-01") + 8 * np.arange(46)
            for year in range(first, first + n_years)
        ]
    )


def of_years(time, rng, between, within):
    year = time.astype("datetime64[Y]").astype(int)
    effect = rng.normal(0.0, between, year.max() - year.min() + 1)
    return effect[year - year.min()] + rng.normal(0.0, within, time.size)


def test_a_year_effect_is_a_block_of_the_covariance():
    import xarray as xr

    time = np.array(["2001-03-01", "2001-06-01", "2002-03-01"], "datetime64[ns]")
    seen = xr.Dataset(
        {
            "y": ("time", [1.0, 2.0, 3.0], {"units": "1"}),
            "y_variance": ("time", [4.0, 1.0, 9.0], {"units": "1"}),
        },
        {"time": time},
    )
    series = streams_from_dataset(seen, windows=None)["y"].aggregate()
    series = replace(series, errors=Errors(between_years=0.5))
    likelihood = GaussianLikelihood((series,))
    sd = np.array([2.0, 1.0, 3.0])
    same = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    covariance = np.outer(sd, sd) * (np.eye(3) + 0.25 * same)
    model = np.array([[1.5, 1.0, 5.0]])
    wanted = stats.multivariate_normal(series.value, covariance).logpdf(model[0])
    got = -0.5 * (likelihood.cost(model)[0] + likelihood.normaliser)
    assert got == pytest.approx(wanted, rel=1e-12)
    assert "years differ" in series.errors.name


def test_a_year_effect_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="between_years"):
        Errors(between_years=-1.0)


def test_intervals_hold_in_years_that_were_not_seen():
    """Nine tenths of a new year's values, where years have a part in common."""
    time, later = windows(), windows(2010, 1)
    held, without = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        past, new = (of_years(one, rng, 1.0, 1.0) for one in (time, later))
        level = np.zeros(time.size)
        found = year_effects(past, level, time)
        low, high = found.interval(np.zeros(later.size))
        held.append(np.mean((new >= low) & (new <= high)))
        blind = 1.645 * found.within * found.spread_at(np.zeros(1))[0]
        without.append(np.mean(np.abs(new) <= blind))
    assert 0.87 < np.mean(held) < 0.95
    assert np.mean(without) < 0.82


def test_spreads_are_those_that_made_the_residuals():
    rng = np.random.default_rng(3)
    time = windows(n_years=40)
    residual = of_years(time, rng, 0.8, 1.6)
    found = year_effects(residual, rng.uniform(0, 1, time.size), time)
    assert found.between / found.within == pytest.approx(0.5, rel=0.25)
    assert found.n_years == 40


def test_a_drift_is_found_and_none_is_not():
    rng = np.random.default_rng(5)
    time = windows()
    year = time.astype("datetime64[Y]").astype(int)
    noise = rng.normal(0.0, 0.3, time.size)
    assert drift(time, noise + 0.2 * (year - year[0]))["per_year"] == pytest.approx(
        0.2, abs=0.05
    )
    assert np.isnan(drift(time[:92], noise[:92])["p"])  # two years say nothing


def course(time, shift=0.0):
    day = (time - time.astype("datetime64[Y]")).astype(float)
    return np.clip(-np.cos(2 * np.pi * (day - shift) / 365.25), 0.0, None) * 10.0


def test_a_season_that_begins_late_is_reported_in_days():
    time = windows()
    found = timing(time, course(time), course(time, 16.0), 45.0)
    assert found["spring"] == pytest.approx(16.0, abs=4.0)
    assert found["autumn"] == pytest.approx(16.0, abs=4.0)


def test_a_model_that_follows_rain_swings_more_than_observed():
    rng = np.random.default_rng(6)
    time = windows()
    rain = rng.standard_normal(time.size)
    seen = course(time) + rng.normal(0.0, 0.3, time.size)
    found = swing(time, seen, course(time) + 1.5 * rain, rain, 45.0)
    assert found["ratio"] > 1.5
    assert found["r_simulated"] > 0.8 > found["r_observed"]
    assert found["bias_dry"] < 0.0 < found["bias_wet"]
    related = weather_relations(
        time, 1.5 * rain, {"rain": rain, "wind": rng.standard_normal(time.size)}
    )
    assert related["weather"][0] == "rain"
    assert related["p"][0] < 1e-6 < related["p"][1]


def test_seasons_are_those_of_the_hemisphere():
    time = windows()
    seen = {"calibrated": np.zeros(time.size)}
    observed = course(time)
    north, south = (season_table(time, observed, seen, lat) for lat in (45.0, -30.0))
    assert north["rmse"][0] > north["rmse"][1]
    assert south["rmse"][0] < south["rmse"][1]
