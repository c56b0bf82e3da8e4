"""A basin keeps its name, zeros and all, and its soil adds up."""

import numpy as np
import pytest

from landdata import read_camels
from landdata.errors import InputError

NAME = """gauge_id;huc_02;gauge_name
01013500;01;Fish River near Fort Kent, Maine
11111111;02;Another River
"""
TOPO = """gauge_id;gauge_lat;gauge_lon;elev_mean;slope_mean;area_gages2
01013500;47.23739;-68.58264;250.31;21.64152;2252.7
11111111;40.0;-80.0;300.0;10.0;100.0
"""
SOIL = """gauge_id;soil_depth_pelletier;sand_frac;silt_frac;clay_frac;water_frac
01013500;7.4;30.0;15.0;15.0;40.0
11111111;NA;0.0;0.0;0.0;100.0
"""
VEGE = """gauge_id;frac_forest;lai_max;dom_land_cover;root_depth_50
01013500;0.9063;4.167;    Mixed Forests;NA
11111111;0.99;5.0; Deciduous Broadleaf Forest;0.2
"""


@pytest.fixture
def folder(tmp_path):
    for theme, text in (("name", NAME), ("topo", TOPO), ("soil", SOIL), ("vege", VEGE)):
        (tmp_path / f"camels_{theme}.txt").write_text(text)
    return tmp_path


THEMES = ("name", "topo", "soil", "vege")


def test_the_leading_zero_of_a_gauge_stays(folder):
    basins = read_camels(folder, THEMES)
    assert list(basins.index) == ["01013500", "11111111"]
    assert basins.loc["01013500", "huc_02"] == "01"
    assert basins.loc["01013500", "lat"] == 47.23739


def test_sand_and_clay_are_fractions_of_the_mineral_soil(folder):
    basins = read_camels(folder, THEMES)
    assert basins.loc["01013500", "sand"] == 50.0
    assert basins.loc["01013500", "clay"] == 25.0
    # A basin of water only has no texture.
    assert np.isnan(basins.loc["11111111", "sand"])


def test_na_is_missing_and_blanks_are_stripped(folder):
    basins = read_camels(folder, THEMES)
    assert np.isnan(basins.loc["01013500", "root_depth_50"])
    assert basins.loc["01013500", "dom_land_cover"] == "Mixed Forests"


def test_a_gauge_without_its_zero_is_refused(folder):
    (folder / "camels_topo.txt").write_text(TOPO.replace("01013500", "1013500"))
    with pytest.raises(InputError, match="leading zero"):
        read_camels(folder, THEMES)


def test_files_of_different_basins_are_refused(folder):
    (folder / "camels_topo.txt").write_text(TOPO.replace("11111111", "22222222"))
    with pytest.raises(InputError, match="same basins"):
        read_camels(folder, THEMES)


def test_an_unknown_theme_and_an_absent_file_are_refused(folder):
    with pytest.raises(InputError, match="some of"):
        read_camels(folder, ("soils",))
    with pytest.raises(InputError, match=r"camels_clim\.txt"):
        read_camels(folder)


def test_the_eastern_deciduous_basins(real_data):
    basins = read_camels(real_data / "camels")
    assert len(basins) == 671
    deciduous = basins["dom_land_cover"] == "Deciduous Broadleaf Forest"
    assert int(deciduous.sum()) == 122
    fraction = basins["sand"] + basins["clay"]
    assert fraction.dropna().between(0.0, 100.0 + 1e-9).all()
