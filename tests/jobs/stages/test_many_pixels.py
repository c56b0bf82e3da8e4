"""Many pixels: every one is finished once, in any order, whatever happens to workers.

The process model is the linear one, in worker processes too.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import xarray as xr
from few_pixels import N_PIXELS, PUBLISHED_OPTIONS, assert_same_draws, make_run

import masm
from jobs.inputs.twin import truth_of
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import state_of
from jobs.run.run import open_run
from jobs.stages.collect import _lay_out

pytestmark = pytest.mark.usefixtures("small_process_model")

EXECUTION = "execution: {executor: serial, workers: 2, max_failed_fraction: 0.5}\n"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("prepared") / "run", EXECUTION)


@pytest.fixture
def run_path(tmp_path, prepared):
    return shutil.copytree(prepared, tmp_path / "run")


def copy(path, to):
    shutil.copytree(path, to)
    return to


def status(masm_command, path):
    return json.loads(masm_command("status", path, "--json").output)


def test_workers_give_the_draws_of_a_serial_run(run_path, tmp_path, masm_command):
    serial = copy(run_path, tmp_path / "serial")
    assert masm_command("calibrate", serial).exit_code == 0
    assert masm_command("calibrate", run_path, "--executor", "local").exit_code == 0
    assert_same_draws(run_path, serial)


def test_pixels_in_another_order_and_in_parts_give_the_same_draws(
    run_path, tmp_path, masm_command
):
    whole = copy(run_path, tmp_path / "whole")
    assert masm_command("calibrate", whole).exit_code == 0
    for words in (["--pixel", 4], ["--pixel", 2], ["--resume"]):
        assert masm_command("calibrate", run_path, *words).exit_code == 0
    assert_same_draws(run_path, whole)


def test_each_pixel_has_a_truth_of_its_own_and_finds_it(run_path, masm_command, edit):
    edit(run_path, "method: published", "method: emulator")
    edit(run_path, PUBLISHED_OPTIONS, "")
    assert masm_command("calibrate", run_path).exit_code == 0
    run = open_run(run_path)
    truths = [truth_of(run.config, pixel) for pixel in run.pixels]
    assert len({truth["vmax"] for truth in truths}) == N_PIXELS
    for pixel, truth in zip(run.pixels, truths, strict=True):
        summary = json.loads(run.folder.pixel(pixel.id).summary.read_text())
        for name, true in truth.items():
            found = summary["parameters"][name]
            assert abs(found["mean"] - true) < 4 * found["sd"]


def test_a_pixel_without_forcing_fails_alone_and_is_tried_again(
    run_path, tmp_path, masm_command
):
    whole = copy(run_path, tmp_path / "whole")
    assert masm_command("calibrate", whole).exit_code == 0
    (run_path / "forcing" / "3.nc").unlink()
    assert masm_command("calibrate", run_path).exit_code == 3
    found = status(masm_command, run_path)
    assert found["states"]["failed"] == 1
    assert found["reasons"] == {"no_forcing": 1}
    assert "masm retry" in masm_command("status", run_path).output
    # Going on does not repeat a failure; retrying does.
    assert masm_command("calibrate", run_path, "--resume").exit_code == 3
    shutil.copy(whole / "forcing" / "3.nc", run_path / "forcing" / "3.nc")
    none = masm_command("retry", run_path, "--reason", "timed_out")
    assert "no such failed pixels" in none.output
    assert masm_command("retry", run_path, "--reason", "no_forcing").exit_code == 0
    assert_same_draws(run_path, whole)


def test_a_spent_failure_budget_stops_the_run(run_path, masm_command):
    for pixel_id in (1, 2, 3):
        (run_path / "forcing" / f"{pixel_id}.nc").unlink()
    stopped = masm_command("calibrate", run_path)
    assert stopped.exit_code == 4
    assert "no_forcing 3" in stopped.output
    assert status(masm_command, run_path)["states"]["waiting"] == 1


def test_a_worker_killed_once_costs_nothing(
    run_path, tmp_path, masm_command, monkeypatch
):
    whole = copy(run_path, tmp_path / "whole")
    assert masm_command("calibrate", whole).exit_code == 0
    monkeypatch.setenv("TEST_MISHAP", f"killed_once,42,{tmp_path}")
    done = masm_command("calibrate", run_path, "--executor", "local")
    assert (tmp_path / "was_killed").exists()
    assert done.exit_code == 0, done.output
    assert_same_draws(run_path, whole)


def test_a_pixel_that_kills_every_worker_fails_alone(
    run_path, masm_command, monkeypatch
):
    monkeypatch.setenv("TEST_MISHAP", "killed,42,")
    done = masm_command("calibrate", run_path, "--executor", "local")
    assert done.exit_code == 3, done.output
    found = status(masm_command, run_path)
    assert found["states"]["failed"] == 1
    assert found["reasons"] == {"out_of_memory": 1}
    assert state_of(RunFolder(run_path).pixel(2)).reason == "out_of_memory"


def test_a_pixel_that_takes_too_long_fails_with_that_reason(
    run_path, masm_command, monkeypatch
):
    config = run_path / "config.yaml"
    config.write_text(
        config.read_text().replace("{executor:", "{pixel_minutes: 0.02, executor:")
    )
    monkeypatch.setenv("TEST_MISHAP", "slow,44,")
    masm_command("calibrate", run_path, "--pixel", 4)
    assert state_of(RunFolder(run_path).pixel(4)).reason == "timed_out"


def test_replay_gives_the_same_numbers_and_leaves_the_result_alone(
    run_path, masm_command
):
    assert masm_command("calibrate", run_path, "--pixel", 2).exit_code == 0
    result = RunFolder(run_path).pixel(2).posterior
    before = result.read_bytes()
    reported = masm_command("replay", run_path, "--pixel", 2)
    assert reported.exit_code == 0
    assert "the same numbers as before" in reported.output
    assert result.read_bytes() == before


def test_collect_takes_what_is_there_and_later_only_what_is_new(run_path, masm_command):
    masm_command("calibrate", run_path, "--pixel", 1, "--pixel", 4)
    assert "2 of 4 pixels (50%), 2 new" in masm_command("collect", run_path).output
    masm_command("calibrate", run_path, "--pixel", 2)
    assert "3 of 4 pixels (75%), 1 new" in masm_command("collect", run_path).output
    assert "0 new" in masm_command("collect", run_path).output

    with xr.open_zarr(run_path / "posteriors.zarr", chunks=None) as store:
        got = store.load()
    assert got["pixel"].to_numpy().tolist() == [1, 2, 3, 4]
    assert got["parameter"].to_numpy().tolist() == ["vmax", "p18"]
    assert np.isnan(got["mean"].sel(pixel=3)).all()
    meanings = got["state"].attrs["flag_meanings"].split()
    states = [meanings[code] for code in got["state"].to_numpy()]
    assert states[2] == "waiting"
    assert states[0] in ("done", "suspect")
    for pixel_id in (1, 2, 4):
        folder = RunFolder(run_path).pixel(pixel_id)
        draws = masm.open_result(folder.posterior).posterior
        np.testing.assert_array_equal(
            got["vmax"].sel(pixel=pixel_id), draws["vmax"].astype("f4")
        )
        summary = json.loads(folder.summary.read_text())
        assert got["mean"].sel(pixel=pixel_id, parameter="p18") == pytest.approx(
            summary["parameters"]["p18"]["mean"], rel=1e-6
        )


def test_many_short_chains_are_collected_without_losing_a_draw():
    draws = np.random.default_rng(1).random((80, 50)).astype("f4")
    row = np.empty((4, 1000), "f4")
    _lay_out(draws, row)
    np.testing.assert_array_equal(np.sort(row.ravel()), np.sort(draws.ravel()))
    _lay_out(draws[:30], row)
    assert np.isfinite(row).sum() == 30 * 50


def test_a_collector_that_was_killed_is_made_good_by_the_next(
    run_path, masm_command, monkeypatch
):
    import jobs.stages.collect

    masm_command("calibrate", run_path)

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(jobs.stages.collect, "_read_pixel", killed)
        assert masm_command("collect", run_path).exit_code == 75
    assert "4 new" in masm_command("collect", run_path).output


def test_thinned_draws_keep_the_diagnostics_of_all_draws(run_path, masm_command):
    masm_command("calibrate", run_path, "--pixel", 1)
    folder = RunFolder(run_path).pixel(1)
    result = masm.open_result(folder.posterior)
    assert result.posterior.sizes["draw"] == 100
    ess = json.loads(folder.summary.read_text())["parameters"]["vmax"]["ess_bulk"]
    assert result.posterior["vmax"].attrs["ess_bulk"] == ess


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("3,place 3,43", "3,place 3,143", "places.csv:4  latitude"),
        ("3,place 3", ",place 3", "places.csv:4  id"),
        ("3,place 3", "2,place 3", "an id of its own (line 3 has it)"),
        ("sand", "snad", "no column sand"),
    ],
)
def test_a_bad_row_of_the_table_is_named(run_path, masm_command, old, new, wanted):
    table = run_path / "places.csv"
    table.write_text(table.read_text().replace(old, new))
    refused = masm_command("calibrate", run_path)
    assert refused.exit_code == 2
    assert wanted in refused.stderr
