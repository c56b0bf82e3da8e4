"""A small part of the studies `benchmarks.faults` and `benchmarks.fuzz_folder`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def study(name, *words):
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.skipif(
    shutil.which("cc") is None and shutil.which("gcc") is None,
    reason="no C compiler for the calls that fail",
)
def test_no_fault_of_the_system_loses_anything(tmp_path):
    commands = ("status", "collect", "calibrate --resume", "check")
    words = ("--every", 200, "--commands", *commands)
    reported = study("faults", tmp_path / "faults", *words)
    n_played, n_lost = map(int, re.findall(r"\d+", reported)[-2:])
    assert (n_played > 5, n_lost) == (True, 0)


def test_no_spoilt_folder_reaches_outside(tmp_path):
    assert "16 cases, 0 failures" in study(
        "fuzz_folder", tmp_path / "fuzz", "--cases", 16
    )
