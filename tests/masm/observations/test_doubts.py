"""What is unlikely of observations is said, and the calibration goes on."""

import logging

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.observations.doubts import (
    doubts_against_model,
    doubts_between,
    doubts_of,
    say_doubts,
)

TIME = pd.date_range("2001-01-01", "2002-12-31")
SEASON = np.exp(-0.5 * ((TIME.day_of_year.to_numpy() - 195) / 45.0) ** 2)


def stream(name, value, units="g m-2 d-1", **options):
    return masm.Stream(name, TIME, value, units=units, **options)


@pytest.mark.parametrize(
    ("name", "value", "units", "word"),
    [
        ("gpp", -8.0 * SEASON, "g m-2 d-1", "negative"),
        ("gpp", 2.0 - 6.0 * SEASON, "g m-2 d-1", "with its sign"),
        ("lai", 7.0 + 4.0 * SEASON, "1", "outside"),
        ("gpp", np.where(SEASON > 0.6, 8.0, 0.0), "g m-2 d-1", "one and the same"),
        ("er", 3e-7 * SEASON + 2.5e-7, "kg m-2 s-1", "outside"),
    ],
)
def test_what_nearly_no_site_has_is_said(name, value, units, word):
    assert any(word in doubt for doubt in doubts_of(stream(name, value, units)))


@pytest.mark.parametrize("name", ["gpp", "er"])
def test_an_ordinary_season_raises_no_doubt(name):
    noise = np.random.default_rng(0).normal(0.0, 0.5, TIME.size)
    assert list(doubts_of(stream(name, 9.0 * SEASON + 1.0 + noise))) == []


def test_quiet_days_that_would_decide_alone_are_said():
    given = np.full(TIME.size, 0.25)
    given[100:200] = 1e-12
    noise = np.random.default_rng(0).normal(0.0, 0.5, TIME.size)
    found = stream("gpp", 9.0 * SEASON + 1.0 + noise, given=given)
    assert any("decide alone" in doubt for doubt in doubts_of(found))


def test_the_sign_of_nee_is_inferred_from_gpp():
    uptake, exchange = 9.0 * SEASON, 2.0 - 6.0 * SEASON
    right = {"gpp": stream("gpp", uptake), "nee": stream("nee", exchange)}
    wrong = {"gpp": stream("gpp", uptake), "nee": stream("nee", -exchange)}
    assert list(doubts_between(right)) == []
    assert [name for name, _ in doubts_between(wrong)] == ["nee"]


def test_a_stream_against_every_run_is_said_and_one_with_some_runs_is_not():
    rng = np.random.default_rng(1)
    runs = np.stack([size * SEASON[:365:8] for size in (2.0, 5.0, 9.0)])
    observed = 6.0 * SEASON[:365:8] + rng.normal(0.0, 0.3, 46)
    assert list(doubts_against_model("x", observed, runs)) == []
    assert "every model run" in next(doubts_against_model("x", -observed, runs))
    both = np.concatenate([runs, -runs])
    assert list(doubts_against_model("x", -observed, both)) == []


def test_a_calibration_says_its_doubts_in_the_log_and_in_the_result(caplog):
    def model(theta):
        values = theta["size"][:, None] * SEASON
        units = {"units": "g m-2 d-1"}
        return xr.Dataset({"nep": (("sample", "time"), values, units)}, {"time": TIME})

    noise = np.random.default_rng(0).normal(0.0, 0.5, TIME.size)
    observed = xr.Dataset({"nep": ("time", -6.0 * SEASON + noise)}, {"time": TIME})
    observed["nep"].attrs["units"] = "g m-2 d-1"
    with caplog.at_level(logging.WARNING):
        result = masm.calibrate(
            model,
            observed,
            {"size": (1.0, 12.0)},
            seed=1,
            method="nelder_mead",
            variance=0.25,
        )
    assert "every model run" in caplog.text
    assert "every model run" in result.attrs["doubts"]
    assert say_doubts({"nep": stream("nep", 6.0 * SEASON + noise)}) == []


def test_errors_wider_than_all_values_are_said():
    value = 4.0 - 4.0 * np.cos(2.0 * np.pi * np.arange(TIME.size) / 365.0)
    for sd, said in ((0.5, False), (8.0, False), (30.0, True)):
        given = stream("gpp", value, "g m-2 d-1", given=np.full(TIME.size, sd**2))
        found = [one for one in doubts_of(given) if "times as" in one]
        assert bool(found) == said
