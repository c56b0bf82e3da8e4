"""Run a program so that it, and all that it starts, ends with whoever asked for it.

This file is itself a small program, which a `masm.Executable` starts in the place of
the user's: it starts the user's program, waits for it and for the asking process, and
ends everything when either ends. What the program starts stays below this process,
even in a session of its own, where the system can see to that (Linux). It imports
nothing of the package: ``python -I -S supervisor.py PROGRAM ARGUMENTS``.

Standard input is a pipe that the asking process holds open and never writes to; the
program's exit code goes to standard output as a line.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SECONDS = 0.05


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def children_of(root: int) -> list[int]:
    """Return the processes below a process, the nearest first."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as opened:
                parent = int(opened.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
        parents.setdefault(parent, []).append(int(name))
    found: list[int] = []
    left = [root]
    while left:
        below = parents.get(left.pop(0), [])
        found += below
        left += below
    return found


def _kill(call: Callable[[int, int], None], pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        call(pid, signal.SIGKILL)


def end_all(program: int) -> None:
    """End a program with its group and all that it started, wherever that went."""
    for _ in range(100):  # what is ended may just have started another
        _kill(os.killpg, program)
        for pid in children_of(os.getpid()):
            _kill(os.kill, pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        select.select([], [], [], _SECONDS / 5)


def supervise(command: list[str]) -> int:
    """Run a command; return its exit code, minus the signal that ended it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    program = os.fork()
    if program == 0:
        _start(command)
    while True:
        ready, _, _ = select.select([0, wake_read], [], [], 1.0)
        if wake_read in ready:
            os.read(wake_read, 4096)
        ended, status = _wait(program)
        if ended:
            end_all(program)
            return os.waitstatus_to_exitcode(status)
        if 0 in ready and not os.read(0, 1):  # whoever asked is no more, or gave up
            end_all(program)
            return -signal.SIGKILL


def _wait(program: int) -> tuple[bool, int]:
    """Reap what has ended; return whether the program is among it, and how it ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True, signal.SIGKILL
        if pid == program:
            return True, status
        if pid == 0:
            return False, 0


def _start(command: list[str]) -> None:
    """Become the program, in a session of its own; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)  # both go to the file of what it said
        os.execvp(command[0], command)  # noqa: S606
    except OSError as exc:
        os.write(2, f"{command[0]}: {exc.strerror}\n".encode())
    os._exit(127)


if __name__ == "__main__":
    answer = supervise(sys.argv[1:])
    try:
        os.write(1, f"{answer}\n".encode())
    except OSError:
        os._exit(1)
    os._exit(0)
