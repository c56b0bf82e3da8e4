"""Run pixels as Slurm job arrays: plain scripts that call this program again.

A task takes a list of pixels, long enough to be worth a job and short enough for its
walltime. Slurm's ``MaxArraySize`` caps the index, so a large run is several arrays
with an offset each. Nothing is kept in memory or in a database: a task reads its list
from a file, results are files, and states come from these. Slurm may run a task twice,
even at once; both write the same numbers, whole files at a time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jobs.config.execution import Slurm
from jobs.config.process_model import model_of
from jobs.console import show
from jobs.errors import ConfigError, PartlySubmitted, Problem, Submitted
from jobs.executors.base import Finished, UnitRun, Work
from jobs.executors.plan import Plan, described, make_plan
from jobs.executors.queue_programs import call, command_lines, listed_jobs
from jobs.files import write_text
from jobs.run.folder import RunFolder

_DEFAULT_MAX_ARRAY = 1001
# "4001", "4001;cluster", or the words of a site's own sbatch that knows no --parsable.
_JOB_ID = re.compile(
    r"(Submitted batch job )?(\d+(?:_\w+)?)(?:;(\S+)| on cluster (\S+))?\.?"
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class SlurmArrays:
    """Job arrays of Slurm."""

    def run(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> Finished:
        """Submit the tasks; see `jobs.executors.base.Executor`.

        Raises
        ------
        Submitted
            Always, unless there is nothing to do or Slurm refuses.
        """
        if not numbers:
            return
        settings = run.config.execution.slurm
        plan = make_plan(numbers, settings, work.minutes, max_array_size())
        show(described(plan, work.unit))
        model_of(run.config).warm_up()
        jobs = submit(run.folder, run.config.name, plan, settings, work.words)
        raise Submitted(f"submitted job {', '.join(jobs)}")
        yield

    def describe(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> str:
        """Return the plan and the first script; Slurm need not be here."""
        settings = run.config.execution.slurm
        if shutil.which("scontrol"):
            size, known = max_array_size(), ""
        else:
            size, known = (
                _DEFAULT_MAX_ARRAY,
                (f"\nno Slurm here: MaxArraySize is taken as {_DEFAULT_MAX_ARRAY}"),
            )
        plan = make_plan(numbers, settings, work.minutes, size)
        offset, n = plan.arrays[0]
        path = run.folder.path
        folder = path / "slurm" / "NEXT"
        text = script(path, run.config.name, folder, offset, n, settings, work.words)
        return f"{described(plan, work.unit)}{known}\n{text}"


def script(
    run: Path,
    name: str,
    folder: Path,
    offset: int,
    n: int,
    s: Slurm,
    command: Sequence[str] = ("calibrate",),
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
    command : sequence of str
        The words of the command line that each task is, without the run folder.
    """
    options = [
        f"--job-name=masm-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)[:40]}",
        f"--array=0-{n - 1}" + (f"%{s.throttle}" if s.throttle else ""),
        "--ntasks=1",
        "--cpus-per-task=1",
        f"--time={s.walltime_minutes}",
        f"--mem{'-per-cpu' if s.memory_per_cpu else ''}={s.memory_mb}",
        f"--signal=B:USR1@{s.warn_seconds}",
        "--requeue",
        "--open-mode=append",
        f"--output={_log_pattern(folder)}",
    ]
    if s.partition:
        options.append(f"--partition={s.partition}")
    if s.account:
        options.append(f"--account={s.account}")
    # Before our own: of an option given twice the last one counts.
    options[:0] = [_quoted_value(option) for option in s.extra]
    # exec: the signal before walltime goes to the program and not to a shell. Until
    # the program can take it, it shall not kill.
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {option}" for option in options),
            "trap '' USR1",
            *command_lines(
                s.setup, command, run, folder, f"{offset} + SLURM_ARRAY_TASK_ID"
            ),
        ]
    )


def _log_pattern(folder: Path) -> str:
    """Return the pattern of a task's log, quoted as sbatch reads its own lines.

    In it ``%%`` is a per cent sign of the folder's name. A backslash would switch the
    pattern off, and a quotation mark or a line's end would end it too early.
    """
    text = str(folder)
    odd = re.search(r'["\\\x00-\x1f]', text)
    if odd:
        raise ConfigError(
            Problem(
                text,
                "the path cannot be written in a script of Slurm",
                found=repr(odd.group()),
                wanted="a path without quotation marks, backslashes and line ends",
                hint="Move the run; blanks, accents and % are fine.",
            )
        )
    return f'"{text.replace("%", "%%")}/task-%A_%a.log"'


def _quoted_value(option: str) -> str:
    """Quote the value of an option that has blanks, unless it is quoted."""
    name, equals, value = option.partition("=")
    if equals and re.search(r"\s", value) and not re.search(r"[\"']", value):
        return f'{name}="{value}"'
    return option


def submit(
    folder: RunFolder,
    name: str,
    plan: Plan,
    settings: Slurm,
    command: Sequence[str] = ("calibrate",),
) -> list[str]:
    """Write tasks and scripts, submit every array, return the job ids.

    The ids are kept in ``jobs.json`` beside the scripts after each array; what could
    not be submitted, and why, in ``not_submitted.json``.

    Raises
    ------
    ConfigError
        If Slurm refuses the first array, or one of an earlier submission is still
        queued. Nothing was submitted then.
    PartlySubmitted
        If some arrays are in the queue and others are not, or if it is not known.
    """
    _refuse_twice(folder)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    here = (folder.path / "slurm" / stamp).resolve()
    scripts = [
        script(folder.path.resolve(), name, here, offset, n, settings, command)
        for offset, n in plan.arrays
    ]
    write_text(here / "tasks.json", json.dumps(plan.tasks) + "\n")
    paths = [here / f"array_{number}.sh" for number in range(len(scripts))]
    for path, text in zip(paths, scripts, strict=True):
        write_text(path, text)
    jobs: list[str] = []
    clusters: set[str] = set()
    for number, path in enumerate(paths):
        try:
            answer = _call("sbatch", "--parsable", str(path))
        except ConfigError as exc:
            if not jobs:
                raise
            reason = exc.problems[0].found or exc.problems[0].what
            raise _partly(folder, here, plan, jobs, number, reason) from exc
        job, cluster = job_id(answer)
        if job is None:
            reason = f"sbatch printed no job id: {answer.strip()[:200]!r}"
            raise _partly(folder, here, plan, jobs, number, reason)
        jobs.append(job)
        clusters |= {cluster} - {""}
        write_text(here / "jobs.json", json.dumps(jobs) + "\n")
        if clusters:
            write_text(here / "clusters.json", json.dumps(sorted(clusters)) + "\n")
    return jobs


def job_id(answer: str) -> tuple[str | None, str]:
    r"""Return the job id that sbatch printed, and the cluster ("" if it named none).

    Sites print words of welcome before it, and of farewell after it. A line that says
    that it is one counts ("Submitted batch job", a cluster); else the last line that
    is a number.

    Examples
    --------
    >>> job_id("Welcome!\n4001;alpha\n")
    ('4001', 'alpha')
    >>> job_id("no id here")
    (None, '')
    """
    lines = _COLOURS.sub("", answer).splitlines()
    found = [one for line in lines if (one := _JOB_ID.fullmatch(line.strip()))]
    said = [one for one in found if one.group(1) or one.group(3) or one.group(4)]
    for one in reversed(said or found):
        return one.group(2), one.group(3) or one.group(4) or ""
    return None, ""


def _partly(
    folder: RunFolder,
    here: Path,
    plan: Plan,
    jobs: Sequence[str],
    number: int,
    reason: str,
) -> PartlySubmitted:
    """Record a submission that broke off at an array, and describe it."""
    lacking = plan.arrays[number:]
    first = lacking[0][0]
    record = {
        "submitted": list(jobs),
        "arrays": [f"array_{k}.sh" for k in range(number, len(plan.arrays))],
        "tasks": [first, len(plan.tasks) - 1],
        "reason": reason,
    }
    write_text(here / "not_submitted.json", json.dumps(record, indent=1) + "\n")
    n_pixels = sum(len(task) for task in plan.tasks[first:])
    queued = f"job {', '.join(jobs)}" if jobs else "none whose id is known"
    return PartlySubmitted(
        Problem(
            str(here),
            f"{number} of {len(plan.arrays)} arrays were submitted",
            found=f"in the queue: {queued}; not submitted: {len(lacking)} arrays with "
            f"{len(plan.tasks) - first} tasks, {n_pixels} pixels or units "
            f"(array_{number}.sh: {reason})",
            wanted="all arrays in the queue",
            hint="Look with squeue. Wait until these are through and give the command "
            "again (calibrate with --resume): it submits what is left."
            + (f" Or stop them first: scancel {' '.join(jobs)}" if jobs else ""),
        )
    )


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


def queued_jobs(folder: RunFolder) -> list[str]:
    """Return jobs of this run that are queued, known by their id or their script."""
    root = folder.path / "slurm"
    if not any(root.glob("*/array_*.sh")):
        return []
    known = [job for path in sorted(root.glob("*/jobs.json")) for job in _jobs_of(path)]
    clusters = sorted(
        name for path in root.glob("*/clusters.json") for name in _clusters_of(path)
    )
    words = [f"--clusters={','.join(dict.fromkeys(clusters))}"] if clusters else []
    queue = _call("squeue", *words, "--noheader", "--format=%A %F %o").splitlines()
    scripts = f"{root.resolve()}{os.sep}"
    queued = {word for line in queue for word in line.split()[:2]}
    ours = [line.split()[1] for line in queue if scripts in line]
    return list(dict.fromkeys([*(job for job in known if job in queued), *ours]))


def _refuse_twice(folder: RunFolder) -> None:
    """Refuse while a job of this run is queued."""
    busy = queued_jobs(folder)
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
    found = (job_id(one)[0] for one in listed_jobs(path))
    return [one for one in found if one is not None and len(one) <= 12]


def _clusters_of(path: Path) -> list[str]:
    """Return the clusters of a submission; none if its list is not what was written."""
    named = listed_jobs(path)
    return [one for one in named if re.fullmatch(r"[\w.-]{1,80}", one, re.ASCII)]


def _call(*words: str) -> str:
    lacking = Problem(
        "",
        f"no program {words[0]} here",
        wanted="a machine from which Slurm jobs are submitted",
        hint="Use --executor local.",
    )
    return call(words, lacking=lacking)
