"""A site's files become valid forcing, and the report says all that was done."""

import numpy as np
import pandas as pd
import pytest

from ibis_dalec.forcing import validate_forcing
from landdata import read_site
from landdata.errors import InputError
from landdata.meteorology import humidity, pressure, radiation

PLACE = {"lat": 42.5, "elevation": 340.0, "sand": 66.0, "clay": 6.0}


def read(write, tower, station=None, **keywords):
    station_csv = None if station is None else write(station, "station.csv")
    return read_site(
        write(tower, "tower.csv"), station_csv=station_csv, **(PLACE | keywords)
    )


def refused(write, tower, station=None, **keywords):
    with pytest.raises(InputError) as caught:
        read(write, tower, station, **keywords)
    return caught.value


def test_a_tower_alone_makes_valid_forcing(write, tower):
    forcing = validate_forcing(read(write, tower))
    np.testing.assert_allclose(forcing["wind"], 3.0)
    assert "no record has wind" in forcing["wind"].attrs["source"]
    assert "no record has wind" in forcing.attrs["report"]
    np.testing.assert_allclose(forcing["pressure"], 98000.0)
    assert forcing.sizes["time"] == 730


def test_the_model_gets_back_the_light_of_every_unclipped_day(write, tower):
    forcing = read(write, tower)
    cloud = forcing["cloud_cover"]
    light = radiation.transmissivity(cloud) * radiation.extraterrestrial_radiation(
        forcing["time"].values, 42.5
    )
    clear = (cloud > 0.0) & (cloud < 1.0)
    clipped = cloud.attrs["n_clipped_dark"] + cloud.attrs["n_clipped_bright"]
    assert int((~clear).sum()) == clipped
    np.testing.assert_allclose(light[clear.values], tower["srad"][clear.values])


def test_clipped_days_are_counted_and_their_light_weighed(write, tower):
    days = pd.DatetimeIndex(tower["date"])
    above = radiation.extraterrestrial_radiation(days, 42.5)
    tower["srad"] = 0.5 * above
    tower.loc[[180, 181, 182], "srad"] = 0.1 * above[[180, 181, 182]]
    tower.loc[190, "srad"] = 0.9 * above[190]
    cloud = read(write, tower)["cloud_cover"].attrs
    assert cloud["n_clipped_bright"] == 1
    assert cloud["n_clipped_dark"] == 3
    received = tower["srad"].to_numpy().copy()
    received[[180, 181, 182]] = 0.251 * above[[180, 181, 182]]
    received[190] = 0.76 * above[190]
    fraction = received.sum() / tower["srad"].sum()
    assert cloud["light_received_over_measured"] == pytest.approx(fraction, abs=1e-4)
    assert fraction != pytest.approx(1.0, abs=2e-4)


def test_humidity_comes_from_the_vapour_deficit(write, tower):
    q = read(write, tower)["specific_humidity"]
    e = humidity.daily_saturation_vapour_pressure(tower["tmin"], tower["tmax"])
    e = e - 100.0 * tower["vpd"]
    np.testing.assert_allclose(q, 0.622 * e / (98000.0 - 0.378 * e), rtol=1e-12)


@pytest.mark.parametrize(
    ("station_column", "word"), [("dewp", "dew point"), ("rh", "relative humidity")]
)
def test_without_a_deficit_the_station_gives_the_humidity(
    write, tower, station, station_column, word
):
    other = {"dewp": "rh", "rh": "dewp"}[station_column]
    forcing = read(
        write,
        tower.drop(columns="vpd"),
        station.drop(columns=other),
        years=(2002, 2002),
    )
    assert word in forcing["specific_humidity"].attrs["source"]


def test_without_any_humidity_the_site_is_refused_by_name(write, tower):
    error = refused(write, tower.drop(columns="vpd"))
    assert "specific_humidity" in error.where
    assert "station_csv" in error.hint
    assert "cloud_cover" in refused(write, tower.drop(columns="srad")).where


def test_sea_level_pressure_is_brought_up_to_the_site(write, tower, station):
    forcing = read(write, tower.drop(columns="pressure"), station, years=(2002, 2002))
    kept = station[station["date"].str.startswith("2002")]
    expected = pressure.station_pressure_from_sea_level(101500.0, 340.0, kept["tmean"])
    np.testing.assert_allclose(forcing["pressure"], expected)
    assert float(forcing["pressure"].max()) < 9.8e4


def test_without_any_pressure_the_height_gives_it(write, tower):
    forcing = read(write, tower.drop(columns="pressure"))
    np.testing.assert_allclose(
        forcing["pressure"], pressure.pressure_from_elevation(340.0)
    )
    assert "standard atmosphere" in forcing["pressure"].attrs["source"]


def test_wind_before_the_station_began_is_refused_unless_named(write, tower, station):
    error = refused(write, tower, station)
    assert "wind" in error.where
    assert "2001-01-01 to 2001-01-19" in error.where
    assert "climatology" in error.hint
    wind = read(write, tower, station, climatology=["wind"])["wind"]
    assert wind.attrs["n_climatology"] == 19
    assert "2001-01-01 to 2001-01-19" in wind.attrs["climatology_days"]
    # The station's own January, not its annual mean.
    np.testing.assert_allclose(wind[:19], 2.5, atol=0.05)


def test_a_given_wind_overrides_the_station(write, tower, station):
    wind = read(write, tower, station, wind=2.7)["wind"]
    np.testing.assert_allclose(wind, 2.7)
    assert "given" in wind.attrs["source"]


@pytest.mark.parametrize("wrong", ["3", True])
def test_a_wind_or_co2_that_is_no_number_is_refused(write, tower, wrong):
    assert refused(write, tower, wind=wrong).where == "wind"
    assert refused(write, tower, co2=wrong).where == "co2"


def test_short_gaps_are_filled_and_counted(write, tower):
    tower.loc[[5, 6], "tmax"] = np.nan
    tower.loc[9, "prec"] = np.nan
    tower.loc[30, "vpd"] = np.nan
    forcing = read(write, tower)
    counts = {name: forcing[name].attrs.get("n_filled") for name in forcing}
    assert (counts["tmax"], counts["prec"], counts["tmin"]) == (2, 1, 0)
    # Two days without tmax have no vapour pressure deficit to take from either.
    assert counts["specific_humidity"] == 3
    assert float(forcing["prec"][9]) == 0.0
    assert "2 days in short gaps filled" in forcing.attrs["report"]


def test_long_gaps_are_refused_by_variable_and_dates(write, tower):
    tower.loc[5:9, "tmax"] = np.nan
    error = refused(write, tower)
    assert "tmax" in error.where
    assert "2001-01-06 to 2001-01-10" in error.where
    assert "climatology" not in error.hint


def test_missing_rows_are_gaps_like_any_other(write, tower):
    forcing = read(write, tower.drop(index=[100, 101]))
    assert forcing["tmin"].attrs["n_filled"] == 2
    error = refused(write, tower.drop(index=range(100, 120)))
    assert "2001-04-11 to 2001-04-30" in error.where


def test_temperature_has_no_climatology(write, tower):
    assert "tmax" in refused(write, tower, climatology=["tmax"]).where
    assert "list" in refused(write, tower, climatology="wind").wanted


def test_years_are_whole_and_within_the_record(write, tower):
    forcing = read(write, tower, years=(2002, 2002))
    assert forcing.sizes["time"] == 365
    assert "365 days of the record lie outside" in forcing.attrs["report"]
    for years in ((2000, 2001), (2002, 2003), (2002, 2001)):
        assert "years" in refused(write, tower, years=years).where


def test_co2_is_that_of_the_year_the_tower_or_the_user(write, tower):
    assert float(read(write, tower)["co2"][0]) == 371.32
    np.testing.assert_allclose(read(write, tower, co2="tower")["co2"], 370.0)
    np.testing.assert_allclose(read(write, tower, co2=400.0)["co2"], 400.0)
    assert "co2" in refused(write, tower, co2="hawaii").where
    assert "co2" in refused(write, tower.drop(columns="co2"), co2="tower").where


def test_an_impossible_place_is_refused(write, tower):
    assert "lat" in refused(write, tower, lat=142.0).where
    assert "elevation" in refused(write, tower, elevation=34000.0).where
    assert "clay" in refused(write, tower, clay=60.0).where


def test_forcing_survives_a_netcdf_file(write, tower, tmp_path):
    import xarray as xr

    forcing = read(write, tower)
    forcing.to_netcdf(tmp_path / "forcing.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "forcing.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), forcing)


def test_harvard_forest_2001_to_2007(real_data):
    forcing = read_site(
        real_data / "towers/US-Ha1_daily.csv",
        station_csv=real_data / "stations/harvard_fisher_daily.csv",
        years=(2001, 2007),
        climatology=["wind"],
        **(PLACE | {"lat": 42.5378}),
    )
    assert forcing.sizes["time"] == 2556
    assert forcing["wind"].attrs["n_climatology"] == 41
    assert forcing["wind"].attrs["n_filled"] == 3
    cloud = forcing["cloud_cover"].attrs
    fraction = (cloud["n_clipped_dark"] + cloud["n_clipped_bright"]) / 2556
    assert fraction == pytest.approx(0.22, abs=0.02)
    assert "tmax is -1.29 K" in forcing.attrs["report"]


def test_hainich_needs_no_station(real_data):
    forcing = read_site(
        real_data / "towers/DE-Hai_daily.csv",
        lat=51.0792,
        elevation=430.0,
        sand=4.0,
        clay=40.0,
    )
    assert forcing.sizes["time"] == 3287
    assert "no record has wind" in forcing.attrs["report"]
