"""``masm status --watch`` on a real terminal: it draws, it follows, Ctrl-C ends it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

_PATIENCE = 90.0  # seconds; a loaded machine starts Python slowly


@pytest.fixture
def watched(run_path):
    """A watching process on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs", "status", str(run_path), "--watch"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    yield process, ours
    process.kill()
    process.wait()
    os.close(ours)


def _take_terminal() -> None:
    """Make standard input the terminal that Ctrl-C is typed at."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(terminal: int, pattern: str) -> str:
    """Read what is drawn until it matches, or the patience is over."""
    seen, end = "", time.monotonic() + _PATIENCE
    while time.monotonic() < end and not re.search(pattern, seen, re.DOTALL):
        ready, _, _ = select.select([terminal], [], [], 1.0)
        if ready:
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
    return seen


def test_it_draws_follows_the_run_and_ends_on_ctrl_c(watched, run_path):
    process, terminal = watched
    first = read_until(terminal, r"waiting 1.*Ctrl-C")
    assert "━" in first
    assert "0%" in first
    folder = run_path / "pixels" / "000" / "00000"
    folder.mkdir(parents=True)
    (folder / "running.json").write_text(
        f'{{"pid": {os.getpid()}, "host": "{os.uname().nodename}"}}'
    )
    later = read_until(terminal, r"running 1.*Ctrl-C")
    assert "running 1" in later
    assert "\x1b[" in later  # drawn over the first, not below it
    os.write(terminal, b"\x03")
    last = read_until(terminal, r"\x00")  # until it closes
    code = process.wait(timeout=_PATIENCE)
    assert "Traceback" not in first + later + last
    assert code == 0
    assert "\x1b[?25h" in later + last  # the cursor is shown again


def test_it_ends_by_itself_when_nothing_is_left(watched, run_path):
    process, terminal = watched
    read_until(terminal, r"waiting 1.*Ctrl-C")
    folder = run_path / "pixels" / "000" / "00000"
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text('{"reason": "model_nan", "message": "m"}')
    last = read_until(terminal, r"failed 1.*\x00")
    assert "model_nan" in last
    assert process.wait(timeout=_PATIENCE) == 0
