"""A leaf-fall date is a date of its own year, once."""

import pandas as pd
import pytest

from landdata import read_autumn_dates
from landdata.errors import InputError


@pytest.fixture
def cameras():
    return pd.DataFrame(
        {
            "site": ["b", "a", "a"],
            "lat": [44.0, 42.0, 42.0],
            "lon": [-70.0, -72.0, -72.0],
            "year": [2008, 2008, 2007],
            "autumn_doy": [288.0, 290.0, 290.0],
        }
    )


def test_days_count_in_the_real_calendar(write, cameras):
    dates = read_autumn_dates(write(cameras))
    assert list(dates["site"]) == ["a", "a", "b"]
    # Day 290 is 17 October, 16 October in a leap year.
    assert list(dates["date"][:2].dt.strftime("%m-%d")) == ["10-17", "10-16"]


@pytest.mark.parametrize("day", [0, 400, None])
def test_a_day_that_no_year_has_is_refused(write, cameras, day):
    cameras.loc[1, "autumn_doy"] = day
    with pytest.raises(InputError, match=":3  a"):
        read_autumn_dates(write(cameras))


def test_two_autumns_in_a_year_are_refused(write, cameras):
    cameras.loc[2, "year"] = 2008
    with pytest.raises(InputError, match="a 2008"):
        read_autumn_dates(write(cameras))


def test_the_real_cameras(real_data):
    dates = read_autumn_dates(real_data / "products/phenocam_autumn_dates.csv")
    assert len(dates) == 373
    assert dates["day_of_year"].between(240, 345).all()
