"""One rule table: a site's and a cube's drivers follow from the same measurements."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ibis_dalec.physics import hourly_weather
from landdata import assemble_forcing, with_drivers
from landdata.cube.measured_weather import (
    as_weather,
    choose_variables,
    measured_weather,
)
from landdata.errors import InputError
from landdata.meteorology import humidity, radiation, sun
from landdata.meteorology.derive import shortwave_of, vapour_pressure_deficit_of
from landdata.meteorology.drivers import MADE, RULES, find_rule
from landdata.variables import RAW

DAYS = pd.date_range("2003-01-01", "2003-12-31")
LAT, HEIGHT = 42.5, 340.0
PLACE = {"lat": LAT, "elevation": HEIGHT, "sand": 60.0, "clay": 10.0}
HUMIDITIES = (
    "specific_humidity", "vapour_pressure", "vpd", "dew_point", "relative_humidity",
)  # fmt: skip


def measured(rng):
    """A year of one air, measured in every way."""
    season = -np.cos(2.0 * np.pi * np.arange(365) / 365.0)
    tmin = 2.0 + 12.0 * season + rng.normal(0.0, 2.0, 365)
    tmax = tmin + rng.uniform(3.0, 14.0, 365)
    full = humidity.daily_saturation_vapour_pressure(tmin, tmax)
    # Half of saturation or more: the limit of a very dry day stays out of it.
    vapour = rng.uniform(0.5, 0.95, 365) * full
    pressure = rng.normal(9.7e4, 500.0, 365)
    tmean = 0.5 * (tmin + tmax)
    magnus = np.log(vapour / 611.2)
    above = radiation.extraterrestrial_radiation(DAYS, LAT)
    return {
        "tmin": tmin,
        "tmax": tmax,
        "prec": rng.gamma(0.5, 4.0, 365),
        "wind": rng.uniform(1.0, 6.0, 365),
        "pressure": pressure,
        "vapour_pressure": vapour,
        "specific_humidity": humidity.specific_humidity_from_vapour_pressure(
            vapour, pressure
        ),
        "vpd": full - vapour,
        "dew_point": 243.12 * magnus / (17.62 - magnus),
        "relative_humidity": 100.0
        * vapour
        / humidity.saturation_vapour_pressure(tmean),
        "shortwave": radiation.transmissivity(rng.uniform(0.0, 1.0, 365)) * above,
    }


def of_site(values):
    record = xr.Dataset(
        {
            name: ("time", one, RAW[name].attrs if name in RAW else {})
            for name, one in values.items()
        },
        coords={"time": DAYS},
    )
    return assemble_forcing([record], **PLACE)


def of_cube(values):
    chosen = choose_variables(set(values), "test")
    stored, filled = measured_weather(
        {name: one[None, :] for name, one in values.items()},
        chosen,
        DAYS.to_numpy().astype("datetime64[D]"),
        np.array([LAT]),
        np.array([HEIGHT]),
    )
    weather = as_weather(stored, chosen.variables, DAYS, [LAT], [HEIGHT])
    return with_drivers(weather).isel(pixel=0), filled


def without(values, *names):
    return {name: one for name, one in values.items() if name not in names}


@pytest.mark.parametrize(
    "kept",
    [
        *[(name,) for name in HUMIDITIES],
        *itertools.combinations(HUMIDITIES, 2),
        HUMIDITIES,
    ],
)
@pytest.mark.parametrize("with_pressure", [True, False])
def test_a_site_and_a_cube_make_the_same_drivers_of_the_same_weather(
    kept, with_pressure
):
    every = measured(np.random.default_rng(3))
    # Each humidity of another air, so that the one that was taken shows.
    for k, name in enumerate(HUMIDITIES):
        every[name] = every[name] * (1.0 - 0.01 * k)
    lacking = set(HUMIDITIES) - set(kept) | (set() if with_pressure else {"pressure"})
    values = without(every, *lacking)
    site, (cube, filled) = of_site(values), of_cube(values)
    assert not filled.any()
    for name in ("tmin", "tmax", "prec", "wind", *MADE):
        np.testing.assert_allclose(
            cube[name], site[name], rtol=3e-6, atol=3e-7, err_msg=name
        )
    assert (
        site["specific_humidity"]
        .attrs["source"]
        .startswith(
            find_rule("specific_humidity", {*values, "pressure", "tmean"}).words
            or "measured"
        )
    )


def test_all_ways_to_measure_one_air_agree():
    values = measured(np.random.default_rng(4))
    expected = values["specific_humidity"]
    for name in HUMIDITIES:
        found = of_site(without(values, *(set(HUMIDITIES) - {name})))
        np.testing.assert_allclose(found["specific_humidity"], expected, rtol=1e-9)
        deficit = vapour_pressure_deficit_of(found.drop_vars("vpd", errors="ignore"))
        np.testing.assert_allclose(deficit, values["vpd"], rtol=1e-6, atol=1e-6)


def test_the_sun_is_that_of_the_models_hours():
    for day in range(1, 367):
        assert sun.sun_of_day(float(day)) == hourly_weather.sun_of_day.py_func(
            float(day)
        )
    np.testing.assert_array_equal(sun.COS_HOUR_ANGLE, hourly_weather.COS_HOUR_ANGLE)


def test_pixels_of_a_row_have_its_light_and_others_theirs():
    lat = np.array([45.0, 30.0, 45.0, -12.5])
    found = radiation.light_above_pixels(DAYS, lat)
    for row, one in zip(found, lat, strict=True):
        np.testing.assert_array_equal(
            row, radiation.extraterrestrial_radiation(DAYS, one)
        )


def test_a_cube_keeps_measured_light_beside_cloud_cover_and_may_lack_it():
    values = measured(np.random.default_rng(5))
    del values["pressure"]
    cloud = radiation.cloud_cover_from_shortwave(values["shortwave"], DAYS, LAT)
    values["cloud_cover"] = np.clip(cloud + 0.1, 0.0, 1.0)
    values["shortwave"][40:60] = np.nan
    chosen = choose_variables(set(values), "test")
    assert chosen.optional == ("shortwave", "vpd")
    found, _ = of_cube(values)
    np.testing.assert_allclose(found["cloud_cover"], values["cloud_cover"], rtol=1e-6)
    light = shortwave_of(found)
    known = np.isfinite(values["shortwave"])
    np.testing.assert_allclose(light[known], values["shortwave"][known], rtol=1e-6)
    above = radiation.extraterrestrial_radiation(DAYS, LAT)
    np.testing.assert_allclose(
        light[~known],
        (radiation.transmissivity(values["cloud_cover"]) * above)[~known],
        rtol=1e-6,
    )


def test_short_gaps_are_filled_and_counted_and_long_ones_leave_no_weather():
    values = without(measured(np.random.default_rng(6)), *HUMIDITIES[2:])
    values["shortwave"][10:13] = np.nan
    values["prec"][20] = np.nan
    found, filled = of_cube(values)
    counts = dict(
        zip(choose_variables(set(values), "").variables, filled[0], strict=True)
    )
    assert counts["shortwave"] == 3
    assert counts["prec"] == 1
    assert float(found["prec"][20]) == 0.0
    ends = values["shortwave"][[9, 13]]
    np.testing.assert_allclose(
        found["shortwave"][10:13], np.linspace(*ends, 5)[1:4], rtol=1e-6
    )
    values["wind"][100:104] = np.nan
    found, _ = of_cube(values)
    assert not np.isfinite(found[["tmin", "shortwave"]].to_array()).any()


def test_weather_that_cannot_be_is_no_weather():
    values = without(measured(np.random.default_rng(7)), "specific_humidity", "vpd")
    values["vapour_pressure"][50] = 6900.0  # within its own limits
    values["pressure"][50] = 4.5e4  # and so is this: together they are not
    found, _ = of_cube(values)
    assert not np.isfinite(found["tmin"]).any()


def test_light_out_of_the_models_range_is_counted_where_it_is_derived():
    values = measured(np.random.default_rng(8))
    above = radiation.extraterrestrial_radiation(DAYS, LAT)
    values["shortwave"] = radiation.transmissivity(0.5) * above
    values["shortwave"][:5] = 0.1 * above[:5]
    values["shortwave"][5:12] = 0.9 * above[5:12]
    found, filled = of_cube(values)
    attrs = found["cloud_cover"].attrs
    assert (attrs["n_clipped_dark"], attrs["n_clipped_bright"]) == (5, 7)
    assert not filled.any()  # what was measured stays as it is
    np.testing.assert_allclose(found["shortwave"], values["shortwave"], rtol=1e-6)


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        (HUMIDITIES, "specific_humidity"),
        (("shortwave",), "cloud_cover"),
        (("wind",), "wind"),
        (("tmax",), "tmax"),
    ],
)
def test_a_cube_without_a_driver_names_it_and_what_would_do(lacking, named):
    values = without(measured(np.random.default_rng(9)), *lacking)
    with pytest.raises(InputError, match=f"products  {named}") as caught:
        choose_variables(set(values), "catalogue.yaml  products")
    assert (RULES[named][-1].measured if named in RULES else named) in str(caught.value)


def test_weather_without_a_rule_is_refused_unless_it_need_not_be_made():
    weather = as_weather(np.ones((1, 1, 365)), ["tmin"], DAYS, [LAT], [HEIGHT])
    with pytest.raises(InputError, match="specific_humidity"):
        with_drivers(weather, "here")
    found = with_drivers(weather, required=False)
    assert "pressure" in found
    assert "cloud_cover" not in found


@pytest.mark.parametrize(
    ("name", "unit", "make"),
    [
        ("shortwave", "W m-2", with_drivers),
        ("shortwave", "W m-2", shortwave_of),
        ("vapour_pressure", "kPa", with_drivers),
        ("vpd", "hPa", vapour_pressure_deficit_of),
        ("tmin", "K", with_drivers),
    ],
)
def test_another_unit_is_refused_and_never_taken_for_the_right_one(name, unit, make):
    values = measured(np.random.default_rng(3))
    names = ("tmin", "tmax", "prec", "wind", "vapour_pressure", "vpd", "shortwave")
    weather = xr.Dataset(
        {one: ("time", values[one], RAW[one].attrs) for one in names},
        coords={"time": DAYS, "lat": LAT, "elevation": HEIGHT},
    )
    if name == "tmin":
        weather = weather.drop_vars("vapour_pressure")
    make(weather)
    weather[name].attrs["units"] = unit
    with pytest.raises(InputError, match=f"{name}.units") as caught:
        make(weather)
    assert unit in str(caught.value)
    if make is with_drivers:  # nor passed over where nothing has to be made
        with pytest.raises(InputError, match=f"{name}.units"):
            make(weather, required=False)


def test_the_manual_states_the_order_of_the_table():
    manual = Path(__file__).parents[3] / "docs" / "inputs.md"
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", manual.read_text("utf-8"), re.M)
    stated = {
        name: re.findall(r"`(\w+)`", text) for name, text in rows if name in RULES
    }
    assert stated == {
        name: [rule.measured for rule in rules if rule.measured]
        for name, rules in RULES.items()
    }
