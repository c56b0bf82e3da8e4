"""Vapour pressure is vapour pressure, by whichever instrument it came."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landdata.meteorology import humidity

temperatures = st.floats(-40.0, 45.0)
pressures = st.floats(7.0e4, 1.05e5)


@pytest.mark.parametrize(
    # WMO-No. 188 / Smithsonian tables, saturation over water, hPa.
    ("celsius", "hectopascal"),
    [(-20.0, 1.2540), (0.0, 6.1078), (10.0, 12.272), (20.0, 23.373), (30.0, 42.430)],
)
def test_saturation_agrees_with_the_smithsonian_tables(celsius, hectopascal):
    e = humidity.saturation_vapour_pressure(celsius)
    assert e == pytest.approx(100.0 * hectopascal, rel=5e-3)


def test_fao_example_of_mean_saturation():
    # FAO-56, example 3: 24.5 and 15 degC give 2.39 kPa.
    e = humidity.daily_saturation_vapour_pressure(15.0, 24.5)
    assert e == pytest.approx(2390.0, abs=10.0)


def test_specific_humidity_of_a_known_parcel():
    # e = 0 gives dry air; e = p gives pure vapour.
    assert humidity.specific_humidity_from_vapour_pressure(0.0, 1.0e5) == 0.0
    assert humidity.specific_humidity_from_vapour_pressure(1.0e5, 1.0e5) == (
        pytest.approx(1.0)
    )


@given(temperatures, pressures)
def test_a_dew_point_at_the_temperature_is_saturation(celsius, pressure):
    from_dew_point = humidity.specific_humidity_from_dew_point(celsius, pressure)
    from_rh = humidity.specific_humidity_from_relative_humidity(
        100.0, celsius, pressure
    )
    from_vpd = humidity.specific_humidity_from_vpd(0.0, celsius, celsius, pressure)
    assert from_rh == pytest.approx(from_dew_point, rel=1e-12)
    assert from_vpd == pytest.approx(from_dew_point, rel=1e-12)


@given(temperatures, st.floats(0.0, 20.0), pressures, st.floats(0.05, 1.0))
def test_vpd_and_vapour_pressure_are_two_sides_of_one_sum(tmin, rise, p, fraction):
    saturation = humidity.daily_saturation_vapour_pressure(tmin, tmin + rise)
    e = humidity.vapour_pressure_from_vpd(
        (1.0 - fraction) * saturation, tmin, tmin + rise
    )
    assert e == pytest.approx(fraction * saturation, rel=1e-9)


def test_an_impossible_deficit_leaves_a_little_vapour():
    e = humidity.vapour_pressure_from_vpd(1.0e4, 0.0, 10.0)
    assert e == pytest.approx(0.05 * humidity.daily_saturation_vapour_pressure(0, 10))


@given(temperatures, st.floats(0.1, 10.0), pressures)
def test_a_higher_dew_point_is_a_moister_air(celsius, more, pressure):
    low = humidity.specific_humidity_from_dew_point(celsius, pressure)
    high = humidity.specific_humidity_from_dew_point(celsius + more, pressure)
    assert high > low


def test_harvard_vpd_and_fisher_dew_point_give_the_same_vapour(real_data):
    tower = pd.read_csv(real_data / "towers/US-Ha1_daily.csv", index_col="date")
    fisher = pd.read_csv(
        real_data / "stations/harvard_fisher_daily.csv", index_col="date"
    )
    both = tower.join(fisher[["dewp"]], how="inner").dropna(subset="dewp")
    by_vpd = humidity.specific_humidity_from_vpd(
        100.0 * both["vpd"], both["tmin"], both["tmax"], 1000.0 * both["pressure"]
    )
    by_dew_point = humidity.specific_humidity_from_dew_point(
        both["dewp"], 1000.0 * both["pressure"]
    )
    difference = by_vpd - by_dew_point
    assert abs(difference.mean()) < 3e-4
    assert np.corrcoef(by_vpd, by_dew_point)[0, 1] > 0.94
