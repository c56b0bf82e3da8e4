"""What an executor is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.config.execution import Execution
from jobs.config.process_model import NamesModel
from jobs.run.folder import RunFolder

OnRuns = Callable[[int], None]
"""Called with the number of model runs just made."""

Finished = Generator[int, None, None]
"""Numbers of tasks as they finish, in any order."""


class UnitConfig(NamesModel, Protocol):
    """What a configuration must have, that its work can be executed."""

    @property
    def name(self) -> str:
        """Title of the run."""

    @property
    def execution(self) -> Execution:
        """Where and how fast."""


class UnitRun(Protocol):
    """What a run must have, that its work can fall into tasks."""

    @property
    def folder(self) -> RunFolder:
        """Where everything is."""

    @property
    def config(self) -> UnitConfig:
        """Its name, its model and how it is executed."""


@dataclass(frozen=True)
class Work:
    """A stage's work, which falls into numbered tasks with a result file each.

    What is done is read from the files. So a stage that was stopped goes on where it
    stopped, and a task that is done twice does no harm.

    Attributes
    ----------
    words : tuple of str
        The words of the command that does the work, without the run folder, such as
        ``("screen",)``. A job of a queue gives this command.
    unit : str
        What a task is, in the plural, for people.
    do : callable
        ``do(run_folder, number)`` does one task and leaves its result file as the last
        thing. A function of a module, so that worker processes can have it.
    minutes : float or None
        That a task takes about; None if it is not known yet.
    is_done : callable, optional
        ``is_done(run_folder, number)`` returns whether a task has its result. It is
        asked only after a worker was killed.
    on_lost_worker : callable, optional
        ``on_lost_worker(run_folder, number)`` writes that a task killed its worker
        twice, the second time alone. Without it such a task ends the stage.
    """

    words: tuple[str, ...]
    unit: str
    do: Callable[[Path, int], object]
    minutes: float | None = None
    is_done: Callable[[Path, int], bool] | None = None
    on_lost_worker: Callable[[Path, int], None] | None = None


class Executor(Protocol):
    """Where tasks are done: in this process, by workers, or by the jobs of a queue."""

    def run(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> Finished:
        """Do tasks, and yield their numbers as they finish.

        Raises
        ------
        jobs.errors.Submitted
            If the tasks are in a queue now, and nothing is done here.
        """
        ...

    def describe(self, run: UnitRun, work: Work, numbers: Sequence[int]) -> str:
        """Return in words what ``run`` would do; nothing is started."""
        ...
