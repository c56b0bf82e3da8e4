"""A signal that comes early waits until it can be heard, and stops a run in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from jobs.cli.error_handler import error_handler

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux's /proc"
)


def blocks(pid: int, number: int) -> bool:
    """Tell whether a process holds a signal back now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("SigBlk"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_during_imports_exits_75_and_kills_nothing(run_path, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs", "calibrate", str(run_path)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while not blocks(process.pid, number):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(number)
    _, reported = process.communicate()
    assert process.returncode == 75, reported
    assert f"stopped by {signal.Signals(number).name}" in reported
    assert not (run_path / "pixels").exists()


@pytest.mark.parametrize("number", [signal.SIGXCPU, signal.SIGHUP, signal.SIGTERM])
def test_limits_and_closed_terminals_stop_in_order(tmp_path, capsys, number):
    with pytest.raises(typer.Exit) as end, error_handler(tmp_path, "collect"):
        signal.raise_signal(number)
    assert end.value.exit_code == 75
    assert (
        f"stopped by {number.name}; finished work is saved" in capsys.readouterr().err
    )
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_closed_terminal_is_of_no_matter_with_nohup(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with error_handler(tmp_path, "collect"):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
