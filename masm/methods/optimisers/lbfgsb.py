"""L-BFGS-B with finite differences from several starts, with SciPy.

It finds the best point, which is the maximum of the likelihood within the bounds, and
no posterior: see `masm.methods`. The gradient is by forward differences, backward
next to an upper bound or where the forward run failed; all its runs are one batch.

References
----------
Byrd, R. H., Lu, P., Nocedal, J. and Zhu, C. (1995). A limited memory algorithm for
bound constrained optimization. SIAM Journal on Scientific Computing 16, 1190-1208.
"""

from __future__ import annotations

import numpy as np
import scipy

from masm.methods.budget import check_counts
from masm.methods.limits import Limit, check_limits
from masm.methods.method import Method
from masm.methods.optimisers.multi_start import Ask, multi_start
from masm.problem.problem import Outcome, Problem
from masm.types import Array

_FLAT = 1e-9
# A step that failed counts as this many times worse than where it was tried from.
_WORSE = 10.0


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 2000,
    n_starts: int = 8,
    step: float = 1e-4,
) -> Outcome:
    """Find the best point by quasi-Newton searches from several starts.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs of all searches together, those for gradients included.
    n_starts : int
        Searches: the best of four times as many points of a Latin hypercube.
    step : float
        Of the finite differences, as a fraction of each parameter's prior. Make it
        larger for a model that is not smooth.

    Returns
    -------
    Outcome
        One draw, the best run; always suspect, ``no_posterior``.
    """
    check_counts(n_starts=(n_starts, 1))
    check_limits(_LIMITS, {"step": step})

    def search(start: Array, ask: Ask) -> bool:
        found = scipy.optimize.minimize(
            _Differences(ask, step),
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * len(start),
            # The budget is that of all searches together.
            options={"maxiter": 10**6, "maxfun": 10**6, "ftol": _FLAT, "gtol": 1e-3},
        )
        return bool(found.success)

    return multi_start(problem, seed, search, max_runs=max_runs, n_starts=n_starts)


class _Differences:
    """Cost and its gradient by finite differences, as one batch."""

    def __init__(self, ask: Ask, step: float):
        self.ask = ask
        self.step = step
        self.last = 0.0

    def __call__(self, u: Array) -> tuple[float, Array]:
        u = np.clip(u, 0.0, 1.0)
        d = len(u)
        steps = np.where(u + self.step > 1.0, -self.step, self.step)
        cost = self.ask(np.vstack([u, u + np.diag(steps)]))
        if not np.isfinite(cost[0]):
            # Far worse and flat: the line search comes back from it.
            return self.last + _WORSE * (1.0 + abs(self.last)), np.zeros(d)
        self.last = float(cost[0])
        slope = (cost[1:] - cost[0]) / steps
        failed = np.flatnonzero(~np.isfinite(slope))
        if len(failed):
            other = u - np.diag(steps)[failed]
            slope[failed] = (cost[0] - self.ask(other)) / steps[failed]
            # Neither side runs: such a parameter stays where it is.
            slope[~np.isfinite(slope)] = 0.0
        return self.last, slope


_LIMITS = (Limit("step", 0.0, 0.1, above=True),)

METHOD = Method(
    name="lbfgsb",
    summary="Quasi-Newton searches with finite differences from several starts.",
    sample=sample,
    gives="point",
    source="Byrd et al. (1995)",
    limits=_LIMITS,
)
