"""Divide tasks into the jobs of a queue, long enough each to be worth a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.errors import ConfigError, Problem
from jobs.files import read_json
from jobs.text_tables import counted


class JobTimes(Protocol):
    """How long a job of a queue may be; part of the configuration."""

    @property
    def walltime_minutes(self) -> int: ...  # noqa: D102
    @property
    def task_minutes(self) -> float: ...  # noqa: D102
    @property
    def pixel_minutes_guess(self) -> float: ...  # noqa: D102
    @property
    def warn_seconds(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Plan:
    """What would be submitted.

    Attributes
    ----------
    tasks : tuple of tuple of int
        Pixel ids, or numbers of other tasks, of each job.
    minutes_per_pixel : float
        The pace the plan is made for.
    arrays : tuple of (int, int)
        Offset and number of jobs of each array.
    """

    tasks: tuple[tuple[int, ...], ...]
    minutes_per_pixel: float
    arrays: tuple[tuple[int, int], ...]

    @property
    def n_pixels(self) -> int:
        """Pixels in all jobs together."""
        return sum(map(len, self.tasks))

    @property
    def core_hours(self) -> float:
        """Core hours at the pace of the plan."""
        return self.n_pixels * self.minutes_per_pixel / 60


def make_plan(
    ids: Sequence[int],
    settings: JobTimes,
    median_minutes: float | None,
    max_array: int,
) -> Plan:
    """Divide pixels into jobs, and jobs into arrays.

    Parameters
    ----------
    ids : sequence of int
        Pixels to do.
    settings : JobTimes
        From the configuration.
    median_minutes : float or None
        Of the pixels finished so far.
    max_array : int
        The most jobs of an array.
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


def described(plan: Plan, unit: str) -> str:
    """Return a plan in words."""
    return (
        f"{counted(len(plan.tasks), 'tasks')} of at most "
        f"{counted(len(plan.tasks[0]), unit)} in "
        f"{counted(len(plan.arrays), 'arrays')}, about {plan.core_hours:.1f} core "
        f"hours at {plan.minutes_per_pixel:.1f} min each"
    )


def read_task(path: Path, number: int) -> list[int]:
    """Return the pixels of a job.

    Raises
    ------
    ConfigError
        If there is no such job.
    """
    try:
        tasks = read_json(path)
        return [int(pixel_id) for pixel_id in tasks[number]]
    except (OSError, ValueError, IndexError, KeyError, TypeError) as exc:
        raise ConfigError(
            Problem(str(path), f"no task {number}", str(exc), "a submission of a run")
        ) from exc
