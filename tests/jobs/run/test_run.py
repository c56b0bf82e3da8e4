"""A run goes from a configuration to scores and figures, and goes on where it stopped.

The process model is a small linear one here, so what is tested is the run.
"""

from __future__ import annotations

import json
import signal

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from jobs.run.folder import RunFolder
from jobs.run.pixel_state import state_of
from jobs.run.run import open_run

pytestmark = pytest.mark.usefixtures("small_process_model")


def draws(path):
    return masm.open_result(RunFolder(path).pixel(0).posterior).posterior


OPTIONS = (
    "  options: {n_iterations: 6, n_draws: 4000, n_steps: 1000, "
    "n_initial_per_parameter: 15}\n"
)


def copy_config(path, to):
    to.mkdir()
    (to / "config.yaml").write_text((path / "config.yaml").read_text())
    return to


def test_a_twin_is_calibrated_to_parameters_near_its_truth(
    run_path, masm_command, edit
):
    edit(run_path, "method: published", "method: emulator")
    edit(run_path, OPTIONS, "")
    done = masm_command("run", run_path)
    assert done.exit_code == 0, done.output
    summary = json.loads(RunFolder(run_path).pixel(0).summary.read_text())
    for name, truth in (("vmax", 5.0e-5), ("p18", 90.0)):
        found = summary["parameters"][name]
        assert abs(found["mean"] - truth) < 4 * found["sd"]
    assert summary["status"] == "done"
    assert "truth" in done.output
    assert "synthetic" in done.output

    scores = pd.read_csv(run_path / "evaluation" / "scores_00000.csv")
    diso = scores.set_index(["stream", "period", "parameters"])["diso"].unstack()
    assert np.all(diso["calibrated"] < diso["default"])

    for figure in ("fit_somewhere", "posterior_somewhere"):
        assert (run_path / "figures" / f"{figure}.png").stat().st_size > 10_000
    shown = pd.read_csv(run_path / "figures" / "fit_somewhere.csv")
    assert len(shown) == 2 * 2 * 46  # streams, years, 8-day means a year

    with xr.open_dataset(run_path / "simulations" / "default" / "00000.nc") as saved:
        assert saved["gpp"].attrs["units"] == "g m-2 d-1"
        assert "synthetic" in saved.attrs["title"]


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("lbfgsb", "{max_runs: 200, n_starts: 3}"),
        ("demc", "{max_runs: 2500, n_chains: 20}"),
    ],
)
def test_a_baseline_runs_from_the_configuration(
    run_path, masm_command, edit, method, options
):
    edit(run_path, "method: published", f"method: {method}")
    edit(
        run_path,
        "{n_iterations: 6, n_draws: 4000, n_steps: 1000, n_initial_per_parameter: 15}",
        options,
    )
    done = masm_command("run", run_path)
    assert done.exit_code == 0, done.output
    summary = json.loads(RunFolder(run_path).pixel(0).summary.read_text())
    assert summary["parameters"]["p18"]["mean"] == pytest.approx(90.0, rel=0.05)
    is_point = method == "lbfgsb"
    assert (summary["reason"] == "no_posterior") == is_point
    assert np.isnan(summary["parameters"]["p18"]["sd"]) == is_point


def test_the_same_seed_gives_the_same_draws_in_another_folder(
    run_path, tmp_path, masm_command
):
    other = copy_config(run_path, tmp_path / "other")
    assert masm_command("calibrate", run_path).exit_code == 0
    assert masm_command("calibrate", other).exit_code == 0
    xr.testing.assert_identical(draws(run_path), draws(other))


def test_a_run_stopped_midway_resumes_to_the_same_draws(
    run_path, tmp_path, masm_command, monkeypatch, small_model
):
    import ibis_dalec

    whole = copy_config(run_path, tmp_path / "whole")
    assert masm_command("calibrate", whole).exit_code == 0

    calls = []

    def interrupted(*args, **options):
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)
        return small_model(*args, **options)

    monkeypatch.setattr(ibis_dalec, "simulate_batch", interrupted)
    stopped = masm_command("calibrate", run_path)
    assert stopped.exit_code == 75
    assert "--resume" in stopped.stderr
    pixel = RunFolder(run_path).pixel(0)
    assert pixel.checkpoint.exists()
    assert not pixel.posterior.exists()
    assert state_of(pixel).state == "waiting"

    refused = masm_command("calibrate", run_path)
    assert refused.exit_code == 2
    assert "the run has results already" in refused.stderr

    resumed = masm_command("calibrate", run_path, "--resume")
    assert resumed.exit_code == 0, resumed.output
    xr.testing.assert_identical(draws(run_path), draws(whole))
    assert not pixel.checkpoint.exists()


def test_a_finished_run_is_not_computed_again(
    calibrated_path, masm_command, monkeypatch
):
    before = draws(calibrated_path)
    monkeypatch.setattr("jobs.stages.calibrate_pixel._calibrate", None)
    assert masm_command("calibrate", calibrated_path, "--resume").exit_code == 0
    xr.testing.assert_identical(draws(calibrated_path), before)


def test_a_changed_science_key_is_refused_by_name(calibrated_path, masm_command, edit):
    edit(calibrated_path, "seed: 7", "seed: 8")
    refused = masm_command("calibrate", calibrated_path, "--resume")
    assert refused.exit_code == 2
    assert "config.yaml:2:1  seed" in refused.stderr
    assert "found   8" in refused.stderr
    assert "wanted  7 (in config.lock.yaml)" in refused.stderr


def test_execution_keys_may_change_during_a_run(calibrated_path, masm_command, edit):
    edit(calibrated_path, "model:", "execution: {workers: 3}\nmodel:")
    edit(calibrated_path, "name: a small twin", "name: another title")
    assert masm_command("calibrate", calibrated_path, "--resume").exit_code == 0


def test_the_lock_holds_every_default(calibrated_path, masm_command):
    lock = (calibrated_path / "config.lock.yaml").read_text()
    for default in ("max_failed_fraction: 0.05", "n_chains:", "resolution:"):
        assert default in lock
    record = json.loads((calibrated_path / "run.json").read_text())
    assert record["seed"] == 7
    assert "numpy" in record["versions"]


def test_a_model_that_always_fails_is_a_failed_pixel_with_a_reason(
    run_path, masm_command, monkeypatch, small_model
):
    import ibis_dalec

    def broken(*args, **options):
        return small_model(*args, **options) * np.nan

    monkeypatch.setattr(ibis_dalec, "simulate_batch", broken)
    failed = masm_command("calibrate", run_path)
    assert failed.exit_code == 4  # one of one is more than a twentieth
    failure = json.loads(RunFolder(run_path).pixel(0).failure.read_text())
    assert failure["reason"] == "model_nan"
    assert "model_nan 1" in failed.output


def test_a_bug_leaves_its_traceback_in_the_logs_and_exits_1(
    run_path, masm_command, monkeypatch
):
    def broken(*args, **options):
        raise RuntimeError("out of cheese")

    monkeypatch.setattr("jobs.cli.calibrate.calibrate_pixels", broken)
    bug = masm_command("calibrate", run_path)
    assert bug.exit_code == 1
    assert "Traceback" not in bug.stderr
    (trace,) = (run_path / "logs").glob("*.traceback.txt")
    assert "out of cheese" in trace.read_text()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["calibrate", "nowhere"], "no configuration here"),
        (["evaluate", "RUN"], "default parameters is not there"),
        (["simulate", "RUN"], "has not been calibrated"),
        (["calibrate", "RUN", "--pixel", "9"], "no such pixel"),
        (["calibrate", "RUN", "--executor", "slrm"], "slrm"),
        (["calbrate", "RUN"], "calbrate"),
    ],
)
def test_a_wrong_command_line_exits_2_and_starts_nothing(
    run_path, masm_command, words, wanted
):
    before = sorted(run_path.rglob("*"))
    result = masm_command(*[run_path if word == "RUN" else word for word in words])
    assert result.exit_code == 2
    assert wanted in result.stderr
    assert sorted(run_path.rglob("*")) == before


def test_a_dry_run_says_the_cost_and_writes_nothing(run_path, masm_command):
    before = sorted(run_path.rglob("*"))
    reported = masm_command("calibrate", run_path, "--dry-run")
    assert reported.exit_code == 0
    assert "1 of 1 pixels" in reported.output
    assert sorted(run_path.rglob("*")) == before


def test_check_computes_and_writes_nothing(run_path, masm_command, monkeypatch):
    import ibis_dalec

    monkeypatch.setattr(ibis_dalec, "simulate_batch", None)
    before = sorted(run_path.rglob("*"))
    reported = masm_command("check", run_path)
    assert reported.exit_code == 0, reported.output
    assert "model runs" in reported.output
    assert sorted(run_path.rglob("*")) == before


def test_init_never_overwrites_a_run(run_path, masm_command):
    before = (run_path / "config.yaml").read_text()
    assert masm_command("init", run_path).exit_code == 2
    assert (run_path / "config.yaml").read_text() == before


def test_priors_follow_the_configuration(run_path, edit):
    from jobs.config.priors import priors_of

    edit(run_path, "  blocks:", "  bounds: {vmax: [3.5e-5, 6.0e-5]}\n  blocks:")
    priors = priors_of(open_run(run_path).config)
    assert (priors["vmax"].low, priors["vmax"].high) == (3.5e-5, 6.0e-5)
    assert priors["vmax"].default_value == 3.5e-5  # the default moved inside
    assert priors["p18"].units == "gC m-2 leaf"


def test_a_default_that_came_with_a_later_version_does_not_break_a_run(
    calibrated_path, masm_command, edit, as_of_old
):
    as_of_old(calibrated_path)
    lock = calibrated_path / "config.lock.yaml"
    kept = [line for line in lock.read_text().splitlines() if "keep_draws" not in line]
    lock.write_text("\n".join(kept) + "\n")
    assert masm_command("calibrate", calibrated_path, "--resume").exit_code == 0
    edit(calibrated_path, "  method:", "  keep_draws: 50\n  method:")
    assert masm_command("calibrate", calibrated_path, "--resume").exit_code == 2
