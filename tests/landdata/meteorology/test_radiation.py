"""The cloud cover handed to the model gives back the light that was measured."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landdata.meteorology import radiation

YEAR = pd.date_range("2003-01-01", "2003-12-31")


def astronomical_daily_radiation(days, lat):
    """Exact integral over each day, with the sun of the Astronomical Almanac.

    Low-precision formulae (section C of the Almanac, good to 0.01 degree),
    solar constant 1370 W m-2; MJ m-2 d-1.
    """
    n = (days - pd.Timestamp("2000-01-01")).days.to_numpy()
    anomaly = np.radians(357.528 + 0.9856003 * n)
    longitude = np.radians(
        280.460 + 0.9856474 * n + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    )
    declination = np.arcsin(np.sin(np.radians(23.439)) * np.sin(longitude))
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
    phi = np.radians(lat)
    sunset = np.arccos(-np.tan(phi) * np.tan(declination))
    return (86400.0 / np.pi * 1370.0 / distance**2 / 1e6) * (
        sunset * np.sin(phi) * np.sin(declination)
        + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    )


@pytest.mark.parametrize("lat", [-35.0, 0.0, 30.0, 42.5, 51.1])
def test_light_above_the_atmosphere_agrees_with_the_almanac(lat):
    ours = radiation.extraterrestrial_radiation(YEAR, lat)
    exact = astronomical_daily_radiation(YEAR, lat)
    # 24 samples of a day cost up to 1.4 % of it, where the sun rises between two.
    np.testing.assert_allclose(ours, exact, rtol=0.02)
    assert ours.sum() == pytest.approx(exact.sum(), rel=0.01)


@given(st.floats(0.0, 1.0), st.floats(-60.0, 60.0), st.integers(0, 364))
def test_cloud_cover_survives_the_way_to_light_and_back(cloud, lat, day):
    time = YEAR[[day]]
    light = radiation.transmissivity(cloud) * radiation.extraterrestrial_radiation(
        time, lat
    )
    back = radiation.cloud_cover_from_shortwave(light, time, lat)
    assert back[0] == pytest.approx(cloud, abs=1e-12)


def test_too_dark_and_too_bright_days_stay_visible():
    above = radiation.extraterrestrial_radiation(YEAR[:2], 42.5)
    cloud = radiation.cloud_cover_from_shortwave(
        above * np.array([0.1, 0.9]), YEAR[:2], 42.5
    )
    assert cloud[0] > 1.0
    assert cloud[1] < 0.0


def test_the_polar_night_has_no_cloud_cover_to_give():
    night = pd.DatetimeIndex(["2003-12-21"])
    cloud = radiation.cloud_cover_from_shortwave([0.0], night, 80.0)
    assert np.isnan(cloud[0])


def test_more_light_means_less_cloud():
    light = np.linspace(2.0, 25.0, 20)
    cloud = radiation.cloud_cover_from_shortwave(light, [YEAR[180]] * 20, 42.5)
    assert np.all(np.diff(cloud) < 0.0)


def test_the_light_of_the_reference_run_gives_back_its_cloud_cover(real_data):
    """Hourly bands of the public Fortran, added up and inverted."""
    hourly = pd.read_csv(real_data.parent / "reference/diurnal.csv", comment="#")
    bands = [f"sw_{band}_{beam}" for band in ("vis", "nir") for beam in ("dir", "dif")]
    hourly["light"] = hourly[bands].sum(axis=1) * 3600.0 / 1e6
    case = ["lat", "doy", "cloud_frac"]
    days = hourly.groupby(case)["light"].sum().reset_index()
    assert len(days) >= 40
    for day in days.itertuples():
        date = [np.datetime64("2003-01-01") + (int(day.doy) - 1)]
        cloud = radiation.cloud_cover_from_shortwave([day.light], date, day.lat)
        assert cloud[0] == pytest.approx(day.cloud_frac, abs=1e-6)


def test_daymet_daylight_mean_becomes_a_daily_sum():
    # 300 W m-2 over half a day is 150 W m-2 over the whole.
    assert radiation.shortwave_from_daylight_mean(300.0, 43200.0) == pytest.approx(
        150.0 * 86400.0 / 1e6
    )
