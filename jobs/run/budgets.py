"""Model runs that each pixel may make: those that borrow a start may have fewer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from jobs.config.methods import expected_runs
from jobs.config.schema import Config
from jobs.run.neighbours import neighbourhoods
from jobs.run.run import Run


@dataclass(frozen=True)
class Budget:
    """Model runs of one pixel.

    Attributes
    ----------
    runs : int
        At most, if they are enough.
    more : int
        That may be added as long as the estimated error is too large.
    """

    runs: int
    more: int


def budget_of(config: Config, *, borrows: bool) -> Budget:
    """Return the budget of a pixel that borrows its start, or that does not.

    Both kinds have the same limit of ``runs`` and ``more`` together.
    """
    chosen = config.calibration
    whole, more = expected_runs(config), int(chosen.options.get("more_runs") or 0)
    if not borrows or chosen.neighbour_runs == 0:
        return Budget(whole, more)
    few = chosen.neighbour_runs
    return Budget(few, whole - few + more)


def n_borrowing(run: Run, ids: Collection[int]) -> int:
    """Return how many of these pixels have neighbours to borrow from.

    Known before anything is calibrated. Fewer will borrow where neighbours fail.
    """
    n = run.config.calibration.neighbours
    if n == 0:
        return 0
    known = neighbourhoods(run.pixels, n)
    return sum(bool(known[one].neighbours) for one in ids)


def n_model_runs(run: Run, ids: Collection[int]) -> int:
    """Return the model runs of these pixels, if no more are added and none saved."""
    borrowing = n_borrowing(run, ids) if run.config.calibration.neighbour_runs else 0
    alone = len(ids) - borrowing
    few, whole = (budget_of(run.config, borrows=b).runs for b in (True, False))
    return alone * whole + borrowing * few
