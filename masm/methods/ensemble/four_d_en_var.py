"""4DEnVar: the cost minimised in the span of an ensemble of the prior.

References
----------
Pinnington, E. et al. (2020). LAVENDAR. Geoscientific Model Development 13, 55-69.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from masm.errors import CalibrationFailed
from masm.methods.budget import check_counts
from masm.methods.ensemble.update import (
    MOST_MEMBERS,
    MemberSpan,
    replace_failed,
    run_members,
)
from masm.methods.method import Method
from masm.methods.normal_space import Residuals
from masm.methods.support import checked_outcome
from masm.problem.problem import Outcome, Problem


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_members: int = 50,
    n_rounds: int = 1,
) -> Outcome:
    """Draw an ensemble around the minimum of the 4DEnVar cost.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_members : int
        Members of the prior ensemble.
    n_rounds : int
        Outer loops: perturbations a tenth as large are run about the last minimum.

    Returns
    -------
    Outcome
        Posterior members, run once more.
    """
    check_counts(n_members=(n_members, 8), n_rounds=(n_rounds, 1))
    rng = np.random.default_rng(seed)
    total = (n_members + 1) * n_rounds + n_members
    runs = Residuals(problem, total, "4denvar")
    d = problem.n_parameters
    centre, spread = np.zeros(d), 1.0
    prior = rng.standard_normal((n_members, d))
    prior -= prior.mean(axis=0)
    for _ in range(n_rounds):
        z = centre + spread * prior
        found = runs(np.vstack([centre, z]))
        z, residual, n_failed = replace_failed(z, found[1:], rng)
        if n_failed >= n_members - 2:
            raise CalibrationFailed(
                f"{n_failed} of {n_members} members failed", reason="model_nan"
            )
        # Where the central run failed, the members' mean is as good to first order.
        centre_ran = np.isfinite(found[0]).all()
        at_centre = found[0] if centre_ran else residual.mean(axis=0)
        x = (z - z.mean(axis=0)) / np.sqrt(n_members - 1) / spread
        y = (residual - residual.mean(axis=0)) / np.sqrt(n_members - 1) / spread
        # Linear about the centre: g(z) = g(c) + Y' w, z = c + X' w; the prior is
        # centred on zero, so that c itself is w0 from it.
        span = MemberSpan(y)
        back = np.linalg.lstsq(x.T, centre, rcond=None)[0]
        centre, spread = centre + span.solve(-(y @ at_centre) - back) @ x, 0.1
    z = centre + np.sqrt(n_members - 1) * span.contracted(x)
    z += centre - z.mean(axis=0)
    z, residual = run_members(z, runs, rng)
    return checked_outcome(z, residual, runs.runs)


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    n = int(options["n_members"])
    return (n + 1) * int(options["n_rounds"]) + n


def _with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    return {"n_rounds": 1, "n_members": min(MOST_MEMBERS, (n_runs - 1) // 2)}


METHOD = Method(
    name="4denvar",
    summary="Variational assimilation in the span of an ensemble; exact for linear "
    "models with normal errors.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=_expected_runs,
    with_budget=_with_budget,
    source="Pinnington et al. (2020)",
)
