"""What all queues have in common: their programs, and the command that a job gives."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs.errors import ConfigError, Problem
from jobs.files import read_json


def call(
    words: Sequence[str],
    *,
    lacking: Problem,
    given: str | None = None,
    may_fail: bool = False,
) -> str:
    """Run a program of a queue and return what it prints.

    Parameters
    ----------
    words : sequence of str
        The program and its arguments.
    lacking : Problem
        What to say if there is no such program.
    given : str, optional
        Standard input; by default that of this process.
    may_fail : bool
        Whether an exit code other than 0 is an answer too.

    Raises
    ------
    ConfigError
        If there is no such program, or it refuses.
    """
    program = shutil.which(words[0])
    if program is None:
        raise ConfigError(lacking)
    answer = subprocess.run(
        [program, *words[1:]], input=given, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0 and not may_fail:
        raise ConfigError(
            Problem("", " ".join(words[:2]), f"refused: {answer.stderr.strip()}")
        )
    return answer.stdout


def command_lines(
    setup: Sequence[str], words: Sequence[str], run: Path, folder: Path, task: str
) -> list[str]:
    """Return the last lines of a job's script: this program again, on one task.

    Parameters
    ----------
    setup : sequence of str
        Lines before the command.
    words : sequence of str
        The words of the command line, without the run folder.
    run, folder : Path
        The run folder, and that of ``tasks.json``.
    task : str
        An expression of the shell that is the task's number.
    """
    tasks = shlex.quote(str(folder / "tasks.json"))
    return [
        *setup,
        "export OMP_NUM_THREADS=1",
        "export PYTHONSAFEPATH=1",
        f"exec {shlex.quote(sys.executable)} -P -m jobs {shlex.join(words)} "
        f"{shlex.quote(str(run))} \\",
        f"    --tasks {tasks} --task $(({task}))",
        "",
    ]


def listed_jobs(path: Path) -> list[str]:
    """Return what a submission's list holds; nothing if it is no list."""
    try:
        jobs = read_json(path)
    except (FileNotFoundError, ValueError):
        return []
    return [str(one) for one in jobs] if isinstance(jobs, list) else []
