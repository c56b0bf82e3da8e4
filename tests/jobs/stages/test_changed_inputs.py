"""Two weathers never make one posterior; a stale or moved owner marks nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import xarray as xr
from few_pixels import make_run
from made_up import in_a_child

import masm
from jobs.errors import ConfigError, Stopped
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import state_of
from jobs.run.run import open_run
from jobs.stages import calibrate_pixel as stage
from jobs.stages.site_runs import open_site

pytestmark = pytest.mark.usefixtures("small_process_model")


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run", "")


def draws(path):
    return masm.open_result(RunFolder(path).pixel(1).posterior).posterior


def test_forcing_swapped_between_kill_and_resume_is_refused_or_begun_anew(
    masm_command, run, tmp_path
):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    shutil.copy(other / "forcing" / "2.nc", other / "forcing" / "1.nc")
    assert masm_command("calibrate", other, "--pixel", 1).exit_code == 0
    words = ("calibrate", run, "--pixel", 1)
    assert in_a_child(words, tmp_path / "told", killed_at=7) == -9
    folder = RunFolder(run).pixel(1)
    assert folder.checkpoint.exists()
    shutil.copy(run / "forcing" / "1.nc", tmp_path / "kept.nc")
    shutil.copy(run / "forcing" / "2.nc", run / "forcing" / "1.nc")
    refused = masm_command(*words, "--resume")
    assert "inputs_changed 1" in refused.output
    assert "found   forcing" in folder.failure.read_text()
    again = masm_command("retry", run, "--reason", "inputs_changed")
    assert again.exit_code == 0, again.output
    xr.testing.assert_identical(draws(run), draws(other))
    # of the finished pixel
    assert masm_command("simulate", run, "--pixel", 1).exit_code == 0
    shutil.copy(tmp_path / "kept.nc", run / "forcing" / "1.nc")
    refused = masm_command("simulate", run, "--pixel", 1)
    assert refused.exit_code == 2
    assert "its forcing changed since it was calibrated" in refused.stderr
    again = masm_command("retry", run, "--reason", "inputs_changed")
    assert again.exit_code == 0, again.output
    assert masm_command("simulate", run, "--pixel", 1).exit_code == 0
    summary = json.loads(folder.summary.read_text())
    assert set(summary["inputs"]) == {"forcing"}
    assert (folder.path / "posterior.nc.damaged").exists()


def test_resuming_refuses_other_files_of_finished_pixels_until_they_are_done_anew(
    masm_command, run, tmp_path
):
    for pixel in (1, 2):
        assert masm_command("calibrate", run, "--pixel", pixel).exit_code == 0
    before = draws(run)
    weather = run / "forcing" / "1.nc"
    kept = weather.read_bytes()
    weather.write_bytes((run / "forcing" / "3.nc").read_bytes())
    refused = masm_command("calibrate", run, "--resume")
    assert refused.exit_code == 2
    assert "found   pixel 1 (forcing)" in refused.stderr
    assert "masm retry" in refused.stderr
    assert not RunFolder(run).pixel(3).path.exists()  # before any work
    xr.testing.assert_identical(draws(run), before)
    # another pixel's calibration is not in its way, nor is the file put back
    assert masm_command("calibrate", run, "--pixel", 2, "--resume").exit_code == 0
    weather.write_bytes(kept)
    assert masm_command("calibrate", run, "--pixel", 1, "--resume").exit_code == 0
    # damaged or gone, it is not the file that was used either; done anew by choice
    for damage in (weather.unlink, lambda: weather.write_bytes(kept[:1000])):
        damage()
        refused = masm_command("calibrate", run, "--resume")
        assert refused.exit_code == 2
        assert "found   pixel 1 (forcing)" in refused.stderr
    weather.write_bytes((run / "forcing" / "3.nc").read_bytes())
    again = masm_command("retry", run, "--reason", "inputs_changed")
    assert again.exit_code == 0, again.output
    assert not draws(run).equals(before)
    assert masm_command("calibrate", run, "--pixel", 1, "--resume").exit_code == 0


def overtaken(monkeypatch, path, act):
    """Calibrate a pixel; ``act`` comes between its model runs and their writing."""
    run = open_run(path)
    pixel = run.pixels[0]
    from jobs.run.run import start

    start(run)
    folder = run.folder.pixel(pixel.id)

    def broken(*arguments):
        act(folder)
        raise RuntimeError("woke up in another world")

    monkeypatch.setattr(stage, "_calibrate", broken)
    with pytest.raises(Stopped) as stopped:
        stage.calibrate_pixel(run, pixel)
    return folder, str(stopped.value)


def test_a_stale_owner_that_wakes_up_marks_nothing(monkeypatch, run):
    def take_over(folder):
        folder.lease.write_text(json.dumps({"host": "another node", "pid": 7}))

    folder, why = overtaken(monkeypatch, run, take_over)
    assert "taken the pixel over" in why
    assert not folder.failure.exists()
    assert json.loads(folder.lease.read_text())["host"] == "another node"
    assert state_of(folder).state == "running"


def test_a_renamed_run_gets_no_stray_failure(monkeypatch, run):
    def move(folder):
        run.rename(run.with_name("moved"))

    _, why = overtaken(monkeypatch, run, move)
    assert "no longer where it was" in why
    assert not run.exists()
    assert not list(run.with_name("moved").rglob("failure.json"))


def test_runs_of_an_overtaken_owner_are_not_written_down(run, masm_command):
    reported = []
    opened = open_run(run)
    from jobs.run.run import start

    start(opened)
    folder = opened.folder.pixel(1)

    def overtake(n):
        reported.append(n)
        if len(reported) == 2:
            folder.lease.unlink()

    with pytest.raises(Stopped):
        stage.calibrate_pixel(opened, opened.pixels[0], overtake)
    assert len(reported) == 2
    assert not folder.failure.exists()


def test_digests_are_of_content_and_not_of_the_order(run):
    from jobs.inputs.digests import digest_of
    from jobs.inputs.pixel_data import forcing_of

    opened = open_run(run)
    pixel = opened.pixels[0]
    forcing = forcing_of(opened, pixel)
    other = forcing_of(opened, replace(pixel, sand=pixel.sand + 1))
    backwards = forcing[list(forcing.data_vars)[::-1]]
    assert digest_of(backwards) == digest_of(forcing) != digest_of(other)


def test_a_study_of_a_site_refuses_other_inputs_than_it_was_calibrated_on(
    run, monkeypatch
):
    opened = open_run(run)
    pixel = opened.pixels[0]
    open_site(opened, pixel)  # not calibrated: there is nothing to differ from
    kept = {"inputs": {"forcing": "of another weather"}}
    monkeypatch.setattr("jobs.stages.site_runs.read_summary", lambda folder: kept)
    with pytest.raises(ConfigError, match="forcing changed since it was calibrated"):
        open_site(opened, pixel)
