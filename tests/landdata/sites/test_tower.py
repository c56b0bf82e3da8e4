"""A tower table comes in with SI units, and its faults with line and date."""

import numpy as np
import pytest

from landdata.errors import InputError
from landdata.sites.tower import read_tower


def refused(path):
    with pytest.raises(InputError) as caught:
        read_tower(path)
    return caught.value


def test_units_of_the_file_become_units_of_the_field(write, tower):
    dataset = read_tower(write(tower))
    np.testing.assert_allclose(dataset["pressure"], 98000.0)
    np.testing.assert_allclose(dataset["vpd"], 100.0 * tower["vpd"])
    assert dataset["pressure"].attrs["units"] == "Pa"
    assert dataset["gpp"].attrs["units"] == "g m-2 d-1"
    assert dataset.sizes["time"] == 730


def test_an_empty_cell_is_missing_and_not_zero(write, tower):
    tower.loc[10, "gpp"] = np.nan
    dataset = read_tower(write(tower))
    assert int(dataset["gpp"].isnull().sum()) == 1
    assert np.isnan(dataset["gpp"][10])


@pytest.mark.parametrize("column", ["date", "tmin", "tmax", "prec"])
def test_a_missing_column_is_named(write, tower, column):
    error = refused(write(tower.drop(columns=column)))
    assert f"column {column}" in error.where


def test_a_misspelt_column_is_recognised(write, tower):
    error = refused(write(tower.rename(columns={"prec": "precip"})))
    assert "precip" in error.hint


def test_optional_columns_may_be_absent(write, tower):
    dataset = read_tower(write(tower[["date", "tmin", "tmax", "prec"]]))
    assert set(dataset.data_vars) == {"tmin", "tmax", "prec"}


def test_a_word_among_numbers_is_named_with_line_and_column(write, tower):
    tower["tmax"] = tower["tmax"].astype(object)
    tower.loc[3, "tmax"] = "warm"
    path = write(tower)
    error = refused(path)
    assert error.where == f"{path}:5  tmax"
    assert "warm" in error.found


@pytest.mark.parametrize(
    ("column", "value"),
    [("prec", -0.2), ("pressure", 980.0), ("tmin", -9999.0), ("srad", 300.0)],
)
def test_an_impossible_value_is_named_with_line_and_date(write, tower, column, value):
    tower.loc[9, column] = value
    error = refused(write(tower))
    assert f"11  {column} on 2001-01-10" in error.where


def test_a_missing_value_code_is_recognised(write, tower):
    tower.loc[9, "vpd"] = -9999.0
    assert "leave the cell empty" in refused(write(tower)).hint


def test_inverted_temperatures_are_named_with_their_date(write, tower):
    tower.loc[40, ["tmin", "tmax"]] = [8.0, 7.5]
    error = refused(write(tower))
    assert "2001-02-10" in error.where
    assert "days like it: 1" in error.found


def test_a_repeated_day_is_named_with_both_lines(write, tower):
    tower.loc[5, "date"] = tower.loc[4, "date"]
    error = refused(write(tower))
    assert ":7  2001-01-05" in error.where
    assert "line 6" in error.found


@pytest.mark.parametrize("text", ["2001-02-30", "07/04/2001", "20010704", ""])
def test_a_date_that_is_none_is_named(write, tower, text):
    tower.loc[5, "date"] = text
    assert ":7  date" in refused(write(tower)).where


def test_a_file_that_is_not_there_is_named_with_its_neighbour(write, tower):
    path = write(tower, "US-Ha1_daily.csv")
    error = refused(path.with_name("US-Ha1_dayly.csv"))
    assert "no such file" in error.found
    assert "US-Ha1_daily.csv" in error.hint


def test_an_empty_file_and_a_bare_header_are_refused(tmp_path, write, tower):
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    assert str(empty) in refused(empty).where
    assert "no rows" in refused(write(tower.iloc[:0])).found


def test_rows_out_of_order_are_sorted(write, tower):
    dataset = read_tower(write(tower.iloc[::-1]))
    assert dataset.indexes["time"].is_monotonic_increasing


@pytest.mark.parametrize("site", ["US-Ha1", "DE-Hai"])
def test_the_real_towers_are_complete_in_their_drivers(real_data, site):
    dataset = read_tower(real_data / f"towers/{site}_daily.csv")
    assert dataset.sizes["time"] == 3287
    for name in ("tmin", "tmax", "shortwave", "vpd", "prec", "pressure", "co2"):
        assert not dataset[name].isnull().any()
