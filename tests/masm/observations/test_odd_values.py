"""Codes that nobody declared give themselves away by how they stand in a series."""

import numpy as np
import pytest

from masm.observations.doubts import doubts_against_model, doubts_of
from masm.observations.odd_values import odd_values, spread_out
from masm.observations.stream import Stream

DAYS = np.arange("2001-01-01", "2004-01-01", dtype="datetime64[D]")
SEASON = np.exp(-0.5 * (((np.arange(DAYS.size) % 365) - 200) / 45.0) ** 2)
STREAMS = {
    "gpp": (10.0 * SEASON, 0.5, "g m-2 d-1"),
    "nee": (2.0 - 6.0 * SEASON, 0.5, "g m-2 d-1"),
    "er": (1.0 + 5.0 * SEASON, 0.3, "g m-2 d-1"),
    "lai": (0.5 + 4.0 * SEASON, 0.2, "1"),
    "et": (0.2 + 3.5 * SEASON, 0.3, "mm d-1"),
    "sif": (1.5 * SEASON, 0.1, "mW m-2 sr-1 nm-1"),
}


def observed(name):
    truth, noise, units = STREAMS[name]
    rng = np.random.default_rng(3)
    return truth + rng.normal(0.0, noise, truth.size), units


def odd(name, value, units):
    return list(odd_values(value, units, rests=name != "er"))


@pytest.mark.parametrize("name", STREAMS)
def test_good_series_have_no_odd_values(name):
    value, units = observed(name)
    assert odd(name, value, units) == []
    assert odd(name, np.maximum(value, 0.0), units) == [] or name == "er"
    assert odd(name, np.round(value, 1), units) == []  # as MODIS counts


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize(
    "code", [25.5, 25.0, 3.2767, -0.9999, -1.0, -3.0, -2.8672, 0.0, 127.0, 3276.7]
)
def test_a_number_that_fills_a_gap_is_said(name, code):
    value, units = observed(name)
    value[150:350] = code
    (said,) = odd(name, value, units)
    assert f"{code:g}" in said
    assert "missing" in said


@pytest.mark.parametrize("code", [-3000.0, 249.0, 254.0, 255.0, 999.0, 99.99, 1e10])
@pytest.mark.parametrize("count", [1, 3, 30])
def test_a_code_of_a_quantity_without_limits_is_said(code, count):
    value, units = observed("sif")
    value[40 : 40 + count] = code
    (said,) = odd("sif", value, units)
    assert said.startswith(f"{code:g} mW m-2 sr-1 nm-1 on")


def test_zeros_of_winter_are_values_and_zeros_of_summer_are_not():
    value = np.maximum(observed("gpp")[0], 0.0)
    assert (value == 0.0).sum() > 100
    assert odd("gpp", value, "") == []
    value[190:200] = value[560:575] = value[600:603] = 0.0
    assert odd("gpp", value[120:280], "")  # seen where the winter is not there
    assert not list(odd_values(np.arange(10.0)))  # too few to tell


def test_a_doubt_about_a_stream_says_it():
    value, units = observed("nee")
    value[100:130] = 25.5
    stream = Stream("nee", DAYS, value, units=units)
    assert any("25.5 g m-2 d-1 on 30 dates" in one for one in doubts_of(stream))


@pytest.mark.parametrize("step", ["datetime64[M]", 16])
def test_means_that_are_laid_on_every_day_are_said(step):
    value, units = observed("gpp")
    assert list(spread_out(value)) == []
    assert list(spread_out(np.round(value, 1))) == []
    of = DAYS.astype(step) if isinstance(step, str) else np.arange(DAYS.size) // step
    _, owner = np.unique(of, return_inverse=True)
    means = np.bincount(owner, value) / np.bincount(owner)
    assert len(list(spread_out(means[owner]))) == 1
    stream = Stream("gpp", DAYS, means[owner], units=units)
    assert any("again and again" in one for one in doubts_of(stream))


@pytest.mark.parametrize("factor", [1e-3, 1.0 / 86400.0, 1e-4])
def test_values_too_small_for_any_place_are_said(factor):
    value, units = observed("gpp")
    stream = Stream("gpp", DAYS, value * factor, units=units)
    assert any("95 % of the values" in one for one in doubts_of(stream))


@pytest.mark.parametrize(
    ("factor", "said"), [(1.0, 0), (2.0, 0), (0.1, 1), (1 / 48.0, 1), (10.0, 1)]
)
def test_a_lost_factor_shows_beside_the_model(factor, said):
    value, _ = observed("gpp")
    runs = np.array([a * STREAMS["gpp"][0] for a in (0.6, 0.9, 1.3)])
    doubts = list(doubts_against_model("gpp", value * factor, runs))
    assert sum("factor lost" in one for one in doubts) == said
