"""A started run keeps the defaults it started with; what the user changes is named."""

from __future__ import annotations

import json
import re

import pytest

import jobs.config.methods
from jobs.run.run import open_run


@pytest.fixture
def started(calibrated_path):
    """A run that is calibrated."""
    return calibrated_path


@pytest.fixture
def older_defaults(started, edit, as_of_old):
    """Change what the run started with where the user has set nothing.

    The same as a software whose defaults have changed since.
    """

    def change(old: str, new: str) -> None:
        lock = started / "config.lock.yaml"
        assert len(re.findall(old, lock.read_text())) == 1
        lock.write_text(re.sub(old, new, lock.read_text()))

    as_of_old(started)
    change(r"n_chains: \d+", "n_chains: 3")
    change(r"keep_draws: \d+", "keep_draws: 77")
    change(r"max_surrogate_rmse: [\d.]+", "an_option_of_old: [1, 2]")
    change(r"twin:\n", "a_section_of_old: {key: 1}\ntwin:\n")
    return started


def test_commands_that_read_open_a_run_whose_defaults_have_changed(
    older_defaults, masm_command
):
    for words in (["status"], ["collect"], ["report"], ["check"], ["evaluate"]):
        done = masm_command(words[0], older_defaults, *words[1:])
        if words == ["evaluate"]:  # nothing is simulated: the same as for any run
            assert "default parameters is not there" in done.stderr
        else:
            assert done.exit_code == 0, done.output


def test_the_locked_defaults_hold(older_defaults):
    calibration = open_run(older_defaults).config.calibration
    assert calibration.keep_draws == 77
    assert calibration.options["n_chains"] == 3
    assert calibration.options["n_iterations"] == 6  # the user's own


def test_a_lock_from_before_a_key_keeps_what_held_then(started, as_of_old):
    now = open_run(started).config.streams
    assert all(stream.window_correlation is None for stream in now.values())
    as_of_old(started)
    lock = started / "config.lock.yaml"
    text = re.sub(r" *window_correlation:.*\n", "", lock.read_text())
    assert text != lock.read_text()
    lock.write_text(text)
    before = open_run(started).config.streams
    given = [one for one in before.values() if one.variance == "given"]
    assert given
    assert all(stream.window_correlation == 0.0 for stream in given)


def test_what_this_version_has_no_more_can_be_read_but_not_gone_on_with(
    older_defaults, masm_command
):
    refused = masm_command("calibrate", older_defaults, "--resume")
    assert refused.exit_code == 2
    assert "calibration.options.an_option_of_old" in refused.stderr
    assert "a_section_of_old" in refused.stderr
    assert "keep_draws" not in refused.stderr


def test_a_default_that_changed_does_not_keep_a_run_from_going_on(
    started, masm_command, monkeypatch
):
    def other_defaults(method):
        return jobs.config.methods.method_names() and {
            **known(method),
            "n_chains": 7,
            "n_check": 5,
        }

    known = jobs.config.methods.method_defaults
    monkeypatch.setattr("jobs.config.locked_defaults.method_defaults", other_defaults)
    monkeypatch.setattr("jobs.config.methods.method_defaults", other_defaults)
    assert masm_command("calibrate", started, "--resume").exit_code == 0
    options = open_run(started).config.calibration.options
    assert options["n_chains"] == known("published")["n_chains"]


def test_the_locked_method_holds_where_none_was_set(started, edit, as_of_old):
    as_of_old(started)
    record = json.loads((started / "run.json").read_text())
    (started / "run.json").write_text(json.dumps(record | {"keys_set": []}))
    edit(started, "  method: published\n", "")
    options = open_run(started).config.calibration.options
    assert options["n_iterations"] == 6  # of published, and not of today's default


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("model: {spinup_cycles: 1}", "", "model.spinup_cycles"),
        ("  gpp: {variance: given}", "  gpp: {}", "streams.gpp.variance"),
        ("n_draws: 4000, ", "", "calibration.options.n_draws"),
        ("  lai: {variance: given}", "  lai: {variance: series}", "streams.lai"),
        ("p18: 90", "p18: 91", "twin.truth.p18"),
        ("vmax, p18]", "vmax, p17]", "calibration.blocks.0.parameters.1"),
        ("  blocks:", "  keep_draws: 10\n  blocks:", "calibration.keep_draws"),
    ],
)
def test_a_key_that_the_user_changed_or_took_away_is_refused_by_name(
    started, edit, masm_command, old, new, named
):
    edit(started, old, new)
    for command in ("status", "report"):
        refused = masm_command(command, started)
        assert refused.exit_code == 2
        assert named in refused.stderr
        assert "in config.lock.yaml" in refused.stderr


def test_an_older_record_does_not_say_what_was_set_so_the_lock_decides(
    started, edit, as_of_old
):
    as_of_old(started)
    record = json.loads((started / "run.json").read_text())
    del record["keys_set"]
    (started / "run.json").write_text(json.dumps(record))
    edit(started, "model: {spinup_cycles: 1}", "")
    edit(started, "n_draws: 4000, ", "")
    config = open_run(started).config
    assert config.model.spinup_cycles == 1
    assert config.calibration.options["n_draws"] == 4000


def test_settings_outside_the_science_follow_the_user(started, edit):
    edit(started, "name: a small twin", "name: other\nexecution: {workers: 5}")
    config = open_run(started).config
    assert (config.name, config.execution.workers) == ("other", 5)
    edit(started, "execution: {workers: 5}", "execution: {pixel_minutes: 3}")
    assert open_run(started).config.execution.workers == 2
