"""Packages that only an extra installs: said before any work, never needed before."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jobs.cli.error_handler import reported
from jobs.cli.init import Template, initialise
from jobs.config import checks, extras
from jobs.config.reader import read_config
from jobs.errors import ConfigError
from jobs.exit_codes import Exit

ROOT = Path(__file__).parents[3]
IMPORTED_AS = {"xgboost-cpu": "xgboost"}


def asked_for(extra):
    """Packages of an extra of pyproject.toml, as they are imported, and its extras."""
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = set()
    for line in facts["optional-dependencies"][extra]:
        name = re.match(r"[\w-]+", line)[0]
        inner = re.match(r"masm\[([\w,]+)\]", line)
        if inner:
            found = found.union(*(asked_for(one) for one in inner[1].split(",")))
        else:
            found.add(IMPORTED_AS.get(name, name))
    return found


@pytest.mark.parametrize("extra", list(extras.EXTRAS))
def test_the_packages_are_those_that_the_extra_installs(extra):
    assert set(extras.EXTRAS[extra]) == asked_for(extra)


def test_a_region_without_its_packages_is_refused_before_any_work(
    tmp_path, monkeypatch
):
    initialise(tmp_path / "small", Template.REGION_SMALL)
    monkeypatch.setattr(checks, "not_installed", lambda extra: ["pyhdf"])
    config, document = read_config(tmp_path / "small" / "config.yaml")
    with pytest.raises(ConfigError) as answer:
        checks.check_meaning(config, document)
    assert "pixels.source" in str(answer.value)
    assert "pip install 'masm[regions]'" in str(answer.value)


def test_a_missing_package_of_an_extra_is_a_sentence_and_no_bug(tmp_path, capsys):
    missing = ModuleNotFoundError("No module named 'xgboost'", name="xgboost")
    assert reported(missing, tmp_path, "upscale", "go on") == Exit.WRONG
    assert "pip install 'masm[upscale]'" in capsys.readouterr().err
    other = ModuleNotFoundError("No module named 'nothing'", name="nothing")
    assert reported(other, tmp_path, "upscale", "go on") == Exit.BUG


_ALONE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
import importlib
for name in ("masm", "masm.options", "landdata", "upscale", "ibis_dalec",
             "jobs.cli.app", "jobs.report.page", "jobs.stages.calibrate_pixel"):
    importlib.import_module(name)
import numpy as np, masm
found = masm.calibrate(
    lambda t: {{"gpp": t["a"][:, None] * np.ones(9)}},
    masm.Stream("gpp", np.arange(9.0), np.ones(9), variance=masm.GivenVariance(0.04),
                windows=None),
    {{"a": (0.0, 3.0)}}, seed=1, method="importance", max_runs=600,
)
print(abs(found.mean["a"] - 1.0) < 0.1)
"""


def test_the_calibrator_and_a_site_need_no_extra():
    names = {name for extra in extras.EXTRAS.values() for name in extra}
    answer = subprocess.run(
        [sys.executable, "-c", _ALONE.format(names=names)],
        capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (answer.stdout.strip(), answer.returncode) == ("True", 0), answer.stderr
