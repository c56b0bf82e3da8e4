"""Days without enough sun: no place is lost, no cloud is made of a sensor's noise."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata import assemble_forcing, with_drivers
from landdata.cube.measured_weather import (
    as_weather,
    choose_variables,
    measured_weather,
)
from landdata.meteorology import polar_night, radiation
from landdata.meteorology.derive import shortwave_of
from landdata.meteorology.plausibility import weather_findings
from landdata.variables import RAW

DAYS = pd.date_range("2003-07-01", "2005-06-30")
HEIGHT = 100.0
PLACES = (70.0, -70.0, 66.6, -66.6, 78.2, 89.9)


def measured(lat, rng, offset=-0.1):
    """Two years in the far north or south, under a pyranometer with an offset."""
    season = np.sign(lat) * -np.cos(2.0 * np.pi * DAYS.day_of_year / 365.25)
    tmin = -12.0 + 12.0 * season.to_numpy() + rng.normal(0.0, 2.0, DAYS.size)
    above = radiation.extraterrestrial_radiation(DAYS, lat)
    return {
        "tmin": tmin,
        "tmax": tmin + rng.uniform(3.0, 9.0, DAYS.size),
        "prec": rng.gamma(0.5, 4.0, DAYS.size),
        "wind": rng.uniform(1.0, 6.0, DAYS.size),
        "vapour_pressure": np.full(DAYS.size, 150.0),
        "shortwave": 0.55 * above + offset,
    }


def cube_of(lat, values):
    chosen = choose_variables(set(values), "test")
    place = (np.array([lat]), np.array([HEIGHT]))
    stored, filled = measured_weather(
        {name: one[None] for name, one in values.items()},
        chosen,
        DAYS.to_numpy().astype("datetime64[D]"),
        *place,
    )
    return as_weather(stored, chosen.variables, DAYS, *place), filled


@pytest.mark.parametrize("lat", PLACES)
def test_a_site_and_a_pixel_get_the_same_cloud_cover_and_keep_their_weather(lat):
    values = measured(lat, np.random.default_rng(1), offset=0.0)
    weather, _ = cube_of(lat, values)
    pixel = with_drivers(weather).isel(pixel=0)
    record = xr.Dataset(
        {name: ("time", one, RAW[name].attrs) for name, one in values.items()},
        coords={"time": DAYS},
    )
    site = assemble_forcing([record], lat=lat, elevation=HEIGHT, sand=40.0, clay=20.0)
    np.testing.assert_allclose(pixel["cloud_cover"], site["cloud_cover"], atol=3e-5)
    # 0.55 of the light everywhere: what bridges the night is the same cloud cover.
    assert (
        float(abs(pixel["cloud_cover"] - radiation.cloud_cover_of(0.55)).max()) < 3e-5
    )
    dim = radiation.extraterrestrial_radiation(DAYS, lat) < polar_night.LEAST_LIGHT
    assert dim.sum() > 10
    assert pixel["cloud_cover"].attrs["n_without_sun"] == dim.sum()
    assert "interpolated" in pixel["cloud_cover"].attrs["without_sun"]
    assert "too little sun" in site.attrs["report"]


@pytest.mark.parametrize("lat", PLACES)
def test_an_offset_of_the_sensor_makes_no_cloud_and_is_no_fault(lat):
    values = measured(lat, np.random.default_rng(2))
    weather = xr.Dataset(
        {name: ("time", one, RAW[name].attrs) for name, one in values.items()},
        coords={"time": DAYS, "lat": lat, "elevation": HEIGHT},
    )
    found = with_drivers(weather)["cloud_cover"]
    assert float(found.min()) >= 0.0
    assert found.attrs["n_above_atmosphere"] == 0
    assert not [
        one for one in weather_findings(weather, lat) if "short" in one.variable
    ]
    assert float(shortwave_of(weather).min()) == 0.0
    weather["shortwave"][{"time": 5}] = -9999.0
    assert "-9999" in str(weather_findings(weather, lat)[0])


def test_light_that_a_product_leaves_out_at_night_does_not_lose_the_pixel():
    values = measured(70.0, np.random.default_rng(3), offset=0.0)
    dim = radiation.extraterrestrial_radiation(DAYS, 70.0) < polar_night.LEAST_LIGHT
    night = radiation.extraterrestrial_radiation(DAYS, 70.0) == 0.0
    values["shortwave"][dim] = np.nan
    weather, filled = cube_of(70.0, values)
    light = weather["shortwave"].to_numpy()[0]
    assert np.isfinite(light).all()
    assert (light[night] == 0.0).all()
    assert filled.max() == dim.sum()
    values["shortwave"][180 + 150 : 180 + 160] = np.nan  # in May there is sun
    assert not np.isfinite(cube_of(70.0, values)[0]["shortwave"]).any()


def test_the_night_is_a_line_between_the_means_around_it():
    cloud = np.r_[np.full(20, 0.2), np.full(9, np.nan), np.full(20, 0.7)]
    above = np.where(np.isnan(cloud), 0.0, 8.0)
    found, dim = polar_night.bridged(np.stack([cloud, cloud]), np.stack([above] * 2))
    np.testing.assert_allclose(found[0, 20:29], 0.2 + 0.05 * np.arange(1, 10))
    np.testing.assert_array_equal(found[0], found[1])
    assert dim[0].sum() == 9
    start, _ = polar_night.bridged(cloud[20:], above[20:])
    np.testing.assert_allclose(start, 0.7)  # the record begins at night
    alone, _ = polar_night.bridged(cloud[20:29], above[20:29])
    assert np.isnan(alone).all()  # nothing is known, and nothing is made up
