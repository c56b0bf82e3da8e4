"""The JSON Schema of a configuration, and the pages of the manual made from code."""

from __future__ import annotations

import doctest
import importlib.util
import json
from importlib.resources import files
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import jobs.config.json_schema
from jobs.config.json_schema import config_schema, reference_rows

ROOT = Path(__file__).parents[3]
TEMPLATES = [
    path for path in files("jobs.config.templates").iterdir() if path.suffix == ".yaml"
]


def errors_of(content):
    jsonschema = pytest.importorskip("jsonschema")
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return list(jsonschema.Draft202012Validator(schema).iter_errors(content))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_keep_to_the_schema_and_mistakes_do_not(path):
    content = YAML(typ="safe").load(path.read_text())
    assert not errors_of(content)
    assert errors_of({**content, "sede": 3})
    assert errors_of({**content, "seed": -1})
    assert errors_of({k: v for k, v in content.items() if k != "name"})
    if "periods" in content:
        years = content["periods"] | {"calibration": "2002 to 2005"}
        assert errors_of({**content, "periods": years})
        assert errors_of({k: v for k, v in content.items() if k != "calibration"})


def test_the_command_prints_the_schema_and_writes_it(masm_command, tmp_path):
    reported = masm_command("schema")
    assert reported.exit_code == 0, reported.output
    assert json.loads(reported.output) == config_schema()
    path = tmp_path / "masm.schema.json"
    assert masm_command("schema", "--output", path).exit_code == 0
    assert json.loads(path.read_text()) == config_schema()


def test_the_reference_has_every_key_with_its_default():
    rows = {(section, name): row for section, name, *row in reference_rows()}
    assert rows["", "seed"][1] == "required"
    assert rows["execution.slurm", "walltime_minutes"][1] == "90"
    assert rows["pixels (region).sample", "forest_above"][0].startswith("number")
    assert rows["streams.NAME", "variance"][1] == "series"
    assert rows["calibration.blocks[]", "streams"][0] == "list of text"
    assert rows["periods", "spinup"][0] == "years"


def test_the_pages_have_every_command_and_key():
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = hooks.command_reference()
    for words in ("masm run", "masm region build", "masm schema", "masm callmip"):
        assert f"## `{words}" in page
    assert "`--executor`" in page
    assert "tasks" not in page.split("## `masm screen`")[1].split("##")[0]  # hidden
    configuration = hooks.configuration_reference()
    for _, name, *_ in reference_rows():
        assert f"| `{name}` |" in configuration


def test_examples_run():
    assert doctest.testmod(jobs.config.json_schema).failed == 0
