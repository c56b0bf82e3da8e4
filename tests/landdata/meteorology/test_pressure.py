"""Air gets thinner with height, by as much as the standard atmosphere says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landdata.meteorology.pressure import (
    pressure_from_elevation,
    station_pressure_from_sea_level,
)


@pytest.mark.parametrize(
    # ISO 2533 / US Standard Atmosphere 1976.
    ("elevation", "pressure"),
    [(0.0, 101325.0), (1000.0, 89875.0), (2000.0, 79495.0), (5000.0, 54020.0)],
)
def test_standard_atmosphere_table(elevation, pressure):
    assert pressure_from_elevation(elevation) == pytest.approx(pressure, rel=1e-4)


@given(st.floats(0.0, 2500.0))
def test_both_rules_agree_in_a_standard_atmosphere(elevation):
    standard = 15.0 - 0.0065 * elevation
    reduced = station_pressure_from_sea_level(101325.0, elevation, standard)
    assert reduced == pytest.approx(pressure_from_elevation(elevation), rel=3e-4)


@given(st.floats(8.8e4, 1.06e5), st.floats(-30.0, 35.0))
def test_at_sea_level_nothing_changes(pressure, temperature):
    reduced = station_pressure_from_sea_level(pressure, 0.0, temperature)
    assert reduced == pytest.approx(pressure, rel=1e-14)


def test_cold_air_thins_faster_with_height():
    cold, warm = station_pressure_from_sea_level(1.0e5, 340.0, np.array([-20.0, 20.0]))
    assert cold < warm < 1.0e5
