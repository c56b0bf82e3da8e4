"""Means of the climate: water closes, and limits are what they must be."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata.meteorology.climate_means import CLIMATE, climate_means

DAYS = pd.date_range("2001-01-01", "2003-12-31")


def weather(tmin, tmax, prec, shortwave=15.0, n=1):
    def over(value, unit):
        full = np.broadcast_to(np.asarray(value, float), (n, DAYS.size))
        return (("pixel", "time"), full, {"units": unit})

    return xr.Dataset(
        {
            "tmin": over(tmin, "degC"),
            "tmax": over(tmax, "degC"),
            "prec": over(prec, "mm d-1"),
            "shortwave": over(shortwave, "MJ m-2 d-1"),
            "lat": ("pixel", np.full(n, 42.0)),
        },
        {"pixel": np.arange(n), "time": DAYS},
    )


def one(**given):
    found = climate_means(weather(**given)).isel(pixel=0)
    return {name: float(found[name]) for name in CLIMATE}


def test_a_wet_place_evaporates_what_is_wanted_and_lacks_nothing():
    found = one(tmin=10.0, tmax=20.0, prec=20.0)
    wanted = 365.25 * 0.0135 * 15.0 / 2.45 * (15.0 + 17.8)  # Hargreaves 1975
    assert found["evapotranspiration"] == pytest.approx(wanted, rel=1e-12)
    assert found["water_deficit"] == pytest.approx(0.0, abs=1e-9)
    assert found["rain"] == pytest.approx(20.0 * 365.25)
    assert found["snow"] == 0.0


def test_a_dry_place_evaporates_its_rain_and_lacks_the_rest():
    found = one(tmin=15.0, tmax=30.0, prec=0.5)
    assert found["evapotranspiration"] == pytest.approx(0.5 * 365.25, rel=0.02)
    wanted = 365.25 * 0.0135 * 15.0 / 2.45 * (22.5 + 17.8)
    total = found["evapotranspiration"] + found["water_deficit"]
    assert total == pytest.approx(wanted, rel=1e-12)


def test_frost_makes_snow_and_a_desert_of_ice_lacks_no_water():
    found = one(tmin=-40.0, tmax=-30.0, prec=1.0)
    assert found["snow"] == pytest.approx(365.25)
    assert found["rain"] == 0.0
    assert found["water_deficit"] == pytest.approx(0.0, abs=1e-9)


def test_pixels_do_not_touch_each_other():
    rng = np.random.default_rng(1)
    prec = rng.gamma(0.3, 10.0, (3, DAYS.size))
    season = -np.cos(2 * np.pi * DAYS.day_of_year.to_numpy() / 365.0)
    many = weather(5 + 12 * season, 15 + 12 * season, prec, n=3)
    together = climate_means(many)
    for row in range(3):
        alone = climate_means(many.isel(pixel=[row]))
        xr.testing.assert_equal(together.isel(pixel=[row]), alone)
    assert all(together[name].attrs["units"] == CLIMATE[name] for name in CLIMATE)
