"""A short gap is bridged and counted; a long one is never bridged in silence."""

import numpy as np
import pandas as pd
import pytest

from landdata.errors import InputError
from landdata.meteorology.gaps import day_of_year_climatology, fill_gaps, gaps


@pytest.fixture
def ramp():
    days = pd.date_range("2001-01-01", periods=20)
    return pd.Series(np.arange(20.0), index=days)


def holes(series, *positions):
    series = series.copy()
    series.iloc[list(positions)] = np.nan
    return series


def test_gaps_are_found_with_their_dates(ramp):
    found = gaps(holes(ramp, 0, 5, 6, 19))
    assert [(a.day, b.day, n) for a, b, n in found] == [
        (1, 1, 1),
        (6, 7, 2),
        (20, 20, 1),
    ]
    assert gaps(ramp) == []


def test_a_straight_line_is_restored_exactly(ramp):
    filled = fill_gaps(holes(ramp, 4, 9, 10, 11), where="x")
    pd.testing.assert_series_equal(filled.values, ramp, check_freq=False)
    assert filled.n_short == 4


def test_the_ends_take_the_nearest_day(ramp):
    filled = fill_gaps(holes(ramp, 0, 1, 19), where="x")
    assert filled.values.iloc[[0, 1, 19]].tolist() == [2.0, 2.0, 18.0]


def test_a_missing_rain_day_is_dry_and_not_a_drizzle(ramp):
    filled = fill_gaps(holes(ramp, 4), where="x", dry=True)
    assert filled.values.iloc[4] == 0.0
    assert filled.n_short == 1


def test_four_missing_days_are_refused_by_date(ramp):
    with pytest.raises(InputError) as caught:
        fill_gaps(holes(ramp, 4, 5, 6, 7), where="wind")
    assert "wind, 2001-01-05 to 2001-01-08" in caught.value.where
    assert "4 days" in caught.value.found


def test_an_empty_series_is_refused_and_not_filled(ramp):
    nothing = holes(ramp.iloc[:2], 0, 1)
    with pytest.raises(InputError):
        fill_gaps(nothing, where="wind")


def test_climatology_fills_a_long_gap_with_the_usual_value():
    days = pd.date_range("2001-01-01", "2004-12-31")
    season = pd.Series(np.sin(2 * np.pi * days.day_of_year / 365.25), index=days)
    usual = day_of_year_climatology(season)
    gap = season.copy()
    gap.loc["2002-05-01":"2002-06-30"] = np.nan
    filled = fill_gaps(gap, where="wind", climatology=usual)
    assert filled.n_climatology == 61
    assert filled.long_gaps == ("2002-05-01 to 2002-06-30",)
    # A 31-day mean takes (pi 31 / 365)^2 / 6 = 1.2 % off a yearly wave.
    np.testing.assert_allclose(filled.values, season, atol=0.015)


def test_climatology_goes_round_the_new_year():
    days = pd.date_range("2001-02-11", "2003-12-31")
    record = pd.Series(1.0, index=days)
    record.loc["2001-02-11":"2001-03-01"] = 3.0
    usual = day_of_year_climatology(record)
    assert usual.notna().all()
    assert usual.loc[1] == pytest.approx(1.0)
    assert 1.0 < usual.loc[50] < 3.0


def test_a_record_without_that_season_cannot_fill_it():
    summer = pd.Series(1.0, index=pd.date_range("2001-06-01", "2001-08-31"))
    wanted = summer.reindex(pd.date_range("2001-01-01", "2001-08-31"))
    with pytest.raises(InputError, match="whole year"):
        fill_gaps(wanted, where="wind", climatology=day_of_year_climatology(summer))
