"""Parameters of a site without observations, from few calibrated ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from upscale.errors import InputError
from upscale.training.few_sites import (
    MAPPERS,
    SitePosteriors,
    blocks_of_neighbours,
    choose_mapper,
)

N_SITES = 10
LOW, HIGH = np.array([0.0, 10.0]), np.array([1.0, 50.0])


@pytest.fixture(scope="module")
def sites():
    """The first parameter follows covariate a; the second is the same everywhere."""
    rng = np.random.default_rng(4)
    covariates = pd.DataFrame(rng.standard_normal((N_SITES, 3)), columns=list("abc"))
    covariates.loc[3, "c"] = np.nan
    z = np.column_stack([1.5 * covariates["a"], np.zeros(N_SITES)])
    draws = z[:, None, :] + 0.2 * rng.standard_normal((N_SITES, 60, 2))
    return SitePosteriors(
        LOW + (HIGH - LOW) / (1.0 + np.exp(-draws)), LOW, HIGH, covariates
    )


def left_out(sites, name):
    """Errors of a mapper's mean at each site, from the others (site, parameter)."""
    errors = []
    for out in range(N_SITES):
        kept = np.arange(N_SITES) != out
        others = SitePosteriors(sites.draws[kept], LOW, HIGH, sites.covariates[kept])
        rng = np.random.default_rng(out)
        drawn = MAPPERS[name](others, sites.covariates.iloc[[out]], 40, rng)
        assert drawn.shape == (1, 40, 2)
        assert np.all((drawn >= LOW) & (drawn <= HIGH))
        errors.append(drawn[0].mean(axis=0) - sites.mean[out])
    return np.array(errors)


def rmse(errors):
    return np.sqrt(np.mean(errors**2, axis=0))


def test_regressions_find_what_a_covariate_explains_and_the_mean_does_not(sites):
    of_mean = rmse(left_out(sites, "mean"))
    for name, fraction in (("hierarchical", 0.5), ("gaussian_process", 0.8)):
        found = rmse(left_out(sites, name))
        assert found[0] < fraction * of_mean[0], name
        assert found[1] < 2.0 * of_mean[1], name  # nothing to find


def test_trees_map_within_bounds_and_repeat_from_a_seed(sites):
    at = sites.covariates.iloc[[0]]
    first, again = (
        MAPPERS["trees"](sites, at, 5, np.random.default_rng(3)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.all((first >= LOW) & (first <= HIGH))


def test_an_ensemble_has_as_many_draws_of_each_site(sites):
    rng = np.random.default_rng(0)
    drawn = MAPPERS["ensemble"](sites, sites.covariates.iloc[[0]], 3 * N_SITES, rng)[0]
    whose = [
        int(np.argmin(np.abs(sites.draws - one).sum(axis=2).min(axis=1)))
        for one in drawn
    ]
    np.testing.assert_array_equal(np.bincount(whose, minlength=N_SITES), 3)


def test_sharp_posteriors_count_for_more():
    """One site is known to a hair and nine hardly: the prediction is near the one."""
    rng = np.random.default_rng(2)
    covariates = pd.DataFrame({"a": np.zeros(4)})
    z = np.array([2.0, -2.0, -2.0, -2.0])
    wide = np.where(z > 0, 0.05, 6.0)
    draws = z[:, None] + wide[:, None] * rng.standard_normal((4, 4000))
    sites = SitePosteriors(
        (1.0 / (1.0 + np.exp(-draws)))[:, :, None], np.zeros(1), np.ones(1), covariates
    )
    drawn = MAPPERS["hierarchical"](sites, covariates.iloc[[0]], 400, rng)
    assert np.mean(drawn) > sites.mean.mean() + 0.1


def test_no_mapper_is_chosen_that_beats_only_one_of_both_baselines():
    assert choose_mapper({"mean": 2.0, "ensemble": 1.7, "trees": 1.8}) == "ensemble"
    assert choose_mapper({"mean": 2.0, "ensemble": 1.9, "trees": 1.8}) == "trees"
    near = {"mean": 2.0, "ensemble": 2.1, "trees": 1.95}
    assert choose_mapper(near, margin=0.1) == "ensemble"
    assert choose_mapper({"mean": 2.0, "ensemble": 1.9, "trees": np.nan}) == "ensemble"


def test_neighbours_of_neighbours_share_a_block():
    blocks = blocks_of_neighbours([50.0, 50.2, 50.4, 60.0], [8, 8, 8, 8], 25.0)
    assert blocks.tolist() == [0, 0, 0, 1]
    across = blocks_of_neighbours([0.0, 0.0], [179.95, -179.95], 25.0)
    assert across.tolist() == [0, 0]


def test_two_sites_are_no_group(sites):
    with pytest.raises(InputError, match="3 or more"):
        SitePosteriors(sites.draws[:2], LOW, HIGH, sites.covariates[:2])
