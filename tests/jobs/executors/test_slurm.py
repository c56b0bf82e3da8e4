"""Slurm arrays: every pixel is done once, with the numbers of a serial run.

Plans are tested anywhere; the rest runs on a real Slurm of this machine, started here,
and is skipped where Slurm is not installed. The process model is the linear one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import Cluster, missing_programs, program
from few_pixels import assert_same_draws, make_run
from hypothesis import given
from hypothesis import strategies as st

from jobs.config.execution import Slurm
from jobs.executors.plan import make_plan
from jobs.executors.slurm import script
from jobs.run.folder import RunFolder

EXECUTION = """\
execution:
  executor: slurm
  max_failed_fraction: 0.5
  slurm: {memory_mb: 400, pixel_minutes_guess: 45, walltime_minutes: 5}
"""


@given(
    st.integers(1, 5000),
    st.floats(0.01, 200.0),
    st.integers(2, 2000),
    st.integers(3, 300),
)
def test_a_plan_has_every_pixel_once_and_respects_the_limits(
    n_pixels, minutes, max_array, walltime
):
    settings = Slurm(walltime_minutes=walltime)
    plan = make_plan(range(n_pixels), settings, minutes, max_array)
    assert [i for task in plan.tasks for i in task] == list(range(n_pixels))
    assert all(n <= max_array for _, n in plan.arrays)
    assert sum(n for _, n in plan.arrays) == len(plan.tasks)
    for task in plan.tasks:
        assert len(task) == 1 or len(task) * minutes <= walltime - 2


def test_the_script_asks_for_what_the_configuration_says():
    settings = Slurm(partition="short", account="carbon", extra=["--qos=long"])
    text = script(
        Path("/data/my run"), "Eastern US", Path("/data/s"), 1000, 20, settings
    )
    for line in (
        "--partition=short",
        "--account=carbon",
        "--qos=long",
        "--array=0-19",
        "--signal=B:USR1@120",
        "--job-name=masm-Eastern-US",
    ):
        assert f"#SBATCH {line}\n" in text
    # A warning that comes before the program can take it does not kill.
    assert text.index("trap '' USR1") < text.index("exec ")
    assert "'/data/my run'" in text
    assert "$((1000 + SLURM_ARRAY_TASK_ID))" in text


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    missing = missing_programs()
    if missing:
        pytest.skip(f"Slurm is not installed: no {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("starting Slurm's daemons needs root")
    base = tmp_path_factory.mktemp("slurm")
    # munge refuses a socket below a folder that others may enter and change.
    with Cluster(base) as running:
        yield running


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A run folder with inputs, and beside it the same run, done serially."""
    base = tmp_path_factory.mktemp("prepared")
    path = make_run(base / "run", EXECUTION)
    done = shutil.copytree(path, base / "done")
    answer = masm_process("calibrate", done, "--executor", "serial")
    assert answer.wait() == 0
    return path


@pytest.fixture
def run_path(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "run")


@pytest.fixture(autouse=True)
def workers(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", WORKERS)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


WORKERS = str(Path(__file__).parents[1] / "workers")


def masm_process(*words, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", *map(str, words)],
        env={**os.environ, "PYTHONPATH": WORKERS, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def submit(path, *words, **environment):
    process = masm_process("calibrate", path, *words, **environment)
    reported, _ = process.communicate()
    assert process.returncode == 0, reported
    return reported


def finish(cluster, path):
    """Go on until nothing is left to do."""
    cluster.wait_until_empty()
    submit(path, "--resume")
    cluster.wait_until_empty()


def assert_done_once_with_the_same_numbers(path, prepared):
    assert_same_draws(path, prepared.parent / "done")
    stray = [file for file in (path / "pixels").rglob(".*") if file.is_file()]
    assert stray == []


def running(path, pixel_id):
    return lambda: RunFolder(path).pixel(pixel_id).lease.exists()


def test_arrays_give_the_numbers_of_a_serial_run(cluster, run_path, prepared):
    reported = submit(run_path)
    jobs = re.search(r"submitted job (.*)", reported).group(1).split(", ")
    assert len(jobs) == 2  # MaxArraySize is 3 here, and there are 4 tasks
    cluster.wait_until_empty()
    assert_done_once_with_the_same_numbers(run_path, prepared)


def test_a_dry_run_shows_the_script_and_submits_nothing(cluster, run_path):
    reported = submit(run_path, "--dry-run")
    assert "#SBATCH --array=0-2" in reported
    assert "4 tasks of at most 1 pixel in 2 arrays" in reported
    assert cluster.queue() == []
    assert not (run_path / "slurm").exists()


def test_a_task_killed_with_9_is_done_by_resuming(cluster, run_path, prepared):
    submit(run_path, TEST_MISHAP=f"killed_once,42,{run_path}")
    finish(cluster, run_path)
    assert (run_path / "was_killed").exists()
    assert_done_once_with_the_same_numbers(run_path, prepared)


def test_a_cancelled_element_is_done_by_resuming(cluster, run_path, prepared):
    reported = submit(run_path, TEST_MISHAP=f"slow_once,41,{run_path}")
    job = re.search(r"submitted job (\d+)", reported).group(1)
    cluster.wait((run_path / "was_slow").exists, "the slow pixel")
    refused = masm_process("calibrate", run_path, "--resume")
    assert "still in the queue" in refused.communicate()[0]
    assert refused.returncode == 2
    assert program("scancel", f"{job}_0").returncode == 0
    finish(cluster, run_path)
    assert_done_once_with_the_same_numbers(run_path, prepared)


def test_a_node_that_dies_and_comes_back_loses_nothing(cluster, run_path, prepared):
    submit(run_path, TEST_MISHAP=f"slow_once,41,{run_path}")
    cluster.wait((run_path / "was_slow").exists, "the slow pixel")
    cluster.kill_node("node1")
    cluster.wait(lambda: cluster.idle_nodes() <= 1, "a lost node")
    time.sleep(1)
    cluster.start_node("node1")
    finish(cluster, run_path)
    cluster.wait(lambda: cluster.idle_nodes() == 2, "both nodes")
    assert_done_once_with_the_same_numbers(run_path, prepared)


def test_a_task_that_runs_twice_at_once_does_no_harm(cluster, run_path, prepared):
    submit(run_path)
    (tasks,) = (run_path / "slurm").glob("*/tasks.json")
    again = [
        masm_process("calibrate", run_path, "--tasks", tasks, "--task", number)
        for number in (0, 1, 1)
    ]
    reported = [process.communicate()[0] for process in again]
    for process, words in zip(again, reported, strict=True):
        # Of two at one pixel the later goes on; the other stops and marks nothing.
        if process.returncode != 0:
            assert process.returncode == 75, words
            assert "another process that has taken the pixel over" in words
    cluster.wait_until_empty()
    assert_done_once_with_the_same_numbers(run_path, prepared)


def test_the_warning_before_walltime_saves_and_requeues(cluster, run_path, prepared):
    config = run_path / "config.yaml"
    config.write_text(
        config.read_text().replace(
            "walltime_minutes: 5", "walltime_minutes: 1, warn_seconds: 25"
        )
    )
    submit(run_path, TEST_MISHAP=f"slow_once,41,{run_path}")
    # Nobody resumes: the task goes back by itself, as often as a minute is too short.
    cluster.wait_until_empty(600)
    ledger = "".join(path.read_text() for path in (run_path / "ledger").glob("*"))
    assert '"by": "SIGUSR1"' in ledger
    assert_done_once_with_the_same_numbers(run_path, prepared)


def test_a_full_disk_stops_the_run_and_freeing_it_goes_on(prepared, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = program("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk))
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        path = shutil.copytree(prepared, disk / "run")
        (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - 120_000))
        words = ("calibrate", path, "--executor", "serial", "--resume")
        stopped = masm_process(*words)
        reported = stopped.communicate()[0]
        assert stopped.returncode == 75, reported
        assert "full disk" in reported
        (disk / "ballast").unlink()
        assert masm_process(*words).wait() == 0
        assert_done_once_with_the_same_numbers(path, prepared)
    finally:
        program("umount", "-l", str(disk))
