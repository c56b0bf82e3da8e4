import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.sensitivity.morris import trajectories
from masm.sensitivity.selection import select
from masm.sensitivity.sobol import compare

YEAR = pd.date_range("2001-01-01", "2001-12-31")


def series(values, units="1"):
    """The same number on every day of a year, for each sample."""
    flat = np.repeat(np.asarray(values)[:, None], YEAR.size, axis=1)
    data = {"lai": (("sample", "time"), flat, {"units": units})}
    return xr.Dataset(data, {"time": YEAR})


def linear(theta):
    return series(3.0 * theta["a"] - 0.5 * theta["b"])


LINEAR = {"a": (0.0, 2.0), "b": (10.0, 14.0), "idle": (0.0, 1.0)}


def test_effects_of_a_linear_model_are_its_slopes_times_the_prior_ranges():
    found = masm.screen(linear, LINEAR, seed=1, streams=["lai"], n_trajectories=5)
    for statistic in ("annual", "DJF", "JJA"):
        at = {"stream": "lai", "statistic": statistic}
        mu = found["mu"].sel(at).to_numpy()
        np.testing.assert_allclose(mu, [6.0, -2.0, 0.0], atol=1e-9)
        mu_star = found["mu_star"].sel(at).to_numpy()
        np.testing.assert_allclose(mu_star, [6.0, 2.0, 0.0], atol=1e-9)
        np.testing.assert_allclose(found["sigma"].sel(at), 0.0, atol=1e-9)


def test_an_effect_that_changes_sign_shows_in_mu_star_and_not_in_mu():
    def hill(theta):
        return series((theta["a"] - 1.0) ** 2)

    found = masm.screen(
        hill, {"a": (0.0, 2.0)}, seed=1, streams=["lai"], n_trajectories=400
    ).sel(stream="lai", statistic="annual", parameter="a")
    assert abs(float(found["mu"])) < 0.1 * float(found["mu_star"])
    assert float(found["sigma"]) > 0.9 * float(found["mu_star"])


def test_a_failed_run_drops_its_whole_trajectory_and_nothing_else():
    def fragile(theta):
        made = linear(theta)
        made["lai"][(theta["a"] > 1.7) & (theta["b"] > 13.0)] = np.nan
        return made

    found = masm.screen(fragile, LINEAR, seed=3, streams=["lai"], n_trajectories=30)
    dropped = int(found["n_dropped"])
    assert 0 < dropped < 28
    assert int(found["n_trajectories"]) == 30 - dropped
    assert int(found["n_failed_runs"]) >= dropped
    mu = found["mu"].sel(stream="lai", statistic="annual")
    np.testing.assert_allclose(mu, [6.0, -2.0, 0.0], atol=1e-9)


def test_a_model_that_always_fails_is_reported_as_such():
    def broken(theta):
        raise ArithmeticError("no leaves")

    with pytest.raises(masm.CalibrationFailed, match="no leaves") as caught:
        masm.screen(broken, LINEAR, seed=1, streams=["lai"], n_trajectories=3)
    assert caught.value.reason == "model_nan"


def test_every_point_of_every_trajectory_keeps_the_constraints():
    priors = masm.Priors(
        {"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}, [masm.below("a", "b")]
    )
    walks = trajectories(priors, 40, 8, np.random.default_rng(2))
    assert walks.shape == (40, 4, 3)
    assert np.all(walks[:, :, 0] < walks[:, :, 1])
    moved = np.abs(np.diff(walks, axis=1)) > 1e-12
    assert np.all(moved.sum(axis=1) == 1)  # each parameter once
    assert np.all(moved.sum(axis=2) == 1)  # one at a time


def test_constraints_without_room_are_refused_by_name():
    priors = masm.Priors({"a": (0.6, 1.0), "b": (0.0, 0.5)}, [masm.below("a", "b")])
    with pytest.raises(masm.InputError, match="a < b"):
        masm.screen(linear, priors, seed=1, streams=["lai"], n_trajectories=3)


def test_season_means_see_what_the_annual_mean_does_not():
    sign = np.where(YEAR.month.isin([3, 4, 5]), 1.0, 0.0)
    sign = sign - np.where(YEAR.month.isin([6, 7, 8]), 1.0, 0.0)

    def shift(theta):
        values = theta["shift"][:, None] * sign + theta["level"][:, None]
        data = {"lai": (("sample", "time"), values, {"units": "1"})}
        return xr.Dataset(data, {"time": YEAR})

    priors = {"shift": (0.0, 2.0), "level": (0.0, 0.5)}
    found = masm.screen(shift, priors, seed=1, streams=["lai"], n_trajectories=4)
    effect = found["mu"].sel(stream="lai", parameter="shift").to_pandas()
    assert abs(effect["annual"]) < 1e-9  # both seasons have 92 days
    assert effect["MAM"] == pytest.approx(2.0)
    assert effect["JJA"] == pytest.approx(-2.0)
    by_season = masm.importance(found).sel(stream="lai", parameter="shift")
    assert float(by_season) == pytest.approx(4.0 / (4.0 + 4 * 0.5))


def test_effects_on_the_cost_are_those_of_the_likelihood():
    seen = series([4.0]).isel(sample=0)
    seen["lai"].attrs["units"] = "1"
    seen["lai_sd"] = ("time", np.full(YEAR.size, 2.0))
    found = masm.screen(
        lambda theta: series(theta["a"]), {"a": (4.0, 8.0)}, seed=1,
        observations=seen, n_trajectories=2, n_levels=2,
    )  # fmt: skip
    # 46 windows, (8 - 4)^2 / variance; a window's error is that of its values' mean.
    observed = masm.streams_from_dataset(seen)["lai"].aggregate()
    wanted = np.sum(16.0 / observed.variance)
    at = {"stream": "lai", "statistic": "cost", "parameter": "a"}
    assert float(found["mu"].sel(at)) == pytest.approx(wanted)


def test_the_same_seed_gives_the_same_effects_whatever_the_batch():
    first = masm.screen(linear, LINEAR, seed=[1, 7], streams=["lai"], n_trajectories=6)
    second = masm.screen(
        linear, LINEAR, seed=[1, 7], streams=["lai"], n_trajectories=6,
        samples_per_call=5,
    )  # fmt: skip
    xr.testing.assert_identical(first, second)
    other = masm.screen(linear, LINEAR, seed=[1, 8], streams=["lai"], n_trajectories=6)
    assert not other["mu_star_conf"].equals(first["mu_star_conf"]) or not np.allclose(
        other["mu"], first["mu"], atol=0.0
    )


def effects_of(fractions):
    """Effects with these mu_star, {stream: {parameter: mu_star}}."""
    table = pd.DataFrame(fractions).T
    values = table.to_numpy()[:, None, :]
    return xr.Dataset(
        {"mu_star": (("stream", "statistic", "parameter"), values)},
        {
            "stream": list(table.index),
            "statistic": ["annual"],
            "parameter": list(table.columns),
        },
    )


def test_selection_takes_the_fewest_that_hold_the_fraction_and_joins_streams():
    effects = effects_of(
        {
            "lai": {"a": 60.0, "b": 35.0, "c": 4.0, "d": 1.0},
            "gpp": {"a": 0.0, "b": 5.0, "c": 0.0, "d": 95.0},
        }
    )
    chosen = select(effects, share=0.9, statistics=["annual"])
    assert chosen.by_stream == {"lai": ("a", "b"), "gpp": ("d",)}
    assert chosen.parameters == ("a", "b", "d")
    changed = select(
        effects, share=0.9, statistics=["annual"], include=["c"], exclude=["a"]
    )
    assert changed.parameters == ("b", "c", "d")
    assert "with c" in changed.rule
    assert "without a" in changed.rule
    with pytest.raises(masm.InputError, match="unknown parameter"):
        select(effects, statistics=["annual"], include=["vmx"])


def test_a_parameter_without_effect_is_never_selected():
    effects = effects_of({"lai": {"a": 1.0, "b": 0.0}})
    chosen = select(effects, share=1.0, statistics=["annual"])
    assert chosen.parameters == ("a",)


def test_total_indices_of_the_ishigami_function_are_the_known_ones():
    def ishigami(theta):
        a, b, c = (theta[name] for name in "abc")
        return series(np.sin(a) + 7.0 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a))

    priors = dict.fromkeys("abc", (-np.pi, np.pi))
    found = masm.total_effects(
        ishigami, priors, seed=5, streams=["lai"], n_base=1024
    ).sel(stream="lai", statistic="annual")
    # Saltelli et al. (2008), Global Sensitivity Analysis: The Primer.
    np.testing.assert_allclose(found["total"], [0.5576, 0.4424, 0.2437], atol=0.03)
    np.testing.assert_allclose(found["first"], [0.3139, 0.4424, 0.0], atol=0.05)


def test_comparison_shows_where_sizes_and_squares_rank_differently():
    """A rare large jump: small mean effect, most of the variance."""

    def cliff(theta):
        return series(20.0 * (theta["rare"] > 0.93) + 6.0 * theta["steady"])

    priors = {"rare": (0.0, 1.0), "steady": (0.0, 1.0)}
    effects = masm.screen(cliff, priors, seed=2, streams=["lai"], n_trajectories=50)
    totals = masm.total_effects(cliff, priors, seed=2, streams=["lai"], n_base=512)
    table = compare(effects, totals).set_index(["statistic", "parameter"])
    rare = table.loc["annual", "rare"]
    # Variances: 400 * 0.93 * 0.07 = 26.0 and 36 / 12 = 3.
    assert rare["total"] == pytest.approx(26.04 / 29.04, abs=0.1)
    assert rare["linear"] < rare["total"] - 0.1
    assert rare["bent"] > 0.9


def test_sobol_refuses_constraints():
    priors = masm.Priors({"a": (0, 1), "b": (0, 1)}, [masm.below("a", "b")])
    with pytest.raises(masm.InputError, match="constrained"):
        masm.total_effects(linear, priors, seed=1, streams=["lai"])
