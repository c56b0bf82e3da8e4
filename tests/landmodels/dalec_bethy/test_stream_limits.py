"""Observations of a satellite or a tower in another unit, or with codes left in."""

import numpy as np
import pytest

from landmodels.dalec_bethy import (
    CellSet,
    Grid,
    Overpass,
    cell_observations,
    default_operators,
    region_observations,
)
from landmodels.dalec_bethy.stream_limits import LIMITS
from landmodels.errors import InputError
from masm.observations.gate import limits_of
from masm.observations.quantities import quantity_of

SEASON = 0.5 - 0.4 * np.cos(2.0 * np.pi * np.arange(36) / 36.0)
GRID = Grid(np.array([10.0, 10.5]), np.array([50.0, 50.0]), 0.5)


def seen(name, value, sd):
    n = value.size
    return cell_observations(
        [name] * n, 10 * np.arange(n), np.full(n, 13), value, np.full(n, sd**2)
    )


@pytest.mark.parametrize("name", LIMITS)
def test_the_limits_are_those_of_the_gate(name):
    ours, theirs = LIMITS[name], quantity_of(name)
    assert (ours.low, ours.high, ours.least) == (theirs.low, theirs.high, theirs.least)
    assert limits_of(name, ours.units).factor == 1.0


def test_every_known_stream_has_limits():
    assert set(LIMITS) == set(default_operators())


def test_noise_may_reach_beyond_the_limits_and_a_lost_factor_may_not():
    noisy = np.where(SEASON > 0.85, 1.44, SEASON)
    seen("fapar", noisy, 0.1)
    with pytest.raises(InputError, match=r"1\.44"):
        seen("fapar", noisy, 0.01)


@pytest.mark.parametrize(
    ("name", "value", "sd", "word"),
    [
        ("fapar", 100.0 * SEASON, 5.0, "percent"),
        ("ssm", 10.0 + 30.0 * SEASON, 4.0, "percent"),
        ("swc", 25.0 + SEASON, 2.0, "percent"),
        ("sif", np.where(SEASON > 0.8, -999.0, SEASON), 0.2, "missing-value code"),
        ("lvod", np.where(SEASON > 0.8, -9999.0, SEASON), 0.1, "missing-value code"),
        ("sif", 1000.0 * SEASON, 200.0, "scale factor"),
        ("lai", 60.0 * SEASON, 3.0, "scale factor"),
        ("gpp", 1e-7 * SEASON, 1e-8, "kg m-2 s-1"),
        ("fapar", SEASON, 5.0, "variance"),
    ],
)
def test_values_and_errors_that_a_stream_cannot_have(name, value, sd, word):
    with pytest.raises(InputError, match=word):
        seen(name, value, sd)
    of_region = [
        Overpass(name, CellSet((0,)), 20.5 + k, float(one), sd**2)
        for k, one in enumerate(value)
    ]
    with pytest.raises(InputError, match=word):
        region_observations(of_region, GRID)


def test_good_values_and_streams_of_other_names_pass(caplog):
    for name, largest in (("fapar", 0.9), ("ssm", 0.4), ("sif", 2.0), ("nee", -8.0)):
        assert seen(name, largest * SEASON, 0.2 * abs(largest)).n == 36
    assert seen("sap_flow", 1e6 * SEASON, 1.0).n == 36
    assert not caplog.messages


def test_errors_so_wide_that_values_say_nothing_are_said(caplog):
    seen("nee", -8.0 * SEASON, 50.0)
    assert "times as large" in caplog.text


def test_one_observation_twice_is_said(caplog):
    one = Overpass("ssm", CellSet((0,)), 20.5, 0.31, 0.0016)
    other = Overpass("ssm", CellSet((0,)), 20.5, 0.30, 0.0016)
    blank = Overpass("ssm", CellSet((0,)), 20.5, 0.0, 1.0)
    for good in ([one, other], [blank, blank]):
        region_observations(good, GRID)
    assert not caplog.messages
    region_observations([one, other, one], GRID)
    assert "1 of 3 observations stand there twice" in caplog.text
