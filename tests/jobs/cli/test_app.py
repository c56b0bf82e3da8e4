"""The command line is quick to answer and shows only what exists."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

from jobs.console import follow


def test_the_command_line_loads_nothing_heavy():
    program = (
        "import sys, jobs.cli.app; "
        "heavy = {'numpy', 'numba', 'xarray', 'pandas', 'scipy', "
        "'matplotlib', 'arviz', 'joblib', 'pydantic', 'masm', 'ibis_dalec'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_help_names_every_command_with_a_sentence(masm_command):
    reported = masm_command("--help").output
    for command in (
        "init",
        "report",
        "check",
        "calibrate",
        "status",
        "retry",
        "replay",
        "collect",
        "simulate",
        "evaluate",
        "run",
    ):
        assert f"│ {command} " in reported
        assert "Usage" in masm_command(command, "--help").output


def test_watching_ends_when_nothing_is_left_to_wait_for(capsys):
    readings = iter([("half", 0.5, True), ("whole", 1.0, False), ("more", 1.0, True)])
    follow(lambda: next(readings), 0.0, in_place=True)
    assert capsys.readouterr().out.split() == ["half", "whole"]


def test_ctrl_c_ends_the_watching_wherever_it_comes(capsys):
    class Finalised:
        """Where Python drops exceptions."""

        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    n_readings = 0

    def read():
        nonlocal n_readings
        n_readings += 1
        assert n_readings < 9, "it goes on"
        if n_readings == 3:
            Finalised()
        return "half", 0.5, True

    follow(read, 0.001, in_place=False)
    assert n_readings == 3


_WATCHED = """
import os, signal, sys
from jobs.console import follow


def interrupted_at(step):
    n_steps, n_readings = 0, 0

    def trace(frame, event, arg):
        nonlocal n_steps
        frame.f_trace_opcodes = True
        if event == "opcode":
            n_steps += 1
            if n_steps == step:
                os.kill(os.getpid(), signal.SIGINT)
        return trace

    def read():
        nonlocal n_readings
        n_readings += 1
        if n_readings == 2:
            sys.settrace(trace)  # in frames entered from here on
        return "half", 0.5, n_readings < 9

    follow(read, 0.001, in_place=False)
    sys.settrace(None)
    return n_readings


print([interrupted_at(step) for step in range(1, 200)], file=sys.stderr)
"""


def test_ctrl_c_at_any_instruction_ends_the_watching():
    # A child that waits for itself is ended here.
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED], capture_output=True, text=True, timeout=120
    )
    readings = json.loads(done.stderr)
    assert max(readings) < 9
    assert min(readings) == 2
