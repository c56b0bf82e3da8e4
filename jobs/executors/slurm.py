"""Run pixels as Slurm job arrays: plain scripts that call this program again.

A task takes a list of pixels, long enough to be worth a job and short enough for its
walltime. Slurm's ``MaxArraySize`` caps the index, so a long campaign is several arrays
with an offset each. Nothing is kept in memory or in a database: a task reads its list
from a file, results are files, and states come from these. Slurm may run a task twice,
even at once; both write the same numbers, whole files at a time.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jobs.config.schema import Slurm
from jobs.errors import ConfigError, Problem
from jobs.files import read_json, write_text
from jobs.run.folder import RunFolder

_DEFAULT_MAX_ARRAY = 1001


@dataclass(frozen=True)
class Plan:
    """What would be submitted.

    Attributes
    ----------
    tasks : tuple of tuple of int
        Pixel ids of each task.
    minutes_per_pixel : float
        The pace the plan is made for.
    arrays : tuple of (int, int)
        Offset and number of tasks of each array.
    """

    tasks: tuple[tuple[int, ...], ...]
    minutes_per_pixel: float
    arrays: tuple[tuple[int, int], ...]

    @property
    def n_pixels(self) -> int:
        """Pixels in all tasks together."""
        return sum(map(len, self.tasks))

    @property
    def core_hours(self) -> float:
        """Core hours at the pace of the plan."""
        return self.n_pixels * self.minutes_per_pixel / 60


def make_plan(
    ids: Sequence[int], settings: Slurm, median_minutes: float | None, max_array: int
) -> Plan:
    """Divide pixels into tasks, and tasks into arrays.

    Parameters
    ----------
    ids : sequence of int
        Pixels to do.
    settings : Slurm
        From the configuration.
    median_minutes : float or None
        Of the pixels finished so far.
    max_array : int
        Slurm's ``MaxArraySize``; indices stay below it.
    """
    pace = median_minutes or settings.pixel_minutes_guess
    # What does not fit before the warning would be stopped and requeued.
    room = settings.walltime_minutes - settings.warn_seconds / 60
    size = max(1, int(min(settings.task_minutes, room) / pace))
    tasks = tuple(tuple(ids[k : k + size]) for k in range(0, len(ids), size))
    arrays = tuple(
        (offset, min(max_array, len(tasks) - offset))
        for offset in range(0, len(tasks), max_array)
    )
    return Plan(tasks, pace, arrays)


def script(
    run: Path,
    name: str,
    folder: Path,
    offset: int,
    n: int,
    s: Slurm,
    verb: Sequence[str] = ("calibrate",),
) -> str:
    """Return the batch script of one array.

    Parameters
    ----------
    run : Path
        The run folder.
    name : str
        What the queue shows.
    folder : Path
        Of this submission; holds the tasks.
    offset, n : int
        First task and number of tasks of the array.
    s : Slurm
        From the configuration.
    verb : sequence of str
        The words of the command line that each task is, without the run folder.
    """
    options = [
        f"--job-name=masm-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)[:40]}",
        f"--array=0-{n - 1}",
        "--ntasks=1",
        "--cpus-per-task=1",
        f"--time={s.walltime_minutes}",
        f"--mem={s.memory_mb}",
        f"--signal=B:USR1@{s.warn_seconds}",
        "--requeue",
        "--open-mode=append",
        f"--output={folder / 'task-%A_%a.log'}",
    ]
    if s.partition:
        options.append(f"--partition={s.partition}")
    if s.account:
        options.append(f"--account={s.account}")
    # Before our own: of an option given twice the last one counts.
    options[:0] = s.extra
    tasks = shlex.quote(str(folder / "tasks.json"))
    # exec: the signal before walltime goes to the program and not to a shell. Until
    # the program can take it, it shall not kill.
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {option}" for option in options),
            "trap '' USR1",
            "export OMP_NUM_THREADS=1",
            "export PYTHONSAFEPATH=1",
            f"exec {shlex.quote(sys.executable)} -P -m jobs {shlex.join(verb)} "
            f"{shlex.quote(str(run))} \\",
            f"    --tasks {tasks} --task $(({offset} + SLURM_ARRAY_TASK_ID))",
            "",
        ]
    )


def submit(
    folder: RunFolder,
    name: str,
    plan: Plan,
    settings: Slurm,
    verb: Sequence[str] = ("calibrate",),
) -> list[str]:
    """Write tasks and scripts, submit every array, return the job ids.

    Raises
    ------
    ConfigError
        If Slurm refuses an array, or one of an earlier submission is still queued.
    """
    _refuse_twice(folder)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    here = (folder.path / "slurm" / stamp).resolve()
    write_text(here / "tasks.json", json.dumps(plan.tasks) + "\n")
    jobs: list[str] = []
    for number, (offset, n) in enumerate(plan.arrays):
        path = here / f"array_{number}.sh"
        text = script(folder.path.resolve(), name, here, offset, n, settings, verb)
        write_text(path, text)
        answer = _call("sbatch", "--parsable", str(path))
        jobs.append(answer.split(";")[0].strip())
        write_text(here / "jobs.json", json.dumps(jobs) + "\n")
    return jobs


def read_task(path: Path, number: int) -> list[int]:
    """Return the pixels of a task.

    Raises
    ------
    ConfigError
        If there is no such task.
    """
    try:
        tasks = read_json(path)
        return [int(pixel_id) for pixel_id in tasks[number]]
    except (OSError, ValueError, IndexError, KeyError, TypeError) as exc:
        raise ConfigError(
            Problem(str(path), f"no task {number}", str(exc), "a submission of a run")
        ) from exc


def max_array_size() -> int:
    """Return the site's ``MaxArraySize``."""
    found = re.search(
        r"^MaxArraySize\s*=\s*(\d+)", _call("scontrol", "show", "config"), re.M
    )
    return int(found.group(1)) if found else _DEFAULT_MAX_ARRAY


def requeue_this_task() -> None:
    """Put the task that this process is back into the queue, where it is one."""
    array, index = (
        os.environ.get(f"SLURM_ARRAY_{part}_ID") for part in ("JOB", "TASK")
    )
    if array and index:
        _call("scontrol", "requeue", f"{array}_{index}")


def _refuse_twice(folder: RunFolder) -> None:
    known = [
        job
        for path in sorted((folder.path / "slurm").glob("*/jobs.json"))
        for job in _jobs_of(path)
    ]
    if not known:
        return
    queued = set(_call("squeue", "--noheader", "--format=%A %F").split())
    busy = [job for job in known if job in queued]
    if busy:
        raise ConfigError(
            Problem(
                str(folder.path / "slurm"),
                "tasks of this run are still in the queue",
                found=f"job {', '.join(busy)}",
                wanted="an empty queue for this run",
                hint=f"Wait, or: scancel {' '.join(busy)}",
            )
        )


def _jobs_of(path: Path) -> list[str]:
    """Return the jobs of a submission; none if its list is not what was written."""
    try:
        jobs = read_json(path)
    except (FileNotFoundError, ValueError):
        return []
    listed = jobs if isinstance(jobs, list) else []
    return [one for one in listed if re.fullmatch(r"\d{1,12}", str(one), re.ASCII)]


def _call(*words: str) -> str:
    program = shutil.which(words[0])
    if program is None:
        raise ConfigError(
            Problem(
                "",
                f"no program {words[0]} here",
                wanted="a machine from which Slurm jobs are submitted",
                hint="Use --executor local.",
            )
        )
    answer = subprocess.run(
        [program, *words[1:]], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise ConfigError(
            Problem("", " ".join(words[:2]), f"refused: {answer.stderr.strip()}")
        )
    return answer.stdout
