"""Files are whole or absent, and the ledger explains without deciding."""

from __future__ import annotations

import json
import os

import pytest

from jobs.config.lock import check_inputs
from jobs.errors import ConfigError
from jobs.files import replacing, sweep, write_text
from jobs.run.event_log import EventLog, read_events
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import claimant, is_being_leased, state_of, write_failure


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "posterior.nc"
    write_text(target, "old")
    with pytest.raises(OSError, match="disk"), replacing(target) as aside:  # noqa: PT012
        aside.write_text("half of the n")
        raise OSError("disk is full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    target = tmp_path / "summary.json"
    with replacing(target) as one, replacing(target) as two:
        one.write_text("one")
        two.write_text("two")
    assert target.read_text() == "one"  # the outer block ends last


def test_a_ledger_line_cut_short_by_a_crash_is_passed_over(tmp_path):
    events = EventLog(tmp_path)
    events.write("started", pixel=3)
    with next(tmp_path.glob("*.jsonl")).open("a") as opened:
        opened.write('{"event": "do')
    assert [entry["event"] for entry in read_events(tmp_path)] == ["started"]


def test_the_state_of_a_pixel_comes_from_its_files(tmp_path):
    pixel = RunFolder(tmp_path).pixel(4217)
    assert pixel.path == tmp_path / "pixels" / "042" / "04217"
    assert state_of(pixel).state == "waiting"

    lease = {"host": os.uname().nodename, "pid": os.getpid()}
    write_text(pixel.lease, json.dumps(lease))
    assert state_of(pixel).state == "running"
    write_text(pixel.lease, json.dumps(lease | {"pid": 2**22 + 1}))
    assert state_of(pixel).state == "waiting"  # its process is gone

    write_failure(pixel.failure, "timed_out", "too slow")
    assert state_of(pixel).state == "failed"
    assert state_of(pixel).reason == "timed_out"
    write_failure(pixel.failure, "no_observations", "none")
    assert state_of(pixel).state == "skipped"

    write_text(pixel.summary, json.dumps({"status": "suspect", "reason": "x"}))
    assert state_of(pixel).state == "skipped"  # a summary alone is not a result
    write_text(pixel.posterior, "")
    assert state_of(pixel).state == "suspect"


def test_a_half_made_claim_of_a_killed_process_is_swept_and_no_other(tmp_path):
    dead, alive, old, begun = (
        tmp_path / f".running.{name}.json" for name in ("dead", "alive", "old", "begun")
    )
    here = os.uname().nodename
    dead.write_text(json.dumps({"host": here, "pid": 2**22 + 1}))
    alive.write_text(json.dumps({"host": here, "pid": os.getpid()}))
    old.write_text(json.dumps({"host": "another node", "pid": 1}))
    os.utime(old, (0, 0))
    begun.write_text("")
    (tmp_path / ".posterior.nc.x").write_text("half")
    sweep(tmp_path, keep=is_being_leased)
    assert sorted(tmp_path.iterdir()) == sorted([alive, begun])


def test_a_claim_without_a_sign_of_life_is_stale(tmp_path):
    pixel = RunFolder(tmp_path).pixel(1)
    write_text(pixel.lease, json.dumps({"host": "another node", "pid": 1}))
    assert state_of(pixel).state == "running"
    os.utime(pixel.lease, (0, 0))
    assert state_of(pixel).state == "waiting"


def test_an_input_that_changed_since_the_run_began_is_refused_by_name():
    check_inputs({"pixels.tower": "aa"}, {"pixels.tower": "aa"})
    with pytest.raises(ConfigError, match=r"pixels\.tower") as caught:
        check_inputs({"pixels.tower": "aa"}, {"pixels.tower": "bb"})
    assert "changed since the run began" in str(caught.value)


def test_what_a_killed_start_left_is_swept_by_the_next(run_path):
    from jobs.run.run import open_run, start

    begun = [
        f".{name}.{'0' * 32}{suffix}"
        for name, suffix in (("run", ".json"), ("pixels", ".csv"))
    ]
    begun.append(f".config.lock.{'a' * 32}.yaml")
    others = [f".report.{'0' * 32}.html", ".bashrc", ".run.txt"]
    for name in (*begun, *others):
        (run_path / name).write_text("half")
    start(open_run(run_path))
    left = {path.name for path in run_path.glob(".*")}
    assert not left & set(begun)
    assert left >= set(others)


def test_a_machine_that_was_renamed_knows_its_own_dead_processes(tmp_path, monkeypatch):
    pixel = RunFolder(tmp_path).pixel(1)
    lease = claimant() | {"pid": 2**22 + 1}
    write_text(pixel.lease, json.dumps(lease))
    monkeypatch.setattr("socket.gethostname", lambda: "another name")
    assert state_of(pixel).state == "waiting"
    write_text(pixel.lease, json.dumps(claimant()))
    assert state_of(pixel).state == "running"


def test_a_container_of_the_same_name_takes_no_living_process_for_dead(tmp_path):
    pixel = RunFolder(tmp_path).pixel(1)
    elsewhere = {"machine": "another start pid:[1]", "pid": 2**22 + 1}
    write_text(pixel.lease, json.dumps(claimant() | elsewhere))
    assert state_of(pixel).state == "running"
    os.utime(pixel.lease, (0, 0))
    assert state_of(pixel).state == "waiting"
