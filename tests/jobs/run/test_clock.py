"""A clock that jumps changes no answer: only what people read is taken from it."""

from __future__ import annotations

import os
import re
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from made_up import N_PIXELS, finish, make_up

import jobs
import masm
from jobs.files import write_text
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import state_of
from jobs.run.run import open_run
from jobs.stages.calibrate_pixel import STALE_AFTER
from jobs.stages.collect import collect
from jobs.stages.evaluate import is_simulated
from jobs.stages.upscale_inputs import posterior_table

YEAR = 365 * 86400.0
READS = re.compile(
    r"time\.time(_ns)?\(|\.now\(|\.today\(|utcnow|st_[mac]time|getmtime|gmtime|localtime"
)
MAY_READ = {
    "jobs/console.py": "names of logs, and the hour shown by --watch",
    "jobs/cli/error_handler.py": "names of files with tracebacks",
    "jobs/cli/run_all.py": "whether a stage wrote anything, not which is newer",
    "jobs/run/event_log.py": "history for people",
    "jobs/run/provenance.py": "when a run was started",
    "jobs/report/page.py": "when a report was made",
    "jobs/executors/slurm.py": "names of submissions",
    "jobs/executors/submit.py": "names of submissions",
    "jobs/run/neighbours.py": "whether a file is another one, not which is newer",
    "jobs/run/sources/towers.py": "whether a file is another one, not which is newer",
    "jobs/run/pixel_state.py": "signs of life, for masm status: below",
    "jobs/run/pixel_files.py": "whether a file is another one, not which is newer",
    "jobs/run/packing.py": "whether a file is another one; kept with what is packed",
    "jobs/run/blocks.py": "whether a file is another one, not which is newer",
    "jobs/stages/soil_carbon_tasks.py": "whether a file is another one",
    "landdata/files/provider_files.py": "whether a file is another one",
    "landdata/cube/product_source.py": "whether a file is another one",
}


def test_the_clock_is_read_for_people_alone():
    root = Path(jobs.__file__).parents[1]
    found = {
        str(path.relative_to(root))
        for package in (
            "jobs",
            "upscale",
            "landdata",
            "landmodels",
            "masm",
            "ibis_dalec",
        )
        for path in (root / package).rglob("*.py")
        if READS.search(path.read_text(encoding="utf-8"))
    }
    assert found == set(MAY_READ)


@pytest.mark.parametrize("jump", [-YEAR, YEAR])
def test_a_claim_counts_again_with_the_next_sign_of_life(tmp_path, monkeypatch, jump):
    folder = RunFolder(tmp_path).pixel(1)
    write_text(folder.lease, f'{{"host": "another node", "pid": {os.getpid()}}}')
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + jump)
    # Neither a year from now nor a year ago is a sign of life, ...
    assert state_of(folder).state == "waiting"
    os.utime(folder.lease, (now + jump + 1, now + jump + 1))
    assert state_of(folder).state == "running"
    # ... and a process that died with the clock ahead is not held for alive.
    monkeypatch.setattr("time.time", lambda: now + jump + STALE_AFTER + 2)
    assert state_of(folder).state == "waiting"


@pytest.mark.usefixtures("small_process_model")
@pytest.mark.parametrize("step", [-YEAR, YEAR])
def test_a_clock_that_jumps_all_the_time_changes_no_draw(
    masm_command, run_path, edit, tmp_path, monkeypatch, step
):
    edit(run_path, "n_iterations: 6, n_draws: 4000", "n_iterations: 2, n_draws: 500")
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "config.yaml").write_text((run_path / "config.yaml").read_text())
    assert masm_command("calibrate", whole).exit_code == 0
    ticks = count()
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: 1.8e9 + step * next(ticks))
        assert masm_command("calibrate", run_path).exit_code == 0
    got, want = (RunFolder(path).pixel(0) for path in (run_path, whole))
    xr.testing.assert_identical(
        masm.open_result(got.posterior).posterior,
        masm.open_result(want.posterior).posterior,
    )
    assert 0 <= state_of(got).minutes < 10


@pytest.mark.parametrize("when", [0.0, -YEAR, 4e9])
def test_results_of_another_time_are_collected_and_mapped(tmp_path, when):
    path = make_up(tmp_path / "run")
    run = open_run(path)
    assert collect(run) == N_PIXELS - 1
    with xr.open_zarr(path / "posteriors.zarr", chunks=None) as store:
        before = store.drop_vars("collected_mtime").load()
    for pixel in range(N_PIXELS - 1):
        os.utime(run.folder.pixel(pixel).posterior, (when, when))
    # One is another: its new numbers must come in, though its file seems older.
    finish(run.folder.pixel(2), np.random.default_rng(99))
    os.utime(run.folder.pixel(2).posterior, (when - 1, when - 1))
    assert collect(run) == N_PIXELS - 1
    with xr.open_zarr(path / "posteriors.zarr", chunks=None) as store:
        after = store.drop_vars("collected_mtime").load()
    others = [0, 1, 3, 4]
    xr.testing.assert_identical(after.sel(pixel=others), before.sel(pixel=others))
    assert not np.array_equal(after["vmax"].sel(pixel=2), before["vmax"].sel(pixel=2))
    assert set(posterior_table(run)["pixel"]) == {0, 1, 2, 3}


def test_a_result_that_was_put_aside_is_not_mapped(tmp_path):
    path = make_up(tmp_path / "run")
    run = open_run(path)
    collect(run)
    run.folder.pixel(1).posterior.write_bytes(b"damaged")
    assert collect(run) == 0
    assert set(posterior_table(run)["pixel"]) == {0, 2, 3}


@pytest.mark.usefixtures("small_process_model")
def test_a_simulation_is_fresh_if_it_is_of_the_present_posterior(
    masm_command, run_path, edit
):
    edit(run_path, "n_iterations: 6, n_draws: 4000", "n_iterations: 2, n_draws: 500")
    assert masm_command("calibrate", run_path).exit_code == 0
    run = open_run(run_path)
    (pixel,) = run.pixels
    assert not is_simulated(run, pixel)
    assert masm_command("simulate", run_path).exit_code == 0
    made = [run.folder.simulation(0, name) for name in ("default", "calibrated")]
    for path in made:
        os.utime(path, (0, 0))
    assert is_simulated(run, pixel)
    summary = run.folder.pixel(0).summary
    text = summary.read_text()
    summary.write_text(re.sub(r'"mean": [0-9.e-]+', '"mean": 0.5', text))
    for path in made:
        os.utime(path, (4e9, 4e9))
    assert not is_simulated(run, pixel)
    summary.write_text(text)
    made[1].write_bytes(b"damaged")
    assert not is_simulated(run, pixel)
