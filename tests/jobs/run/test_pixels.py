"""Tables of pixels and of towers: ids, words and keys."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs.config.pixels import PixelTable, TowerTable
from jobs.errors import ConfigError
from jobs.run.pixels import read_pixels
from jobs.run.sources.table import TableSource
from jobs.run.sources.towers import TowerSource

HEADER = "id,name,latitude,longitude,elevation,sand,clay,key\n"


def _table(path, *rows):
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("1,a,42,-72,300,60,10,A", "1,b,43,-72,300,60,10,B"), "line 2 has it"),
        (("1,a,42,-72,300,60,10,A", "2,b,43,-72,300,60,10,1"), "line 2 has it"),
        (("1,a,42,-72,300,60,10,../../x",), "a word such as US-Ha1"),
    ],
)
def test_two_pixels_never_share_an_id_or_a_key(tmp_path, rows, said):
    with pytest.raises(ConfigError, match=said):
        read_pixels(_table(tmp_path / "pixels.csv", *rows))


def test_a_key_that_is_the_id_is_no_second_pixel(tmp_path):
    rows = ("1,a,42,-72,300,60,10,1", "2,b,43,-72,300,60,10,")
    found = read_pixels(_table(tmp_path / "pixels.csv", *rows))
    assert [(one.id, one.given_id) for one in found] == [(1, "1"), (2, "2")]


def test_towers_are_found_by_ids_with_leading_zeros_and_by_keys(tmp_path):
    table = tmp_path / "towers.csv"
    table.write_text(
        "id,latitude,longitude,elevation,key,class\n"
        "007,42,-72,300,,DBF\n12,43,-72,300,Oak-1,DBF\n13,44,-72,300,,ENF\n"
    )
    place = TowerTable(
        source="towers", table=Path("towers.csv"), tower="{id}.csv", classes=["DBF"]
    )
    source = TowerSource(SimpleNamespace(pixels=place, periods=None), tmp_path)
    pixels = source.pixels()
    assert [one.given_id for one in pixels] == ["7", "Oak-1"]
    assert [Path(source.where(one)).name for one in pixels] == ["007.csv", "12.csv"]
    assert list(source.covariates().index) == [7, 12]


@pytest.mark.parametrize(
    ("column", "names"),
    [("", ["US-Ha1", "DE-Hai"]), ("Oak ridge,", ["Oak ridge", "DE-Hai"])],
)
def test_a_pixel_of_a_table_without_a_name_is_called_by_its_id(tmp_path, column, names):
    header = "id,latitude,longitude,elevation,sand,clay"
    rows = ["US-Ha1,42.5,-72.2,340,65,6", "DE-Hai,51.1,10.5,430,20,30"]
    if column:
        header += ",name"
        rows = [
            f"{row},{name}" for row, name in zip(rows, column.split(","), strict=True)
        ]
    (tmp_path / "places.csv").write_text("\n".join([header, *rows, ""]))
    place = PixelTable(
        source="table",
        table=Path("places.csv"),
        forcing="{id}.nc",
        observations="{id}.nc",
    )
    source = TableSource(SimpleNamespace(pixels=place, periods=None), tmp_path)
    found = source.pixels()
    assert [one.name for one in found] == names
    assert [one.key for one in found] == ["US-Ha1", "DE-Hai"]
