"""The import contract holds, and the picture of the design shows the arrows."""

import importlib
import importlib.util
import inspect
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from jobs.process_models.registry import MODELS
from masm.methods.method import Method
from masm.methods.registry import METHODS

ROOT = Path(__file__).parents[1]
PACKAGES = ("masm", "ibis_dalec", "landmodels", "upscale", "landdata", "jobs")


@pytest.fixture(scope="module")
def packages():
    spec = importlib.util.spec_from_file_location(
        "packages", ROOT / "docs" / "packages.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contract():
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_import_contract_holds():
    reported = contract()
    assert reported.returncode == 0, reported.stdout[-3000:]


def test_an_import_inside_a_function_counts_too(packages, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "one.py").write_text("def f():\n    from b.two import g\n")
    (tmp_path / "b" / "two.py").write_text("import os\n")
    assert packages.count_imports(tmp_path, ("a", "b")) == {("a", "b"): 1}


def test_nothing_is_imported_by_what_it_imports(packages):
    arrows = set(packages.count_imports(ROOT, PACKAGES))
    assert not {(one, other) for one, other in arrows if (other, one) in arrows}


def test_no_module_imports_itself_through_others():
    """Imports in functions and those for type checks count."""
    grimp = pytest.importorskip("grimp", reason="import-linter is not installed")
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    assert len(graph.modules) > 500
    # An error of its kind names the circle.
    TopologicalSorter(
        {one: graph.find_modules_directly_imported_by(one) for one in graph.modules}
    ).prepare()


def test_a_folder_of_more_than_a_dozen_files_has_a_reason():
    said = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    large = [
        folder.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for folder in (ROOT / package).rglob("*")
        if folder.is_dir()
        and len({*folder.glob("*.py")} - {folder / "__init__.py"}) > 12
    ]
    assert large
    assert [name for name in large if f"`{name}`" not in said] == []


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_registry_is_a_value_of_that_name(name):
    method = importlib.import_module(METHODS[name]).METHOD
    assert isinstance(method, Method)
    assert method.name == name
    assert method.summary.endswith(".")
    assert method.expected_runs(5, method.options) > 0


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_registry_can_be_imported(name):
    module, _, attribute = MODELS[name].partition(":")
    assert getattr(importlib.import_module(module), attribute).name == name


def test_the_old_place_of_the_readers_gives_those_of_today():
    import ibis_dalec.inputs as old
    import landdata

    for name in old.__all__:
        with pytest.warns(DeprecationWarning, match=name):
            assert getattr(old, name) is getattr(landdata, name)
    assert not hasattr(old, "no_such_reader")


def test_the_model_of_a_synthetic_region_can_be_imported():
    from landdata.synthetic.truth_model import truth_model

    model = truth_model()
    assert callable(model.parameter_table)
    assert callable(model.simulate_pixels)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("require_package", ("masm.errors", "landdata.errors", "upscale.errors")),
        ("make_folder", ("jobs.files", "landdata.files.whole_files", "upscale.files")),
        ("sync_folder", ("jobs.files", "landdata.files.whole_files", "upscale.files")),
    ],
)
def test_copies_that_keep_packages_apart_are_the_same(name, places):
    """No package is below all of these, so each has its own (docs/design.md)."""
    sources = {
        inspect.getsource(getattr(importlib.import_module(place), name))
        for place in places
    }
    assert len(sources) == 1
