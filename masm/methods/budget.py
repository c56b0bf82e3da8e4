"""Model runs of a method that asks for costs: counted, kept, and within a budget."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.likelihood.gaussian import GaussianLikelihood
from masm.problem.problem import Problem, Runs
from masm.problem.samples import Samples
from masm.types import Array

logger = logging.getLogger(__name__)

# A model that has failed so many times and never run is given up.
_HOPELESS = 200


class BudgetSpent(Exception):
    """All model runs that were allowed have been made."""


class Evaluations:
    """Costs of points of the cube, from model runs that are counted and kept.

    Parameters
    ----------
    problem : Problem
    max_runs : int
        Most model runs, failed ones included.

    Attributes
    ----------
    runs : Runs
        All so far.
    """

    def __init__(self, problem: Problem, max_runs: int):
        self.problem = problem
        self.max_runs = max_runs
        self._made: list[Runs] = []
        self.n_runs = self.n_ok = 0

    @property
    def left(self) -> int:
        """Model runs still allowed."""
        return self.max_runs - self.n_runs

    @property
    def runs(self) -> Runs:
        """All model runs so far, in order."""
        d = self.problem.n_parameters
        if not self._made:
            return Runs(np.empty((0, d)), np.empty(0))
        series = [runs.series for runs in self._made if runs.series is not None]
        return Runs(
            np.concatenate([runs.u for runs in self._made]),
            np.concatenate([runs.cost for runs in self._made]),
            np.concatenate(series) if series else None,
        )

    @property
    def latest(self) -> Runs:
        """The model runs of the last call that made any, in order."""
        return self._made[-1]

    def cost(self, u: Array) -> Array:
        """-2 log likelihood, (n_points,); infinite where a run failed.

        Points outside the cube or against the constraints are infinite as well, and
        no model run is made for them. When fewer runs are left than are asked for,
        these are made, in order, and `BudgetSpent` is raised.
        """
        u = np.atleast_2d(u)
        cost = np.full(len(u), np.inf)
        allowed = np.flatnonzero(self.problem.allowed(u))
        within = allowed[: self.left]
        if len(within):
            runs = self.problem.run(u[within])
            self._made.append(runs)
            self.n_runs += runs.n
            self.n_ok += runs.n - runs.n_failed
            if self.n_runs >= _HOPELESS:
                self.require_some()
            cost[within] = np.where(runs.ok, runs.cost, np.inf)
        if len(within) < len(allowed):
            raise BudgetSpent
        return cost

    def log_likelihood(self, u: Array) -> Array:
        """Log likelihood up to a constant, (n_points,); -inf where a run failed."""
        return -0.5 * self.cost(u)

    def require_some(self) -> None:
        """Raise `CalibrationFailed` when no run so far has given a cost."""
        if self.n_ok:
            return
        failures = getattr(self.problem.runner, "failures", [])
        raise CalibrationFailed(
            f"all {self.n_runs} model runs failed. First failure: "
            f"{failures[0] if failures else 'cost is not finite'}",
            reason="model_nan",
        )


def series_likelihood(problem: Problem, method: str) -> GaussianLikelihood:
    """Return the likelihood of a model's series.

    Raises
    ------
    InputError
        If the model gives only its cost.
    """
    if problem.likelihood is None:
        raise InputError(
            f"method {method!r} needs the model's series",
            found="a model that gives only its cost",
            wanted="masm.calibrate with a model that returns series",
        )
    return problem.likelihood


def known_errors(problem: Problem, method: str) -> GaussianLikelihood:
    """Return the likelihood of a model's series whose error variances are known.

    Raises
    ------
    InputError
        If the model gives only its cost, or a factor on the errors is unknown.
    """
    likelihood = series_likelihood(problem, method)
    if likelihood.scales:
        raise InputError(
            f"method {method!r} needs known error variances",
            found=f"an unknown factor for {', '.join(likelihood.scales)}",
            wanted="variance: given, series, or a rule without `sampled`",
        )
    return likelihood


def cost_only(problem: Problem) -> Problem:
    """Return the problem as one whose model gives its cost and no series.

    For methods of many thousand runs, whose series nobody could keep.
    """
    likelihood = problem.likelihood
    if likelihood is None:
        return problem
    runner = problem.runner

    def cost(theta: Samples) -> Array:
        return likelihood.cost(runner(theta))

    return replace(problem, runner=cost, likelihood=None)


def check_counts(**options: tuple[object, int]) -> None:
    """Raise `InputError` unless each option is a whole number of at least so much.

    Parameters
    ----------
    **options : (value, least)
    """
    for name, (value, least) in options.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:  # type: ignore[operator]
            raise InputError(
                f"option {name}",
                found=repr(value),
                wanted=f"a whole number >= {least}",
            )


def spread_starts(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """Latin hypercube sample kept to the constraints, (n, n_parameters)."""
    from masm.design.space_filling import spread_points

    return spread_points(problem, n, rng)
