import logging

import h5netcdf
import numpy as np
import pytest

import masm
from masm.files import replacing
from masm.problem.problem import Runs
from masm.results.checkpoint import Checkpoint, digest

PRINT = {"priors": "a", "seed": "b"}


def runs_at(u):
    cost = u.sum(axis=1)
    cost[0] = np.nan
    return Runs(u, cost, np.column_stack([cost, 2.0 * cost, -cost]))


def never(u):
    raise AssertionError("a recorded batch was run again")


def points(seed, n=4):
    return np.random.default_rng(seed).random((n, 2))


def test_recorded_batches_come_back_bit_for_bit_in_order(tmp_path):
    path = tmp_path / "c.nc"
    record = Checkpoint(path, PRINT).block("block1")
    first, second = points(1), points(2, n=3)
    made = [record.run(first, runs_at), record.run(second, runs_at)]
    other = Checkpoint(path, PRINT)
    assert other.n_runs == 7
    again = other.block("block1")
    for u, runs in zip((first, second), made, strict=True):
        got = again.run(u, never)
        assert np.array_equal(got.cost, runs.cost, equal_nan=True)
        assert np.array_equal(got.series, runs.series, equal_nan=True)


def test_blocks_have_records_of_their_own(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c.nc", PRINT)
    checkpoint.block("block1").run(points(1), runs_at)
    checkpoint.block("block2").run(points(3), lambda u: Runs(u, u[:, 0]))
    again = Checkpoint(tmp_path / "c.nc", PRINT)
    assert again.block("block2").run(points(3), never).series is None
    assert again.block("block1").run(points(1), never).n == 4


def test_batches_run_elsewhere_are_left_behind_with_a_warning(tmp_path, caplog):
    path = tmp_path / "c.nc"
    record = Checkpoint(path, PRINT).block("block1")
    record.run(points(1), runs_at)
    record.run(points(2), runs_at)
    again = Checkpoint(path, PRINT).block("block1")
    with caplog.at_level(logging.WARNING, "masm"):
        again.run(points(9), runs_at)
    assert "run elsewhere" in caplog.text
    assert Checkpoint(path, PRINT).n_runs == 4


def test_the_parts_that_changed_are_named(tmp_path):
    path = tmp_path / "c.nc"
    Checkpoint(path, PRINT).block("block1").run(points(1), runs_at)
    with pytest.raises(masm.OtherCalibration, match="found   seed changed"):
        Checkpoint(path, {**PRINT, "seed": "c"})


def test_other_files_are_not_taken_for_checkpoints(tmp_path):
    path = tmp_path / "c.nc"
    path.write_text("text")
    with pytest.raises(masm.InputError, match="cannot be read"):
        Checkpoint(path, PRINT)
    with h5netcdf.File(path, "w") as file:
        file.attrs["format"] = "else"
    with pytest.raises(masm.OtherCalibration, match="not one of ours"):
        Checkpoint(path, PRINT)


def test_a_writer_that_dies_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with replacing(path) as aside:
            aside.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_digest_sees_values_shapes_and_kinds():
    a = np.arange(6.0)
    assert digest(a, {"x": 1}) == digest(a.copy(), {"x": 1})
    different = [
        digest(a),
        digest(a.reshape(2, 3)),
        digest(a.astype(int)),
        digest(a + 1e-15 * (a == 3)),
        digest(a[:-1]),
        digest(a, 1),
    ]
    assert len(set(different)) == len(different)


def test_inputs_of_another_kind_are_refused_and_absent_ones_taken_once(tmp_path):
    from masm.errors import InputsChanged

    path = tmp_path / "c.nc"
    record = Checkpoint(path, PRINT).block("block1")  # as an earlier version wrote it
    record.run(np.zeros((1, 2)), lambda u: Runs(u, np.zeros(1), None))
    taken = Checkpoint(path, PRINT, {"forcing": "a" * 64})
    assert taken.n_runs == 1
    taken.write()
    Checkpoint(path, PRINT, {"forcing": "a" * 64})
    with pytest.raises(InputsChanged, match="forcing changed"):
        Checkpoint(path, PRINT, {"forcing": "b" * 64})


def test_a_chain_of_many_batches_is_saved_more_seldom_and_loses_little(
    tmp_path, monkeypatch
):
    """The file is written whole, which after every batch would be their square."""
    writes = []
    monkeypatch.setattr(Checkpoint, "write", lambda self: writes.append(self.n_runs))
    record = Checkpoint(tmp_path / "c.nc", PRINT).block("block1")
    for k in range(1000):
        record.run(points(k, n=1), lambda u: Runs(u, u[:, 0]))
    assert writes[:200] == list(range(1, 201))
    assert len(writes) < 300
    gaps = np.diff([*writes, 1000]) / np.array(writes)
    assert np.all(gaps[200:] <= 0.03)


def test_batches_of_many_sizes_are_read_back(tmp_path):
    record = Checkpoint(tmp_path / "c.nc", PRINT).block("block1")
    sizes = (3, 1, 1, 5, 2)
    made = [record.run(points(k, n=n), runs_at) for k, n in enumerate(sizes)]
    again = Checkpoint(tmp_path / "c.nc", PRINT).block("block1")
    for runs in made:
        got = again.run(runs.u, never)
        assert np.array_equal(got.cost, runs.cost, equal_nan=True)
