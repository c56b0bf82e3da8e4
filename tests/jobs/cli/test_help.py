"""Help texts fold at the terminal's width, whatever the width of their source."""

from __future__ import annotations

from itertools import pairwise

import pytest
from typer.testing import CliRunner

from benchmarks.terminal_sheet import commands
from jobs.cli.app import app


@pytest.mark.parametrize("width", [60, 100])
def test_help_fits_the_width_and_breaks_no_paragraph_early(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    words = sorted(commands())
    assert ("region", "build") in words
    for one in words:
        told = CliRunner().invoke(app, [*one, "--help"]).output
        lines = [line.rstrip() for line in told.splitlines()]
        assert max(map(len, lines)) <= width, (one, max(lines, key=len))
        assert "…" not in told, one  # no name is cut
        text = lines[: next(i for i, line in enumerate(lines) if "╭" in line)]
        for line, after in pairwise(text):
            # A line of a paragraph ends where the next word has no more room.
            if line.strip() and after.strip():
                assert len(line) + 1 + len(after.split()[0]) > width - 2, (one, line)
