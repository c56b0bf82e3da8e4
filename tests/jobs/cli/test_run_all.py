"""``masm run`` ends with its report, and with code 2 only where nothing started."""

from __future__ import annotations

import pytest

import jobs.cli.run_all
from jobs.errors import ConfigError, Problem

pytestmark = pytest.mark.usefixtures("small_process_model")


def fails(error):
    def stage(*words, **options):
        raise error

    return stage


MISTAKE = ConfigError(Problem("weather.csv", "it has a gap"))


@pytest.mark.parametrize(("error", "code"), [(MISTAKE, 3), (KeyError("x"), 1)])
@pytest.mark.parametrize("stage", ["simulate_run", "evaluate_run"])
def test_a_late_stage_that_fails_leaves_a_report(
    stage, error, code, run_path, masm_command, monkeypatch
):
    monkeypatch.setattr(jobs.cli.run_all, stage, fails(error))
    reported = masm_command("run", run_path)
    assert reported.exit_code == code, reported.output
    assert "report   " in reported.output
    assert (run_path / "report.html").stat().st_size > 0


def test_a_stage_refused_before_any_work_exits_2_and_reports_what_was_there(
    run_path, masm_command, monkeypatch
):
    refused = masm_command("run", run_path / "nowhere")
    assert refused.exit_code == 2
    assert masm_command("calibrate", run_path).exit_code == 0
    monkeypatch.setattr(jobs.cli.run_all, "calibrate_run", fails(MISTAKE))
    reported = masm_command("run", run_path)
    assert reported.exit_code == 2, reported.output
    assert (run_path / "report.html").exists()


def test_a_mistake_found_after_work_of_the_first_stage_is_not_code_2(
    run_path, masm_command, monkeypatch
):
    from jobs.cli.calibrate import calibrate_run

    def calibrates_then_fails(*words, **options):
        calibrate_run(*words, **options)
        raise MISTAKE

    monkeypatch.setattr(jobs.cli.run_all, "calibrate_run", calibrates_then_fails)
    reported = masm_command("run", run_path)
    assert reported.exit_code == 3, reported.output
    assert (run_path / "report.html").exists()


def test_a_report_that_fails_is_reported_and_the_stages_code_stays(
    run_path, masm_command, monkeypatch
):
    monkeypatch.setattr(jobs.cli.run_all, "write_report", fails(KeyError("figure")))
    reported = masm_command("run", run_path)
    assert reported.exit_code == 1
    assert "a bug: KeyError" in reported.output
    monkeypatch.setattr(jobs.cli.run_all, "evaluate_run", fails(MISTAKE))
    assert masm_command("run", run_path).exit_code == 3
