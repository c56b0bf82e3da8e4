"""Places that broke a law once, found by ``benchmarks.physics_stress``.

Block 0: transpiration from a soil without water, ice that sublimes below nothing,
evaporation of a dry layer whose fractions do not add up. Block 1: leaves that all fall
in a day left less than nothing by rounding, and NaN the day after. Block 276: a puddle
that owed water gave the ground an implicit weight of two, and the balance diverged.
"""

import numpy as np
import pytest

from benchmarks import physics_stress


@pytest.mark.parametrize("seed", [0, 1, 276])
def test_no_place_breaks_a_law(seed):
    block, lines = physics_stress.judge(seed, lanes=16)
    assert block.exceptions == 0, lines
    assert block.worst_carbon < 1e-9


def test_the_weather_is_hostile():
    forcing = physics_stress.places(1)
    assert forcing["tmin"].min() < -55.0
    assert forcing["tmax"].max() > 50.0
    assert forcing["prec"].max() > 400.0
    assert (forcing["wind"] == 0.0).any("time").all()
    dry = (forcing["prec"] == 0.0).rolling(time=90).min().max("time")
    assert dry.sum() > 5


def test_a_law_that_is_broken_is_seen():
    run = physics_stress.ibis_dalec.simulate_pixels(
        physics_stress.places(0), physics_stress.parameters(0), spinup_cycles=0,
        lanes=16,
    )  # fmt: skip
    forcing = physics_stress.places(0)
    assert np.abs(physics_stress._water_residual(run, forcing)).max() < 1e-6
    run["soil_shortfall"][:] = 0.0
    assert np.abs(physics_stress._water_residual(run, forcing)).max() > 1e-5
