"""Weather of files compared with physics: the rules that the models share."""

import numpy as np
import pytest

from landdata.meteorology import plausibility
from landmodels import weather_physics
from landmodels.errors import InputError
from landmodels.weather_physics import (
    refuse_damp_air,
    refuse_other_hemisphere,
    refuse_too_much_rain,
    saturation_pressure,
    unlikely_light,
    unlikely_rain,
    unlikely_wind,
)

MONTH = np.tile(np.arange(1, 13), 3)
SUMMER_IN_JULY = 8.0 - 12.0 * np.cos(2.0 * np.pi * (MONTH - 1) / 12.0)


def test_the_rules_are_those_of_the_readers():
    for name in ("TROPICS", "SEASONAL", "LEAST_DAYS"):
        assert getattr(weather_physics, name) == getattr(plausibility, name)
    for rain in (5.0, 140.0, 160.0, 7990.0, 8010.0):
        for damp, warm in ((0.8, 20.0), (0.45, 20.0), (0.3, 20.0), (0.8, -5.0)):
            days, humidity = np.full(365, rain / 365.25), np.full(365, damp)
            theirs = list(plausibility.rain_findings(days, humidity, warm))
            assert bool(theirs) == bool(list(unlikely_rain(rain, damp, warm)))
    for mean in (0.3, 0.5, 8.9, 9.1):
        assert bool(list(plausibility.wind_findings(np.full(9, mean)))) == bool(
            list(unlikely_wind(mean))
        )


def test_a_summer_is_on_its_side_of_the_equator():
    for latitude in (45.0, 10.0, -10.0):
        refuse_other_hemisphere(SUMMER_IN_JULY, MONTH, latitude, "lat")
    with pytest.raises(InputError, match="sign of the latitude"):
        refuse_other_hemisphere(SUMMER_IN_JULY, MONTH, -45.0, "lat")
    with pytest.raises(InputError, match="December to February"):
        refuse_other_hemisphere(-SUMMER_IN_JULY, MONTH, 45.0, "lat")


@pytest.mark.parametrize("factor", [1.0, 0.1, 0.01, 0.001, 0.0])
def test_a_deficit_of_another_unit_is_air_that_never_dries(factor):
    full = saturation_pressure(SUMMER_IN_JULY)
    deficit = factor * np.linspace(0.1, 0.7, full.size) * full
    if factor == 1.0:
        refuse_damp_air(deficit, full, "vpd", "Pa")
        return
    with pytest.raises(InputError, match="dry days"):
        refuse_damp_air(deficit, full, "vpd", "Pa")


def test_rain_that_no_place_has():
    refuse_too_much_rain(12_000.0, "prec")
    with pytest.raises(InputError, match="shorter step"):
        refuse_too_much_rain(24 * 1500.0, "prec")


@pytest.mark.parametrize(
    ("annual", "humidity", "temperature", "said"),
    [
        (700.0, 0.65, 8.0, False),
        (250.0, 0.65, 8.0, False),  # a dry steppe
        (80.0, 0.35, 20.0, False),  # a desert
        (100.0, 0.75, -12.0, False),  # a polar desert
        (70.0, 0.65, 8.0, True),  # cm
        (28.0, 0.65, 8.0, True),  # inches
        (2.0, 0.4, 20.0, True),  # m
        (9000.0, 0.8, 20.0, True),
    ],
)
def test_rain_of_a_year_is_compared_with_the_damp_of_the_air(
    annual, humidity, temperature, said
):
    assert bool(list(unlikely_rain(annual, humidity, temperature))) == said


def test_light_and_wind_of_another_unit():
    assert list(unlikely_light(58.0)) == []
    assert "MJ" in next(iter(unlikely_light(58.0 / 4.57)))
    assert list(unlikely_wind(2.4)) == []
    assert "km h-1" in next(iter(unlikely_wind(12.0)))
