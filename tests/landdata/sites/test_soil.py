"""Soil is sand and clay that can stand together."""

import pytest

from landdata.errors import InputError
from landdata.sites.soil import read_soil_texture

TABLE = """site_code,soil_depth,n_layers,layer_depth,layer_sand%,layer_clay%
US-Ha1,-999,1,-999,66.0,6.0
US-Los,-999,1,-999,0.0,0.0
US-MMS,-999,1,-999,34.0,63.0
US-Two,1.0,2,0.5,40.0,20.0
US-Two,1.0,2,1.0,60.0,10.0
US-Non,-999,1,-999,-999,-999
US-Big,-999,1,-999,70.0,40.0
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "soil.txt"
    path.write_text(TABLE)
    return path


def test_a_site_is_found_by_its_code(table):
    soil = read_soil_texture(table, "US-Ha1")
    assert (soil.sand, soil.clay, soil.doubt) == (66.0, 6.0, "")


def test_layers_are_averaged(table):
    soil = read_soil_texture(table, "US-Two")
    assert (soil.sand, soil.clay) == (50.0, 15.0)


@pytest.mark.parametrize("site", ["US-Los", "US-Non", "US-Big"])
def test_a_row_that_cannot_be_soil_is_refused(table, site):
    with pytest.raises(InputError, match=site):
        read_soil_texture(table, site)


def test_an_unknown_site_is_answered_with_the_known_ones(table):
    with pytest.raises(InputError, match="US-MMS"):
        read_soil_texture(table, "US-Xxx")


def test_a_row_hard_to_believe_is_given_with_its_doubt(table, caplog):
    assert "63 % clay" in read_soil_texture(table, "US-MMS").doubt
    assert "US-MMS" in caplog.text


def test_the_real_table(real_data):
    path = real_data / "soil/ameriflux_soil_texture.txt"
    assert read_soil_texture(path, "US-UMB").sand == 92.6
    assert read_soil_texture(path, "US-MMS").doubt
