"""A table of 100,000 columns is read, or refused in a text that can be read."""

from __future__ import annotations

import time

import pytest

from jobs.errors import ConfigError
from jobs.inputs.reanalysis_tables import read_sites
from jobs.run.csv_tables import read_rows
from jobs.stages.flux_sites import read_sites as read_towers
from landdata.errors import InputError
from landdata.files.text_tables import read_text_table


def wide(folder, n_columns):
    """Write a table of pixels with columns that nobody asked for."""
    path = folder / "sites.csv"
    known = {"id": 1, "name": "a", "latitude": 42, "longitude": -72}
    names = [*known, *(f"c{i}" for i in range(n_columns))]
    values = [*map(str, known.values()), *("1" for _ in range(n_columns))]
    path.write_text(f"{','.join(names)}\n{','.join(values)}\n")
    return path


def test_a_wide_table_of_pixels_is_read_in_seconds_of_processor_time(tmp_path):
    path = wide(tmp_path, 100_000)
    begun = time.process_time()
    header, rows = read_rows(path, "the table of pixels")
    assert time.process_time() - begun < 5.0
    assert len(header) == 100_004
    assert rows[0][1]["latitude"] == "42"


def test_a_column_twice_is_named_once(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text("id,lat,id,lat,x\n1,2,3,4,5\n")
    with pytest.raises(ConfigError, match="found   id, lat twice"):
        read_rows(path, "the table of pixels")


@pytest.mark.parametrize(
    "read",
    [
        lambda path: read_towers(path.parent),
        read_sites,
        lambda path: read_text_table(path, required=["gpp"]),
    ],
    ids=["towers", "reanalysis", "observations"],
)
def test_the_names_of_all_columns_are_not_told(tmp_path, read):
    with pytest.raises((ConfigError, InputError)) as caught:
        read(wide(tmp_path, 5000))
    assert "c0, c1" in str(caught.value)
    assert len(str(caught.value)) < 5000
