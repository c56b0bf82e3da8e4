"""A borrowed start gives the same numbers on one worker, on two, and after kills."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from few_pixels import IDS, assert_same_draws, make_run

from jobs.run.folder import RunFolder
from jobs.run.neighbours import read_neighbours
from jobs.run.pixel_files import digest_of_posterior, read_summary

HERE = Path(__file__)
PATHS = f"{HERE.parents[1] / 'workers'}{os.pathsep}{HERE.parents[3]}"
CALIBRATION = "  options: {max_runs: 60, n_chains: 16, n_draws: 200}\n  neighbours: 2\n"


def _begin(path, n_workers, *more, **mishap):
    """Begin to calibrate in a process group of its own."""
    words = ["calibrate", str(path), "--workers", str(n_workers), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", *words],
        env={**os.environ, "PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1", **mishap},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _calibrate(path, n_workers, *more, **mishap):
    process = _begin(path, n_workers, *more, **mishap)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said


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
def one_worker(fresh):
    path = shutil.copytree(fresh, fresh.parent / "one")
    _calibrate(path, 1)
    return path


def test_every_later_pixel_has_borrowed(one_worker):
    folder = RunFolder(one_worker)
    known = read_neighbours(folder)
    later = [i for i in IDS if known[i].wave > 1]
    assert len(later) == 3
    for i in later:
        lent = {
            str(k): digest_of_posterior(folder.pixel(k)) for k in known[i].neighbours
        }
        assert lent
        assert read_summary(folder.pixel(i))["neighbours"] == lent


def test_two_workers_borrow_the_same(one_worker, fresh, tmp_path):
    path = shutil.copytree(fresh, tmp_path / "run")
    _calibrate(path, 2)
    assert_same_draws(path, one_worker)


def test_a_worker_that_is_killed_changes_nothing(one_worker, fresh, tmp_path):
    path = shutil.copytree(fresh, tmp_path / "run")
    _calibrate(path, 2, TEST_MISHAP=f"killed_once,42,{path}")
    assert (path / "was_killed").exists()
    assert_same_draws(path, one_worker)


def test_a_run_killed_as_a_whole_goes_on_to_the_same(one_worker, fresh, tmp_path):
    path = shutil.copytree(fresh, tmp_path / "run")
    process = _begin(path, 2)
    deadline = time.monotonic() + 200.0
    # The second wave has begun: two of its pixels are at work.
    while len(list(path.glob("pixels/**/checkpoint*"))) < 1 or not list(
        path.glob("pixels/**/summary.json")
    ):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    n_done = len(list(path.glob("pixels/**/summary.json")))
    assert 1 <= n_done < len(IDS)
    _calibrate(path, 2, "--resume")
    assert_same_draws(path, one_worker)
