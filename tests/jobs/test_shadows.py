"""Another package in the place of one of ours is refused, with both paths."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("masm", "landdata", "landmodels", "ibis_dalec", "upscale")


def started(first, program):
    """Run a program with a folder before ours where Python looks."""
    path = os.pathsep.join(str(one) for one in (first, ROOT))
    return subprocess.run(
        [sys.executable, "-c", program, "--version"],
        env={**os.environ, "PYTHONPATH": path},
        cwd="/",
        capture_output=True,
        text=True,
    )


def shadow(folder, name, *, as_file):
    """Write a package, or a module, that says so when it is imported."""
    place = folder / f"{name}.py" if as_file else folder / name
    file = place if as_file else place / "__init__.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text("print('the other one ran')\n")
    return place


def assert_refused(done, other, name):
    assert done.returncode == 2, done.stderr
    assert str(other) in done.stderr
    assert str(ROOT / name) in done.stderr
    assert "Traceback" not in done.stderr
    assert "the other one ran" not in done.stdout


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_the_same_name_is_refused(tmp_path, name):
    other = shadow(tmp_path, name, as_file=name == "upscale")
    done = started(tmp_path, "from jobs.cli.app import main; main()")
    assert_refused(done, other, name)


@pytest.mark.parametrize("as_file", [False, True])
def test_another_jobs_is_refused_before_it_runs(tmp_path, as_file):
    other = shadow(tmp_path, "jobs", as_file=as_file)
    done = started(tmp_path, "from masm_start import main; main()")
    assert_refused(done, other, "jobs")


def test_nothing_in_the_way_is_no_matter(tmp_path):
    done = started(tmp_path, "from masm_start import main; main()")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("masm")
