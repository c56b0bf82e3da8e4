"""A station's sea-level pressure never passes for the pressure up there."""

import pytest

from landdata.errors import InputError
from landdata.sites.station import read_station


def test_names_and_units_are_those_of_the_field(write, station):
    dataset = read_station(write(station))
    assert "pressure" not in dataset
    assert float(dataset["sea_level_pressure"][0]) == 101500.0
    assert dataset["dew_point"].attrs["units"] == "degC"
    assert dataset["wind"].attrs["units"] == "m s-1"


def test_relative_humidity_as_a_fraction_of_hundreds_is_refused(write, station):
    station.loc[2, "rh"] = 170.0
    with pytest.raises(InputError, match="rh on 2001-01-22"):
        read_station(write(station))


def test_the_fisher_station_has_the_gaps_it_is_said_to_have(real_data):
    dataset = read_station(real_data / "stations/harvard_fisher_daily.csv")
    assert dataset.sizes["time"] == 6349
    missing = {name: int(dataset[name].isnull().sum()) for name in dataset}
    assert missing["dew_point"] == 41
    assert missing["shortwave"] == 12
    assert missing["wind"] == 10
    assert missing["sea_level_pressure"] == 8
