"""Places whose coordinates or soil are no such: one rule at every door."""

import pytest

from jobs.config.pixels import GeneratedPixel
from jobs.config.place_checks import place_fault
from jobs.errors import ConfigError
from jobs.run.pixels import read_pixels

GOOD = {"latitude": 42.5, "longitude": -72.2, "sand": 66.0, "clay": 6.0}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, None),
        ({"latitude": 0.0}, None),
        ({"longitude": 0.0}, None),
        ({"sand": 0.0, "clay": 0.0}, None),
        ({"sand": 0.0, "clay": 2.0}, None),
        ({"latitude": 0.0, "longitude": 0.0}, "in the sea"),
        ({"sand": 0.66, "clay": 0.06}, "multiply by 100"),
        ({"sand": 0.6, "clay": 0.4}, "multiply by 100"),
    ],
)
def test_a_table_and_a_section_have_the_same_rule(tmp_path, change, word):
    place = GOOD | change
    fault = place_fault(**place)
    assert (fault is None) == (word is None)
    path = tmp_path / "pixels.csv"
    cells = ",".join(f"{value:g}" for value in place.values())
    path.write_text(
        f"id,name,latitude,longitude,sand,clay,elevation\n1,a,{cells},340\n"
    )
    more = {"source": "generated", "name": "a", "elevation": 340, "years": "2001-2003"}
    if word is None:
        assert read_pixels(path)[0].sand == place["sand"]
        GeneratedPixel(**place, **more)
        return
    with pytest.raises(ConfigError, match=word):
        read_pixels(path)
    with pytest.raises(ValueError, match=word):
        GeneratedPixel(**place, **more)
