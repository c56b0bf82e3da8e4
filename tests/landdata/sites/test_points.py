"""Towers and MODIS at points: the quality rules, day by day."""

import numpy as np
import pandas as pd
import pytest

from landdata.errors import InputError
from landdata.sites.ameriflux import read_ameriflux_base
from landdata.sites.modis_point import Quality, read_modis_point


def base_table(step=30, days=3):
    start = pd.date_range("2003-07-01", periods=days * 1440 // step, freq=f"{step}min")
    end = start + pd.Timedelta(minutes=step)
    hour = start.hour + start.minute / 60.0
    return pd.DataFrame(
        {
            "TIMESTAMP_START": start.strftime("%Y%m%d%H%M"),
            "TIMESTAMP_END": end.strftime("%Y%m%d%H%M"),
            "NEE_PI": 1.0,
            "NEE_PI_F": 55.0,
            "TA_1_1_1": 10.0 + hour,
            "P": 0.5 * step / 30.0,
            "PA": 98.0,
            "SW_IN": 200.0,
            "WS": 2.0,
        }
    )


def write_base(path, table):
    text = "# Site: US-Ha1\n# Version: 20-5\n" + table.to_csv(index=False)
    path.write_text(text)
    return path


@pytest.mark.parametrize("step", [30, 60])
def test_base_becomes_daily_values_in_our_units(tmp_path, step):
    found = read_ameriflux_base(write_base(tmp_path / "b.csv", base_table(step)))
    assert found.attrs["site"] == "US-Ha1"
    assert found.sizes["time"] == 3
    # 1 umol CO2 m-2 s-1 for a day: 86400e-6 mol of 12.011 g.
    np.testing.assert_allclose(found["nee"], 1.0377504, rtol=1e-6)
    np.testing.assert_allclose(found["prec"], 24.0)
    np.testing.assert_allclose(found["tmin"], 10.0)
    np.testing.assert_allclose(found["tmax"], 34.0 - step / 60.0)
    np.testing.assert_allclose(found["pressure"], 98000.0)
    np.testing.assert_allclose(found["shortwave"], 17.28)
    assert found["nee"].attrs["column"] == "NEE_PI"


def test_a_day_may_miss_a_fifth_and_no_more(tmp_path):
    table = base_table()
    table.loc[0:8, "NEE_PI"] = -9999  # 9 of 48: 18.75 %
    table.loc[48:57, "NEE_PI"] = -9999  # 10 of 48: 20.8 %
    found = read_ameriflux_base(write_base(tmp_path / "b.csv", table))
    np.testing.assert_array_equal(np.isnan(found["nee"]), [False, True, False])
    assert found["nee"].attrs["n_invalid_days"] == 1
    rows_gone = table.drop(index=range(96, 107))
    found = read_ameriflux_base(write_base(tmp_path / "b.csv", rows_gone))
    assert np.isnan(found["tmean"][2])  # rows that are not there are missing too


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (lambda t: t.iloc[[0, 2, 1, 3]], "in order"),
        (lambda t: t.iloc[[0, 1, 1, 2]], "each time once"),
        (lambda t: t.assign(TA_1_1_1="warm"), "'warm'"),
        (lambda t: t.assign(PA=980.0), "PA on 2003-07-01"),
        (lambda t: t.drop(columns="TIMESTAMP_END"), "TIMESTAMP_END"),
        (lambda t: t.assign(TIMESTAMP_START="yesterday"), "YYYYMMDDHHMM"),
        (lambda t: t.iloc[:0], "no rows"),
    ],
)
def test_a_wrong_base_file_is_refused_by_name(tmp_path, change, reported):
    path = write_base(tmp_path / "b.csv", change(base_table()))
    with pytest.raises(InputError, match=reported) as caught:
        read_ameriflux_base(path)
    assert "b.csv" in str(caught.value)


def test_a_file_without_its_comment_lines_is_refused(tmp_path):
    path = tmp_path / "b.csv"
    base_table().to_csv(path, index=False)
    with pytest.raises(InputError, match="comment lines"):
        read_ameriflux_base(path)


@pytest.mark.parametrize(
    ("bits", "good"),
    [
        (0b00000000, True),
        (0b00100000, True),  # main algorithm, saturated
        (0b00011000, True),  # cloud not defined
        (0b00000001, False),  # other quality
        (0b00000100, False),  # dead detectors
        (0b00001000, False),  # cloud
        (0b01000000, False),  # backup algorithm
        (0b11111111, False),
    ],
)
def test_the_bits_of_a_flag(bits, good):
    assert bool(Quality(np.array([bits])).good[0]) is good


def appeears(values, flags, band="MCD15A3H_061_Lai_500m", qc="MCD15A3H_061_FparLai_QC"):
    days = pd.date_range("2003-12-19", periods=len(values), freq="4D")
    if "Gpp" in band:
        days = pd.DatetimeIndex(["2003-12-19", "2003-12-27", "2004-01-01"])
    return pd.DataFrame(
        {"ID": "ha1", "Date": days.strftime("%Y-%m-%d"), band: values, qc: flags}
    )


def test_appeears_lai_keeps_what_is_good(tmp_path):
    path = tmp_path / "lai.csv"
    appeears([4.2, 3.9, 25.3, 4.0], [0, 8, 0, 32]).to_csv(path, index=False)
    found = read_modis_point(path, "lai")["lai"]
    np.testing.assert_allclose(found, [4.2, np.nan, np.nan, 4.0])
    assert (found.attrs["n_poor"], found.attrs["n_fill"]) == (1, 1)


def test_modis_gpp_of_the_last_composite_has_five_days(tmp_path):
    path = tmp_path / "gpp.csv"
    table = appeears(
        [0.04, 0.04, 0.04],
        [0, 0, 0],
        "MOD17A2H_061_Gpp_500m",
        "MOD17A2H_061_Psn_QC_500m",
    )
    table.to_csv(path, index=False)
    found = read_modis_point(path, "gpp")["gpp"]
    np.testing.assert_allclose(found, [5.0, 8.0, 5.0])
    assert found.attrs["units"] == "g m-2 d-1"


def modistools():
    rows = []
    for day in ("2003-07-04", "2003-07-12"):
        for pixel in (1, 2, 3):
            for band, value, scale in (
                ("Lai_500m", 40 + pixel, "0.1"),
                ("FparLai_QC", 0, "NA"),
            ):
                rows.append(
                    {"site": "ha1", "band": band, "scale": scale, "value": value,
                     "calendar_date": day, "pixel": pixel}
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_modistools_gives_the_middle_pixel_scaled(tmp_path):
    path = tmp_path / "mt.csv"
    modistools().to_csv(path, index=False)
    np.testing.assert_allclose(read_modis_point(path, "lai")["lai"], 4.2)
    modistools().replace({"0.1": "0.01"}).to_csv(path, index=False)
    with pytest.raises(InputError, match="scale"):
        read_modis_point(path, "lai")


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (lambda t: t.drop(columns="MCD15A3H_061_FparLai_QC"), "quality layer"),
        (lambda t: t.iloc[[0, 1, 1]], "each date once"),
        (lambda t: t.assign(MCD15A3H_061_FparLai_QC=300), "eight bits"),
        (lambda t: t.assign(MCD15A3H_061_Lai_500m="high"), "'high'"),
        (lambda t: t.assign(Date="4 July"), "YYYY-MM-DD"),
        (lambda t: t.assign(ID=["a", "b", "c", "d"]), "site="),
        (lambda t: t.iloc[:0], "no rows"),
    ],
)
def test_a_wrong_modis_file_is_refused_by_name(tmp_path, change, reported):
    path = tmp_path / "lai.csv"
    change(appeears([4.2, 3.9, 4.1, 4.0], [0, 8, 0, 32])).to_csv(path, index=False)
    with pytest.raises(InputError, match=reported) as caught:
        read_modis_point(path, "lai")
    assert "lai.csv" in str(caught.value)
