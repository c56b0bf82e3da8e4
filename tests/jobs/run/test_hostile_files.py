"""No file that is read back can run code, and none makes us write elsewhere.

Each test plants something that would leave a mark if it ran.
"""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest
import xarray as xr
import zarr

from jobs.executors.slurm import script
from masm.results.checkpoint import Checkpoint


class Bomb:
    """Unpickling this makes a folder."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    """What must not come to be."""
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists()


def test_the_bomb_works(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "it-ran")))  # noqa: S301
    assert (tmp_path / "it-ran").exists()


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.mkdir [{mark}]",
        "!!python/object/new:os.mkdir [{mark}]",
        "!!python/name:os.system",
        "!mkdir {mark}",
    ],
)
def test_tags_of_a_configuration_are_refused_and_not_made(
    masm_command, run_path, edit, mark, value
):
    edit(run_path, "name: a small twin", "name: " + value.format(mark=mark))
    answer = masm_command("check", run_path)
    assert answer.exit_code == 2, answer.output
    assert "config.yaml:1" in answer.output
    assert sorted(p.name for p in run_path.iterdir()) == ["config.yaml"]


def pickled_zarr(path, mark):
    """A Zarr store (format 2) whose array of objects would be unpickled."""
    path.mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text('{"complete": true, "region_cube_format": 1}')
    array = path / "pixel"
    array.mkdir()
    (array / ".zarray").write_text(
        json.dumps(
            {
                "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O",
                "compressor": None, "fill_value": None, "order": "C",
                "filters": [{"id": "pickle", "protocol": 5}],
            }
        )
    )  # fmt: skip
    (array / "0").write_bytes(pickle.dumps(np.array([Bomb(mark)], dtype=object)))


def test_a_pickled_cube_is_refused(tmp_path, mark):
    from landdata.cube.cube import open_cube
    from landdata.files.provider_files import InputError

    pickled_zarr(tmp_path / "cube.zarr", mark)
    with pytest.raises(InputError):
        open_cube(tmp_path / "cube.zarr")


@pytest.mark.usefixtures("small_process_model")
def test_collecting_over_a_pickled_store_does_not_read_it(
    masm_command, calibrated_path, mark
):
    pickled_zarr(calibrated_path / "posteriors.zarr", mark)
    (calibrated_path / "posteriors.zarr" / "zarr.json").write_text(
        json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}})
    )
    assert masm_command("collect", calibrated_path).exit_code == 0
    assert not (calibrated_path / "posteriors.zarr" / "pixel" / ".zarray").exists()


def damage(path, how, mark):
    """Spoil a file: a pickle in its place, its first half, or nothing at all."""
    content = path.read_bytes()
    spoilt = {
        "pickle": pickle.dumps(Bomb(mark)),
        "truncated": content[: len(content) // 2],
        "empty": b"",
    }
    path.write_bytes(spoilt[how])


@pytest.mark.usefixtures("small_process_model")
@pytest.mark.parametrize("how", ["pickle", "truncated", "empty"])
@pytest.mark.parametrize("name", ["posterior.nc", "checkpoint.nc", "summary.json"])
def test_a_damaged_result_is_put_aside_and_made_again(
    masm_command, calibrated_path, mark, name, how
):
    folder = calibrated_path / "pixels" / "000" / "00000"
    whole = read_draws(folder)
    if name == "checkpoint.nc":
        (folder / "posterior.nc").rename(folder / "checkpoint.nc")
    damage(folder / name, how, mark)
    assert masm_command("status", calibrated_path).exit_code == 0
    answer = masm_command("collect", calibrated_path)
    assert answer.exit_code == 0, answer.output
    store = zarr.open_group(calibrated_path / "posteriors.zarr", mode="r")
    assert np.isnan(store["vmax"][:]).all()
    assert store["state"][0] == 0  # waiting
    assert masm_command("calibrate", calibrated_path, "--resume").exit_code == 0
    np.testing.assert_array_equal(read_draws(folder), whole)
    assert masm_command("collect", calibrated_path).exit_code == 0
    assert np.isfinite(store["vmax"][:]).any()


@pytest.mark.usefixtures("small_process_model")
def test_a_checkpoint_of_another_version_is_put_aside_and_made_again(
    masm_command, calibrated_path
):
    folder = calibrated_path / "pixels" / "000" / "00000"
    whole = read_draws(folder)
    (folder / "posterior.nc").unlink()
    (folder / "summary.json").unlink()
    other = {"method": "emulator", "options": "as another version digests them"}
    Checkpoint(folder / "checkpoint.nc", other).write()
    written = (folder / "checkpoint.nc").read_bytes()
    answer = masm_command("calibrate", calibrated_path, "--resume")
    assert answer.exit_code == 0, answer.output
    np.testing.assert_array_equal(read_draws(folder), whole)
    assert (folder / "checkpoint.nc.earlier").read_bytes() == written


def read_draws(folder):
    with xr.open_dataset(folder / "posterior.nc", group="posterior") as opened:
        return opened["vmax"].to_numpy()


@pytest.mark.parametrize("key", ["partition", "account"])
def test_nothing_can_be_added_to_a_batch_script(masm_command, run_path, edit, key):
    line = f'execution: {{slurm: {{{key}: "x\\ntouch it-ran"}}}}\n'
    edit(run_path, "name: a small twin", line + "name: a small twin")
    answer = masm_command("check", run_path)
    assert answer.exit_code == 2, answer.output
    assert key in answer.output


def test_the_name_of_a_run_stays_on_its_line(tmp_path):
    from jobs.config.execution import Slurm

    name = "evil\n#SBATCH --wrap=x\nrm -rf ~; $(mkdir x) `mkdir y`"
    text = script(tmp_path / "a run; mkdir z", name, tmp_path, 0, 1, Slurm())
    assert "rm -rf" not in text.replace("rm-rf", "")
    commands = [row for row in text.splitlines() if not row.startswith("#")]
    assert [row.split()[0] for row in commands] == [
        "trap",
        "export",
        "export",
        "exec",
        "--tasks",
    ]
    assert "'" + str(tmp_path / "a run; mkdir z") + "'" in commands[3]
