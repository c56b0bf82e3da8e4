"""Weather as bad as it comes: refused by place, or the model stays finite."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import ibis_dalec
from ibis_dalec import InputError, validate_forcing
from ibis_dalec.forcing import DAILY

from . import harsh

DAYS = 60
VALUES = [
    np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1.0, 55.0, -60.0, 500.0, 1e30, -9999.0,
    1e-300, 273.15, 101.3, 1013.0, 4e4, 1e5,
]  # fmt: skip
UNITS = ["", "K", "degC", "mm", "kg m-2 s-1", "%", "1", "hPa", "Pa", "furlong", "m s-1"]


def one_value(forcing, rng):
    name = rng.choice(list(DAILY))
    forcing[name].values[rng.randrange(DAYS)] = rng.choice(VALUES)


def all_values(forcing, rng):
    forcing[rng.choice(list(DAILY))].values[:] = rng.choice(VALUES)


def another_unit(forcing, rng):
    forcing[rng.choice(list(forcing.data_vars))].attrs["units"] = rng.choice(UNITS)


def no_unit(forcing, rng):
    forcing[rng.choice(list(forcing.data_vars))].attrs.clear()


def scaled(forcing, rng):
    name = rng.choice(list(DAILY))
    forcing[name] = (forcing[name] * rng.choice([1e3, 1e-3, -1.0, 100.0])).assign_attrs(
        forcing[name].attrs
    )


def no_variable(forcing, rng):
    return forcing.drop_vars(rng.choice(list(forcing.data_vars)))


def a_day_twice(forcing, rng):
    at = rng.randrange(DAYS)
    return forcing.isel(time=[*range(at + 1), *range(at, DAYS)])


def days_missing(forcing, rng):
    at = rng.randrange(1, DAYS - 1)
    return forcing.isel(
        time=[*range(at), *range(min(at + rng.randrange(1, 30), DAYS - 1), DAYS)]
    )


def unsorted(forcing, rng):
    order = list(range(DAYS))
    rng.shuffle(order)
    return forcing.isel(time=order)


def backwards(forcing, rng):
    return forcing.isel(time=slice(None, None, -1))


def none_left(forcing, rng):
    return forcing.isel(time=slice(0, 0))


def another_calendar(forcing, rng):
    dates = xr.date_range(
        "2004-02-20", periods=DAYS, calendar=rng.choice(["noleap", "360_day"]),
        use_cftime=True,
    )  # fmt: skip
    return forcing.assign_coords(time=dates)


def no_dates(forcing, rng):
    time = rng.choice([np.arange(DAYS), np.arange(DAYS) * 1.0, ["x"] * DAYS])
    return forcing.assign_coords(time=time)


def a_date_missing(forcing, rng):
    time = forcing["time"].to_numpy().copy()
    time[rng.randrange(DAYS)] = np.datetime64("NaT")
    return forcing.assign_coords(time=time)


def text(forcing, rng):
    name = rng.choice(list(DAILY))
    words = forcing[name].astype(str).astype(object)
    words[rng.randrange(DAYS)] = "cold"
    return forcing.assign({name: words})


def more_pixels(forcing, rng):
    name = rng.choice(list(forcing.data_vars))
    return forcing.assign({name: forcing[name].expand_dims(pixel=rng.choice([1, 2]))})


def impossible_site(forcing, rng):
    name = rng.choice(["lat", "sand", "clay"])
    value = rng.choice([*VALUES, "north", -91.0, 101.0])
    return forcing.assign({name: ((), value, forcing[name].attrs)})


def too_much_soil(forcing, rng):
    forcing["sand"].values[...] = rng.uniform(50.0, 100.0)
    forcing["clay"].values[...] = rng.uniform(50.0, 100.0)


SPOILERS = [
    one_value, one_value, all_values, another_unit, no_unit, scaled, no_variable,
    a_day_twice, days_missing, unsorted, backwards, none_left, another_calendar,
    no_dates, a_date_missing, text, more_pixels, impossible_site, too_much_soil,
]  # fmt: skip


def checked(forcing):
    """The clean forcing, or None where it was refused as it should be."""
    before = forcing.copy(deep=True)
    try:
        clean = validate_forcing(forcing, where="a.nc")
    except InputError as error:
        if not (error.where.startswith("a.nc") and error.found and error.wanted):
            raise
        clean = None
    xr.testing.assert_identical(forcing, before)  # nothing corrected silently
    return clean


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
@pytest.mark.filterwarnings("ignore")
def test_spoilt_forcing_is_refused_by_name_or_whole(seed):
    rng = random.Random(seed)  # noqa: S311
    forcing = harsh.forcing(seed % 1000, days=DAYS)
    for spoil in rng.sample(SPOILERS, rng.choice([1, 1, 1, 2])):
        if forcing.sizes["time"] != DAYS or forcing["time"].dtype.kind != "M":
            break
        new = spoil(forcing, rng)
        forcing = forcing if new is None else new
    clean = checked(forcing)
    if clean is not None:
        for name, driver in DAILY.items():
            values = clean[name].to_numpy()
            assert values.dtype == np.float64
            assert values.shape == (forcing.sizes["time"],)
            assert ((values >= driver.low) & (values <= driver.high)).all()
            assert clean[name].attrs["units"] == driver.units


@pytest.mark.parametrize("spoil", sorted({*SPOILERS} - {
    one_value, all_values, another_unit, no_unit, scaled, impossible_site,
}, key=lambda spoil: spoil.__name__))  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_what_can_never_be_forcing_is_always_refused(spoil):
    for seed in range(5):
        forcing = harsh.forcing(1, days=DAYS)
        new = spoil(forcing, random.Random(seed))  # noqa: S311
        assert checked(forcing if new is None else new) is None


def calm_year(lat, start="2003-01-01"):
    """A year of plain weather at a latitude, to be made extreme."""
    time = pd.date_range(start, periods=365)
    season = np.cos(2 * np.pi * (time.day_of_year.to_numpy() - 200) / 365.25)
    tmin = 8.0 + 10.0 * season * np.sign(lat + 1e-9)
    values = {
        "tmin": tmin,
        "tmax": tmin + 10.0,
        "prec": np.where(np.arange(365) % 4 == 0, 10.0, 0.0),
        "wind": np.full(365, 3.0),
        "specific_humidity": np.full(365, 0.006),
        "pressure": np.full(365, 9.6e4),
        "cloud_cover": np.full(365, 0.5),
        "co2": np.full(365, 380.0),
    }
    return xr.Dataset(
        {
            **{n: ("time", v, DAILY[n].attrs) for n, v in values.items()},
            "lat": ((), lat, {"units": "degrees_north"}),
            "sand": ((), 60.0, {"units": "%"}),
            "clay": ((), 10.0, {"units": "%"}),
        },
        coords={"time": time},
    )


def frost(forcing):
    forcing["tmin"][100:200] = -60.0
    forcing["tmax"][100:200] = -55.0


def heat(forcing):
    forcing["tmin"][100:200] = 45.0
    forcing["tmax"][100:200] = 55.0


def jumps(forcing):
    forcing["tmin"][::2] = -60.0
    forcing["tmax"][::2] = 55.0


def drought(forcing):
    forcing["prec"][:] = 0.0


def flood(forcing):
    forcing["prec"][50:60] = 500.0


def calm(forcing):
    forcing["wind"][:] = 0.0


def bone_dry(forcing):
    forcing["specific_humidity"][:] = 0.0


def dripping(forcing):
    forcing["specific_humidity"][:] = 0.03


EXTREMES = [frost, heat, jumps, drought, flood, calm, bone_dry, dripping]


@pytest.mark.parametrize("lat", [-90.0, -66.6, -35.0, 0.0, 51.0, 90.0])
def test_extreme_years_are_finite_at_any_latitude(lat):
    """Polar nights, southern summers; each extreme alone, and all of them at once."""
    pixels = []
    for extremes in ([], *([extreme] for extreme in EXTREMES), EXTREMES[1:6]):
        forcing = calm_year(lat)
        for extreme in extremes:
            extreme(forcing)
        pixels.append(validate_forcing(forcing))
    run = ibis_dalec.simulate_pixels(
        xr.concat(pixels, "pixel", data_vars="all"), {}, spinup_cycles=0, lanes=16
    )
    for name in run.data_vars:
        assert np.isfinite(run[name].to_numpy()).all(), name


def test_a_leap_year_has_its_day_and_lacks_it_by_name():
    leap = calm_year(45.0, "2004-01-01")
    assert validate_forcing(leap).sizes["time"] == 365
    without = leap.sel(time=leap["time"] != np.datetime64("2004-02-29"))
    with pytest.raises(InputError, match="2004-02-29"):
        validate_forcing(without)
