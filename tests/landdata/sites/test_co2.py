"""CO2 is that of the year, and no year is made up."""

import numpy as np
import pandas as pd
import pytest

from landdata.errors import InputError
from landdata.meteorology.co2 import mauna_loa_co2, mauna_loa_table


def test_all_days_of_a_year_have_its_annual_mean():
    days = pd.date_range("2003-01-01", "2004-12-31")
    co2 = mauna_loa_co2(days)
    for year, mean in ((2003, 375.98), (2004, 377.7)):
        np.testing.assert_allclose(co2[days.year == year], mean)


def test_co2_rose_every_year_since_measuring_began():
    assert np.all(np.diff(mauna_loa_table()["co2"]) > 0.0)
    assert mauna_loa_table().index[0] == 1959


@pytest.mark.parametrize("year", [1958, 2100])
def test_a_year_outside_the_table_is_refused_by_name(year):
    with pytest.raises(InputError, match=str(year)):
        mauna_loa_co2([f"{year}-06-01"])


@pytest.mark.parametrize("instead", ["Give co2 as a number [ppm] instead.", ""])
def test_another_way_is_named_only_where_there_is_one(instead):
    with pytest.raises(InputError) as refused:
        mauna_loa_co2(["2100-06-01"], instead=instead)
    assert ("as a number" in str(refused.value)) == bool(instead)
    assert ("Choose years of the table." in str(refused.value)) != bool(instead)


def test_the_shipped_table_is_the_published_one(real_data):
    theirs = pd.read_csv(real_data / "co2/mauna_loa_annual.csv", index_col="Year")
    np.testing.assert_array_equal(mauna_loa_table()["co2"], theirs["Mean"])
