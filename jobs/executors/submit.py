"""Job arrays of PBS, LSF and SGE: plain scripts that call this program again.

As with Slurm, a job takes a list of pixels from a file, results are files, and states
come from these. What differs between the queues is a line of ``QUEUES_KNOWN``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jobs.config.execution import Submit as Settings
from jobs.config.process_model import model_of
from jobs.console import show
from jobs.errors import ConfigError, PartlySubmitted, Problem, Submitted
from jobs.executors.base import Finished, UnitRun, Work
from jobs.executors.plan import Plan, described, make_plan
from jobs.executors.queue_programs import call, command_lines, listed_jobs
from jobs.files import write_text
from jobs.run.folder import RunFolder

_FOLDER = "submissions"


@dataclass(frozen=True)
class Queue:
    """The words of a queue.

    Attributes
    ----------
    command : tuple of str
        That takes a script.
    by_input : bool
        Whether the script is read from standard input.
    ask : tuple of str
        Command that lists the jobs of the user that have not ended.
    job_id : str
        Pattern of the job id in what ``command`` prints.
    variable : str
        Environment variable that holds a job's index in its array.
    first : int
        The least index of an array.
    header : callable
        ``header(name, n, log, minutes, memory_mb)`` gives the lines for the queue.
    """

    command: tuple[str, ...]
    by_input: bool
    ask: tuple[str, ...]
    job_id: str
    variable: str
    first: int
    header: Callable[[str, int, Path, int, int], list[str]]


def _time(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def _pbs(name: str, n: int, log: Path, minutes: int, memory_mb: int) -> list[str]:
    # An array of one job is refused by PBS.
    array = [f"#PBS -J 0-{n - 1}"] if n > 1 else []
    return [
        f"#PBS -N {name[:15]}",
        *array,
        "#PBS -j oe",
        f"#PBS -o {log}",
        f"#PBS -l select=1:ncpus=1:mem={memory_mb}mb",
        f"#PBS -l walltime={_time(minutes)}",
    ]


def _lsf(name: str, n: int, log: Path, minutes: int, memory_mb: int) -> list[str]:
    return [
        f'#BSUB -J "{name}[1-{n}]"',
        f"#BSUB -o {log}/task-%J_%I.log",
        "#BSUB -n 1",
        f"#BSUB -M {memory_mb}MB",
        f'#BSUB -R "rusage[mem={memory_mb}MB]"',
        f"#BSUB -W {minutes}",
    ]


def _sge(name: str, n: int, log: Path, minutes: int, memory_mb: int) -> list[str]:
    return [
        "#$ -S /bin/bash",
        f"#$ -N {name}",
        f"#$ -t 1-{n}",
        "#$ -j y",
        f"#$ -o {log}",
        f"#$ -l h_vmem={memory_mb}M",
        f"#$ -l h_rt={_time(minutes)}",
    ]


QUEUES_KNOWN = {
    "pbs": Queue(("qsub",), False, ("qstat",), r"(\d+)(?:\[\])?(?:\.\S+)?",
                 "PBS_ARRAY_INDEX", 0, _pbs),
    "lsf": Queue(("bsub",), True, ("bjobs", "-noheader", "-p", "-r", "-s"),
                 r".*<(\d+)>.*", "LSB_JOBINDEX", 1, _lsf),
    "sge": Queue(("qsub", "-terse"), False, ("qstat",), r"(\d+)(?:\.\S+)?",
                 "SGE_TASK_ID", 1, _sge),
}  # fmt: skip


@dataclass(frozen=True)
class Submit:
    """Job arrays of PBS, LSF or SGE, as ``execution.submit`` says."""

    def run(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> Finished:
        """Submit the tasks; see `jobs.executors.base.Executor`.

        Raises
        ------
        Submitted
            Always, unless there is nothing to do or the queue refuses.
        """
        if not numbers:
            return
        settings = run.config.execution.submit
        plan = make_plan(numbers, settings, work.minutes, settings.max_array)
        show(described(plan, work.unit))
        model_of(run.config).warm_up()
        jobs = submit(run.folder, run.config.name, plan, settings, work.words)
        raise Submitted(f"submitted job {', '.join(jobs)}")
        yield

    def describe(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> str:
        """Return the plan and the first script; the queue need not be here."""
        settings = run.config.execution.submit
        plan = make_plan(numbers, settings, work.minutes, settings.max_array)
        folder = run.folder.path / _FOLDER / "NEXT"
        array = plan.arrays[0]
        text = script(
            run.folder.path, run.config.name, folder, array, settings, work.words
        )
        return f"{described(plan, work.unit)}\n{text}"


def script(
    run: Path,
    name: str,
    folder: Path,
    array: tuple[int, int],
    settings: Settings,
    words: Sequence[str],
) -> str:
    """Return the batch script of one array.

    Parameters
    ----------
    run : Path
        The run folder.
    name : str
        What the queue shows.
    folder : Path
        Of the tasks and the logs.
    array : (int, int)
        Number of the array's first job among all, and how many jobs it has.
    settings : Submit
        From the configuration.
    words : sequence of str
        The words of the command line that each job is, without the run folder.

    Raises
    ------
    ConfigError
        If the folder's path cannot be written in a line for the queue.
    """
    queue = QUEUES_KNOWN[settings.scheduler]
    offset, n = array
    if re.search(r"[^\w./+@:,=-]", str(folder)):
        raise ConfigError(
            Problem(
                str(folder),
                f"the path cannot be written in a script of {settings.scheduler}",
                wanted="a path of letters, digits and . _ - + @",
                hint="Move the run.",
            )
        )
    title = f"masm-{re.sub(r'[^A-Za-z0-9_-]+', '-', name)[:40]}"
    header = queue.header(
        title, n, folder, settings.walltime_minutes, settings.memory_mb
    )
    index = f"${{{queue.variable}:-{queue.first}}}"
    return "\n".join(
        [
            "#!/bin/bash",
            *header,
            *settings.header,
            *command_lines(
                settings.setup,
                words,
                run,
                folder,
                f"{offset - queue.first} + {index}",
            ),
        ]
    )


def submit(
    folder: RunFolder,
    name: str,
    plan: Plan,
    settings: Settings,
    words: Sequence[str],
) -> list[str]:
    """Write tasks and scripts, submit every array, return the job ids.

    Raises
    ------
    ConfigError
        If the queue refuses the first array, or jobs of an earlier submission have not
        ended. Nothing was submitted then.
    PartlySubmitted
        If some arrays are in the queue and others are not.
    """
    queue = QUEUES_KNOWN[settings.scheduler]
    _refuse_twice(folder, queue)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    here = (folder.path / _FOLDER / stamp).resolve()
    scripts = [
        script(folder.path.resolve(), name, here, array, settings, words)
        for array in plan.arrays
    ]
    write_text(here / "tasks.json", json.dumps(plan.tasks) + "\n")
    jobs: list[str] = []
    for number, text in enumerate(scripts):
        path = here / f"array_{number}.sh"
        write_text(path, text)
        try:
            jobs.append(_submitted(path, queue))
        except ConfigError as exc:
            if not jobs:
                raise
            raise PartlySubmitted(_partly(here, plan, jobs, number, exc)) from exc
        write_text(here / "jobs.json", json.dumps(jobs) + "\n")
    return jobs


def _submitted(path: Path, queue: Queue) -> str:
    if queue.by_input:
        answer = _call(queue.command, path.read_text())
    else:
        answer = _call((*queue.command, str(path)))
    for line in reversed(answer.splitlines()):
        found = re.fullmatch(queue.job_id, line.strip())
        if found:
            return found.group(1)
    raise ConfigError(
        Problem(
            str(path),
            f"{queue.command[0]} printed no job id",
            found=repr(answer.strip()[:200]),
            hint="It may be in the queue all the same: look before trying again.",
        )
    )


def _partly(
    here: Path, plan: Plan, jobs: Sequence[str], number: int, exc: ConfigError
) -> Problem:
    reason = exc.problems[0].found or exc.problems[0].what
    return Problem(
        str(here),
        f"{number} of {len(plan.arrays)} arrays were submitted",
        found=f"in the queue: job {', '.join(jobs)}; not submitted: array_{number}.sh "
        f"and what follows ({reason})",
        wanted="all arrays in the queue",
        hint="Wait until these are through and give the command again: it submits "
        "what is left.",
    )


def _refuse_twice(folder: RunFolder, queue: Queue) -> None:
    """Refuse while a job of this run has not ended."""
    known = {
        str(job)
        for path in sorted((folder.path / _FOLDER).glob("*/jobs.json"))
        for job in _jobs_of(path)
    }
    if not known:
        return
    listed = _call(queue.ask, may_fail=True)
    busy = sorted(known & set(re.findall(r"\d+", listed)))
    if busy:
        raise ConfigError(
            Problem(
                str(folder.path / _FOLDER),
                "jobs of this run are still in the queue",
                found=f"job {', '.join(busy)}",
                wanted="an empty queue for this run",
                hint="Wait until they are through, or cancel them.",
            )
        )


def _jobs_of(path: Path) -> list[str]:
    return [one for one in listed_jobs(path) if re.fullmatch(r"\d{1,12}", one)]


def _call(
    words: Sequence[str], given: str | None = None, *, may_fail: bool = False
) -> str:
    lacking = Problem(
        "",
        f"no program {words[0]} here",
        wanted="a machine from which jobs of this queue are submitted",
        hint="Use --executor local, or another execution.submit.scheduler.",
    )
    return call(words, lacking=lacking, given=given, may_fail=may_fail)
