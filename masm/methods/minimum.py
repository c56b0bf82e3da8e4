"""The minimum of a variational cost from several starts, and what to say of it.

A design that fills the prior is run first. Searches start at its lowest point, and at
good points far from that, so that another valley gets a start of its own. With exact
derivatives L-BFGS-B follows the adjoint's gradient; without them Gauss-Newton steps are
tried in batches, one batch of runs for each set of finite differences.

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
from masm.minimisation.four_d_var import Minimum, StartReport, four_d_var
from masm.types import Array

#: Bound of each coordinate, in prior standard deviations.
BOUND = 4.0
_SPREAD = 0.7  # of the starts about the prior's centre
_N_TRIALS = 5  # dampings tried in each step
_EMULATED = 8  # runs for each parameter that an emulator begins with
_EVALUATIONS = 60  # by which a start that follows gradients converges
_FEWEST_STEPS = 3  # that a further start is worth
_FRACTION_FOR_STEPS = 4  # times as many runs must a search have as its steps may take
_GOOD = 0.25  # fraction of a design, the lowest, that further starts are taken from
#: Runs of a design where there are runs enough.
N_DESIGN = 40
_LINE_SEARCH = 21  # evaluations by which L-BFGS-B may go beyond its limit
_AT_BOUND = 1e-3
_RIVAL = 4.0
"""Excess of half the cost under which another minimum has mass that counts."""


@dataclass(frozen=True)
class Found:
    """A minimum with the normal posterior about it.

    Attributes
    ----------
    minimum : Minimum
    root : ndarray (n, n)
        Lower factor of the posterior covariance there.
    off : float
        Length of the next Gauss-Newton step within the bounds, in posterior standard
        deviations: how far the search has stopped from the minimum.
    """

    minimum: Minimum
    root: Array
    off: float

    def facts(self, problem: DifferentiableProblem) -> dict[str, Any]:
        """What a result keeps of the search: numbers and short texts."""
        return {
            "derivatives": _kind(problem),
            "steps": _shown(problem),
            "n_gradients": problem.n_gradients,
            "n_tangents": problem.n_tangents,
            "minimum_cost": self.minimum.cost,
            "minimum_converged": int(self.minimum.converged),
            "minimum_off": self.off,
            "minimum_report": self.minimum.summary(),
            "n_starts_agreeing": self.minimum.n_agreeing,
            "minimum_at_bound": ", ".join(self.minimum.at_bound),
            "collapsed": "; ".join(self.minimum.collapsed),
        }

    def other_minima(self) -> list[Array]:
        """Where other starts ended, far off at a cost that no normal posterior allows.

        The draws about one minimum know nothing of another; a start that ended there
        does.
        """
        others = []
        for report in self.minimum.starts:
            if not np.isfinite(report.cost):
                continue
            off = np.linalg.solve(self.root, report.x - self.minimum.x)
            higher = report.cost - self.minimum.cost
            if higher < _RIVAL and 0.5 * off @ off > 2.0 * higher + _RIVAL:
                others.append(report.x)
        return others


def _kind(problem: DifferentiableProblem) -> str:
    if problem.emulated:
        return "emulator"
    return "exact" if problem.exact else "differences"


def _shown(problem: DifferentiableProblem) -> str:
    if problem.exact or problem.emulated:
        return ""
    pairs = zip(problem.names, problem.steps, strict=True)
    return ", ".join(f"{name} {step:.2g}" for name, step in pairs)


def runs_for_steps(n_parameters: int) -> int:
    """Most runs by which the steps of finite differences are chosen."""
    return 21 + 2 * n_parameters + 1


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
    n_design: int = 0,
    max_runs: int | None = None,
) -> Found:
    """Find the lowest minimum of several starts.

    Parameters
    ----------
    problem : DifferentiableProblem
    rng : numpy.random.Generator
    n_starts, n_iterations : int
        Most starts, and steps of each.
    n_design : int
        Runs of a design from whose good points starts are taken. Without it they are
        the prior's centre and random points.
    max_runs : int, optional
        Most model runs of the search, the design and the derivatives at the minimum
        among them; the later starts are left out where they are used up.

    Raises
    ------
    CalibrationFailed
        If the model fails at every start, or its derivatives at the minimum.
    """
    most, before = most_runs(n_iterations, problem.n), problem.n_runs
    if problem.emulated:
        n_design = max(n_design, _EMULATED * (problem.n + 1))
    starts = _starts(problem, rng, n_starts, n_design)
    if max_runs is None or max_runs - n_design > _FRACTION_FOR_STEPS * runs_for_steps(
        problem.n
    ):
        problem.choose_steps(np.clip(starts[0], -BOUND, BOUND))
    if max_runs is None:
        left = n_starts * most
    else:
        left = max_runs - (problem.n_runs - before) - problem.n - 1
    problem.max_runs = problem.n_runs + left
    if problem.exact:
        if max_runs is not None:
            n_starts = min(n_starts, max(1, left // _EVALUATIONS))
            most = min(most, left // n_starts)
        minimum = _by_gradient(problem, rng, n_starts, most, starts)
    else:
        minimum = _by_differences(problem, rng, n_starts, n_iterations, starts)
    problem.max_runs = None
    try:
        mean, covariance = problem.linear_posterior(minimum.x)
        root = np.asarray(np.linalg.cholesky(covariance))
    except (InputError, np.linalg.LinAlgError) as exc:
        raise CalibrationFailed(
            f"no posterior about the minimum: {exc}", reason="model_nan"
        ) from exc
    step = np.clip(mean, -BOUND, BOUND) - minimum.x
    return Found(minimum, root, float(np.linalg.norm(np.linalg.solve(root, step))))


def _starts(
    problem: DifferentiableProblem, rng: np.random.Generator, n_starts: int, n: int
) -> Array:
    """Starts from a design of the prior and its centre, (at most n_starts, n)."""
    if n < 1:
        return np.zeros((1, problem.n))
    from masm.methods.normal_space import to_normal

    z = np.zeros((n, problem.n))
    if n > 1:
        z[1:] = to_normal(problem.spread(n - 1, rng))
    found = problem.residuals(z)
    cost = 0.5 * (np.sum(found**2, axis=1) + np.sum(z**2, axis=1))
    ran = np.isfinite(cost)
    if not ran.any():
        return np.zeros((1, problem.n))
    return apart(z[ran], cost[ran], n_starts)


def apart(z: Array, cost: Array, n: int) -> Array:
    """Return the lowest point of a design, and good points far from those before.

    Parameters
    ----------
    z : ndarray (point, parameter)
    cost : ndarray (point,)
        Finite.
    n : int
        Most points that are returned.

    Examples
    --------
    >>> z = np.array([[0.0], [0.1], [2.0], [0.2], [-3.0]])
    >>> apart(z, np.array([1.0, 1.1, 1.5, 1.2, 9.0]), 2).ravel()
    array([0., 2.])
    """
    n_good = max(2 * n, round(_GOOD * len(z)))
    good = z[np.argsort(cost, kind="stable")[:n_good]]
    chosen = [0]
    gap = np.sum((good - good[0]) ** 2, axis=1)
    while len(chosen) < min(n, len(good)):
        chosen.append(int(np.argmax(gap)))
        gap = np.minimum(gap, np.sum((good - good[chosen[-1]]) ** 2, axis=1))
    return np.asarray(good[chosen])


def _by_gradient(
    problem: DifferentiableProblem,
    rng: np.random.Generator,
    n_starts: int,
    most: int,
    starts: Array,
) -> Minimum:
    def cost(z: Array) -> tuple[float, Array]:
        try:
            return problem.cost(z)
        except BudgetSpent:
            return np.inf, np.full(problem.n, np.nan)

    try:
        return four_d_var(
            cost,
            np.clip(starts[0], -BOUND, BOUND),
            others=starts[1:],
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
    starts: Array,
) -> Minimum:
    reports, gradients = [], []
    for start in range(n_starts):
        if start < len(starts):
            z = np.clip(starts[start], -BOUND, BOUND)
        else:
            z = np.clip(_SPREAD * rng.standard_normal(problem.n), -BOUND, BOUND)
        before = problem.n_runs
        assert problem.max_runs is not None  # noqa: S101 (set by `minimise`)
        if start and problem.max_runs - before < most_runs(_FEWEST_STEPS, problem.n):
            break
        report, gradient = _descend(problem, z, n_iterations)
        while not (np.isfinite(report.cost) and np.isfinite(gradient).all()):
            # The model fails at the start, or next to it: another, with the runs left.
            spent = problem.n_runs - before + 1 + problem.n
            left = most_runs(n_iterations, problem.n) - spent
            left = min(left, problem.max_runs - problem.n_runs - 1 - problem.n)
            n_left = left // (problem.n + _N_TRIALS)
            if n_left < 1:
                break
            z = np.clip(0.5 * _SPREAD * rng.standard_normal(problem.n), -BOUND, BOUND)
            report, gradient = _descend(problem, z, n_left)
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
        try:
            rows = problem.whitened_jacobian(z)
        except BudgetSpent:
            message = "the model runs of the search are used up"
            break
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
        try:
            found = problem.residuals(trial)
        except BudgetSpent:
            message = "the model runs of the search are used up"
            break
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
