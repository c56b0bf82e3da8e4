"""No observation weighs more than its instrument allows, and none is made up."""

import numpy as np
import pandas as pd
import pytest

from landdata import site_observations
from landdata.errors import InputError


@pytest.fixture
def modis():
    days = pd.date_range("2002-01-01", "2002-12-31", freq="4D")
    return pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "lai": 3.0})


def test_streams_come_with_a_deviation_wherever_they_have_a_value(write, tower):
    tower.loc[[3, 4], "gpp"] = np.nan
    tower.loc[7, "nee_sd"] = np.nan
    found = site_observations(write(tower))
    for name in ("gpp", "er", "nee", "lai"):
        value, spread = found[name], found[f"{name}_sd"]
        assert np.array_equal(value.notnull(), spread.notnull())
        assert float(spread.min()) > 0.0
        assert value.attrs["units"] == spread.attrs["units"]
    assert found["nee_sd"].attrs["n_given_the_median"] == 1
    assert float(found["nee_sd"][7]) == 0.3


def test_a_deviation_of_nothing_is_raised_to_the_floor_and_counted(write, tower):
    spread = site_observations(write(tower), sd_floor={"gpp": 0.5})["gpp_sd"]
    quiet = tower["gpp_sd"].to_numpy() == 0.0
    np.testing.assert_allclose(spread[quiet], 0.5)
    np.testing.assert_allclose(spread[~quiet], 0.8)
    assert spread.attrs["n_floored"] == quiet.sum()


def test_missing_observations_stay_missing(write, tower):
    tower.loc[100:200, "gpp"] = np.nan
    assert int(site_observations(write(tower))["gpp"].isnull().sum()) == 101


def test_modis_replaces_the_smoothed_lai_of_the_tower(write, tower, modis, caplog):
    found = site_observations(write(tower), modis_csv=write(modis, "modis.csv"))
    assert int(found["lai"].notnull().sum()) == 92
    assert float(found["lai"].max()) == 3.0
    assert "smoothed" not in caplog.text
    site_observations(write(tower))
    assert "smoothed" in caplog.text


def test_years_cut_all_streams_alike(write, tower, modis):
    found = site_observations(
        write(tower), modis_csv=write(modis, "modis.csv"), years=(2002, 2002)
    )
    assert found.sizes["time"] == 365
    assert found.indexes["time"][0] == pd.Timestamp("2002-01-01")


def test_a_period_without_any_observation_is_refused(write, tower, modis):
    with pytest.raises(InputError, match="lai") as caught:
        site_observations(
            write(tower), modis_csv=write(modis, "modis.csv"), years=(2001, 2001)
        )
    assert "no value" in caught.value.found


@pytest.mark.parametrize("streams", [["gppp"], ["et"]])
def test_a_stream_that_is_not_there_is_refused_by_name(write, tower, streams):
    with pytest.raises(InputError, match=streams[0]):
        site_observations(write(tower), streams=streams)


@pytest.mark.parametrize("floor", [{"gpp": 0.0}, {"gpp": -1.0}, {"gdp": 1.0}])
def test_a_floor_of_nothing_is_refused(write, tower, floor):
    with pytest.raises(InputError, match="sd_floor"):
        site_observations(write(tower), sd_floor=floor)


def test_screening_without_modis_is_refused(write, tower):
    with pytest.raises(InputError, match="screen_summer_lai"):
        site_observations(write(tower), screen_summer_lai=True)


def test_the_count_of_each_year_is_reported(write, tower):
    tower.loc[:99, "gpp"] = np.nan
    found = site_observations(write(tower))
    assert found["gpp"].attrs["observed"] == "2001: 265, 2002: 365"


def test_harvard_streams_of_the_experiment(real_data):
    found = site_observations(
        real_data / "towers/US-Ha1_daily.csv",
        modis_csv=real_data / "products/mcd15a3h_lai_us_ha1.csv",
        years=(2002, 2005),
        screen_summer_lai=True,
    )
    assert int(found["gpp"].notnull().sum()) == 208 + 211 + 314 + 226
    assert found["lai"].dropna("time").indexes["time"][0] >= pd.Timestamp("2002-07-04")
    assert float(found["gpp_sd"].min()) == 0.2
