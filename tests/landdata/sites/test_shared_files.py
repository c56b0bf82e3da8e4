"""Every published file beside the repository has a reader, and its traps are met.

Each entry is a file (or pattern), how it is read, and what must then be true: the
trap corrected, dropped, counted or told. Without the files it is skipped; the
readers' own tests hold the same traps on small copies.
"""

import numpy as np
import pandas as pd
import pytest

from ibis_dalec.errors import InputError
from landdata import (
    mauna_loa_co2,
    read_autumn_dates,
    read_bcsd,
    read_callmip_fluxes,
    read_camels,
    read_daymet,
    read_daymet_table,
    read_fluxnet,
    read_modis_lai,
    read_soil_texture,
    read_station,
    read_tower,
    site_observations,
)


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
    assert "held against" in harvard.attrs["dates"]
    # A shift by a day moves the day that leap years lack to 30 December.
    assert harvard.attrs["n_repeated"] >= 1
    with pytest.raises(InputError, match="shiningrock"):
        read_daymet_table(path, "shiningrock")
    dropped = read_daymet_table(path, "shiningrock", drop_inverted=True)
    assert dropped.attrs["n_inverted"] == 12
    twins = read_daymet_table(path, "oakridge1")
    assert twins.attrs["same_pixel"] == "oakridge2"
    assert "never held" in twins.attrs["dates"]
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


def callmip(path):
    read = read_callmip_fluxes(path)
    months = read["nee"].groupby("time.month").mean()
    assert float(months.sel(month=7)) < float(months.sel(month=1))
    assert "standard_name" not in read["nee"].attrs  # "downward" was misleading


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
    "camels/camels_*.txt": camels,
    "co2/mauna_loa_annual.csv": co2,
    "soil/ameriflux_soil_texture.txt": soil,
}
# Words, and an example of a model's output: nothing to read as input.
NOT_INPUT = {"README.md", "readme.md", "CLASSIC.v2_Phase1b_Scen1_DK-Sor_Cal_Prior.nc"}


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


def test_a_submission_is_not_taken_for_observations(real_data):
    (path,) = (real_data / "callmip" / "template").glob("*.nc")
    with pytest.raises(InputError) as caught:
        read_callmip_fluxes(path)
    assert path.name in str(caught.value)
