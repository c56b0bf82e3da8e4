"""Faults of machines: killed processes, disks that are full or may not be written to.

Nothing finished is lost, nothing half-written is taken for whole, and what is done
again comes to the same numbers.
"""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from joblib.externals.loky.process_executor import TerminatedWorkerError
from made_up import N_PIXELS, finish, in_a_child, make_up

import masm
from jobs.errors import ConfigError, Problem
from jobs.executors import workers as executors
from jobs.executors.base import Work
from jobs.run.file_lock import alone
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import state_of
from jobs.run.run import open_run
from jobs.stages.calibrate_pixels import calibration_work, pixels_left
from jobs.stages.collect import collect

KILLED = -signal.SIGKILL


@pytest.fixture
def made_up(tmp_path):
    return make_up(tmp_path / "made_up")


@pytest.fixture
def mounted():
    """Mount file systems, and take them away again."""
    made = []

    def mount(path, *words):
        path.mkdir(exist_ok=True)
        program = shutil.which("mount")
        if program is None or subprocess.call([program, *words, str(path)]):
            pytest.skip("nothing can be mounted here")
        made.append(path)
        return path

    yield mount
    for path in reversed(made):
        subprocess.call([shutil.which("umount"), "-l", str(path)])


def stored(path):
    with xr.open_zarr(path / "posteriors.zarr", chunks=None) as store:
        return store.drop_vars("collected_mtime").load()


def assert_marked_rows_are_whole(place, want):
    """What a reader sees now, whatever became of the writer."""
    if not (place / "zarr.json").exists():
        return
    store = zarr.open_group(place, mode="r")
    if "complete" not in store.attrs:
        return
    rows = store["collected_mtime"][:] >= 0
    for name in ("vmax", "p18", "mean", "surrogate_rmse"):
        found = store[name][:][rows]
        np.testing.assert_array_equal(found, want[name].to_numpy()[rows])


def content(path):
    return {p: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def lease(folder, pid):
    folder.path.mkdir(parents=True, exist_ok=True)
    facts = {"host": os.uname().nodename, "pid": pid}
    folder.lease.write_text(json.dumps(facts))


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# Two at once


def test_a_second_calibration_of_a_run_is_refused_and_changes_nothing(
    masm_command, made_up
):
    with alone(made_up, "calibrating"):
        before = content(made_up)
        for words in (["calibrate"], ["calibrate", "--resume"], ["retry"]):
            refused = masm_command(words[0], made_up, *words[1:])
            assert refused.exit_code == 2
            assert "another process is calibrating this run" in refused.stderr
            assert f"process {os.getpid()} on" in refused.stderr
        assert content(made_up) == before
    assert "failed 1" in masm_command("calibrate", made_up, "--resume").output


def test_a_second_collector_is_refused(masm_command, made_up):
    with alone(made_up, "collecting"):
        refused = masm_command("collect", made_up)
    assert refused.exit_code == 2
    assert "another process is collecting this run" in refused.stderr
    assert not (made_up / "posteriors.zarr").exists()


def test_single_pixels_may_be_calibrated_side_by_side(tmp_path):
    with (
        alone(tmp_path, "calibrating", shared=True),
        alone(tmp_path, "calibrating", shared=True),
        pytest.raises(ConfigError),
        alone(tmp_path, "calibrating"),
    ):
        pass


def test_a_lock_goes_with_the_process_that_was_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from jobs.run.file_lock import alone\n"
        "with alone(Path(sys.argv[1]), 'calibrating'):\n"
        "    print(flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    )
    holder.stdout.readline()
    with pytest.raises(ConfigError), alone(tmp_path, "calibrating"):
        pass
    holder.kill()
    holder.wait()
    with alone(tmp_path, "calibrating"):
        pass


def test_a_file_system_without_locks_is_worked_on_without(made_up, monkeypatch):
    def none(*arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", none)
    assert collect(open_run(made_up)) == N_PIXELS - 1


# Killed processes


def pool_of(*calls):
    """What each pool of workers does, in the place of real ones."""
    left = list(calls)

    def pool(path, work, ids, n_workers, marks):
        yield from left.pop(0)(path, ids, marks)

    return pool


def all_killed(path, ids, marks):
    raise TerminatedWorkerError
    yield


def all_done(path, ids, marks):
    for pixel_id in ids:
        finish(RunFolder(path).pixel(pixel_id), np.random.default_rng(7))
        yield pixel_id


@pytest.fixture
def with_pools(monkeypatch, made_up):
    """Run pixels of a run with pools of workers that do what a test says."""
    monkeypatch.setattr(executors, "_bury_workers", lambda: None)

    def run(ids, *calls):
        monkeypatch.setattr(executors, "_pool", pool_of(*calls))
        found = executors.run_local(made_up, calibration_work(), ids, 2)
        folder = RunFolder(made_up)
        return {number: state_of(folder.pixel(number)).state for number in found}

    return run


def test_workers_killed_before_they_begin_blame_no_pixel(with_pools):
    found = with_pools([6, 7], all_killed, all_killed, all_done)
    assert found == {6: "done", 7: "done"}


def test_workers_that_never_begin_end_the_run_with_advice(with_pools):
    with pytest.raises(ConfigError, match="killed before they begin") as caught:
        with_pools([7, 8], all_killed, all_killed, all_killed, all_done)
    assert "--resume" in str(caught.value)


def test_only_the_pixels_that_had_begun_are_done_alone(with_pools, made_up):
    lease(RunFolder(made_up).pixel(8), dead_process())  # of a run killed before
    asked = []

    def killed_at_7(path, ids, marks):
        (marks / "7").touch()
        yield from all_killed(path, ids, marks)

    def done(path, ids, marks):
        asked.append(tuple(ids))
        yield from all_done(path, ids, marks)

    with_pools([7, 8, 9], killed_at_7, done, done)
    assert asked == [(8, 9), (7,)]


def test_a_pixel_that_kills_its_worker_twice_failed_for_memory(with_pools, made_up):
    def killed_at_7(path, ids, marks):
        (marks / "7").touch()
        yield from all_killed(path, ids, marks)

    assert with_pools([7], killed_at_7, killed_at_7) == {7: "failed"}
    assert state_of(RunFolder(made_up).pixel(7)).reason == "out_of_memory"


def test_a_task_without_a_name_for_its_loss_ends_the_stage(monkeypatch, tmp_path):
    def killed(path, ids, marks):
        (marks / "3").touch()
        yield from all_killed(path, ids, marks)

    monkeypatch.setattr(executors, "_bury_workers", lambda: None)
    monkeypatch.setattr(executors, "_pool", pool_of(killed, killed))
    work = Work(("screen",), "pixels", print)
    with pytest.raises(ConfigError, match="killed twice at pixels number 3"):
        list(executors.run_local(tmp_path, work, [3], 2))


def test_a_result_that_was_written_before_the_worker_died_counts(with_pools, made_up):
    folder = RunFolder(made_up).pixel(7)

    def killed_at_once(path, ids, marks):
        (marks / "7").touch()
        yield from all_killed(path, ids, marks)

    def killed_when_done(path, ids, marks):
        finish(folder, np.random.default_rng(7))
        yield from killed_at_once(path, ids, marks)

    assert with_pools([7], killed_at_once, killed_when_done) == {7: "done"}
    assert not folder.failure.exists()


def test_advice_comes_whole_out_of_a_worker():
    reported = ConfigError([Problem("a.yaml:3", "seed", hint="7"), Problem("b", "c")])
    assert str(pickle.loads(pickle.dumps(reported))) == str(reported)  # noqa: S301


def test_a_worker_ends_with_its_parent(tmp_path):
    worker = (
        "import os, time; from jobs.executors.children import end_with\n"
        "end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(100)"
    )
    words = f"[sys.executable, '-c', {worker!r}]"
    parent = f"import subprocess, sys; subprocess.run({words})"
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True
    )
    pid = int(process.stdout.readline())
    process.kill()
    end = time.monotonic() + 30
    while time.monotonic() < end and Path(f"/proc/{pid}").exists():
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            break
        time.sleep(0.1)
    else:
        assert not Path(f"/proc/{pid}").exists()


def test_what_a_killed_process_left_aside_is_swept_away(masm_command, calibrated_path):
    folder = RunFolder(calibrated_path).pixel(0)
    folder.posterior.unlink()
    (folder.path / ".checkpoint.nc.x1y2").write_bytes(b"half")
    assert masm_command("calibrate", calibrated_path, "--resume").exit_code == 0
    assert folder.posterior.exists()
    assert not list(folder.path.glob(".*"))


@pytest.mark.usefixtures("small_process_model")
def test_a_calibration_killed_at_any_file_goes_on_to_the_same_draws(
    masm_command, run_path, edit, tmp_path
):
    edit(run_path, "n_iterations: 6, n_draws: 4000", "n_iterations: 2, n_draws: 500")
    shutil.copytree(run_path, tmp_path / "whole")
    assert masm_command("calibrate", tmp_path / "whole").exit_code == 0
    want = masm.open_result(RunFolder(tmp_path / "whole").pixel(0).posterior)
    words = ("calibrate", run_path, "--resume")
    codes, number = [], 0
    while 0 not in codes:  # each goes on where the one before was killed
        number += 1
        codes.append(in_a_child(words, tmp_path / "told", killed_at=1 + number // 2))
        assert set(codes) <= {KILLED, 0}, (tmp_path / "told").read_text()
        folder = RunFolder(run_path).pixel(0)
        assert state_of(folder).state == ("waiting" if codes[-1] else "suspect")
    assert codes.count(KILLED) >= 8
    got = masm.open_result(folder.posterior)
    xr.testing.assert_identical(got.posterior, want.posterior)


def test_a_collection_killed_at_any_file_is_finished_by_the_next(made_up, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(made_up, whole)
    collect(open_run(whole))
    want = stored(whole)
    n_killed = 0
    for number in range(1, 200, 4):
        shutil.rmtree(made_up / "posteriors.zarr", ignore_errors=True)
        words = ("collect", made_up)
        code = in_a_child(words, tmp_path / "told", killed_at=number)
        if code == 0:
            break
        assert code == KILLED, (tmp_path / "told").read_text()
        n_killed += 1
        assert_marked_rows_are_whole(made_up / "posteriors.zarr", want)
        collect(open_run(made_up))
        xr.testing.assert_identical(stored(made_up), want)
        assert not list((made_up / "posteriors.zarr").rglob("*.partial"))
    assert n_killed > 10


# Folders that may not be written to


COMMANDS = ("calibrate", "retry", "replay", "collect", "simulate", "evaluate", "report")


def test_a_folder_that_is_read_only_is_refused_before_any_work(
    masm_command, made_up, mounted
):
    collect(open_run(made_up))
    mounted(made_up, "--bind", str(made_up))
    mounted(made_up, "-o", "remount,ro,bind")
    before = content(made_up)
    options = {"calibrate": ["--resume"], "replay": ["--pixel", 1]}
    for command in COMMANDS:
        refused = masm_command(command, made_up, *options.get(command, []))
        assert refused.exit_code == 2, (command, refused.output)
        assert "cannot be written to" in refused.stderr, command
        assert "Traceback" not in refused.stderr
    assert masm_command("status", made_up).exit_code == 0
    assert content(made_up) == before


@pytest.mark.usefixtures("small_process_model")
def test_a_folder_that_becomes_read_only_is_named_and_no_pixel_blamed(
    masm_command, run_path, monkeypatch
):
    replace = os.replace

    def refuse(source, target):
        if Path(target).name == "checkpoint.nc":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(target))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", refuse)
        stopped = masm_command("calibrate", run_path)
    assert stopped.exit_code == 2
    assert "read-only file system" in stopped.stderr
    assert "checkpoint.nc" in stopped.stderr
    assert not list((run_path / "logs").glob("*.traceback.txt"))
    assert state_of(RunFolder(run_path).pixel(0)).state == "waiting"
    assert masm_command("calibrate", run_path, "--resume").exit_code == 0


# Full disks


def fill(disk, left):
    """Leave so many bytes of a disk."""
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - left))


@pytest.mark.parametrize("command", ["collect", "report"])
def test_a_full_disk_stops_a_command_and_freeing_it_goes_on(
    made_up, tmp_path, mounted, command
):
    disk = mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=6m", "tmpfs")
    path = disk / "run"
    shutil.copytree(made_up, path)
    fill(disk, 8_000)
    reported = tmp_path / "told"
    assert in_a_child((command, path), reported) == 75, reported.read_text()
    assert "a full disk" in reported.read_text()
    assert f"Continue with: masm {command}" in reported.read_text()
    assert not (path / "report.html").exists()
    (disk / "ballast").unlink()
    assert in_a_child((command, path), reported) == 0, reported.read_text()
    if command == "collect":
        collect(open_run(made_up))
        xr.testing.assert_identical(stored(path), stored(made_up))
    else:
        assert (path / "report.html").read_text().rstrip().endswith("</html>")


def test_a_writer_that_does_not_say_that_the_disk_is_full_is_understood(
    tmp_path, mounted
):
    from jobs.files import replacing

    disk = mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=400k", "tmpfs")
    with (  # noqa: PT012
        pytest.raises(OSError, match="No space left") as caught,
        replacing(disk / "big.nc") as aside,
    ):
        aside.write_bytes(bytes(350_000))
        raise RuntimeError("it did not work")
    assert caught.value.errno == errno.ENOSPC
    assert list(disk.iterdir()) == []


# Left alone by all of this


def test_pixels_that_are_left_do_not_depend_on_claims(made_up):
    run = open_run(made_up)
    shutil.rmtree(run.folder.pixel(2).path)
    lease(run.folder.pixel(2), os.getpid())
    left, _ = pixels_left(run, run.pixels)
    assert [pixel.id for pixel in left] == [2]
