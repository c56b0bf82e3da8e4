"""Weather of a year compared with physics: right records pass, faults are reported."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata import (
    generate_weather,
    harvard_normals,
    shortwave_of,
    vapour_pressure_deficit_of,
)
from landdata.meteorology.plausibility import (
    light_findings,
    relative_humidity,
    weather_findings,
)

LAT, HEIGHT = 42.5378, 340.0


@pytest.fixture(scope="module")
def good():
    rng = np.random.default_rng(2)
    return generate_weather(harvard_normals(), (2001, 2003), rng)


def verdicts(forcing, lat=LAT, elevation=HEIGHT):
    found = weather_findings(forcing, lat, elevation)
    return {(one.variable, one.verdict) for one in found}


def half_a_year_later(forcing):
    moved = forcing.roll(time=182, roll_coords=False)
    return moved.assign_coords(time=forcing["time"])


def test_the_weather_of_a_place_raises_no_finding(good):
    assert verdicts(good) == set()
    assert verdicts(half_a_year_later(good), lat=-LAT) == set()


def test_humidity_of_saturated_air_is_one():
    q = 0.622 * 611.2 / (1.0e5 - 0.378 * 611.2)  # at 0 degC
    one = relative_humidity(*(np.array([x]) for x in (q, 1.0e5, 0.0, 0.0)))
    assert one == pytest.approx(1.0)


def damper(forcing):
    """The vapour pressure deficit ten times too small."""
    tmin, tmax, p, q = (
        forcing[n].to_numpy() for n in ("tmin", "tmax", "pressure", "specific_humidity")
    )
    humidity = relative_humidity(q, p, tmin, tmax)
    wet = 1.0 - 0.1 * (1.0 - np.minimum(humidity, 1.0))
    return forcing.assign(
        specific_humidity=forcing["specific_humidity"] * wet / humidity
    )


@pytest.mark.parametrize(
    ("spoil", "variable", "verdict"),
    [
        (damper, "specific_humidity", "refused"),
        (lambda f: f.assign(specific_humidity=0.1 * f["specific_humidity"]),
         "specific_humidity", "suspicious"),
        (lambda f: f.assign(specific_humidity=2.0 * f["specific_humidity"]),
         "specific_humidity", "refused"),
        (half_a_year_later, "latitude", "refused"),
        (lambda f: f.assign(tmin=f["tmin"] + 40.0, tmax=f["tmax"] + 40.0),
         "tmax", "refused"),
        (lambda f: f.assign(tmin=f["tmax"]), "tmax", "suspicious"),
        (lambda f: f.assign(prec=f["prec"] / 1000.0), "prec", "suspicious"),
        (lambda f: f.assign(prec=f["prec"] * 24.0), "prec", "suspicious"),
        (lambda f: f.assign(pressure=f["pressure"] + 4000.0), "pressure", "suspicious"),
        (lambda f: f.assign(pressure=f["pressure"] * 0.7), "pressure", "refused"),
        (lambda f: f.assign(cloud_cover=xr.zeros_like(f["cloud_cover"])),
         "shortwave", "suspicious"),
        (lambda f: f.assign(cloud_cover=xr.ones_like(f["cloud_cover"])),
         "shortwave", "refused"),
    ],
)  # fmt: skip
def test_a_fault_is_reported_with_its_variable(good, spoil, variable, verdict):
    assert (variable, verdict) in verdicts(spoil(good))


def test_days_brighter_than_the_clear_sky_are_counted_from_the_reader():
    time = pd.date_range("2001-01-01", "2004-12-31")
    attrs = {"n_clipped_bright": 529, "n_clipped_dark": 10}
    cloud = xr.DataArray(
        np.full(time.size, 0.5), {"time": time}, ("time",), None, attrs
    )
    (one,) = light_findings(cloud)
    assert one.verdict == "suspicious"
    assert "529 of 1461 days brighter" in one.found
    cloud.attrs["n_above_atmosphere"] = 100
    (one,) = light_findings(cloud)
    assert one.verdict == "refused"


def test_a_tropical_place_has_no_season_to_be_wrong(good):
    found = weather_findings(half_a_year_later(good), 10.0, HEIGHT)
    assert "latitude" not in {one.variable for one in found}


def test_a_short_record_says_nothing(good):
    assert weather_findings(damper(good).isel(time=slice(0, 200)), LAT, HEIGHT) == []


def with_measured_light_and_deficit(forcing):
    return forcing.assign(
        shortwave=("time", shortwave_of(forcing), {"units": "MJ m-2 d-1"}),
        vpd=("time", vapour_pressure_deficit_of(forcing), {"units": "Pa"}),
    )


@pytest.mark.parametrize(("name", "factor"), [("shortwave", 1.6), ("vpd", 0.01)])
def test_measured_light_and_deficit_are_judged_beside_cloud_and_humidity(
    good, name, factor
):
    weather = with_measured_light_and_deficit(good)
    weather[name][::50] = np.nan  # they may have gaps
    assert verdicts(weather) == set()
    wrong = weather.assign({name: factor * weather[name]})
    assert verdicts(wrong) == {(name, "refused")}


@pytest.mark.parametrize(
    ("name", "values"),
    [("shortwave", 150.0), ("vapour_pressure", -9999.0), ("relative_humidity", 1e20)],
)
def test_a_value_that_cannot_be_is_refused_in_a_short_record_too(good, name, values):
    short = good.isel(time=slice(0, 60))
    spoilt = short.assign({name: ("time", np.full(60, values))})
    assert verdicts(spoilt) == {(name, "refused")}
