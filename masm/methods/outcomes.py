"""What the baselines give back: draws that are a posterior, or openly none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from masm.problem.problem import Outcome, Runs
from masm.samplers.chains import Chains
from masm.samplers.diagnostics import convergence, has_converged
from masm.types import Array

#: The reason in the results of methods that give no posterior.
NO_POSTERIOR = "no_posterior"
_N_GROUPS = 4  # in which the members of an ensemble are given


def posterior_outcome(
    chains: Chains, runs: Runs, attrs: Mapping[str, Any] | None = None
) -> Outcome:
    """Outcome of Markov chains on the model itself."""
    agree = has_converged(convergence(chains.u))
    return Outcome(
        u=chains.u,
        cost=-2.0 * chains.log_density,
        runs=runs,
        surrogate_rmse=math.nan,
        status="done" if agree else "suspect",
        reason="" if agree else "not_converged",
        attrs={"acceptance": chains.acceptance, **(attrs or {})},
    )


def ensemble_outcome(u: Array, cost: Array, runs: Runs) -> Outcome:
    """Outcome of members as draws; whether they are the caller judges.

    Parameters
    ----------
    u : ndarray (member, parameter)
        In the unit cube.
    cost : ndarray (member,)
    runs : Runs
        All model runs.
    """
    size = len(u) // _N_GROUPS
    kept = size * _N_GROUPS
    return Outcome(
        u=u[:kept].reshape(_N_GROUPS, size, -1),
        cost=cost[:kept].reshape(_N_GROUPS, size),
        runs=runs,
        surrogate_rmse=math.nan,
        status="done",
    )


def best_point(
    runs: Runs, *, history: Mapping[str, Array], attrs: Mapping[str, Any] | None = None
) -> Outcome:
    """Outcome of an optimiser: the best run, and no posterior.

    Parameters
    ----------
    runs : Runs
        All of them, at least one of which did not fail.
    history, attrs : mapping
        As in `Outcome`.
    """
    at = [int(np.nanargmin(runs.cost))]
    series = None if runs.series is None else runs.series[at]
    return Outcome(
        u=runs.u[None, at],
        cost=runs.cost[None, at],
        runs=runs,
        surrogate_rmse=math.nan,
        status="suspect",
        reason=NO_POSTERIOR,
        check=Runs(runs.u[at], runs.cost[at], series),
        history=history,
        attrs={"draws": "best point", **(attrs or {})},
    )


def best_so_far(runs: Runs, n_points: int = 50) -> dict[str, Array]:
    """Lowest cost after so many runs, at about ``n_points`` counts of runs."""
    cost = np.minimum.accumulate(np.where(runs.ok, runs.cost, np.inf))
    at = np.unique(np.linspace(0, runs.n - 1, min(n_points, runs.n)).astype(int))
    best = np.where(np.isfinite(cost[at]), cost[at], np.nan)
    return {"n_runs": (at + 1).astype(float), "best_cost": best}
