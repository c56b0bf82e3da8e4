"""Tables of many sites: small made ones, in the forms of those that were published."""

import numpy as np
import pandas as pd
import pytest

from landdata import (
    read_callmip_skill,
    read_fluxnet_daily,
    read_forest_daily,
    read_grassland_months,
    read_lai_block,
    read_modis_fapar,
    read_sipnet_observations,
    read_site_list,
    read_trendy_co2,
    read_tropomi_sif,
)
from landdata.errors import InputError


def test_forest_days_that_are_left_out_are_missing_and_every_word_is_kept(write, tower):
    table = tower.assign(date=pd.date_range("2004-01-01", periods=len(tower)))
    table["date"] = table["date"].dt.strftime("%Y-%m-%d")
    table = table[table["date"] != "2004-02-29"]
    table.loc[table.index[5], "srad"] = -0.1
    read = read_forest_daily(write(table.assign(gpp_se=0.0)))
    assert np.isnan(float(read["tmin"].sel(time="2004-02-29")))
    assert float(read["vpd"][0]) == pytest.approx(100 * table["vpd"].iloc[0] / 1.2)
    reported = read.attrs["corrections"]
    for word in ("night offset", "1 of them 29 February", "divided by 1.2"):
        assert word in reported


def test_gap_filled_towers_are_reported(write, tower):
    filled = tower.assign(nee=tower["er"] - tower["gpp"], swc=30.0)
    read = read_fluxnet_daily(write(filled))
    assert "gap-filled" in read.attrs["corrections"]
    assert float(read["swc"][0]) == 30.0
    with pytest.raises(InputError, match="swc"):
        read_fluxnet_daily(write(tower.assign(swc=130.0)))
    with pytest.raises(InputError, match="multiply by 100"):
        read_fluxnet_daily(write(tower.assign(swc=0.31)))


def test_totals_of_a_month_become_means_of_its_days(write):
    table = pd.DataFrame(
        {"year": 2004, "month": [1, 2, 3], "prec_mm": [31.0, 29.0, 31.0],
         "gpp_gc_m2_month": [62.0, 58.0, 62.0], "tmin_c": 1.0, "tmax_c": 9.0}
    )  # fmt: skip
    read = read_grassland_months(write(table))
    np.testing.assert_allclose(read["prec"], 1.0)
    np.testing.assert_allclose(read["gpp"], 2.0)
    with pytest.raises(InputError, match="month"):
        read_grassland_months(write(table.assign(month=[1, 2, 13])))
    year = pd.concat([table.assign(year=2000 + k) for k in range(5)])
    for factor, noted in ((1.0, False), (1 / 30, True)):
        made = year.assign(gpp_gc_m2_month=factor * year["gpp_gc_m2_month"])
        said = read_grassland_months(write(made)).attrs.get("corrections", "")
        assert ("means of a day" in said) == noted


def test_half_days_that_were_filled_are_no_observations(write):
    table = pd.DataFrame(
        {"year": 2001, "day": [1, 1, 2], "time": [0, 7, 7], "length": [0.3, 0.4, 0.4],
         "nee": [0.1, 0.2, 0.3], "nee_valid": [0.4, 0.5, 1.0],
         "et": [0.01, 0.02, 0.03], "et_valid": 1.0}
    )  # fmt: skip
    read = read_sipnet_observations(write(table))
    np.testing.assert_allclose(read["nee"], [np.nan, 0.2, 0.3])
    np.testing.assert_allclose(read["et"], [0.1, 0.2, 0.3])  # cm become mm
    with pytest.raises(InputError, match="in order"):
        read_sipnet_observations(write(table.assign(day=[2, 1, 2])))


def test_soundings_of_a_day_are_averaged_and_poor_fapar_is_missing(write):
    table = pd.DataFrame(
        {"site": "DE-Hai", "date": ["2018-06-01", "2018-06-01", "2018-06-02"],
         "sif_daily": [0.2, 0.4, -0.1], "ndvi": 0.8, "gpp": 9.0}
    )  # fmt: skip
    read = read_tropomi_sif(write(table), "DE-Hai")
    np.testing.assert_allclose(read["sif"], [0.3, -0.1])
    assert "averaged" in read.attrs["corrections"]
    with pytest.raises(InputError, match="no US-Ha1"):
        read_tropomi_sif(write(table), "US-Ha1")
    fapar = pd.DataFrame(
        {"id": "A", "date": ["2003-01-05", "2003-01-01"], "fapar": [0.5, 0.4],
         "good": [1, 0]}
    )  # fmt: skip
    np.testing.assert_allclose(
        read_modis_fapar(write(fapar), "A")["fapar"], [np.nan, 0.5]
    )


def test_a_block_of_pixels_has_one_row_for_each_of_its_places(tmp_path):
    places = pd.DataFrame({"pixel": [4, 5], "latitude": 35.0, "longitude": -83.0})
    places.to_csv(tmp_path / "pixels.csv", index=False)
    lai = pd.DataFrame({"pixel": [5, 4], "2010-01-01": [1.0, 2.0]})
    lai.to_csv(tmp_path / "lai_4day.csv", index=False)
    assert float(read_lai_block(tmp_path)["lai"].sel(pixel=4)[0]) == 2.0
    lai.assign(pixel=[5, 6]).to_csv(tmp_path / "lai_4day.csv", index=False)
    with pytest.raises(InputError, match="each once"):
        read_lai_block(tmp_path)


def test_lists_of_places_are_on_the_globe_and_annual_co2_has_no_gap(tmp_path, write):
    table = pd.DataFrame({"site": ["A", "B"], "lat": [1.0, 2.0], "lon": [287.5, 4.0]})
    assert list(read_site_list(write(table))["lon"]) == [-72.5, 4.0]
    with pytest.raises(InputError, match="each place once"):
        read_site_list(write(table.assign(site="A")))
    with pytest.raises(InputError, match="in the sea"):
        read_site_list(write(table.assign(lat=0.0, lon=0.0)))
    path = tmp_path / "co2.txt"
    path.write_text("Annee_1850=287.43\nAnnee_1851=287.5")
    assert float(read_trendy_co2(path).sel(year=1851)) == 287.5
    path.write_text("Annee_1850=287.43\nAnnee_1852=287.5\n")
    with pytest.raises(InputError, match="1850 and then 1852"):
        read_trendy_co2(path)
    skill = pd.DataFrame(
        {"site": ["A", "A"], "flux": "NEE", "r2": 0.5, "rmse": 1.0, "n_months": 9}
    )
    with pytest.raises(InputError, match="each site and flux once"):
        read_callmip_skill(write(skill))
