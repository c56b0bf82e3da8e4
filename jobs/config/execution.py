"""Where and how fast a run is computed; may change between one start and the next."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from jobs.config.executor_names import ExecutorName
from jobs.config.section import Section

_SBATCH_OPTIONS = (
    "begin",
    "cluster-constraint",
    "clusters",
    "comment",
    "constraint",
    "contiguous",
    "cores-per-socket",
    "cpu-freq",
    "deadline",
    "exclude",
    "exclusive",
    "gpus",
    "gres",
    "hint",
    "licenses",
    "mail-type",
    "mail-user",
    "mincpus",
    "nice",
    "nodelist",
    "nodes",
    "prefer",
    "priority",
    "qos",
    "reservation",
    "sockets-per-node",
    "switches",
    "threads-per-core",
    "tmp",
    "wckey",
)
"""What may be asked of Slurm beside what masm asks: where and when a task runs, and
nothing of what it runs, in which environment, and to which files it writes."""


class Slurm(Section):
    """What to ask of Slurm for each task of an array."""

    partition: str | None = Field(
        default=None, pattern=r"^[\w.,+-]+$", description="--partition"
    )
    account: str | None = Field(
        default=None, pattern=r"^[\w.+-]+$", description="--account"
    )
    walltime_minutes: PositiveInt = Field(default=90, description="--time")
    memory_mb: PositiveInt = Field(default=2000, description="--mem")
    task_minutes: PositiveFloat = Field(
        default=45, description="work to give a task, by the pace of finished pixels"
    )
    pixel_minutes_guess: PositiveFloat = Field(
        default=10, description="a pixel's minutes, until some are finished"
    )
    warn_seconds: PositiveInt = Field(
        default=120, description="signal this long before walltime: save and requeue"
    )
    throttle: PositiveInt | None = Field(
        default=None, description="the most tasks of an array that run at once"
    )
    memory_per_cpu: bool = Field(
        default=False, description="whether memory_mb is asked as --mem-per-cpu"
    )
    setup: Setup = Field(
        default_factory=list, description="lines before the command: module load ..."
    )
    extra: list[str] = Field(
        default_factory=list, description="further options, such as --qos=long"
    )

    @field_validator("extra")
    @classmethod
    def _are_options(cls, value: list[str]) -> list[str]:
        for line in value:
            name, _, given = line.removeprefix("--").partition("=")
            known = line.startswith("--") and name in _SBATCH_OPTIONS
            plain = r"[\w.,:%@+*/\[\]&|= -]*"  # no newline, no quote inside
            if not known or not re.fullmatch(f'{plain}|"{plain}"', given, re.ASCII):
                raise ValueError(
                    "wanted: options of sbatch such as --qos=long, of these: "
                    + ", ".join(_SBATCH_OPTIONS)
                )
        return value


_NAME = r"\w[\w.+-]*"
_MODULE = rf"{_NAME}(/{_NAME})*"
_SETUP = (
    rf"module (load|swap|unload)( {_MODULE})+",
    r"module purge",
    rf"(conda|mamba|micromamba) activate {_NAME}",
)
"""Lines before a job's command: names of the site's software. A path or a
variable (LD_PRELOAD, PATH) would run what a stranger's folder says."""


def _check_setup(lines: list[str]) -> list[str]:
    for line in lines:
        if not any(re.fullmatch(form, line, re.ASCII) for form in _SETUP):
            raise ValueError(
                "wanted: module load NAME, module purge or conda activate NAME, with "
                f"names and no paths, and not {line!r}"
            )
    return lines


Setup = Annotated[list[str], AfterValidator(_check_setup)]


# Without blanks: a second option on the line would pass unseen.
_VALUE = r"[\w.,:%@+*/\[\]()&|<>=!][\w.,:%@+*/\[\]()&|<>=!-]*"
_QUOTED = r'"[\w.,:%@+*/\[\]()&|<>=! -]+"'
_DIRECTIVES = (
    rf"#PBS -[qAlpmM] {_VALUE}",
    rf"#BSUB -(q|P|R|m|G|app|sp|N|u) ({_VALUE}|{_QUOTED})",
    rf"#\$ -(q|P|l|p|R|m|M|A) {_VALUE}",
    rf"#\$ -pe {_VALUE} {_VALUE}",
)
"""What may be asked of PBS, LSF and SGE beside what masm asks."""


class Dask(Section):
    """Where the workers of Dask are."""

    scheduler: str | None = Field(
        default=None,
        pattern=r"^(tcp|tls|ws|wss|ucx)://[\w.\[\]:-]+:\d+$",
        description="address of a running scheduler, such as tcp://10.0.0.5:8786; by "
        "default workers are started on this machine",
    )


class Submit(Section):
    """What to ask of another queue (PBS, LSF, SGE) for each job of an array."""

    scheduler: Literal["pbs", "lsf", "sge"] = Field(
        default="pbs", description="the queue, whose words are then used"
    )
    header: list[str] = Field(
        default_factory=list,
        description="further lines for the queue, such as '#PBS -q short'",
    )
    setup: Setup = Field(
        default_factory=list, description="lines before the command: module load ..."
    )
    max_array: int = Field(
        default=1000, ge=1, le=1_000_000, description="the most jobs of an array"
    )
    walltime_minutes: PositiveInt = Field(default=90, description="a job's time limit")
    memory_mb: PositiveInt = Field(default=2000, description="a job's memory")
    task_minutes: PositiveFloat = Field(
        default=45, description="work to give a job, by the pace of finished pixels"
    )
    pixel_minutes_guess: PositiveFloat = Field(
        default=10, description="a pixel's minutes, until some are finished"
    )

    @property
    def warn_seconds(self) -> int:
        """Time before the limit that a job shall not use."""
        return 120

    @field_validator("header")
    @classmethod
    def _are_directives(cls, value: list[str]) -> list[str]:
        for line in value:
            if not any(re.fullmatch(form, line, re.ASCII) for form in _DIRECTIVES):
                raise ValueError(
                    "wanted: options of the queue such as '#PBS -q short' (where and "
                    f"when a job runs, and nothing of what it runs), and not {line!r}"
                )
        return value


class Execution(Section):
    """Where and how fast; may change between one start and the next."""

    executor: ExecutorName = Field(
        default=ExecutorName.SERIAL, description="where the tasks of a stage are done"
    )
    workers: PositiveInt = Field(
        default=2, description="processes of the local executor"
    )
    pixel_minutes: PositiveFloat | None = Field(
        default=None, description="a pixel that takes longer fails: timed_out"
    )
    run_seconds: PositiveFloat | None = Field(
        default=None,
        description="a model run that takes longer is ended and counts as failed; runs "
        "are then made in a process of their own",
    )
    max_failed_fraction: float = Field(
        default=0.05, ge=0, le=1, description="failed pixels that stop the run"
    )
    pack_from: PositiveInt = Field(
        default=2000,
        description="a run of so many pixels or more keeps finished pixels of a "
        "hundred in one file, finished.zip",
    )
    slurm: Slurm = Slurm()
    submit: Submit = Submit()
    dask: Dask = Dask()
