"""What is certainly no observation is refused, by stream, date and value."""

import logging

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from landdata.variables import FLUXES
from masm.observations.dataset import as_streams, streams_from_dataset
from masm.observations.gate import FILL_CODES, infer_units, limits_of
from masm.observations.quantities import (
    QUANTITIES,
    factor_to_limits,
    plain_units,
    quantity_of,
)
from masm.observations.units import require_same_units

TIME = pd.date_range("2001-01-01", "2002-12-31")
GPP = 5.0 - 5.0 * np.cos(2 * np.pi * (TIME.day_of_year.to_numpy() - 10) / 365.0)


def dataset(value=GPP, name="gpp", time=TIME, units="g m-2 d-1", **attrs):
    return xr.Dataset(
        {name: ("time", value, {"units": units, **attrs})}, {"time": time}
    )


def spoilt(places, value):
    values = GPP.copy()
    values[places] = value
    return values


def refusal(*args, **options):
    with pytest.raises(masm.InputError) as refused:
        streams_from_dataset(dataset(*args, **options))
    return str(refused.value)


@pytest.mark.parametrize("code", FILL_CODES)
def test_a_repeated_fill_code_is_refused_in_any_stream_and_unit(code):
    reported = refusal(spoilt(slice(100, 130), code), name="sap_flow", units="furlongs")
    assert "2001-04-11" in reported
    assert "missing-value code" in reported
    assert "30 in all" in reported


@pytest.mark.parametrize("code", [-9999.0, 1e20, 9.969209968386869e36])
def test_a_lone_code_that_nobody_measures_is_refused_too(code):
    assert "2001-04-11" in refusal(spoilt([100], code), name="anything")


def test_numbers_that_only_look_like_codes_pass():
    depth = np.linspace(-1100.0, -900.0, TIME.size)
    depth[[5, 80]] = -999.0
    streams_from_dataset(dataset(depth, name="water_table", units="mm"))
    streams_from_dataset(dataset(GPP * 1e20, name="photons", units="m-2 s-1"))


def test_single_precision_codes_are_codes():
    values = spoilt([3, 4], 1e20).astype("f4")
    assert "2001-01-04" in refusal(values, name="x")


@pytest.mark.parametrize(
    ("name", "units", "value", "hint"),
    [
        ("lai", "1", 25.0, "MODIS"),
        ("lai", "m2 m-2", 25.4, "MODIS"),
        ("fapar", "1", 2.53, "MODIS"),
        ("lai", "1", 253.0, "MODIS"),
        ("gpp", "g m-2 d-1", 140.0, "sum"),
        ("GPP", "gC m-2 day-1", 140.0, "sum"),
        ("reco", "kg m-2 s-1", 2e-6, "sum"),
        ("gpp", "umol m-2 s-1", -70.0, ""),
        ("et", "mm d-1", 45.0, "sum"),
    ],
)
def test_an_impossible_value_is_refused_in_the_unit_it_is_stated_in(
    name, units, value, hint
):
    limits = limits_of(name, units)
    values = 0.1 * limits.high * GPP / GPP.max()
    values[200] = value
    reported = refusal(values, name=name, units=units)
    assert "2001-07-20" in reported
    assert f"{value:g}" in reported
    assert hint in reported


def test_a_code_of_minus_one_is_distinguished_from_noise_around_zero():
    noise = np.abs(GPP) / 3.0 + np.random.default_rng(1).normal(0.0, 0.4, TIME.size)
    assert noise.min() < -0.5
    streams_from_dataset(dataset(noise, name="lai", units="1"))
    assert "-1" in refusal(np.where(GPP < 1.0, -1.0, GPP / 3), name="lai", units="1")


def test_values_that_are_nothing_beside_their_unit_are_refused_with_a_guess():
    assert "kg m-2 s-1" in refusal(GPP / 8.64e7)


def test_the_file_s_own_valid_range_makes_values_missing_with_a_word(caplog):
    values = spoilt(slice(40, 44), 49.0)
    with caplog.at_level(logging.WARNING):
        made = streams_from_dataset(dataset(values, valid_range=[-5.0, 30.0]))
    assert np.isnan(made["gpp"].value[40:44]).all()
    assert np.isfinite(made["gpp"].value).sum() == TIME.size - 4
    assert "4 values" in caplog.text
    assert "2001-02-10" in caplog.text


def test_a_packed_range_is_unpacked_and_an_undeclared_code_is_left_out():
    packed = dataset(spoilt([7], 25.4), name="x", valid_range=np.array([0, 100], "i2"))
    packed["x"].encoding.update(scale_factor=0.1)
    made = streams_from_dataset(packed)
    assert np.isnan(made["x"].value[7])
    assert np.isfinite(made["x"].value).sum() == TIME.size - 1


@pytest.mark.parametrize(
    ("attrs", "word"),
    [
        ({"valid_min": 30.0, "valid_max": -5.0}, "lower end first"),
        ({"valid_range": [100.0, 200.0]}, "most values"),
        ({"standard_name": "leaf_area_index"}, "something else"),
    ],
)
def test_attributes_that_contradict_the_values_are_refused(attrs, word):
    assert word in refusal(**attrs)


@pytest.mark.parametrize("value", [0.0, -0.3, -9999.0, np.inf])
def test_a_standard_deviation_that_cannot_be_is_refused_where_it_is_used(value):
    sd = np.full(TIME.size, 0.5)
    sd[300:304] = value
    both = dataset().assign(gpp_sd=("time", sd))
    with pytest.raises(masm.InputError, match="2001-10-28"):
        streams_from_dataset(both)
    streams_from_dataset(both, variance=0.25)  # not used, no harm


def test_a_standard_deviation_in_another_unit_is_refused():
    sd = ("time", np.full(TIME.size, 6e-9), {"units": "kg m-2 s-1"})
    with pytest.raises(masm.InputError, match="differ in unit"):
        streams_from_dataset(dataset().assign(gpp_sd=sd))


@pytest.mark.parametrize(
    ("time", "word"),
    [
        (TIME.tz_localize("America/New_York"), "tz_localize(None)"),
        (TIME.strftime("%Y-%m-%d").to_numpy().astype(str), "to_datetime"),
        (TIME.to_numpy()[::-1], "sortby"),
        (np.r_[TIME.to_numpy()[:1], TIME.to_numpy()[:-1]], "same date twice"),
        (np.r_[TIME.to_numpy()[:-1], np.datetime64("NaT")], "without a date"),
    ],
)
def test_dates_that_cannot_be_are_refused_with_the_right_hint(time, word):
    assert word in refusal(time=time)


def test_a_missing_unit_is_taken_as_the_model_s_only_where_the_values_fit(caplog):
    with caplog.at_level(logging.WARNING):
        assert infer_units("gpp", "", "g m-2 d-1", GPP, "stream 'gpp'") == "g m-2 d-1"
    assert "no units; taken as g m-2 d-1" in caplog.text
    for factor, guess in ((1 / 8.64e7, "kg m-2 s-1"), (8.0, "8 days")):
        with pytest.raises(masm.InputError, match=guess):
            infer_units("gpp", "", "g m-2 d-1", factor * GPP, "stream 'gpp'")


def test_two_spellings_of_a_unit_are_one_unit_and_others_are_given_the_factor():
    from masm.observations.units import require_same_units

    for units in ("gC m-2 day-1", "g C m-2 d-1", "gC/m2/d", "g m^-2 d^-1"):
        require_same_units(masm.Stream("gpp", TIME, GPP, units=units), "g m-2 d-1")
    for units, factor in (("umol m-2 s-1", "1.037"), ("g m-2 8d-1", "0.125")):
        with pytest.raises(masm.InputError, match=factor):
            require_same_units(masm.Stream("gpp", TIME, GPP, units=units), "g m-2 d-1")


def test_a_mole_of_carbon_a_second_is_the_mass_it_weighs():
    factor = factor_to_limits("umol m-2 s-1", QUANTITIES["gpp"])
    assert factor == pytest.approx(12.011e-6 * 86400.0)
    assert plain_units("µmol/m2/s") == "umol m-2 s-1"


@pytest.mark.parametrize("name", ["gpp", "er", "nee", "et", "lai"])
def test_the_limits_are_those_of_the_readers(name):
    ours, theirs = QUANTITIES[name], FLUXES[name]
    assert (ours.units, ours.high) == (theirs.units, theirs.high)
    if name != "lai":  # products are never negative, estimates of noise are
        assert ours.low == theirs.low


@pytest.mark.parametrize("dims", [("time", "lat", "lon"), ("site", "time")])
def test_axes_of_length_one_beside_time_are_one_place(dims):
    time = np.arange("2001-01-01", "2001-03-02", dtype="datetime64[D]")
    values = 5.0 + np.sin(np.arange(time.size))
    plain = xr.Dataset(
        {"gpp": ("time", values, {"units": "g m-2 d-1"})}, {"time": time}
    )
    plain["gpp_sd"] = 0.1 * plain["gpp"].assign_attrs(units="g m-2 d-1")
    cell = plain.expand_dims({one: [1.0] for one in dims if one != "time"})
    got = streams_from_dataset(cell.transpose(*dims))["gpp"]
    want = streams_from_dataset(plain)["gpp"]
    np.testing.assert_array_equal(got.value, want.value)
    np.testing.assert_array_equal(got.given, want.given)


def test_values_of_several_places_are_refused_with_what_to_do():
    time = np.arange("2001-01-01", "2001-03-02", dtype="datetime64[D]")
    grid = xr.Dataset(
        {"gpp": (("time", "lat", "lon"), np.ones((time.size, 2, 3)))}, {"time": time}
    )
    with pytest.raises(masm.InputError, match="lat 2 x lon 3 beside time"):
        streams_from_dataset(grid)


def test_a_pandas_table_is_read_and_its_faults_are_named():
    table = pd.DataFrame({"gpp": GPP, "gpp_sd": 0.3}, index=TIME)
    got = as_streams(table)["gpp"]
    want = as_streams(dataset().assign(gpp_sd=("time", np.full(GPP.size, 0.3))))["gpp"]
    np.testing.assert_array_equal(got.value, want.value)
    np.testing.assert_array_equal(got.given, want.given)
    assert (got.units, want.units) == ("", "g m-2 d-1")
    table.attrs["units"] = {"gpp": "kg m-2 d-1", "gpp_sd": "kg m-2 d-1"}
    assert as_streams(table)["gpp"].units == "kg m-2 d-1"
    series = as_streams(pd.Series(GPP, TIME, name="gpp"))
    np.testing.assert_array_equal(series["gpp"].value, want.value)
    for bad, word in (
        (table.reset_index(), "set_index"),
        (table.tz_localize("Asia/Tokyo"), "time zone Asia/Tokyo"),
        (table[["gpp", "gpp"]], "twice"),
        (table.iloc[::-1], "does not increase"),
        (table.replace(table["gpp"].iloc[7], -9999.0).assign(), "missing-value code"),
    ):
        with pytest.raises(masm.InputError, match=word):
            as_streams(bad)


@pytest.mark.parametrize(
    "units",
    [
        "g CO2 m-2 d-1", "gCO2 m-2 d-1", "gCO2/m2/day", "kg CO2 m-2 s-1",
        "mg CO2 m-2 s-1", "g m-2 d-1 CO2", "gDM m-2 d-1", "g C m-2 s-1",
    ],
)  # fmt: skip
def test_grams_of_something_else_are_not_grams_of_carbon(units):
    from masm.observations.units import require_same_units

    days = np.arange("2001-01-01", "2001-02-01", dtype="datetime64[D]")
    stream = masm.Stream("gpp", days, np.linspace(1.0, 3.0, days.size), units=units)
    with pytest.raises(masm.InputError, match="differ in unit") as caught:
        require_same_units(stream, "g m-2 d-1")
    if units == "g CO2 m-2 d-1":
        assert "0.272921" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "units", "factor"),
    [
        ("soil_carbon", "kg m-2", 1000.0),
        ("soil_carbon", "kg C m-2", 1000.0),
        ("above_ground_wood", "Mg C ha-1", 100.0),
        ("above_ground_wood", "t/ha", 100.0),
        ("vegetation_carbon", "gC m-2", 1.0),
        ("soil_carbon", "g CO2 m-2", None),
        ("soil_carbon", "mg m-2", None),
        ("soil_carbon", "g m-2 d-1", None),
        ("ssm", "%", 0.01),
        ("swc", "m3/m3", 1.0),
        ("sif", "W m-2 sr-1 um-1", 1.0),
        ("sif", "mW m-2 nm-1 sr-1", 1.0),
        ("sif", "mW m-2", None),
    ],
)
def test_units_of_stocks_moisture_and_fluorescence(name, units, factor):
    assert factor_to_limits(units, quantity_of(name)) == factor


@pytest.mark.parametrize(
    ("name", "units", "value", "word"),
    [
        ("soil_carbon", "g m-2", 8.0, "kg m-2"),
        ("wood", "g m-2", 0.5, "kg m-2"),
        ("ssm", "m3 m-3", 25.0, "percent"),
        ("sif", "mW m-2 sr-1 nm-1", 800.0, "scale factor"),
        ("lvod", "1", 80.0, "scale factor"),
    ],
)
def test_another_unit_of_a_stock_or_of_a_satellite_is_refused(name, units, value, word):
    values = value * (0.6 + 0.4 * GPP / GPP.max())
    with pytest.raises(masm.InputError, match=word):
        # Where most values are impossible, the unit of the model decides.
        require_same_units(
            streams_from_dataset(dataset(values, name, units=units))[name], units
        )
