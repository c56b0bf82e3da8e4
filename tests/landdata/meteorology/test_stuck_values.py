"""Weather that stands still, and sums and means of another unit, are said."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata.meteorology.plausibility import weather_findings
from landdata.meteorology.radiation import extraterrestrial_radiation
from landdata.meteorology.stuck_values import stuck_values
from landdata.variables import RAW

DAYS = pd.date_range("2001-01-01", "2002-12-31")


def weather(lat=42.5, **changed):
    rng = np.random.default_rng(2)
    n = DAYS.size
    season = -np.cos(2.0 * np.pi * DAYS.day_of_year.to_numpy() / 365.25)
    tmin = 4.0 + 12.0 * season + rng.normal(0.0, 2.0, n)
    above = extraterrestrial_radiation(DAYS, lat)
    columns = {
        "tmin": tmin,
        "tmax": tmin + rng.uniform(3.0, 12.0, n),
        "prec": rng.gamma(0.5, 12.0, n) * (rng.random(n) < 0.5),
        "wind": rng.gamma(4.0, 0.7, n),
        "relative_humidity": rng.uniform(50.0, 95.0, n),
        "shortwave": above * rng.uniform(0.3, 0.7, n),
        "pressure": rng.normal(9.8e4, 600.0, n),
    }
    columns |= changed
    data = {name: ("time", one, RAW[name].attrs) for name, one in columns.items()}
    return xr.Dataset(data, {"time": DAYS, "lat": lat, "elevation": 280.0})


def said(content, lat=42.5):
    return {one.variable for one in weather_findings(content, lat, 280.0)}


def filled(name, code, first=300, n_days=60):
    values = weather()[name].to_numpy().copy()
    values[first : first + n_days] = code
    return weather(**{name: values})


def test_good_weather_has_no_findings():
    assert said(weather()) == set()
    dry = weather()["prec"].to_numpy().copy()
    dry[100:200] = 0.0  # a dry summer
    assert said(weather(prec=dry)) == set()
    assert said(weather(wind=np.full(DAYS.size, 3.0))) == set()  # a chosen constant


def test_no_light_is_no_fault_where_there_is_no_sun():
    light = weather(70.0)["shortwave"].to_numpy()
    assert (light == 0.0).sum() > 60
    assert "shortwave" not in {one[0] for one in stuck_values(weather(70.0), 70.0)}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tmin", 0.0), ("tmin", -1.0), ("tmax", 32.0), ("shortwave", 0.0),
        ("shortwave", 25.5), ("wind", 0.0), ("prec", 99.9), ("prec", 25.5),
        ("pressure", 1.0e5),
    ],
)  # fmt: skip
def test_a_code_within_the_limits_is_said(name, code):
    found = {one[0]: one for one in stuck_values(filled(name, code), 42.5)}
    assert found[name][1:] == (code, 60)
    if name not in ("tmin", "tmax"):  # crossed extremes are refused elsewhere
        assert name in said(filled(name, code))


@pytest.mark.parametrize(
    ("name", "factor"),
    [("prec", 10.0), ("prec", 0.1), ("prec", 1 / 25.4), ("prec", 1 / 48.0),
     ("wind", 3.6), ("wind", 10.0), ("wind", 0.1)],
)  # fmt: skip
def test_a_scale_that_no_place_has_is_said(name, factor):
    values = weather()[name].to_numpy() * factor
    assert name in said(weather(**{name: values}))
