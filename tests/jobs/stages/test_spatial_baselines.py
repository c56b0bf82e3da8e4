"""Predictions without a process model."""

import numpy as np

from jobs.stages.spatial_baselines import regress

N_SITES, N_DATES = 6, 120


def sites(rng):
    """Temperature drives; pressure is the height of a site, and the sites differ."""
    height = rng.normal(0.0, 10.0, N_SITES)
    features, targets = [], []
    for site in range(N_SITES):
        temperature = rng.normal(0.0, 8.0, N_DATES)
        pressure = height[site] + rng.normal(0.0, 0.7, N_DATES)
        features.append(np.column_stack([temperature, pressure]))
        targets.append(0.3 * temperature + rng.normal(0.0, 2.0))
    return features, targets


def test_a_regression_does_not_learn_the_sites_by_heart():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        features, targets = sites(rng)
        at = np.column_stack([np.linspace(-10.0, 10.0, 50), np.zeros(50)])
        shifts = np.array([0.0, 15.0])
        low, high = (
            regress(features, targets, at + side * shifts, seed) for side in (-1, 1)
        )
        np.testing.assert_array_equal(low, high)
        assert np.ptp(low) > 3.0  # temperature still counts


def test_a_feature_without_any_value_stops_nothing():
    features, targets = sites(np.random.default_rng(9))
    for one in features:
        one[:, 1] = np.nan
    at = np.column_stack([np.linspace(-10.0, 10.0, 50), np.full(50, np.nan)])
    assert np.isfinite(regress(features, targets, at, 9)).all()
