"""The packages import each other one way only, as the picture of the design shows."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    ("jobs", "masm"),
    ("jobs", "regions"),
    ("jobs", "ibis_dalec"),
    ("jobs", "upscale"),
    ("regions", "ibis_dalec"),
}
PACKAGES = ("masm", "ibis_dalec", "upscale", "regions", "jobs")


@pytest.fixture(scope="module")
def packages():
    spec = importlib.util.spec_from_file_location(
        "packages", ROOT / "docs" / "packages.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_arrows_between_packages_go_one_way(packages):
    assert set(packages.count_imports(ROOT, PACKAGES)) <= ALLOWED


def test_an_import_inside_a_function_counts_too(packages, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "one.py").write_text("def f():\n    from b.two import g\n")
    (tmp_path / "b" / "two.py").write_text("import os\n")
    assert packages.count_imports(tmp_path, ("a", "b")) == {("a", "b"): 1}
