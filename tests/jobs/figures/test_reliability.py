"""What says whether a posterior may be believed is itself right on known cases."""

import numpy as np
import pytest
import xarray as xr

from jobs.figures.many_pixels import draw_posteriors
from jobs.figures.reliability import LEVELS, coverage, predictive_ranges, rank_fractions


def test_intervals_of_a_right_posterior_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((4000, 200))
    fractions = coverage(draws, rng.standard_normal(4000))
    np.testing.assert_allclose(fractions, LEVELS, atol=0.03)


def test_intervals_that_are_too_narrow_hold_it_less_often():
    rng = np.random.default_rng(2)
    draws = 0.5 * rng.standard_normal((2000, 200))
    assert np.all(coverage(draws, rng.standard_normal(2000)) < LEVELS)


def test_missing_draws_change_nothing():
    rng = np.random.default_rng(3)
    draws, truth = rng.standard_normal((50, 100)), rng.standard_normal(50)
    longer = np.hstack([draws, np.full((50, 30), np.nan)])
    np.testing.assert_array_equal(coverage(longer, truth), coverage(draws, truth))


def test_chains_that_agree_share_all_ranks_and_a_stuck_chain_does_not():
    rng = np.random.default_rng(4)
    even = rank_fractions(rng.standard_normal((4, 5000)))
    np.testing.assert_allclose(even, 1.0, atol=0.15)
    np.testing.assert_allclose(even.mean(axis=0), 1.0)
    stuck = rng.standard_normal((4, 5000))
    stuck[0] += 10.0
    fractions = rank_fractions(stuck)
    assert fractions[0, 0] == 0.0
    assert fractions[0, -1] == pytest.approx(4.0)


def test_many_chains_are_taken_together_and_stay_even():
    rng = np.random.default_rng(5)
    fractions = rank_fractions(rng.standard_normal((80, 500)))
    assert fractions.shape == (10, 10)
    np.testing.assert_allclose(fractions, 1.0, atol=0.25)


def test_nine_observations_in_ten_lie_in_the_band_of_a_right_model():
    rng = np.random.default_rng(6)
    runs = rng.normal(5.0, 0.5, (400, 3000))
    observed = rng.normal(5.0, np.hypot(0.5, 1.0), 3000)
    table = predictive_ranges(runs, observed, np.ones(3000))
    assert table["inside"].mean() == pytest.approx(0.9, abs=0.02)
    assert (table["low"] < table["model_low"]).all()


def test_a_posterior_of_one_value_is_drawn(tmp_path):
    store = xr.Dataset(
        {
            "vmax": (
                ("pixel", "chain", "draw"),
                np.full((1, 2, 5), 3e-5),
                {"prior_low": 2e-5, "prior_high": 8e-5, "default": 3e-5, "units": "1"},
            )
        },
        {"parameter": ["vmax"], "pixel": [7]},
    )
    draw_posteriors(store, tmp_path / "a.png", title="one $ value")
    assert (tmp_path / "a.csv").exists()
