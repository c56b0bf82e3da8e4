"""Every example in a docstring runs, and every public name has one.

One command runs them all: ``python -m pytest tests/test_examples.py``. Only modules
whose text has an example are imported. Files that an example writes go to a
temporary folder.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PUBLIC = (
    "masm", "masm.filters", "masm.hierarchical", "masm.information", "masm.options",
    "masm.methods.variational", "landdata", "upscale", "ibis_dalec",
    "landmodels.century", "landmodels.sipnet", "landmodels.dalec_bethy",
    "jobs", "jobs.notebook",
)  # fmt: skip
"""Packages whose ``__all__`` is what users call."""


def modules_with_examples():
    """Import names of the modules whose text holds an example."""
    for package in ("masm", "landdata", "upscale", "ibis_dalec", "landmodels", "jobs"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def examples_of(name):
    """The examples in the docstrings of a module."""
    module = importlib.import_module(name)
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch):
    tests = examples_of(name)
    monkeypatch.chdir(tmp_path)
    runner, reported = doctest.DocTestRunner(verbose=False), []
    for test in tests:
        runner.run(test, out=reported.append)
    assert runner.failures == 0, "".join(reported)


def has_an_example(value):
    """Whether a docstring holds an example of which some line runs."""
    found = doctest.DocTestParser().get_examples(inspect.getdoc(value) or "")
    return any(not one.options.get(doctest.SKIP) for one in found)


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_has_an_example(package):
    module = importlib.import_module(package)
    values = {name: getattr(module, name) for name in module.__all__}
    bare = [
        name
        for name, value in values.items()
        if callable(value) and not has_an_example(value)
    ]
    assert not bare, f"public names of {package} without an example: {', '.join(bare)}"


def test_an_example_that_only_shows_and_never_runs_does_not_count():
    def shown():
        """Do it.

        >>> shown()  # doctest: +SKIP
        """

    assert not has_an_example(shown)
