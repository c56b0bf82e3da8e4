"""What a pixel begins with from pixels much like it that are done.

Half of its first runs are at draws of theirs; which parameters act as whole numbers,
and how the emulator's inputs are warped, are taken over too. Their draws are never
weighed: prior and likelihood are the pixel's own, and so is its posterior.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobs.config.schema import Config
from jobs.run.budgets import budget_of
from jobs.run.neighbours import lenders, read_neighbours, require_listed
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import digest_of_posterior, read_result
from jobs.run.run import Run

if TYPE_CHECKING:
    import masm

DIGEST = "neighbour_"
"""Begins the name of a neighbour's digest among those of a pixel's inputs."""


@dataclass(frozen=True)
class Borrowed:
    """A borrowed start, or none.

    Attributes
    ----------
    start : masm.Start or None
    digests : dict
        SHA-256 of each posterior that was used, for checkpoint and result.
    options : dict
        Of the method, in place of the run's: the budget of a pixel that borrows.
    """

    start: masm.Start | None = None
    digests: dict[str, str] = field(default_factory=dict)
    options: dict[str, int] = field(default_factory=dict)


def borrowed_start(run: Run, pixel: Pixel) -> Borrowed:
    """Return what a pixel of a run begins with.

    Raises
    ------
    ConfigError
        If a pixel that it may borrow from has not come to an end.
    """
    n = run.config.calibration.neighbours
    if n == 0:
        return Borrowed()
    known = read_neighbours(run.folder)
    require_listed(run.folder, [pixel.id], known)
    chosen = lenders(run.folder, known[pixel.id].neighbours, n)
    if not chosen:
        return Borrowed()
    import masm

    folders = [run.folder.pixel(one) for one in chosen]
    digests = {
        f"{DIGEST}{one}": digest_of_posterior(folder)
        for one, folder in zip(chosen, folders, strict=True)
    }
    start = masm.Start.of([read_result(one) for one in folders])
    return Borrowed(start, digests, _budget(run.config))


def _budget(config: Config) -> dict[str, int]:
    """Return the budget of a pixel that borrows, as options of the method."""
    if config.calibration.neighbour_runs == 0:
        return {}
    budget = budget_of(config, borrows=True)
    return {"max_runs": budget.runs, "more_runs": budget.more}
