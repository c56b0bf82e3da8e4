"""Kill processes of a run at random moments, and go on with it each time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.kills_judged import Judge
from benchmarks.processes import children, is_locked
from jobs.run.pixel_state import is_leased
from jobs.run.run import open_run
from jobs.run.status import status_of

PARTS = {"worker": "popen_loky", "helper": "resource_tracker"}  # of command lines
RIGHT_EXITS = (0, 2, 3)  # 2: workers killed again and again before they began
LONGEST = 600.0  # seconds to wait for anything


class Storm:
    """Kills on one copy of the run, and the process that is going on with it."""

    def __init__(self, path: Path, judge: Judge, log: Path) -> None:
        self.path, self.judge, self.log = path, judge, log
        self.process: subprocess.Popen[bytes] | None = None
        self.verb = ""
        self.wrong_exits: list[int] = []

    def states(self) -> dict[str, int]:
        """How many pixels are in each state."""
        run = open_run(self.path)
        return {str(k): n for k, n in status_of(run.folder, run.pixels).states.items()}

    def start(self, *words: str) -> None:
        """Start a command on the run."""
        self.verb = words[0]
        command = [sys.executable, "-m", "jobs", words[0], str(self.path), *words[1:]]
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(words)}\n".encode())
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def is_going(self) -> bool:
        """Whether the process lives; an exit code that is no right one is kept."""
        if self.process is None or self.process.poll() is None:
            return self.process is not None
        if self.process.returncode not in (*RIGHT_EXITS, -signal.SIGKILL):
            self.wrong_exits.append(self.process.returncode)
        self.process = None
        return False

    def go_on(self) -> bool:
        """See that the run goes on, unless all of it is finished."""
        if self.is_going():
            return True
        states = self.states()
        if states["waiting"] + states["running"]:
            self.start("calibrate", "--executor", "local", "--resume")
        elif states["failed"]:
            self.start("retry", "--executor", "local")
        else:
            return False
        return True

    def find(self, target: str, seconds: float) -> int | None:
        """Wait for a process of the tree to be killed."""
        end = time.monotonic() + seconds
        while self.is_going() and time.monotonic() < end:
            assert self.process is not None
            if target == "parent":
                return self.process.pid
            found = [
                pid
                for pid, line in children(self.process.pid).items()
                if PARTS[target] in line
            ]
            if found:
                return found[-1]
            time.sleep(0.02)
        return None

    def strike(self, target: str, rng: np.random.Generator, horizon: float) -> float:
        """Kill a process of the tree; NaN if the run ended before.

        Returns
        -------
        float
            Seconds that were waited for the moment.
        """
        if target == "collector":
            return self._strike_collector(rng)
        if not self.go_on():
            return np.nan
        if rng.random() < 0.75:  # the others may be killed before they begin a pixel
            self._wait_for_work()
        waited = rng.uniform(0.0, horizon)
        end = time.monotonic() + waited
        while self.is_going() and time.monotonic() < end:
            time.sleep(0.02)
        pid = self.find(target, LONGEST)
        if pid is None:
            return np.nan
        os.kill(pid, signal.SIGKILL)
        if target == "parent" and self.process is not None:
            self.process.wait()
        return waited

    def _strike_collector(self, rng: np.random.Generator) -> float:
        self.end()
        if rng.random() < 0.5:  # its making is to be disturbed too
            shutil.rmtree(self.path / "posteriors.zarr", ignore_errors=True)
        self.start("collect")
        while self.is_going() and not is_locked(self.path / ".collecting"):
            time.sleep(0.002)
        waited = rng.uniform(0.0, 0.4)
        time.sleep(waited)
        return waited if self.end() else np.nan

    def _wait_for_work(self) -> None:
        end = time.monotonic() + LONGEST
        run = open_run(self.path)
        folders = [run.folder.pixel(pixel.id) for pixel in run.pixels]
        while self.is_going() and time.monotonic() < end:
            if any(is_leased(folder.lease) for folder in folders):
                return
            time.sleep(0.05)

    def end(self) -> bool:
        """Kill what is going on; return whether there was something."""
        if not self.is_going() or self.process is None:
            return False
        self.process.kill()
        self.process.wait()
        return True

    def finish(self) -> None:
        """Let the run come to its end undisturbed, and collect it."""
        for _ in range(20):
            if not self.go_on():
                break
            assert self.process is not None
            self.process.wait()
        self.start("collect")
        assert self.process is not None
        self.process.wait()
        self.is_going()
