"""Synthetic weather is that of its normals, of its seed, and says it is synthetic."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ibis_dalec.forcing import validate_forcing
from landdata import (
    generate_weather,
    harvard_normals,
    normals_from_forcing,
    read_normals,
    read_site,
    write_normals,
)
from landdata.errors import InputError
from landdata.meteorology.normals import RESIDUALS
from landdata.synthetic.weather_generator import daily_normals

YEARS = (1961, 2020)


@pytest.fixture(scope="module")
def normals():
    return harvard_normals()


@pytest.fixture(scope="module")
def sixty_years(normals):
    return generate_weather(normals, YEARS, np.random.default_rng(11))


@pytest.fixture(scope="module")
def again(sixty_years):
    """The normals of the generated weather."""
    return normals_from_forcing(sixty_years, "generated")


def test_it_is_valid_forcing_of_the_real_calendar(sixty_years):
    validate_forcing(sixty_years)
    assert sixty_years.sizes["time"] == 60 * 365 + 15


def test_it_says_that_it_is_synthetic(sixty_years):
    assert sixty_years.attrs["synthetic"] == 1
    assert "not a measured pixel" in sixty_years.attrs["title"]
    assert "CC-BY-4.0" in sixty_years.attrs["source"]


def test_weather_depends_on_the_seed_alone(normals):
    def make(seed):
        return generate_weather(normals, (2001, 2002), np.random.default_rng(seed))

    xr.testing.assert_identical(make(3), make(3))
    assert not np.array_equal(make(3)["tmin"], make(4)["tmin"])


def test_rain_falls_as_often_and_as_much_as_it_should(normals, again):
    monthly = normals.monthly
    after_dry, after_wet = monthly["wet_after_dry"], monthly["wet_after_wet"]
    wet = after_dry / (1.0 + after_dry - after_wet)
    n_days = 60 * 30
    for name, n in (
        ("wet_after_dry", n_days * (1.0 - wet)),
        ("wet_after_wet", n_days * wet),
    ):
        error = np.sqrt(monthly[name] * (1.0 - monthly[name]) / n)
        z = (again.monthly[name] - monthly[name]) / error
        assert np.abs(z).max() < 4.0
        assert abs(np.mean(z)) < 4.0 / np.sqrt(12.0)
    mean = monthly["rain_shape"] * monthly["rain_scale"]
    found = again.monthly["rain_shape"] * again.monthly["rain_scale"]
    # Amounts of wet days are gamma distributed.
    error = mean / np.sqrt(monthly["rain_shape"] * n_days * wet)
    assert np.all(np.abs(found - mean) < 4.0 * error)
    assert abs(np.sum(found - mean)) < 4.0 * np.sqrt(np.sum(error**2))


@pytest.mark.parametrize("state", ["dry", "wet"])
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("mean_temperature", 1.0),
        ("temperature_range", 0.5),
        ("cloud_cover", 0.04),
        ("relative_humidity", 0.03),
        ("wind", 0.12),
        ("pressure", 150.0),
    ],
)
def test_months_have_their_means_on_dry_and_on_wet_days(
    normals, again, name, tolerance, state
):
    column = f"{name}_mean_{state}"
    wanted, found = normals.monthly[column], again.monthly[column]
    np.testing.assert_allclose(found, wanted, atol=tolerance)
    assert found.mean() == pytest.approx(wanted.mean(), abs=tolerance / 3)


def test_a_day_remembers_the_day_before(normals, again):
    warm = RESIDUALS.index("mean_temperature")
    assert normals.lag1[warm, warm] > 0.6
    assert again.lag1[warm, warm] == pytest.approx(normals.lag1[warm, warm], abs=0.05)
    np.testing.assert_allclose(again.lag0, normals.lag0, atol=0.1)
    np.testing.assert_allclose(again.lag1, normals.lag1, atol=0.1)


def test_wet_days_are_cloudier_and_more_even(sixty_years):
    wet = sixty_years["prec"] > 0.0
    cloud = sixty_years["cloud_cover"]
    assert cloud.where(wet).mean() > cloud.where(~wet).mean() + 0.2
    spread = sixty_years["tmax"] - sixty_years["tmin"]
    assert spread.where(wet).mean() < spread.where(~wet).mean()


def test_no_day_is_above_saturation(sixty_years):
    from landdata.meteorology import humidity

    saturated = humidity.specific_humidity_from_vapour_pressure(
        humidity.daily_saturation_vapour_pressure(
            sixty_years["tmin"], sixty_years["tmax"]
        ),
        sixty_years["pressure"],
    )
    assert np.all(sixty_years["specific_humidity"] <= saturated * (1 + 1e-12))


def test_lines_between_months_keep_the_mean_of_every_month(normals):
    year = pd.date_range("2003-01-01", "2003-12-31")
    daily = daily_normals(normals, year)
    for name, series in daily.items():
        months = pd.Series(series, index=year).groupby(year.month).mean()
        np.testing.assert_allclose(months, normals.monthly[name], rtol=1e-9)


def test_normals_survive_their_file(normals, tmp_path):
    write_normals(normals, tmp_path / "normals.json")
    back = read_normals(tmp_path / "normals.json")
    pd.testing.assert_frame_equal(back.monthly, normals.monthly)
    np.testing.assert_array_equal(back.lag1, normals.lag1)
    assert back.source == normals.source
    assert [p.name for p in tmp_path.iterdir()] == ["normals.json"]


def test_a_file_that_is_no_normals_is_refused_by_name(tmp_path, normals):
    path = tmp_path / "normals.json"
    for content in ("no json", "{}", "[1, 2]"):
        path.write_text(content)
        with pytest.raises(InputError, match=r"normals\.json"):
            read_normals(path)
    write_normals(normals, path)
    broken = json.loads(path.read_text())
    broken["lag0"] = broken["lag0"][:3]
    path.write_text(json.dumps(broken))
    with pytest.raises(InputError, match="lag0"):
        read_normals(path)


def test_impossible_years_are_refused(normals):
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="2003 to 2001"):
        generate_weather(normals, (2003, 2001), rng)
    with pytest.raises(InputError, match="co2"):
        generate_weather(normals, (1850, 1851), rng)


def test_too_short_a_record_has_no_normals(sixty_years):
    with pytest.raises(InputError, match="month"):
        normals_from_forcing(sixty_years.isel(time=slice(0, 365)), "one year")


def test_the_shipped_normals_come_from_the_shipped_recipe(real_data, normals):
    forcing = read_site(
        real_data / "towers/US-Ha1_daily.csv",
        station_csv=real_data / "stations/harvard_fisher_daily.csv",
        lat=42.5378,
        elevation=340.0,
        sand=66.0,
        clay=6.0,
        climatology=["wind"],
    )
    made = normals_from_forcing(forcing, normals.source)
    np.testing.assert_allclose(made.monthly, normals.monthly, rtol=1e-5)
    np.testing.assert_allclose(made.lag0, normals.lag0, atol=1e-4)
    np.testing.assert_allclose(made.lag1, normals.lag1, atol=1e-4)
