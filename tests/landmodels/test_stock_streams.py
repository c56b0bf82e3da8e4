"""A stock as a mean of a period, and the error rule with a floor."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landmodels.errors import InputError
from landmodels.stock_streams import period_mean, relative_error


@pytest.fixture
def soc():
    time = pd.date_range("1979-01-01", "1986-12-01", freq="MS")
    values = np.arange(float(time.size))
    return xr.DataArray(values, coords={"time": time}, dims="time",
                        attrs={"units": "g m-2"})  # fmt: skip


def test_the_mean_is_of_whole_years(soc):
    mean = period_mean(soc, "1980", "1985")
    assert float(mean) == np.arange(12, 84).mean()
    assert mean.attrs == {"units": "g m-2", "period": "1980 to 1985"}


def test_months_can_be_named(soc):
    assert float(period_mean(soc, "1980-03", "1980-04")) == 14.5


@pytest.mark.parametrize(("first", "last"), [("1975", "1985"), ("1985", "1980")])
def test_a_period_outside_the_run(soc, first, last):
    with pytest.raises(InputError, match="covers the period"):
        period_mean(soc, first, last)


def test_a_fraction_with_a_floor():
    sd = relative_error(np.array([0.0, 10.0, -100.0, np.nan]), fraction=0.3, floor=5.0)
    np.testing.assert_array_equal(sd, [5.0, 5.0, 30.0, np.nan])
    labelled = relative_error(xr.DataArray([1.0, np.nan], dims="x"), floor=5.0)
    np.testing.assert_array_equal(labelled, [5.0, np.nan])


def test_an_error_of_zero_is_refused():
    with pytest.raises(InputError, match="floor above 0"):
        relative_error(np.array([0.0, 1.0]), fraction=0.3)
    with pytest.raises(InputError, match="0 or more"):
        relative_error(np.array([1.0]), fraction=-0.3)
