"""The judge of a run that is killed again and again sees each kind of loss."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import zarr
from made_up import N_PIXELS, finish, make_up

from benchmarks.kills_judged import Judge
from benchmarks.processes import is_locked
from jobs.run.file_lock import alone
from jobs.run.folder import RunFolder
from jobs.run.run import open_run
from jobs.stages.collect import collect


@pytest.fixture
def judge(tmp_path):
    """A judge of a copy that is like its original to the last bit."""
    calm = make_up(tmp_path / "calm")
    last = RunFolder(calm).pixel(N_PIXELS - 1)
    last.failure.unlink()
    finish(last, np.random.default_rng(9))
    collect(open_run(calm))
    shutil.copytree(calm, tmp_path / "killed")
    judge = Judge(calm, tmp_path / "killed")
    assert judge.look() == []
    return judge


def spoil_draws(folder):
    finish(folder, np.random.default_rng(99))


def spoil_summary(folder):
    reported = json.loads(folder.summary.read_text())
    folder.summary.write_text(json.dumps(reported | {"n_model_runs": 1}))
    folder.posterior.touch()


def cut_in_half(folder):
    whole = folder.posterior.read_bytes()
    folder.posterior.write_bytes(whole[: len(whole) // 2])


def take_away(folder):
    folder.posterior.unlink()


def half_a_checkpoint(folder):
    folder.checkpoint.write_bytes(b"\x89HDF")


def blame(folder):
    folder.failure.write_text('{"reason": "bug"}')


@pytest.mark.parametrize(
    ("spoil", "reported"),
    [
        (spoil_draws, "other numbers in posterior"),
        (spoil_summary, "another summary"),
        (cut_in_half, "its result cannot be read"),
        (take_away, "lost its result"),
        (half_a_checkpoint, "its checkpoint cannot be read"),
        (blame, "failed for bug"),
    ],
)
def test_a_loss_in_a_pixel_is_seen(judge, spoil, reported):
    spoil(RunFolder(judge.path).pixel(2))
    faults = judge.look()
    assert all(fault.startswith("pixel 2") for fault in faults)
    assert any(reported in fault for fault in faults)


def test_a_row_of_the_store_that_is_marked_but_not_whole_is_seen(judge):
    store = zarr.open_group(judge.path / "posteriors.zarr", mode="r+")
    store["mean"][3] = np.nan
    assert judge.look() == ["the store has other numbers in mean"]
    store["collected_mtime"][3] = -1  # without its mark nobody takes it for whole
    assert judge.look() == []
    assert judge.look_at_everything() == ["pixel 3 was not collected"]


def test_a_lock_of_another_holder_is_seen(tmp_path):
    lock = tmp_path / ".collecting"
    assert not is_locked(lock)
    with alone(tmp_path, "collecting"):
        assert is_locked(lock)
    assert not is_locked(lock)
