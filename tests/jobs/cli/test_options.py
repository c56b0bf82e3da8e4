"""Options of every command: how much it reports, in which form, and examples."""

from __future__ import annotations

import json

import pytest
import typer.main
from made_up import make_up

from jobs.cli.app import app
from jobs.run.run import open_run


def all_commands():
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from (((name, n), one) for n, one in command.commands.items())
        else:
            yield (name,), command


@pytest.mark.parametrize("words", [words for words, _ in all_commands()])
def test_every_help_has_an_example_that_parses_and_the_common_options(
    words, masm_command
):
    reported = masm_command(*words, "--help").output
    assert f"Example: masm {' '.join(words)}" in reported
    for option in ("--quiet", "--verbose", "--json"):
        assert option in reported
    command = dict(all_commands())[words]
    example = command.epilog.removeprefix("Example: masm ").split()[len(words) :]
    command.make_context(words[-1], example)


def test_the_version_is_reported(masm_command):
    reported = masm_command("--version")
    assert reported.exit_code == 0
    assert reported.output.startswith("masm")


def test_results_come_as_one_json_document(run_path, masm_command):
    reported = masm_command("check", run_path, "--json")
    document = json.loads(reported.stdout)
    assert document["exit_code"] == reported.exit_code == 0
    assert any("forcing" in line for line in document["messages"])
    refused = masm_command("check", run_path / "nowhere", "--json")
    document = json.loads(refused.stdout)
    assert document["exit_code"] == refused.exit_code == 2
    assert "nowhere" in document["errors"][0]


@pytest.mark.usefixtures("small_process_model")
def test_evaluate_gives_its_tables_as_numbers(run_path, masm_command):
    assert masm_command("calibrate", run_path, "--quiet").output == ""
    assert masm_command("simulate", run_path, "-q").exit_code == 0
    reported = masm_command("evaluate", run_path, "--json")
    scores, parameters = json.loads(reported.stdout)["tables"]
    assert {row["stream"] for row in scores["rows"]} == {"gpp", "lai"}
    assert isinstance(scores["rows"][0]["DISO"], float)
    assert {row["parameter"] for row in parameters["rows"]} == {"vmax", "p18"}


def test_status_names_every_stage(tmp_path, masm_command):
    path = make_up(tmp_path / "run")
    reported = masm_command("status", path).output
    for stage in ("screen", "calibrate", "simulate", "evaluate", "report"):
        assert f"\n{stage} " in f"\n{reported}"
    stages = json.loads(masm_command("status", path, "--json").stdout)["stages"]
    assert stages["calibrate"] == "done"
    assert stages["evaluate"] == "not yet"
    run = open_run(path)
    run.folder.evaluation.mkdir()
    run.folder.scores(0).write_text("")
    stages = json.loads(masm_command("status", path, "--json").stdout)["stages"]
    assert stages["evaluate"] == "in part"


def test_workers_are_of_the_local_executor_and_of_one_call(
    run_path, masm_command, monkeypatch
):
    import jobs.cli.calibrate

    seen = []

    def noted(run, pixels, executor):
        seen.append((executor, run.config.execution.workers))
        return 0

    monkeypatch.setattr(jobs.cli.calibrate, "_calibrate_or_submit", noted)
    refused = masm_command("calibrate", run_path, "--workers", 3)
    assert refused.exit_code == 2
    assert "--executor local" in refused.output
    words = ("calibrate", run_path, "--executor", "local")
    assert masm_command(*words, "--workers", 3).exit_code == 0
    assert seen == [("local", 3)]
    assert open_run(run_path).config.execution.workers == 2


def test_verbose_shows_the_log_and_excludes_quiet(tmp_path, masm_command):
    path = make_up(tmp_path / "run")
    assert masm_command("status", path, "-q", "-v").exit_code == 2
    (path / "pixels/000/00001/posterior.nc").write_text("damaged")
    assert "cannot be read" in masm_command("collect", path, "-v").stderr
