"""Every published file beside the repository has a reader, and its traps are met.

Each entry is a file (or pattern), how it is read, and what must then be true: the
trap corrected, dropped, counted or reported. Without the files it is skipped; the
readers' own tests hold the same traps on small copies.
"""

import numpy as np
import pandas as pd
import pytest

from landdata import (
    mauna_loa_co2,
    read_autumn_dates,
    read_bcsd,
    read_callmip_fluxes,
    read_callmip_skill,
    read_camels,
    read_daymet,
    read_daymet_table,
    read_estimated_lai,
    read_fapar_lai_table,
    read_fluxnet,
    read_fluxnet_daily,
    read_forest_daily,
    read_forest_months,
    read_grassland_months,
    read_lai_block,
    read_modis_fapar,
    read_modis_lai,
    read_sipnet_forcing,
    read_sipnet_observations,
    read_site_list,
    read_soil_texture,
    read_station,
    read_tower,
    read_tower_heat,
    read_trendy_co2,
    read_tropomi_sif,
    site_observations,
)
from landdata.errors import InputError


def tower(path):
    read = read_tower(path)
    assert not any(read[n].isnull().any() for n in ("tmin", "tmax", "prec", "vpd"))
    targets = site_observations(path, streams=("gpp", "lai"))
    # Standard deviations that reach nothing are floored, and counted.
    for name, floor in (("gpp", 0.2), ("lai", 0.3)):
        known = targets[f"{name}_sd"].where(targets[name].notnull())
        assert float(known.min()) >= floor - 1e-12


def station(path):
    read = read_station(path)
    assert "pressure" not in read  # it is reduced to sea level, and named so
    assert float(read["sea_level_pressure"].mean()) > 1.0e5
    missing = {n: int(read[n].isnull().sum()) for n in ("dew_point", "shortwave")}
    assert missing == {"dew_point": 41, "shortwave": 12}


def modis(path):
    lai = read_modis_lai(path)["lai"]
    assert lai.sizes["time"] == 1876
    assert lai.attrs["n_saturated"] > 0
    assert "no quality flag" in lai.attrs["comment"]


def daymet_table(path):
    harvard = read_daymet_table(path, "harvard")
    assert harvard.attrs["day_shift"] == -1
    assert "compared with" in harvard.attrs["dates"]
    # A shift by a day moves the day that leap years lack to 30 December.
    assert harvard.attrs["n_repeated"] >= 1
    with pytest.raises(InputError, match="shiningrock"):
        read_daymet_table(path, "shiningrock")
    dropped = read_daymet_table(path, "shiningrock", drop_inverted=True)
    assert dropped.attrs["n_inverted"] == 12
    twins = read_daymet_table(path, "oakridge1")
    assert twins.attrs["same_pixel"] == "oakridge2"
    assert "never compared" in twins.attrs["dates"]
    assert read_daymet_table(path, "acadia").attrs["same_pixel"] == ""


def daymet_pixel(path):
    read = read_daymet(path)
    assert read.attrs["n_repeated"] == 3  # 2000, 2004, 2008
    assert read.sizes["time"] == 4018
    # A daylight mean of 310 W m-2 for 9.6 hours is 10.7 MJ, not 26.8.
    assert float(read["shortwave"][0]) == pytest.approx(10.73, abs=0.01)


def bcsd(path):
    read = read_bcsd(path)
    assert not read["land"].all()
    assert float(read["prec"].mean()) < 10.0  # of a day, not of a month


def fluxnet(path):
    read = read_fluxnet(path)
    assert all(float(v.min()) > -9000.0 for v in read.data_vars.values())
    if "US-Wi" in path.name:
        assert read.attrs["whole_years"] == []  # no annual sums of weak months
        assert read.attrs["n_below_quality"] > 0


# Files whose summer releases more carbon than their winter, with the right sign.
DRY = ("IT-Noe", "US-Whs", "US-Wkg", "AU-How")


def callmip(path):
    read = read_callmip_fluxes(path)
    season = read["nee"].groupby("time.season").mean()
    if read.attrs["site"] not in (*DRY, "US-Ton"):
        assert float(season.sel(season="JJA")) < float(season.sel(season="DJF"))
    both = read["nee"].notnull() & read["latent_heat"].notnull()
    r = np.corrcoef(read["nee"][both], read["latent_heat"][both])[0, 1]
    assert r < 0.1  # uptake goes with transpiration, wet or dry
    assert "standard_name" not in read["nee"].attrs  # "downward" was misleading
    assert (read.attrs["role"] == "validation") == (read.attrs["site"] == "AU-How")


def trendy(path):
    assert float(read_trendy_co2(path).sel(year=1850)) == 287.43


def skill(path):
    table = read_callmip_skill(path)
    assert table["site"].nunique() == 21


def fluxnet_daily(path):
    read = read_fluxnet_daily(path)
    assert read.sizes["time"] in (3286, 3287, 3288)
    station = path.name[:6]
    reported = read.attrs.get("corrections", "")
    assert ("gap-filled" in reported) == (station in ("AU-Stp", "AU-DaS"))
    assert ("swc" in read) == (station not in ("US-Ha1", "FR-Pue", "AU-Stp", "AU-DaS"))


def grassland(path):
    read = read_grassland_months(path)
    assert read.sizes["time"] == 192
    raw = pd.read_csv(path)
    march = raw.loc[(raw["year"] == 2004) & (raw["month"] == 3)].iloc[0]
    one = read.sel(time="2004-03-01")
    assert float(one["prec"]) == pytest.approx(march["prec_mm"] / 31)
    both = read["gpp"].notnull()
    assert int(both.sum()) == int(raw["gpp_gc_m2_month"].notna().sum())


def sites(path):
    table = read_site_list(path)
    assert table.index.is_unique
    assert table["lat"].abs().max() <= 90.0


def forest_daily(path):
    read = read_forest_daily(path)
    steps = np.diff(read["time"].to_numpy()).astype("timedelta64[D]").astype(int)
    assert set(steps) == {1}
    leap = [day for day in read.indexes["time"] if (day.month, day.day) == (2, 29)]
    assert all(np.isnan(float(read["tmin"].sel(time=day))) for day in leap)
    raw = pd.read_csv(path, index_col="date", parse_dates=True)
    ratio = read["vpd"].to_series().dropna() / (100.0 * raw["vpd"].dropna())
    ratio = ratio.replace([np.inf, -np.inf], np.nan).dropna()
    assert ratio.to_numpy() == pytest.approx(1.0 / 1.2)


def forest_months(path):
    read = read_forest_months(path, "US-Ha1")
    raw = pd.read_csv(path).query("id == 'US-Ha1'")
    assert int(read["gpp"].notnull().sum()) == int(raw["gpp"].notna().sum())
    assert "1.2 to 2.2" in read.attrs["corrections"]


def fapar(path):
    read = read_modis_fapar(path, "US-Ha1")
    raw = pd.read_csv(path).query("id == 'US-Ha1'")
    assert int(read["fapar"].notnull().sum()) == int(raw["good"].sum())


def estimated(path):
    assert read_estimated_lai(path, "US-Ha1").attrs["title"].startswith("ESTIMATE")


def lai_block(path):
    read = read_lai_block(path.parent)
    assert read["lai"].shape == (550, 185)


def sif(path):
    read = read_tropomi_sif(path, "DE-Hai")
    assert read.indexes["time"].is_unique
    assert float(read["sif"].min()) < 0.0  # noise, and no error


def half_days(path):
    assert {"tair", "par", "vpress"} <= set(read_sipnet_forcing(path).data_vars)


def half_daily_fluxes(path):
    read = read_sipnet_observations(path)
    kept = 4064 if "niwot" in path.name else 3698
    assert int(read["nee"].notnull().sum()) == kept
    assert 100.0 < float(read["et"].mean()) * 730.0 < 1500.0  # mm, not cm


def heat(path):
    read = read_tower_heat(path)
    counts = [int(read[name].notnull().sum()) for name in ("nee", "latent_heat")]
    assert counts == [1400, 5104]


def provided(path):
    """Values are held in ``test_provider_files``."""
    from landdata.files.provider_files import existing_file

    assert existing_file(path) == path


def camels(path):
    theme = path.stem.removeprefix("camels_")
    assert len(read_camels(path.parent, (theme,))) == 671


def co2(path):
    table = pd.read_csv(path, comment="#")
    year = int(table.iloc[10, 0])
    middle = mauna_loa_co2(np.array([f"{year}-07-02"], dtype="datetime64[D]"))
    assert float(middle[0]) == pytest.approx(float(table.iloc[10, 1]), abs=0.2)


def soil(path):
    assert read_soil_texture(path, "US-Ha1").doubt == ""
    assert "hardly" in read_soil_texture(path, "US-MMS").doubt
    with pytest.raises(InputError, match="US-Los"):
        read_soil_texture(path, "US-Los")


READERS = {
    "towers/*_daily.csv": tower,
    "stations/harvard_fisher_daily.csv": station,
    "products/mcd15a3h_lai_us_ha1.csv": modis,
    "products/daymet_phenocam_deciduous_daily.csv.gz": daymet_table,
    "products/daymet_v3_oak_ridge_daily.csv": daymet_pixel,
    "products/phenocam_autumn_dates.csv": lambda path: read_autumn_dates(path),
    "products/bcsd_obs_1999.nc": bcsd,
    "fluxnet2015_monthly/*.csv": fluxnet,
    "callmip/*.nc": callmip,
    "callmip/phase1b/*.nc": callmip,
    "callmip/co2/*.txt": trendy,
    "callmip/peer_skill_*.csv": skill,
    "fluxnet_daily/*.csv.gz": fluxnet_daily,
    "fluxnet_daily/sites.csv": sites,
    "qtp/*-*.csv": grassland,
    "qtp/sites.csv": sites,
    "real_sites/*sites.csv": sites,
    "real_sites/daily/*.csv": forest_daily,
    "real_sites/monthly_dbf_mf.csv": forest_months,
    "real_sites/fapar_modis_4day.csv": fapar,
    "real_sites/lai_estimated_dbf_mf.csv": estimated,
    "real_sites/lai_from_fapar_table.csv": lambda path: read_fapar_lai_table(path),
    "real_sites/coweeta/*.csv": lai_block,
    "eo/tropomi_sif_icos_sites_2018_2020.csv.gz": sif,
    "sipnet/*_forcing.csv.gz": half_days,
    "sipnet/*_halfdaily_observations.csv.gz": half_daily_fluxes,
    "sipnet/us_nr1_daily_*.csv": heat,
    "camels/camels_*.txt": camels,
    "co2/mauna_loa_annual.csv": co2,
    "soil/ameriflux_soil_texture.txt": soil,
}
# Held in test_provider_files: file by file, with the values of their README.
PROVIDED = (
    "FLX_FR-Pue_FLUXNET2015_FULLSET_MM_*.csv",
    "appeears_MCD12Q1.061_*.nc",
    "appeears_MCD15A3H-006-results.csv",
    "appeears_MCD15A3H.061_*.nc",
    "appeears_MOD17A2H-006-results.csv",
    "daymet_v3_header_only.nc",
    "dem_*_albers.tif",
    "depth_to_bedrock_*_cm.tif",
    "earthdata_opendap_MCD12Q1_*_sinusoidal.nc",
    "gee_MCD15A3H_*.csv",
    "gridmet_*.nc",
    "nlcd_2021_*_pygeohydro.nc",
    "nlcd_*_albers.tif",
    "terraclimate_aet_*.nc",
)
READERS |= {f"provider_files/{pattern}": provided for pattern in PROVIDED}
FOLDERS = {
    "callmip", "camels", "co2", "eo", "fluxnet2015_monthly", "fluxnet_daily",
    "products", "provider_files", "qtp", "real_sites", "sipnet", "soil", "stations",
    "towers",
}  # fmt: skip
# Words and licences, and an example of a model's output: nothing to read as input.
NOT_INPUT = {
    "README.md",
    "YARDSTICKS.md",
    "readme.md",
    "LICENSE-callmip.txt",
    "LICENSE-differland.txt",
    "LICENSE-sipnet-repository.txt",
    "CLASSIC.v2_Phase1b_Scen1_DK-Sor_Cal_Prior.nc",
}


@pytest.mark.parametrize("pattern", READERS)
def test_a_published_file_is_read_and_its_traps_are_met(real_data, pattern):
    paths = sorted(real_data.glob(pattern))
    assert paths
    for path in paths:
        READERS[pattern](path)


def test_no_published_file_is_without_a_reader(real_data):
    known = {path for pattern in READERS for path in real_data.glob(pattern)}
    every = {path for path in real_data.rglob("*") if path.is_file()}
    assert {path.name for path in every - known} <= NOT_INPUT
    assert {path.name for path in real_data.iterdir() if path.is_dir()} == FOLDERS


def test_a_submission_is_not_taken_for_observations(real_data):
    (path,) = (real_data / "callmip" / "template").glob("*.nc")
    with pytest.raises(InputError) as caught:
        read_callmip_fluxes(path)
    assert path.name in str(caught.value)
