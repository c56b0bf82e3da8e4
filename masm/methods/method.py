"""A calibration method as a value: what it is, takes, needs, gives and costs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from masm.errors import InputError
from masm.problem.problem import Outcome

Gives = Literal["posterior", "point", "region"]
Need = Literal["series", "state", "gradient"]

# Options that have an argument of their own, or are for studies in Python.
_ELSEWHERE = ("proposals", "settings")


def max_runs_of(n_parameters: int, options: Mapping[str, Any]) -> int:
    """Return the option ``max_runs``: the cost of a method that uses all of it."""
    return int(options["max_runs"])


def max_runs_for(n_runs: int, n_parameters: int) -> dict[str, Any]:
    """Return a budget as the option ``max_runs``."""
    return {"max_runs": n_runs}


def max_runs_with(
    option: str, default: int, runs_each: int
) -> Callable[[int, int], dict[str, Any]]:
    """Return a ``with_budget`` that takes fewer chains, or the like, for few runs.

    Parameters
    ----------
    option : str
        Which holds their number.
    default : int
        Their number where there are runs enough.
    runs_each : int
        Model runs that each needs at least.
    """

    def with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
        return {"max_runs": n_runs, option: min(default, n_runs // runs_each)}

    return with_budget


@dataclass(frozen=True)
class Method:
    """One calibration method.

    Attributes
    ----------
    name : str
        As in ``masm.calibrate(method=...)`` and ``calibration.method`` of a run.
    summary : str
        One sentence for tables.
    sample : callable
        ``sample(problem, seed, **options) -> Outcome``.
    gives : {"posterior", "point", "region"}
        Posterior draws, one best point, or the region that is not ruled out.
    needs : frozenset of {"series", "state", "gradient"}
        What the model must offer beyond its cost.
    predictive : bool
        Whether its runs give the posterior predictive. Without it, `masm.calibrate`
        makes runs of its own for that.
    takes_proposals : bool
        Whether chains can move the parameters of one block at a time.
    expected_runs : callable
        ``expected_runs(n_parameters, options)``: model runs, all options given.
    with_budget : callable
        ``with_budget(n_runs, n_parameters) -> options``: the options with which the
        method makes at most so many model runs. Where there are too few for it, the
        options are such that ``sample`` refuses them.
    chains : bool
        Whether it runs Markov chains on the model itself and tests their convergence:
        what is done may serve as a reference for other methods.
    source : str
        Where the method is from.
    """

    name: str
    summary: str
    sample: Callable[..., Outcome]
    gives: Gives
    needs: frozenset[Need] = frozenset()
    predictive: bool = True
    takes_proposals: bool = False
    expected_runs: Callable[[int, Mapping[str, Any]], int] = max_runs_of
    with_budget: Callable[[int, int], dict[str, Any]] = max_runs_for
    chains: bool = False
    source: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """Each option with its default."""
        parameters = list(inspect.signature(self.sample).parameters.values())[2:]
        return {p.name: p.default for p in parameters if p.name not in _ELSEWHERE}

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse an option that the method does not have.

        Raises
        ------
        InputError
            Naming the first of them.
        """
        known = list(inspect.signature(self.sample).parameters)[2:]
        for name in options:
            if name not in known:
                raise InputError(
                    f"unknown option {name!r} of method {self.name!r}",
                    found=name,
                    wanted=f"one of {', '.join(known)}",
                )
