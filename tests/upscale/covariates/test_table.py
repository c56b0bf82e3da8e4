import numpy as np
import pandas as pd
import pytest
import xarray as xr

import upscale
from upscale.covariates import daylight as sunlight


def weather(years=("2001", "2002"), lat=(42.5,), **constant):
    time = pd.date_range(f"{years[0]}-01-01", f"{years[1]}-12-31", name="time")
    season = -np.cos(2.0 * np.pi * (time.day_of_year.to_numpy() - 15) / 365.25)
    n = len(lat)
    values = {
        "tmin": np.tile(3.0 + 12.0 * season, (n, 1)),
        "tmax": np.tile(13.0 + 12.0 * season, (n, 1)),
        "prec": np.tile(np.where(time.day_of_year % 4 == 0, 12.0, 0.0), (n, 1)),
        "cloud_cover": np.full((n, time.size), 0.5),
        "specific_humidity": np.full((n, time.size), 0.004),
        "pressure": np.full((n, time.size), 98000.0),
    }
    for name, value in constant.items():
        values[name] = np.full((n, time.size), value)
    return xr.Dataset(
        {name: (("pixel", "time"), value) for name, value in values.items()},
        coords={"time": time, "pixel": np.arange(n) + 7, "lat": ("pixel", list(lat))},
    )


def test_day_and_night_are_equal_at_the_equinox_and_the_sun_never_sets_in_arctic_june():
    assert sunlight.day_length(81, [0.0, 42.0, -42.0]) == pytest.approx(12.0, abs=0.1)
    assert sunlight.day_length(172, 80.0) == 24.0
    assert sunlight.day_length(355, 80.0) == 0.0


def test_light_above_the_atmosphere_is_that_of_the_fao_tables():
    # FAO-56, annex 2, table 2.6: 20 degrees south in September, 32.2 MJ m-2 d-1.
    found = sunlight.light_above_atmosphere(246, -20.0) * 86400.0 / 1e6
    assert found == pytest.approx(32.2, abs=0.1)


def test_constant_weather_gives_its_own_value_everywhere():
    covariates = upscale.pixel_covariates(
        weather(tmin=10.0, tmax=10.0, prec=2.0, shortwave=150.0, vpd=700.0).isel(
            pixel=0
        )
    )
    wanted = {
        "temperature_mean": 10.0,
        "temperature_range": 0.0,
        "temperature_growing_sd": 0.0,
        "growing_degree_days": 5.0 * 365,
        "warm_days": 365.0,
        "vpd_mean": 700.0,
        "vpd_growing_p95": 700.0,
        "shortwave_growing_mean": 150.0,
        "par_mean": 0.46 * 150.0,
        "precipitation_annual": 730.0,
        "precipitation_growing": 2.0 * 153,
        "wet_days_growing": 1.0,
    }
    assert {name: covariates[name] for name in wanted} == pytest.approx(wanted)


def test_a_growing_season_is_southern_in_the_south():
    north, south = weather(lat=(42.0,)), weather(lat=(-42.0,))
    warm = upscale.covariate_table(north)["temperature_growing_mean"].iloc[0]
    cold = upscale.covariate_table(south)["temperature_growing_mean"].iloc[0]
    assert warm > 14.0
    assert cold < 3.0
    both = upscale.covariate_table(weather(lat=(42.0, -42.0)))
    assert both["temperature_growing_mean"].tolist() == [warm, cold]
    assert both["daylength_growing_mean"].iloc[1] > 13.0


def test_many_pixels_have_the_covariates_of_each_alone():
    many = weather(lat=(30.0, 38.0, 45.0))
    many["tmax"] = many["tmax"] + xr.DataArray([0.0, 1.0, 2.0], dims="pixel")
    table = upscale.covariate_table(many, static={"sand": [10.0, 20.0, 30.0]})
    assert table.index.tolist() == [7, 8, 9]
    for row in range(3):
        one = upscale.pixel_covariates(
            many.isel(pixel=row), static={"sand": 10.0 * (row + 1)}
        )
        assert one == pytest.approx(table.iloc[row].to_dict(), rel=1e-12)


def test_shortwave_in_megajoule_is_the_same_light():
    watt = weather(shortwave=200.0)
    mega = weather(shortwave=200.0 * 0.0864)
    mega["shortwave"].attrs["units"] = "MJ m-2 d-1"
    a, b = (upscale.pixel_covariates(one) for one in (watt, mega))
    assert a == pytest.approx(b)
    mega["shortwave"].attrs["units"] = "cal cm-2"
    with pytest.raises(upscale.InputError, match="cal cm-2"):
        upscale.pixel_covariates(mega)


def test_gaps_in_winter_do_not_raise_mean_lai():
    forcing = weather()
    time = pd.date_range("2001-01-01", "2002-12-31", freq="8D")
    lai = np.where(time.month.isin([5, 6, 7, 8, 9]), 5.0, 1.0)
    seen = xr.Dataset({"lai": ("time", lai)}, coords={"time": time})
    gaps = seen.where(~((time.year == 2001) & (time.month < 4)), drop=False)
    full, gappy = (
        upscale.pixel_covariates(forcing.isel(pixel=0), one) for one in (seen, gaps)
    )
    assert full["lai_mean"] == pytest.approx((5 * 5.0 + 7 * 1.0) / 12)
    assert gappy["lai_mean"] == pytest.approx(full["lai_mean"])
    assert full["lai_growing_mean"] == 5.0
    no_january = seen.where(time.month != 1)
    assert np.isnan(upscale.pixel_covariates(forcing, no_january)["lai_mean"])


def test_months_without_an_observation_need_not_cost_the_pixel():
    forcing = weather()
    time = pd.date_range("2001-01-01", "2002-12-31", freq="8D")
    lai = 3.0 + np.cos(np.pi * (time.month.to_numpy() - 7) / 6.0)
    seen = xr.Dataset({"lai": ("time", lai)}, {"time": time})
    whole = upscale.covariate_table(forcing, seen)["lai_mean"]
    gap = seen.where(~seen["time"].dt.month.isin([1, 2]))
    filled = upscale.covariate_table(forcing, gap, least_months=6)["lai_mean"]
    # December and March are the ends of a straight line where a cosine bends.
    assert filled.to_numpy() == pytest.approx(whole.to_numpy(), abs=0.1)
    bare = seen.where(seen["time"].dt.month.isin([5, 6, 7, 8, 9]))
    none = upscale.covariate_table(forcing, bare, least_months=6)["lai_mean"]
    assert np.isnan(none).all()
    with pytest.raises(upscale.InputError, match="least_months"):
        upscale.covariate_table(forcing, seen, least_months=3)


def test_incomplete_years_are_left_out_and_a_part_of_a_year_is_refused():
    whole = weather(years=("2001", "2002"))
    longer = weather(years=("2001", "2003"))
    longer = longer.sel(time=slice(None, "2003-02-20"))
    assert upscale.pixel_covariates(longer) == upscale.pixel_covariates(whole)
    with pytest.raises(upscale.InputError, match="whole calendar year"):
        upscale.pixel_covariates(whole.sel(time=slice("2001-03-01", "2001-09-30")))


def test_what_is_missing_is_named():
    with pytest.raises(upscale.InputError, match="cloud_cover"):
        upscale.covariate_table(weather().drop_vars("cloud_cover"))
    with pytest.raises(upscale.InputError, match="latitude"):
        upscale.covariate_table(weather().drop_vars("lat"))


def test_every_covariate_has_a_unit_and_a_meaning_and_can_be_made():
    table = upscale.COVARIATES
    assert (table["unit"].str.len() > 0).all()
    assert (table["meaning"].str.len() > 10).all()
    time = pd.date_range("2001-01-01", "2001-12-31", freq="8D")
    seen = xr.Dataset(
        {name: ("time", np.ones(time.size)) for name in ("lai", "gpp")}, {"time": time}
    )
    static = {
        "sand": 50,
        "clay": 10,
        "elevation": 300,
        "lon": -72,
        "forest_fraction": 1,
    }
    found = upscale.pixel_covariates(weather(), seen, static)
    assert list(found) == table["name"].tolist()
    assert np.isfinite(list(found.values())).all()
