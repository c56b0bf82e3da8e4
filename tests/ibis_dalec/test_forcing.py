"""Forcing that cannot be used is refused once, by name and date, with a remedy."""

import pickle

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import DAILY, validate_forcing


@pytest.fixture
def june():
    """Thirty plain days of June 2003 in the model's units."""
    n = 30
    values = {
        "tmin": np.full(n, 10.0),
        "tmax": np.full(n, 22.0),
        "prec": np.tile([0.0, 0.0, 6.0], 10),
        "wind": np.full(n, 2.0),
        "specific_humidity": np.full(n, 0.009),
        "pressure": np.full(n, 97500.0),
        "cloud_cover": np.full(n, 0.4),
        "co2": np.full(n, 376.0),
    }
    return xr.Dataset(
        {
            name: ("time", value, {"units": DAILY[name].units})
            for name, value in values.items()
        },
        coords={"time": pd.date_range("2003-06-01", periods=n)},
        attrs={"lat": 42.5, "sand": 66.0, "clay": 6.0},
    )


def refused(forcing, **keywords):
    with pytest.raises(InputError) as caught:
        validate_forcing(forcing, **keywords)
    return caught.value


def with_value(forcing, name, position, value):
    changed = forcing.copy(deep=True)
    changed[name].values[position] = value
    return changed


def test_good_forcing_passes_with_its_numbers_untouched(june):
    clean = validate_forcing(june)
    for name in DAILY:
        np.testing.assert_array_equal(clean[name], june[name])
        assert clean[name].attrs["units"] == DAILY[name].units
    assert float(clean["lat"]) == 42.5
    assert float(clean["clay"]) == 6.0


def test_scalars_may_be_variables_coordinates_or_attributes(june):
    bare = june.drop_attrs()
    for name in DAILY:
        bare[name].attrs["units"] = DAILY[name].units
    as_variables = bare.assign(
        lat=xr.DataArray(42.5, attrs={"units": "degrees_north"}),
        sand=xr.DataArray(66.0, attrs={"units": "%"}),
        clay=xr.DataArray(6.0, attrs={"units": "%"}),
    )
    as_coordinates = as_variables.set_coords(["lat", "sand", "clay"])
    for one in (as_variables, as_coordinates):
        xr.testing.assert_equal(validate_forcing(one), validate_forcing(june))


def test_noon_stamps_are_still_days(june):
    noon = june.assign_coords(time=june.time + np.timedelta64(12, "h"))
    xr.testing.assert_equal(validate_forcing(noon), validate_forcing(june))


@pytest.mark.parametrize("name", list(DAILY))
def test_each_missing_variable_is_named(june, name):
    error = refused(june.drop_vars(name))
    assert name in error.where
    assert DAILY[name].units in error.wanted


def test_a_misspelt_variable_is_recognised(june):
    error = refused(june.rename(cloud_cover="cloud_covr"))
    assert "cloud_covr" in error.hint


@pytest.mark.parametrize(
    ("name", "units", "repair"),
    [
        ("tmin", "K", "273.15"),
        ("prec", "kg m-2 s-1", "86400"),
        ("pressure", "hPa", "100"),
        ("cloud_cover", "%", "divide by 100"),
        ("specific_humidity", "g kg-1", "1000"),
        ("prec", "mm/day", "'mm d-1'"),
        ("wind", "furlong fortnight-1", "m s-1"),
    ],
)
def test_a_wrong_unit_is_refused_with_the_repair(june, name, units, repair):
    june[name].attrs["units"] = units
    error = refused(june)
    assert name in error.where
    assert units in error.found
    assert repair in error.hint


def test_missing_units_are_assumed_aloud(june, caplog):
    del june["wind"].attrs["units"]
    clean = validate_forcing(june)
    assert clean["wind"].attrs["units"] == "m s-1"
    assert "wind" in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prec", -0.1),
        ("prec", np.nan),
        ("tmin", np.inf),
        ("tmax", 295.0),
        ("tmin", -9999.0),
        ("wind", -1.0),
        ("specific_humidity", 9.0),
        ("pressure", 975.0),
        ("cloud_cover", 1.01),
        ("co2", 3.7e-4),
    ],
)
def test_an_impossible_value_is_named_with_its_date(june, name, value):
    error = refused(with_value(june, name, 3, value))
    assert name in error.where
    assert "2003-06-04" in error.where
    assert "1 day" in error.found


def test_kelvin_in_celsius_clothing_is_recognised(june):
    error = refused(june.assign(tmax=(june.tmax + 273.15).assign_attrs(units="degC")))
    assert "273.15" in error.hint


def test_tmin_above_tmax_is_refused_by_date(june):
    error = refused(with_value(june, "tmin", 9, 22.5))
    assert "2003-06-10" in error.where
    assert "22.5" in error.found


def test_equal_extremes_are_a_possible_day(june):
    validate_forcing(with_value(june, "tmin", 9, 22.0))


def test_a_missing_day_is_named(june):
    error = refused(june.drop_isel(time=14))
    assert "2003-06-15" in error.where
    error = refused(june.drop_isel(time=[14, 15, 16]))
    assert "2003-06-15 to 2003-06-17" in error.where


def test_a_repeated_day_is_named(june):
    error = refused(june.isel(time=[0, 1, 1, 2]))
    assert "2003-06-02" in error.where
    assert "twice" in error.found


def test_days_out_of_order_are_named(june):
    error = refused(june.isel(time=[0, 1, 3, 2]))
    assert "2003-06-" in error.where


@pytest.mark.parametrize(("step", "word"), [("h", "daily"), ("8D", "daily")])
def test_other_steps_than_days_are_refused(june, step, word):
    other = june.assign_coords(time=pd.date_range("2003-06-01", periods=30, freq=step))
    assert word in refused(other).wanted


def test_a_time_axis_of_numbers_is_refused(june):
    assert "datetime64" in refused(june.assign_coords(time=np.arange(30))).wanted


def test_no_days_at_all_are_refused(june):
    assert "no days" in refused(june.isel(time=slice(0, 0))).found


def test_more_than_one_pixel_is_refused(june):
    error = refused(june.assign(wind=june.wind.expand_dims(pixel=2)))
    assert "wind" in error.where


@pytest.mark.parametrize(
    ("attrs", "name"),
    [
        ({"lat": 42.5, "sand": 66.0}, "clay"),
        ({"lat": 142.5, "sand": 66.0, "clay": 6.0}, "lat"),
        ({"lat": np.nan, "sand": 66.0, "clay": 6.0}, "lat"),
        ({"lat": 42.5, "sand": 66.0, "clay": 60.0}, "sand and clay"),
        ({"lat": 42.5, "sand": "sandy", "clay": 6.0}, "sand"),
    ],
)
def test_a_site_without_a_possible_place_or_soil_is_refused(june, attrs, name):
    june.attrs = attrs
    assert name in refused(june).where


def test_the_error_keeps_its_fields_on_the_way_out_of_a_worker(june):
    error = refused(with_value(june, "prec", 3, -1.0), where="site.nc")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (back.where, back.found, back.wanted, back.hint) == (
        error.where,
        error.found,
        error.wanted,
        error.hint,
    )
    assert str(back).splitlines()[0] == "site.nc  prec on 2003-06-04"
    assert isinstance(back, ValueError)
