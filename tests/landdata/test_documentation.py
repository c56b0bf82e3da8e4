"""docs/inputs.md says what is true of the code."""

import importlib
import re
from pathlib import Path
from typing import get_args

import pytest

from landdata.cube import catalogue
from landdata.cube.catalogue import read_catalogue

PAGE = Path(__file__).parents[2] / "docs" / "inputs.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_its_catalogues_are_catalogues(page, tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    blocks = [block for block in blocks if not block.startswith("streams:")]  # a run's
    assert len(blocks) == 2
    first, more = blocks
    path = tmp_path / "catalogue.yaml"
    path.write_text(first + more)
    found = read_catalogue(path).products
    assert {"temperature", "my_weather", "my_lai"} <= set(found)


def test_every_format_of_a_catalogue_is_described(page):
    formats = set()
    for kind in get_args(get_args(catalogue.Product)[0]):
        formats |= set(get_args(kind.model_fields["format"].annotation))
    assert len(formats) >= 10
    for name in formats:
        assert f"`{name}`" in page or f"format: {name}" in page, name


def test_every_reader_that_it_names_is_there(page):
    named = re.findall(r"`(landdata(?:\.\w+)*)\.((?:read|check|class|site)_\w+)`", page)
    assert len(named) > 20
    for module, name in named:
        assert callable(getattr(importlib.import_module(module), name)), name
