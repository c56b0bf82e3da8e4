"""Clouds in summer are dropped; a late spring is not mistaken for one."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata.errors import InputError
from landdata.sites.modis_lai import drop_low_summer_lai, read_modis_lai


@pytest.fixture
def composites():
    """Ten years of clean 4-day composites that restart every 1 January."""
    days = pd.DatetimeIndex(
        np.concatenate(
            [
                pd.date_range(f"{y}-01-01", f"{y}-12-31", freq="4D")
                for y in range(2002, 2012)
            ]
        )
    )
    lai = 0.5 + 5.0 * np.exp(-(((days.day_of_year - 200) / 35.0) ** 2))
    return pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "lai": lai.round(2)})


def on(table, date):
    return table.index[table["date"] == date][0]


def test_summer_is_screened_on_the_side_of_the_equator_that_it_is_on():
    time = pd.DatetimeIndex(
        [
            pd.Timestamp(year, 1, 1) + pd.Timedelta(days=4 * k)
            for year in range(2001, 2005)
            for k in range(92)
        ]
    )
    season = 3.0 + 2.0 * np.cos(2 * np.pi * (time.day_of_year - 15) / 365.0)
    lai = xr.DataArray(season.to_numpy(), {"time": time}, ("time",))
    january = (time.month == 1) & (time.year == 2003)
    lai = lai.where(~january, 0.3)
    assert drop_low_summer_lai(lai).attrs["n_dropped"] == 0
    south = drop_low_summer_lai(lai, lat=-36.0)
    assert south.attrs["n_dropped"] > 0
    assert "months 12, 1, 2" in south.attrs["screening"]


def test_composites_keep_their_dates(write, composites):
    lai = read_modis_lai(write(composites))["lai"]
    assert lai.sizes["time"] == 920
    assert lai.attrs["n_saturated"] == 0


def test_a_clean_record_loses_nothing(write, composites):
    lai = read_modis_lai(write(composites))["lai"]
    screened = drop_low_summer_lai(lai)
    assert screened.attrs["n_dropped"] == 0
    np.testing.assert_array_equal(screened, lai)


def test_a_cloudy_summer_value_goes_and_its_neighbours_stay(write, composites):
    # Composites begin on days 1, 5, 9, ...: day 201 is 20 July (19 in leap years).
    composites.loc[on(composites, "2005-07-20"), "lai"] = 2.0
    lai = read_modis_lai(write(composites))["lai"]
    screened = drop_low_summer_lai(lai)
    assert screened.attrs["n_dropped"] == 1
    assert np.isnan(screened.sel(time="2005-07-20"))


def test_a_late_leaf_out_in_may_is_kept(write, composites):
    may = composites["date"].str.startswith("2005-05")
    composites.loc[may, "lai"] *= 0.3
    lai = read_modis_lai(write(composites))["lai"]
    assert drop_low_summer_lai(lai).attrs["n_dropped"] == 0


def test_two_years_screen_each_other_only_with_their_neighbouring_dates():
    time = pd.DatetimeIndex(
        [
            pd.Timestamp(year, 1, 1) + pd.Timedelta(days=4 * k)
            for year in (2010, 2011)
            for k in range(92)
        ]
    )
    lai = xr.DataArray(np.full(len(time), 5.0), {"time": time}, ("time",))
    cloudy = [f"{year}-07-{day}" for year in (2010, 2011) for day in ("04", "08")]
    lai.loc[{"time": cloudy}] = 2.0
    # Both years are cloudy at these dates: alone they look usual.
    assert drop_low_summer_lai(lai).attrs["n_dropped"] == 0
    screened = drop_low_summer_lai(lai, within_days=12)
    assert list(screened.time[screened.isnull()].values) == list(
        np.array(cloudy, "datetime64[ns]")
    )
    assert "12 days around it" in screened.attrs["screening"]


def test_january_is_near_december_of_another_year():
    time = pd.DatetimeIndex(
        [f"{y}-{day}" for y in (2003, 2004) for day in ("01-01", "12-27", "12-31")]
    )
    lai = xr.DataArray([1.0, 5.0, 5.0, 5.0, 5.0, 5.0], {"time": time}, ("time",))
    assert drop_low_summer_lai(lai, lat=-36.0).attrs["n_dropped"] == 1
    lai = lai.where(lai.time.dt.month == 12, 1.0)
    assert drop_low_summer_lai(lai, lat=-36.0).attrs["n_dropped"] == 0
    near = drop_low_summer_lai(lai, lat=-36.0, within_days=6)
    assert near.attrs["n_dropped"] == 2


@pytest.mark.parametrize("options", [{"within_days": -1}, {"percentile": 101.0}])
def test_a_screen_of_no_days_or_percentile_is_refused(write, composites, options):
    lai = read_modis_lai(write(composites))["lai"]
    with pytest.raises(InputError, match="drop_low_summer_lai"):
        drop_low_summer_lai(lai, **options)


def test_a_screen_that_means_nothing_is_refused(write, composites):
    lai = read_modis_lai(write(composites))["lai"]
    with pytest.raises(InputError):
        drop_low_summer_lai(lai, fraction=60.0)


def test_harvard_lai_saturates_and_drops_as_it_is_said_to(real_data):
    lai = read_modis_lai(real_data / "products/mcd15a3h_lai_us_ha1.csv")["lai"]
    assert lai.sizes["time"] == 1876
    assert lai.attrs["n_saturated"] > 0
    screened = drop_low_summer_lai(lai)
    assert 0 < screened.attrs["n_dropped"] < 0.1 * lai.size
    june = screened.sel(time=screened.time.dt.month == 6)
    assert float(june.min()) > float(lai.sel(time=june.time).min())
