"""ES-MDA: ensemble smoother with multiple data assimilation.

The observations are used ``n_steps`` times with their error variance ``n_steps`` times
as large, so that the inverses add up to one. For a linear model with normal errors the
members are draws of the posterior as their number grows; else they are an
approximation, and the result says so.

References
----------
Emerick, A. A. and Reynolds, A. C. (2013). Ensemble smoother with multiple data
assimilation. Computers & Geosciences 55, 3-15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from masm.errors import CalibrationFailed
from masm.methods.budget import check_counts
from masm.methods.ensemble.update import MOST_MEMBERS, kalman_update, replace_failed
from masm.methods.method import Method
from masm.methods.normal_space import Residuals, to_cube
from masm.methods.outcomes import ensemble_outcome
from masm.problem.problem import Outcome, Problem


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_members: int = 200,
    n_steps: int = 4,
) -> Outcome:
    """Draw an ensemble with ES-MDA.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_members : int
        Members; model runs are this times ``n_steps`` plus one.
    n_steps : int
        Times that the observations are used.

    Returns
    -------
    Outcome
        Members in four groups. ``attrs["approximation"]`` says when they are exact.
    """
    check_counts(n_members=(n_members, 8), n_steps=(n_steps, 1))
    rng = np.random.default_rng(seed)
    runs = Residuals(problem, n_members * (n_steps + 1), "esmda")
    z = rng.standard_normal((n_members, problem.n_parameters))
    for _ in range(n_steps):
        z, residual, n_failed = replace_failed(z, runs(z), rng)
        if n_failed >= n_members - 2:
            raise CalibrationFailed(
                f"{n_failed} of {n_members} members failed", reason="model_nan"
            )
        noise = rng.standard_normal(residual.shape)
        z = kalman_update(z, residual, float(n_steps), noise)
    z, residual, _ = replace_failed(z, runs(z), rng)
    cost = np.sum(residual**2, axis=1)
    return ensemble_outcome(to_cube(z), cost, runs.runs)


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    return int(options["n_members"]) * (int(options["n_steps"]) + 1)


def _with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    return {"n_steps": 4, "n_members": min(MOST_MEMBERS, n_runs // 5)}


METHOD = Method(
    name="esmda",
    summary="Ensemble smoother with multiple data assimilation; exact for linear "
    "models with normal errors.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=_expected_runs,
    with_budget=_with_budget,
    source="Emerick and Reynolds (2013)",
)
