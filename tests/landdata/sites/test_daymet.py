"""Daymet's 365-day years become real ones, and every day made up is counted."""

import numpy as np
import pandas as pd
import pytest

from landdata import assemble_forcing, read_daymet, read_daymet_table
from landdata.errors import InputError

PREAMBLE = """Latitude: 36.0133  Longitude: -84.2625
X & Y on Lambert Conformal Conic: 1355394.59 -560478.62
Tile: 11388
Elevation: 279 meters
All years; all variables; Daymet Software Version 3.0; Daymet Data Version 3.0.
How to cite: Thornton; P.E.; and others. 2016.

"""


def pixel_table(years=(2003, 2004)):
    rows = [(float(y), float(d)) for y in years for d in range(1, 366)]
    year, yday = np.array(rows).T
    season = np.cos(2 * np.pi * (yday - 200) / 365)
    return pd.DataFrame(
        {
            "year": year,
            "yday": yday,
            "dayl (s)": 43200.0 + 10000.0 * season,
            "prcp (mm/day)": np.where(yday % 4 == 0, 12.0, 0.0),
            "srad (W/m^2)": 300.0 + 100.0 * season,
            "swe (kg/m^2)": 0.0,
            "tmax (deg c)": 20.0 + 10.0 * season,
            "tmin (deg c)": 9.0 + 10.0 * season,
            "vp (Pa)": 1100.0 + 700.0 * season,
        }
    )


def write_pixel(tmp_path, table, preamble=PREAMBLE):
    path = tmp_path / "daymet.csv"
    path.write_text(preamble + table.to_csv(index=False))
    return path


def site_table(site="camera", years=(2003, 2004)):
    pixel = pixel_table(years)
    return pd.DataFrame(
        {
            "site": site,
            "lat": 44.1,
            "lon": -71.3,
            "year": pixel["year"].astype(int),
            "doy": pixel["yday"].astype(int),
            "tmin": pixel["tmin (deg c)"],
            "tmax": pixel["tmax (deg c)"],
            "prec": pixel["prcp (mm/day)"],
            "vapour_pressure": pixel["vp (Pa)"],
            "daylength": pixel["dayl (s)"] / 3600.0,
        }
    )


def test_the_place_comes_from_the_preamble(tmp_path):
    attrs = read_daymet(write_pixel(tmp_path, pixel_table())).attrs
    assert (attrs["lat"], attrs["lon"], attrs["elevation"]) == (36.0133, -84.2625, 279)


def test_leap_years_get_their_last_day_back_and_keep_29_february(tmp_path):
    record = read_daymet(write_pixel(tmp_path, pixel_table()))
    assert record.sizes["time"] == 365 + 366
    assert record.attrs["n_repeated"] == 1
    for name in ("tmin", "prec", "shortwave"):
        last = record[name].sel(time="2004-12-31").item()
        assert last == record[name].sel(time="2004-12-30").item()
    # 29 February is day 60 of the file, and 30 December its day 365.
    table = pixel_table()
    leap = table[table["year"] == 2004].set_index("yday")
    assert record["tmax"].sel(time="2004-02-29").item() == leap.loc[60, "tmax (deg c)"]
    assert (
        record["tmax"].sel(time="2004-12-30").item() == (leap.loc[365, "tmax (deg c)"])
    )


def test_radiation_is_spread_over_the_whole_day(tmp_path):
    table = pixel_table((2003,))
    record = read_daymet(write_pixel(tmp_path, table))
    expected = table["srad (W/m^2)"] * table["dayl (s)"] / 1e6
    np.testing.assert_allclose(record["shortwave"], expected)
    assert record["shortwave"].attrs["units"] == "MJ m-2 d-1"


def test_a_pixel_becomes_forcing(tmp_path):
    record = read_daymet(write_pixel(tmp_path, pixel_table()))
    forcing = assemble_forcing(
        [record],
        lat=record.attrs["lat"],
        elevation=record.attrs["elevation"],
        sand=40.0,
        clay=20.0,
    )
    assert forcing.sizes["time"] == 731
    assert "from vapour pressure" in forcing["specific_humidity"].attrs["source"]
    assert "standard atmosphere at 279 m" in forcing["pressure"].attrs["source"]


def test_a_missing_day_is_named(tmp_path):
    with pytest.raises(InputError, match="day 100 is missing"):
        read_daymet(write_pixel(tmp_path, pixel_table().drop(index=99)))


def test_a_day_366_is_refused(tmp_path):
    table = pixel_table()
    table.loc[729, "yday"] = 366.0
    with pytest.raises(InputError, match="leap years lack 31 December"):
        read_daymet(write_pixel(tmp_path, table))


def test_a_file_without_preamble_or_header_is_refused(tmp_path):
    with pytest.raises(InputError, match="lat"):
        read_daymet(write_pixel(tmp_path, pixel_table(), preamble=""))
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="year,yday"):
        read_daymet(path)


def test_another_unit_in_the_header_is_refused(tmp_path):
    table = pixel_table().rename(columns={"vp (Pa)": "vp (hPa)"})
    with pytest.raises(InputError, match=r"vp \(Pa\)"):
        read_daymet(write_pixel(tmp_path, table))


def test_one_site_of_a_gzipped_table(tmp_path):
    path = tmp_path / "sites.csv.gz"
    pd.concat([site_table("a"), site_table("camera")]).to_csv(path, index=False)
    record = read_daymet_table(path, "camera")
    assert record.sizes["time"] == 731
    assert record.attrs["lat"] == 44.1
    assert float(record["daylength"][0]) == pytest.approx(
        3600.0 * site_table()["daylength"][0]
    )
    with pytest.raises(InputError, match="one of a, camera"):
        read_daymet_table(path, "b")


def test_a_late_site_is_shifted_back_with_its_leap_day(write):
    table = write(site_table("harvard"))
    record = read_daymet_table(table, "harvard")
    unshifted = read_daymet_table(table, "harvard", day_shift=0)
    assert record.attrs["day_shift"] == -1
    days = record.indexes["time"]
    assert (days[0], days[-1]) == (
        pd.Timestamp("2002-12-31"),
        pd.Timestamp("2004-12-30"),
    )
    np.testing.assert_array_equal(record["tmin"], unshifted["tmin"])
    # The day that is lacking moved too: 30 December repeats 29 December.
    assert record["tmin"][-1] == record["tmin"].sel(time="2004-12-29")


def test_inverted_temperatures_are_refused_or_made_missing_and_counted(write):
    table = site_table()
    table.loc[[40, 50], "tmin"] = 40.0
    path = write(table)
    with pytest.raises(InputError, match="2003-02-10"):
        read_daymet_table(path, "camera")
    record = read_daymet_table(path, "camera", drop_inverted=True)
    assert record.attrs["n_inverted"] == 2
    assert int(record["tmin"].isnull().sum()) == 2
    assert int(record["tmax"].isnull().sum()) == 2


def test_oak_ridge_as_the_service_returned_it(real_data):
    record = read_daymet(real_data / "products/daymet_v3_oak_ridge_daily.csv")
    assert record.sizes["time"] == 4018  # 2000 to 2010, three leap years
    assert record.attrs["n_repeated"] == 3
    # A humid temperate site: between 4 and 5.5 GJ m-2 a year.
    assert 4000.0 < float(record["shortwave"].sum()) / 11 < 5700.0


def test_harvard_in_the_table_agrees_with_the_station_only_when_shifted(real_data):
    from landdata import read_station

    path = real_data / "products/daymet_phenocam_deciduous_daily.csv.gz"
    fisher = read_station(real_data / "stations/harvard_fisher_daily.csv")

    def agreement(shift):
        record = read_daymet_table(path, "harvard", day_shift=shift)
        both = record["tmax"].to_series().to_frame("daymet")
        both["fisher"] = fisher["tmax"].to_series()
        return both.corr().iloc[0, 1]

    assert agreement(None) > 0.99
    assert agreement(0) < 0.95


def test_shining_rock_has_twelve_inverted_days(real_data):
    path = real_data / "products/daymet_phenocam_deciduous_daily.csv.gz"
    with pytest.raises(InputError, match="shiningrock"):
        read_daymet_table(path, "shiningrock")
    record = read_daymet_table(path, "shiningrock", drop_inverted=True)
    assert record.attrs["n_inverted"] == 12
