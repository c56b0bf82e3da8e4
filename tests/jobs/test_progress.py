"""What is shown of work that may be more than was expected."""

import re

import pytest

from jobs.console import progress


def test_runs_beyond_the_expected_number_are_counted_in_a_pipe(capsys):
    with progress("Demo forest", 300, "model runs") as advance:
        for _ in range(10):
            advance(40)
    lines = capsys.readouterr().err.splitlines()
    assert "Demo forest: 120 of about 300 model runs" in lines
    assert lines[-1] == "Demo forest: 400 model runs"


def test_no_bar_counts_more_runs_than_its_total(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("Demo forest", 300, "model runs") as advance:
        advance(290)
        advance(50)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    shown = re.findall(r"(\d+)/(\d+) +model runs", text)
    assert shown[-1] == ("340", "340")


@pytest.mark.parametrize("total", [None, 3])
def test_work_of_unknown_size_is_shown_too(total, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("sites", total, "model runs") as advance:
        advance(3)
    assert "model runs" in capsys.readouterr().err
