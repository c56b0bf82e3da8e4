"""FLUXNET months keep their units straight, and weak months do not count."""

import numpy as np
import pandas as pd
import pytest

from landdata import read_fluxnet
from landdata.errors import InputError

NAME = "FLX_US-Tst_FLUXNET2015_SUBSET_MM_2003-2004_1-4.csv"


@pytest.fixture
def months():
    stamps = pd.date_range("2003-01-01", "2004-12-01", freq="MS")
    season = np.cos(2 * np.pi * (stamps.month - 7) / 12)
    return pd.DataFrame(
        {
            "TIMESTAMP": stamps.strftime("%Y%m"),
            "TA_F": 8.0 + 12.0 * season,
            "SW_IN_F": 150.0 + 80.0 * season,
            "VPD_F": 5.0 + 3.0 * season,
            "PA_F": 98.5,
            "P_F": 3.0,
            "WS_F": 2.0,
            "CO2_F_MDS": -9999,
            "LE_F_MDS": 40.0,
            "NEE_VUT_REF": -1.0 - 3.0 * season,
            "NEE_VUT_REF_QC": 0.9,
            "RECO_NT_VUT_REF": 3.0 + 2.0 * season,
            "GPP_NT_VUT_REF": 4.0 + 5.0 * season,
        }
    )


def test_units_become_those_of_the_field(write, months):
    data = read_fluxnet(write(months, NAME))
    np.testing.assert_allclose(data["pressure"], 98500.0)
    np.testing.assert_allclose(data["vpd"], 100.0 * months["VPD_F"])
    # 150 W m-2 is 12.96 MJ m-2 d-1.
    np.testing.assert_allclose(data["shortwave"], months["SW_IN_F"] / 150.0 * 12.96)
    np.testing.assert_allclose(data["gpp"], months["GPP_NT_VUT_REF"])
    assert data["gpp"].attrs["units"] == "g m-2 d-1"
    assert (data.attrs["site"], data.attrs["step"]) == ("US-Tst", "month")


def test_the_missing_code_is_missing_and_never_a_flux(write, months):
    months.loc[5, "NEE_VUT_REF"] = -9999
    data = read_fluxnet(write(months, NAME))
    assert np.isnan(data["nee"][5])
    assert np.isnan(data["co2"]).all()
    assert float(data["nee"].min()) > -10.0


def test_weak_months_are_dropped_counted_and_spoil_their_year(write, months):
    months.loc[14, "NEE_VUT_REF_QC"] = 0.3
    months.loc[15, "NEE_VUT_REF_QC"] = -9999
    data = read_fluxnet(write(months, NAME))
    assert int(data["gpp"].isnull().sum()) == 2
    assert data.attrs["n_below_quality"] == 2
    assert data.attrs["whole_years"] == [2003]
    assert data["tmean"].notnull().all()
    kept = read_fluxnet(write(months, NAME), min_quality=0.2)
    assert kept.attrs["n_below_quality"] == 1


def test_daily_files_have_the_same_columns(write, months):
    days = pd.date_range("2003-01-01", periods=24)
    months["TIMESTAMP"] = days.strftime("%Y%m%d")
    data = read_fluxnet(write(months, NAME))
    assert data.attrs["step"] == "day"
    assert data.attrs["whole_years"] == []
    assert data.indexes["time"][-1] == days[-1]


@pytest.mark.parametrize("stamp", ["200313", "2003", "200301010030", "20030101"])
def test_a_time_stamp_that_does_not_fit_is_refused(write, months, stamp):
    months.loc[3, "TIMESTAMP"] = stamp
    with pytest.raises(InputError, match="TIMESTAMP"):
        read_fluxnet(write(months, NAME))


def test_half_hourly_quality_classes_are_not_taken_for_fractions(write, months):
    months["NEE_VUT_REF_QC"] = 3
    with pytest.raises(InputError, match="class 0 to 3"):
        read_fluxnet(write(months, NAME))


def test_a_repeated_month_is_refused(write, months):
    months.loc[3, "TIMESTAMP"] = months.loc[2, "TIMESTAMP"]
    with pytest.raises(InputError, match="same"):
        read_fluxnet(write(months, NAME))


def test_every_published_file_is_read(real_data):
    found = {}
    for path in sorted((real_data / "fluxnet2015_monthly").glob("*.csv")):
        data = read_fluxnet(path)
        found[data.attrs["site"]] = data.attrs["whole_years"]
    assert len(found) == 7
    assert found["US-Wi1"] == found["US-Wi3"] == found["US-Wi8"] == []
    assert len(found["US-UMB"]) == 15
