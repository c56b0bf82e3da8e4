"""A tiny linear model in the place of the process model, so that tests are quick."""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor
from typer.testing import CliRunner

from jobs.cli.app import app

WORKERS = Path(__file__).parent / "workers"
sys.path.insert(0, str(WORKERS))
import linear_model  # noqa: E402


@pytest.fixture
def masm_command():
    """Run a command line in this process; gives exit code and output."""
    runner = CliRunner()

    def call(*words: object):
        return runner.invoke(app, [str(word) for word in words])

    return call


TWIN = """\
name: a small twin
seed: 7
pixels:
  source: generated
  name: somewhere
  latitude: 42.5
  longitude: -72.2
  elevation: 340
  sand: 66
  clay: 6
  years: 2001-2003
periods: {spinup: 2001, calibration: 2002, validation: 2003}
model: {spinup_cycles: 1}
streams:
  gpp: {variance: given}
  lai: {variance: given}
twin:
  truth: {vmax: 5.0e-5, p18: 90}
  noise:
    gpp: {fraction: 0.05, floor: 0.2}
    lai: {fraction: 0.05, floor: 0.1}
calibration:
  method: published
  options: {n_iterations: 6, n_draws: 4000, n_steps: 1000, n_initial_per_parameter: 15}
  blocks:
    - streams: [gpp, lai]
      parameters: [vmax, p18]
"""


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    """A run folder that has a configuration and nothing else."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text(TWIN)
    return path


@pytest.fixture
def calibrated_path(run_path: Path, small_process_model, masm_command) -> Path:
    """The same run when it is calibrated: done once in a process, and copied."""
    pattern = _patterns()
    if not any(pattern.iterdir()):
        done = masm_command("calibrate", run_path)
        assert done.exit_code == 0, done.output
        shutil.copytree(run_path, pattern / "run")
    else:
        shutil.copytree(pattern / "run", run_path, dirs_exist_ok=True)
    return run_path


@cache
def _patterns() -> Path:
    path = Path(tempfile.mkdtemp(prefix="masm-calibrated-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@pytest.fixture
def edit():
    """Change a configuration the way a user would."""

    def change(path: Path, old: str, new: str) -> None:
        text = (path / "config.yaml").read_text()
        assert old in text
        (path / "config.yaml").write_text(text.replace(old, new))

    return change


@pytest.fixture
def as_of_old():
    """Take the digests out of a started run: an earlier version wrote none."""

    def change(path: Path) -> None:
        lock, record = path / "config.lock.yaml", path / "run.json"
        lines = lock.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("# belongs with")]
        lock.write_text("".join(kept))
        facts = json.loads(record.read_text())
        facts.pop("belongs_with", None)
        record.write_text(json.dumps(facts))

    return change


@pytest.fixture
def small_model():
    """Give the linear model itself."""
    return linear_model.simulate_batch


@pytest.fixture
def small_process_model(monkeypatch):
    """Put the linear model in the place of the process model, workers included."""
    linear_model.put_in_place(monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(WORKERS))
    # Workers that joblib keeps from an earlier test have that test's environment.
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
