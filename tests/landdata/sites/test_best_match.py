"""The best column of a tower's file, not the first; and words where it is another.

Small made files of AmeriFlux BASE and FLUXNET, half-hourly to monthly.
"""

import logging

import numpy as np
import pandas as pd
import pytest

from landdata import read_fluxnet, read_tower
from landdata.errors import InputError
from landdata.files.column_names import near_name
from landdata.sites.ameriflux import CARBON, read_ameriflux_base
from landdata.sites.ameriflux_columns import positions
from landdata.sites.fluxnet import daily_means, is_fluxnet_header


@pytest.fixture
def base(tmp_path):
    """Write columns (constants or a value a half-hour) as a BASE file of some days."""

    def write(columns, n_days=4, start="2005-01-01", minutes=30):
        n = n_days * 1440 // minutes
        begin = pd.date_range(start, periods=n, freq=f"{minutes}min")
        table = pd.DataFrame(
            {
                "TIMESTAMP_START": begin.strftime("%Y%m%d%H%M"),
                "TIMESTAMP_END": (begin + pd.Timedelta(minutes, "min")).strftime(
                    "%Y%m%d%H%M"
                ),
            }
        )
        for name, values in columns.items():
            table[name] = np.broadcast_to(np.asarray(values, float), n)
        path = tmp_path / "AMF_US-Zzz_BASE_HH_1-5.csv"
        path.write_text(
            "# Site: US-Zzz\n# Version: 1-5\n" + table.fillna(-9999).to_csv(index=False)
        )
        return path

    return write


def half(n, first, value=np.nan):
    """A series of half-hours: one value in the first part, another in the second."""
    return np.where(np.arange(48 * n) < 24 * n, first, value)


def test_the_highest_of_twelve_levels_is_the_air_temperature(base):
    levels = {f"TA_1_{k}_1": 20.0 - 0.5 * k for k in range(1, 13)}
    read = read_ameriflux_base(base(levels))
    assert read["tmean"].attrs["column"] == "TA_1_1_1"
    np.testing.assert_allclose(read["tmean"], 19.5)


def test_positions_sort_as_numbers_and_flags_are_no_measurements():
    header = ["TA_1_10_1", "TA_2_1_1", "TA_1_1_2", "TA_PI_F_1_1_1", "TA_1_1_1_QC"]
    header += ["TA_1_1_A", "TA_1_1_1", "VTA_1_1_1"]
    found = [one.column for one in positions("TA", header)]
    assert found == ["TA_1_1_A", "TA_1_1_1", "TA_1_1_2", "TA_2_1_1", "TA_1_10_1"]


def test_a_sensor_that_was_replaced_is_filled_by_its_replicate_and_reported(
    base, caplog
):
    path = base({"TA_1_1_1": half(4, 10.0), "TA_1_1_2": half(4, np.nan, 12.0)})
    read = read_ameriflux_base(path)
    np.testing.assert_allclose(read["tmean"], [10.0, 10.0, 12.0, 12.0])
    assert read["tmean"].attrs["column"] == "TA_1_1_1, TA_1_1_2"
    assert "TA_1_1_2: 96 values fill gaps of TA_1_1_1" in caplog.text
    assert "TA_1_1_2" in read.attrs["corrections"]


def test_another_height_is_named_and_never_mixed_in(base, caplog):
    path = base({"TA_1_1_1": half(4, 10.0), "TA_1_2_1": 14.0})
    read = read_ameriflux_base(path)
    assert int(read["tmean"].notnull().sum()) == 2
    assert "TA_1_2_1: has 96 values" in caplog.text


def test_an_empty_name_gives_way_to_the_next_that_has_values(base, caplog):
    read = read_ameriflux_base(base({"NEE_PI": -9999.0, "FC": -2.0}))
    np.testing.assert_allclose(read["nee"], -2.0 * CARBON)
    assert read["nee"].attrs["column"] == "FC"
    assert "NEE_PI: no value at all; FC taken instead" in caplog.text


def test_days_without_one_value_are_taken_from_the_next_name(base, caplog):
    gaps = half(4, -1.0)
    gaps[:24] = np.nan  # half of the first day is missing: it is invalid, not filled
    read = read_ameriflux_base(base({"NEE_PI": gaps, "FC": -2.0}))
    expected = np.array([np.nan, -1.0, -2.0, -2.0]) * CARBON
    np.testing.assert_allclose(read["nee"], expected)
    assert "FC: 2 days taken" in caplog.text


def test_a_small_night_offset_is_set_to_zero_and_counted(base, caplog):
    light = np.tile(np.where(np.arange(48) // 12 % 2 == 1, 400.0, -1.2), 4)
    read = read_ameriflux_base(base({"FC": 1.0, "SW_IN": light}))
    mean = np.maximum(light[:48], 0.0).mean() * 0.0864
    np.testing.assert_allclose(read["shortwave"], mean)
    assert "set to 0 (night offset); 0 days without any light" in caplog.text


def test_polar_night_is_dark(base, caplog):
    read = read_ameriflux_base(base({"FC": 1.0, "SW_IN": -1.2}))
    np.testing.assert_array_equal(read["shortwave"], 0.0)
    assert "4 days without any light" in caplog.text


def test_radiation_of_the_wrong_sign_is_refused_but_not_for_the_fluxes(base):
    path = base({"FC": 1.0, "SW_IN": np.tile(np.linspace(0.0, -900.0, 48), 4)})
    with pytest.raises(InputError, match="SW_IN"):
        read_ameriflux_base(path)
    fluxes = read_ameriflux_base(path, variables=("nee",))
    assert list(fluxes.data_vars) == ["nee"]


def fluxnet_rows(stamps, columns):
    table = pd.DataFrame({**stamps, **columns})
    return table.fillna(-9999)


@pytest.fixture
def daily(tmp_path):
    """Write columns as a daily FLUXNET file."""

    def write(**columns):
        days = pd.date_range("2003-06-01", periods=10)
        stamps = {"TIMESTAMP": days.strftime("%Y%m%d")}
        columns = {"NEE_VUT_REF": -2.0, "NEE_VUT_REF_QC": 1.0, **columns}
        path = tmp_path / "FLX_US-Zzz_FLUXNET2015_SUBSET_DD_2003-2003_1-4.csv"
        rows = fluxnet_rows(stamps, {k: v for k, v in columns.items() if v is not None})
        rows.to_csv(path, index=False)
        return path

    return write


def test_nee_alone_is_read(daily):
    read = read_fluxnet(daily())
    assert "gpp" not in read
    np.testing.assert_allclose(read["nee"], -2.0)
    assert read.attrs["site"] == "US-Zzz"


@pytest.mark.parametrize("night", [None, np.nan])
def test_daytime_partitioning_is_read_under_its_name(daily, caplog, night):
    read = read_fluxnet(daily(GPP_NT_VUT_REF=night, GPP_DT_VUT_REF=5.0))
    np.testing.assert_allclose(read["gpp"], 5.0)
    assert read["gpp"].attrs["partitioning"] == "daytime"
    assert "daytime partitioning" in caplog.text


def test_night_time_partitioning_comes_first(daily, caplog):
    with caplog.at_level(logging.WARNING):
        read = read_fluxnet(daily(GPP_DT_VUT_REF=5.0, GPP_NT_VUT_REF=4.0))
    np.testing.assert_allclose(read["gpp"], 4.0)
    assert caplog.text == ""


def test_a_file_without_fluxes_is_refused_without_naming_another_flux(daily):
    with pytest.raises(InputError) as caught:
        read_fluxnet(daily(NEE_VUT_REF=np.nan), variables=("gpp",))
    assert caught.value.hint is None


def half_hours(tmp_path, quality, minutes=30, **columns):
    n = 3 * 1440 // minutes
    begin = pd.date_range("2003-06-01", periods=n, freq=f"{minutes}min")
    end = begin + pd.Timedelta(minutes, "min")
    rows = fluxnet_rows(
        {
            "TIMESTAMP_START": begin.strftime("%Y%m%d%H%M"),
            "TIMESTAMP_END": end.strftime("%Y%m%d%H%M"),
        },
        {"NEE_VUT_REF": -2.0, "NEE_VUT_REF_QC": quality, **columns},
    )
    path = tmp_path / "FLX_US-Zzz_FLUXNET2015_SUBSET_HH_2003-2003_1-4.csv"
    rows.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("minutes", [30, 60])
def test_half_hours_and_hours_become_days_in_the_units_of_days(tmp_path, minutes):
    per_day = 1440 // minutes
    quality = np.repeat([0.0, 1.0, 3.0], per_day)
    day = np.tile(np.linspace(0.0, 10.0, per_day), 3)
    path = half_hours(tmp_path, quality, minutes, TA_F=day, P_F=0.1)
    read = read_fluxnet(path)
    # 2 umol of CO2 a second are 2.075 g of carbon a day, however long the step.
    np.testing.assert_allclose(read["nee"][:2], -2.0 * 12.011e-6 * 86400.0)
    assert np.isnan(read["nee"][2])  # poorly filled
    np.testing.assert_allclose(read["quality"], [1.0, 1.0, 0.0])
    np.testing.assert_allclose(read["prec"], 0.1 * per_day)
    np.testing.assert_allclose(read["tmin"], 0.0)
    np.testing.assert_allclose(read["tmax"], 10.0)


def test_a_day_that_lacks_a_half_hour_has_no_mean(tmp_path):
    path = half_hours(tmp_path, 0.0)
    lines = path.read_text().splitlines()
    del lines[60]
    path.write_text("\n".join(lines) + "\n")
    read = read_fluxnet(path)
    assert read["nee"].isnull().to_numpy().tolist() == [False, True, False]


def test_weeks_are_laid_out_on_their_days(tmp_path):
    start = pd.date_range("2003-01-01", periods=52, freq="7D")
    end = start + pd.Timedelta(6, "D")
    end = end[:-1].append(pd.DatetimeIndex(["2003-12-31"]))
    rows = fluxnet_rows(
        {
            "TIMESTAMP_START": start.strftime("%Y%m%d"),
            "TIMESTAMP_END": end.strftime("%Y%m%d"),
        },
        {"NEE_VUT_REF": np.arange(52) / 10, "NEE_VUT_REF_QC": 1.0},
    )
    path = tmp_path / "FLX_US-Zzz_FLUXNET2015_SUBSET_WW_2003-2003_1-4.csv"
    rows.to_csv(path, index=False)
    read = read_fluxnet(path)
    assert read.attrs["step"] == "week"
    assert read.attrs["whole_years"] == [2003]
    days = daily_means(read)
    assert days.sizes["time"] == 365
    assert float(days["nee"].sel(time="2003-12-31")) == pytest.approx(5.1)
    assert float(days["nee"].sel(time="2003-01-08")) == pytest.approx(0.1)


def test_headers_are_known_by_their_columns():
    assert is_fluxnet_header("\ufeffTIMESTAMP,TA_F,NEE_CUT_REF\n")
    assert is_fluxnet_header("TIMESTAMP_START,TIMESTAMP_END,GPP_DT_VUT_REF\r\n")
    assert not is_fluxnet_header("date,gpp,nee\n")


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("GPP_NT_VUT_REF", ["NEE_VUT_REF", "GPP_DT_VUT_REF"]),
        ("tmin", ["tmax", "tmean"]),
        ("gpp", ["gpp_sd", "er"]),
        ("er", ["et", "le"]),
        ("sand", ["clay"]),
        ("latitude", ["longitude"]),
        ("vpd", ["vp"]),
    ],
)
def test_a_hint_never_names_another_quantity(name, columns):
    assert near_name(name, columns) is None


def test_a_hint_never_names_the_file_of_another_quantity(tmp_path):
    (tmp_path / "tmax_2003.csv").touch()
    with pytest.raises(InputError) as caught:
        read_tower(tmp_path / "tmin_2003.csv")
    assert caught.value.hint is None
    (tmp_path / "tmin_2003.txt").touch()
    with pytest.raises(InputError, match=r"Is it 'tmin_2003\.txt'"):
        read_tower(tmp_path / "tmin_2003.csv")


@pytest.mark.parametrize(
    ("name", "columns", "meant"),
    [
        ("prec", ["precip", "pressure"], "precip"),
        ("latitude", ["lattitude", "longitude"], "lattitude"),
        ("gpp", ["gpp_sd", "gppp"], "gppp"),
    ],
)
def test_a_misspelling_is_named(name, columns, meant):
    assert meant in near_name(name, columns)


DAYS = pd.date_range("2003-01-01", periods=40)


@pytest.mark.parametrize(
    "pattern",
    ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d-%b-%Y", "%d %B %Y", "%m/%d/%Y", "%d/%m/%Y",
     "%d.%m.%Y", "%Y-%m-%d 00:00:00", "%Y-%m-%dT00:00:00Z"],
)  # fmt: skip
def test_dates_with_one_meaning_are_read(write, pattern):
    table = pd.DataFrame({"date": DAYS.strftime(pattern), "gpp": np.arange(40.0)})
    read = read_tower(write(table), variables=("gpp",))
    np.testing.assert_array_equal(read["time"], DAYS.to_numpy())
    spelled = "corrections" in read.attrs
    assert spelled == (pattern[:8] != "%Y-%m-%d")


@pytest.mark.parametrize(
    ("dates", "word"),
    [
        (["1/2/2003", "1/3/2003", "1/4/2003"], "exchanged"),
        (["37622", "37623", "37624"], "spreadsheet"),
        (["13/1/2003", "1/14/2003", "1/15/2003"], "throughout"),
        (["1/20/03", "1/21/03", "1/22/03"], "two digits"),
        (["2003-01-01", "2003-02-30", "2003-03-01"], "2003-02-30"),
        (["2003-01-01 12:00", "2003-01-02 12:00", "2003-01-03 12:00"], "12:00"),
    ],
)
def test_dates_of_two_meanings_or_none_are_refused(write, dates, word):
    table = pd.DataFrame({"date": dates, "gpp": 1.0})
    with pytest.raises(InputError, match=word):
        read_tower(write(table), variables=("gpp",))


def test_capitals_marks_and_dataframes_are_read_alike(tmp_path, write):
    table = pd.DataFrame({"Date": DAYS.strftime("%Y-%m-%d"), "GPP": np.arange(40.0)})
    path = tmp_path / "marked.csv"
    path.write_bytes(b"\xef\xbb\xbf" + table.to_csv(index=False).encode())
    for source in (path, table, pd.DataFrame({"gpp": np.arange(40.0)}, index=DAYS)):
        read = read_tower(source, variables=("gpp",))
        np.testing.assert_array_equal(read["gpp"], np.arange(40.0))
        np.testing.assert_array_equal(read["time"], DAYS.to_numpy())


def test_two_columns_that_differ_by_capitals_only_are_refused(write):
    table = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "Gpp": 1.0, "GPP": 2.0})
    with pytest.raises(InputError, match="one column gpp"):
        read_tower(write(table), variables=("gpp",))


def test_semicolons_are_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("date;gpp\n2003-01-01;1,5\n")
    with pytest.raises(InputError, match="separated by ';'"):
        read_tower(path, variables=("gpp",))


def test_bad_weather_does_not_stop_the_fluxes(write, tower):
    tower["tmin"] = tower["tmax"] + 5.0
    path = write(tower)
    with pytest.raises(InputError, match="tmin"):
        read_tower(path)
    assert "tmin" not in read_tower(path, variables=("gpp", "nee"))


def test_may_is_a_month_written_out(write):
    days = pd.date_range("2003-04-20", periods=60)
    table = pd.DataFrame({"date": days.strftime("%d %B %Y"), "gpp": np.arange(60.0)})
    read = read_tower(write(table), variables=("gpp",))
    np.testing.assert_array_equal(read["time"], days.to_numpy())
