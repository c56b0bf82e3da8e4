"""A borrowed start gives the same numbers on one worker, on two, and after kills."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import linear_model
import pytest
from few_pixels import IDS, assert_same_draws, make_run
from typer.testing import CliRunner

from jobs.cli.app import app
from jobs.run.folder import RunFolder
from jobs.run.neighbours import read_neighbours
from jobs.run.pixel_files import digest_of_posterior, read_summary

HERE = Path(__file__)
PATHS = f"{HERE.parents[1] / 'workers'}{os.pathsep}{HERE.parents[3]}"
WHOLE, FEW = 36, 24
CALIBRATION = f"""\
  options: {{max_runs: {WHOLE}, n_chains: 16, n_draws: 60}}
  neighbours: 2
  neighbour_runs: {FEW}
"""


@contextmanager
def _calibrating(path, *more, **mishap):
    """Calibrate on two workers, in a process group of its own that ends here."""
    words = ["calibrate", str(path), "--workers", "2", *more]
    with (path.parent / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", *words],
            env={**os.environ, "PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1", **mishap},
            start_new_session=True,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _calibrate(path, *more, **mishap):
    with _calibrating(path, *more, **mishap) as process:
        code = process.wait(timeout=600)
        assert code == 0, (path.parent / "said").read_text()


def _write(path):
    make_run(path, "execution: {executor: local}\n")
    text = (path / "config.yaml").read_text()
    first, last = text.index("  method: published"), text.index("  keep_draws")
    (path / "config.yaml").write_text(text[:first] + CALIBRATION + text[last:])
    return path


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("fresh") / "run")


@pytest.fixture(scope="module")
def one_by_one(fresh):
    """The run calibrated in this process, one pixel after another."""
    path = shutil.copytree(fresh, fresh.parent / "one")
    with pytest.MonkeyPatch.context() as patch:
        linear_model.put_in_place(patch)
        done = CliRunner().invoke(app, ["calibrate", str(path), "--executor", "serial"])
    assert done.exit_code == 0, done.output
    return path


def test_every_later_pixel_has_borrowed(one_by_one):
    folder = RunFolder(one_by_one)
    known = read_neighbours(folder)
    later = [i for i in IDS if known[i].wave > 1]
    assert len(later) == 3
    for i in later:
        lent = {
            str(k): digest_of_posterior(folder.pixel(k)) for k in known[i].neighbours
        }
        assert lent
        assert read_summary(folder.pixel(i))["neighbours"] == lent
    made = {i: read_summary(folder.pixel(i))["n_model_runs"] for i in IDS}
    assert max(made.values()) <= WHOLE
    assert all(made[i] > FEW for i in IDS if i not in later)
    # One may go on, where its error is too large.
    assert sum(made[i] <= FEW for i in later) >= 2


@pytest.mark.usefixtures("small_process_model")
def test_two_workers_borrow_the_same(
    one_by_one, fresh, tmp_path, masm_command, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", PATHS)
    path = shutil.copytree(fresh, tmp_path / "run")
    done = masm_command("calibrate", path, "--workers", "2")
    assert done.exit_code == 0, done.output
    assert_same_draws(path, one_by_one)


def test_kills_of_all_and_of_a_worker_change_nothing(one_by_one, fresh, tmp_path):
    path = shutil.copytree(fresh, tmp_path / "run")
    pixels, known = RunFolder(path), read_neighbours(RunFolder(one_by_one))
    ids = [i for i in IDS if known[i].wave > 1]
    later = [pixels.pixel(i) for i in ids]
    with _calibrating(path) as process:
        # Until a pixel of the second wave has recorded its first runs.
        while not any(one.checkpoint.exists() for one in later):
            assert process.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.02)
    assert not all(one.summary.exists() for one in later)
    mishap = {"TEST_MISHAP": f"killed_once,{40 + ids[-1]},{path}"}
    _calibrate(path, "--resume", **mishap)
    assert (path / "was_killed").exists()
    assert_same_draws(path, one_by_one)
