"""Calibration of sites with a model behind each, and the choice of sites."""

import numpy as np
import pytest

from masm.hierarchical import (
    GaussianErrors,
    GroupPrior,
    SiteProblem,
    calibrate_sites,
    choose_sites,
    sample_hierarchy,
)
from masm.hierarchical.site_choice import distinct_clusters, share_out

TIME = np.linspace(0.0, 2.0, 12)
PRIOR = GroupPrior(np.array([0.5, 0.0]), 0.3 * np.eye(2), 8.0, np.eye(2))


def decay(theta):
    """A curved model of two parameters, (n, 12)."""
    theta = np.clip(theta, -50.0, 50.0)
    return np.exp(theta[:, [0]]) * np.exp(-np.exp(0.5 * theta[:, [1]]) * TIME)


def twins(error):
    rng = np.random.default_rng(3)
    truth = np.array([0.5, 0.0]) + 0.5 * rng.normal(size=(2, 2))
    seen = decay(truth) + error * rng.normal(size=(2, 12))
    problems = {
        f"s{i}": SiteProblem(decay, GaussianErrors(y, error**2))
        for i, y in enumerate(seen)
    }
    return {**problems, "unseen": None}


@pytest.mark.parametrize(("mode", "error"), [("default", 0.1), ("faithful", 0.3)])
def test_emulated_sites_have_the_posterior_of_their_model(mode, error):
    sites = twins(error)
    found = calibrate_sites(
        sites,
        PRIOR,
        seed=1,
        mode=mode,
        n_rounds=3 if mode == "faithful" else 2,
        n_draws=100,
        n_warm=150,
        n_chains=24,
    )
    exact = sample_hierarchy(
        {n: s and (lambda t, s=s: s.likelihood(s.run(t))) for n, s in sites.items()},
        PRIOR, seed=2, n_draws=100, n_warm=150, n_chains=24,
    )  # fmt: skip
    for k, (name, verdict) in enumerate(found.verdicts.items()):
        # So short chains do not always agree; the emulator is right whatever they do.
        assert verdict.disagreement < 0.5 or name == "unseen", (name, verdict)
        assert verdict.r_hat < 1.1, (name, verdict)
        assert verdict.is_right == (verdict.r_hat < 1.05), (name, verdict)
        own, wanted = found.draws.theta[:, :, k], exact.theta[:, :, k]
        sd = wanted.std(axis=(0, 1))
        off = np.abs(own.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1)))
        assert np.all(off < 0.35 * sd), (mode, name, off / sd)
    assert "Without observations, predicted from the group: unseen" in found.note
    assert found.verdicts["unseen"].reason.startswith("no observations")
    assert found.n_runs == sum(v.n_runs for v in found.verdicts.values())
    assert np.all((found.share_between > 0.0) & (found.share_between < 1.0))


def test_a_model_that_always_fails_is_reported_and_one_that_sometimes_fails_not():
    def broken(theta):
        return np.full((len(theta), 12), np.nan)

    def fragile(theta):
        out = decay(theta)
        out[theta[:, 0] > 1.6] = np.nan
        return out

    errors = GaussianErrors(decay(np.array([[0.5, 0.0]]))[0], 0.04)
    with pytest.raises(ValueError, match="site a: every run of the model failed"):
        calibrate_sites({"a": SiteProblem(broken, errors)}, PRIOR, seed=1)
    found = calibrate_sites(
        {"a": SiteProblem(fragile, errors)},
        PRIOR,
        seed=1,
        n_rounds=1,
        n_draws=50,
        n_warm=100,
    )
    assert np.isfinite(found.draws.theta).all()
    with pytest.raises(ValueError, match="no site with observations"):
        calibrate_sites({"a": None}, PRIOR, seed=1)
    with pytest.raises(ValueError, match="'fast'"):
        calibrate_sites({"a": SiteProblem(decay, errors)}, PRIOR, seed=1, mode="fast")


# ------------------------------------------------------------ choice of sites


def blobs(n, rng):
    return 8.0 * rng.integers(0, 3, n)[:, None] * [1.0, 0.5] + rng.normal(size=(n, 2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("points", "n_clusters"),
    [
        (lambda rng: rng.normal(size=(600, 4)), 1),
        (lambda rng: rng.uniform(size=(600, 4)), 1),
        (lambda rng: blobs(600, rng), 3),
    ],
)
def test_clusters_are_as_many_as_are_distinct(points, n_clusters, seed):
    rng = np.random.default_rng(seed)
    labels = distinct_clusters(points(rng), most=10, rng=rng)
    assert labels.max() + 1 == n_clusters


def test_the_silhouette_finds_blobs_too():
    rng = np.random.default_rng(0)
    labels = distinct_clusters(
        blobs(300, rng), most=6, rng=rng, criterion="silhouette", threshold=0.5
    )
    assert labels.max() + 1 == 3


def test_sites_cover_environments_better_than_random_ones():
    rng = np.random.default_rng(0)
    # Two ecoregions; rare environments in one of them.
    common = rng.normal(size=(900, 3))
    rare = [rng.normal(size=(25, 3)) + 12.0 * np.eye(3)[k] for k in range(3)]
    climate = np.concatenate([common, *rare])
    region = np.where(np.arange(len(climate)) < 450, "north", "south")
    found = [
        choose_sites(climate, region, 12, seed=s, n_comparisons=20) for s in range(20)
    ]
    chosen = np.mean([now.distance.mean() for now in found])
    assert chosen < np.mean([now.random_distance for now in found])
    assert found[0].n_clusters == {"north": 1, "south": 4}
    assert found[0].n_drawn == {"north": 2, "south": 10}
    assert all(len(np.unique(now.pixels)) == 12 for now in found)


def test_clusters_of_fixed_sites_count_as_visited():
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], 50)
    climate = 9.0 * kind[:, None] * [1.0, 1.0] + rng.normal(size=(150, 2))
    found = choose_sites(climate, np.zeros(150), 2, seed=1, fixed=[0])
    assert sorted(kind[found.pixels]) == [1, 2]
    assert 0 not in found.pixels
    np.testing.assert_array_equal(found.fixed, [0])


def test_a_rare_land_cover_does_not_rule_the_distance():
    rng = np.random.default_rng(0)
    climate = rng.normal(size=(400, 2))
    cover = np.where(np.arange(400) < 4, "lake", "forest")
    found = choose_sites(climate, ["a"] * 400, 4, seed=1, land_cover=cover)
    assert found.n_clusters == {"a": 1}


def test_sites_are_shared_out_by_largest_remainder():
    np.testing.assert_array_equal(share_out(7, np.array([3, 3, 1])), [3, 3, 1])
    np.testing.assert_array_equal(share_out(3, np.array([50, 1, 1])), [1, 1, 1])
    room = np.array([2, 100])
    np.testing.assert_array_equal(share_out(9, np.array([5, 4]), room), [2, 7])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_sites": 1}, "fewer sites than ecoregions"),
        ({"n_sites": 41}, "more sites than pixels"),
        ({"ecoregion": ["a"]}, "covariates and ecoregion"),
        ({"covariates": np.full((40, 2), np.nan)}, "not finite"),
        ({"covariates": np.ones((40, 2))}, "does not vary"),
        ({"fixed": [40]}, "fixed"),
        ({"criterion": "gap"}, "separation"),
        ({"land_cover": ["a"]}, "land cover"),
        ({"most_clusters": 0}, "most_clusters"),
    ],
)
def test_bad_input_is_refused(change, message):
    rng = np.random.default_rng(0)
    given = {
        "covariates": rng.normal(size=(40, 2)), "ecoregion": ["a", "b"] * 20,
        "n_sites": 4, **change,
    }  # fmt: skip
    covariates, region = given.pop("covariates"), given.pop("ecoregion")
    with pytest.raises(ValueError, match=message):
        choose_sites(covariates, region, given.pop("n_sites"), seed=1, **given)


def test_sites_are_spread_over_the_only_cluster():
    climate = np.random.default_rng(2).uniform(size=(400, 3))
    means = {}
    for within in ("spread", "random"):
        found = [
            choose_sites(climate, np.zeros(400), 20, seed=s, within=within)
            for s in range(20)
        ]
        assert {now.n_clusters[0.0] for now in found} == {1}
        means[within] = np.mean([now.distance.mean() for now in found])
    random = np.mean([now.random_distance for now in found])
    assert means["random"] == pytest.approx(random, rel=0.04)
    assert means["spread"] < 0.93 * random
    with pytest.raises(ValueError, match="spread or random"):
        choose_sites(climate, np.zeros(400), 20, seed=1, within="evenly")
