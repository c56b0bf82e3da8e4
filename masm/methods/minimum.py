"""The minimum of a variational cost from several starts, and what to say of it.

With exact derivatives L-BFGS-B follows the adjoint's gradient; without them
Gauss-Newton steps are tried in batches, one batch of runs for each set of finite
differences.

References
----------
Tarantola, A. (2005). Inverse Problem Theory. SIAM, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.methods.budget import BudgetSpent
from masm.methods.differentiable import DifferentiableProblem
from masm.methods.variational.four_d_var import Minimum, StartReport, four_d_var
from masm.types import Array

#: Bound of each coordinate, in prior standard deviations.
BOUND = 4.0
_SPREAD = 0.7  # of the starts about the prior's centre
_N_TRIALS = 5  # dampings tried in each step
_LINE_SEARCH = 21  # evaluations by which L-BFGS-B may go beyond its limit
_AT_BOUND = 1e-3


@dataclass(frozen=True)
class Found:
    """A minimum with the normal posterior about it.

    Attributes
    ----------
    minimum : Minimum
    root : ndarray (n, n)
        Lower factor of the posterior covariance there.
    """

    minimum: Minimum
    root: Array

    def facts(self, problem: DifferentiableProblem) -> dict[str, Any]:
        """What a result keeps of the search: numbers and short texts."""
        return {
            "derivatives": "exact" if problem.exact else "differences",
            "n_gradients": problem.n_gradients,
            "n_tangents": problem.n_tangents,
            "minimum_cost": self.minimum.cost,
            "minimum_converged": int(self.minimum.converged),
            "minimum_report": self.minimum.summary(),
            "n_starts_agreeing": self.minimum.n_agreeing,
            "minimum_at_bound": ", ".join(self.minimum.at_bound),
            "collapsed": "; ".join(self.minimum.collapsed),
        }


def most_runs(n_iterations: int, n_parameters: int) -> int:
    """Most runs of a start: itself, derivatives and trial steps, last derivatives."""
    d = n_parameters
    return 1 + n_iterations * (d + _N_TRIALS) + d


def minimise(
    problem: DifferentiableProblem,
    rng: np.random.Generator,
    *,
    n_starts: int,
    n_iterations: int,
) -> Found:
    """Find the lowest minimum of several starts: the prior's centre and random ones.

    Raises
    ------
    CalibrationFailed
        If the model fails at every start, or its derivatives at the minimum.
    """
    most = most_runs(n_iterations, problem.n)
    problem.max_runs = problem.n_runs + n_starts * most
    if problem.exact:
        minimum = _by_gradient(problem, rng, n_starts, most)
    else:
        minimum = _by_differences(problem, rng, n_starts, n_iterations)
    problem.max_runs = None
    try:
        root = np.asarray(np.linalg.cholesky(problem.covariance(minimum.x)))
    except (InputError, np.linalg.LinAlgError) as exc:
        raise CalibrationFailed(
            f"no posterior about the minimum: {exc}", reason="model_nan"
        ) from exc
    return Found(minimum, root)


def _by_gradient(
    problem: DifferentiableProblem, rng: np.random.Generator, n_starts: int, most: int
) -> Minimum:
    def cost(z: Array) -> tuple[float, Array]:
        try:
            return problem.cost(z)
        except BudgetSpent:
            return np.inf, np.full(problem.n, np.nan)

    try:
        return four_d_var(
            cost,
            np.zeros(problem.n),
            bounds=BOUND,
            n_starts=n_starts,
            spread=_SPREAD,
            rng=rng,
            names=problem.names,
            collapsed=problem.collapsed,
            max_evaluations=max(_LINE_SEARCH, most - _LINE_SEARCH),
        )
    except InputError as exc:
        raise CalibrationFailed(
            f"the model failed at every start: {exc}", reason="model_nan"
        ) from exc


def _by_differences(
    problem: DifferentiableProblem,
    rng: np.random.Generator,
    n_starts: int,
    n_iterations: int,
) -> Minimum:
    reports, gradients = [], []
    for start in range(n_starts):
        z = np.zeros(problem.n)
        if start > 0:
            z = np.clip(_SPREAD * rng.standard_normal(problem.n), -BOUND, BOUND)
        report, gradient = _descend(problem, z, n_iterations)
        reports.append(report)
        gradients.append(gradient)
    costs = [r.cost if np.isfinite(r.cost) else np.inf for r in reports]
    at = int(np.argmin(costs))
    if not np.isfinite(costs[at]):
        raise CalibrationFailed("the model failed at every start", reason="model_nan")
    x = reports[at].x
    near = np.abs(x) >= BOUND - _AT_BOUND
    return Minimum(
        x,
        reports[at].cost,
        gradients[at],
        tuple(reports),
        tuple(problem.names[i] for i in np.flatnonzero(near)),
        tuple(problem.collapsed(x)),
    )


def _descend(
    problem: DifferentiableProblem, z: Array, n_iterations: int
) -> tuple[StartReport, Array]:
    """Levenberg-Marquardt from one start; a report with NaN if the start fails."""
    start, before = z, problem.n_runs
    nan = np.full(len(z), np.nan)
    damping, converged, n_done = 1e-3, False, 0
    g = problem.residuals(z)[0]
    cost = 0.5 * float(g @ g + z @ z)
    first, gradient, message = cost, nan, "iterations used up"
    if not np.isfinite(cost):
        return _report(start, z, cost, cost, nan, 0, 1, False, "the run failed"), nan
    for n_done in range(1, n_iterations + 1):  # noqa: B007 (reported)
        rows = problem.whitened_jacobian(z)
        if not np.isfinite(rows).all():
            message = "a run for derivatives failed"
            break
        gradient = rows.T @ g + z
        hessian = rows.T @ rows + np.eye(len(z))
        scale = damping * np.array([1.0, 10.0, 100.0, 1e3])
        steps = [
            np.linalg.solve(hessian + s * np.diag(np.diag(hessian)), -gradient)
            for s in (0.0, *scale)
        ]
        trial = np.clip(z + np.array(steps), -BOUND, BOUND)
        found = problem.residuals(trial)
        costs = 0.5 * (np.sum(found**2, axis=1) + np.sum(trial**2, axis=1))
        costs = np.where(np.isfinite(costs), costs, np.inf)
        at = int(np.argmin(costs))
        if costs[at] >= cost:
            converged, message = True, "no step lowers the cost"
            break
        gain = cost - float(costs[at])
        damping = max(1e-8, damping * (0.1 if at == 0 else 10.0 ** (at - 2)))
        z, g, cost = trial[at], found[at], float(costs[at])
        if gain < 1e-8 * (1.0 + cost):
            converged, message = True, "the cost no longer falls"
            break
    made = problem.n_runs - before
    report = _report(start, z, first, cost, gradient, n_done, made, converged, message)
    return report, gradient


def _report(
    start: Array,
    x: Array,
    first: float,
    cost: float,
    gradient: Array,
    n_iterations: int,
    n_evaluations: int,
    converged: bool,
    message: str,
) -> StartReport:
    outward = (np.abs(x) >= BOUND) & (x * gradient < 0.0)
    norm = float(np.max(np.abs(np.where(outward, 0.0, gradient)), initial=0.0))
    return StartReport(
        start, x, first, cost, norm, n_iterations, n_evaluations, converged, message
    )
