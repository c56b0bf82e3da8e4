"""The problem in standard-normal coordinates, with residuals of unit variance.

Ensemble and variational methods assume a normal prior and normal errors. A point ``u``
of the unit cube becomes ``z`` with ``u = Phi(z)``, so that the prior is ``N(0, I)`` for
any prior, and bounds are kept. The model's series become whitened residuals, simulated
minus observed, whose covariance is ``I``: minus two log posterior is
``|g(z)|^2 + |z|^2``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from masm.methods.budget import Evaluations, known_errors
from masm.problem.problem import Problem, Runs
from masm.types import Array

#: Points are kept this far from the faces of the cube, where z is infinite.
_EDGE = 1e-9


def to_normal(u: Array) -> Array:
    """Return ``z`` of points of the unit cube."""
    return np.asarray(ndtri(np.clip(u, _EDGE, 1.0 - _EDGE)))


def to_cube(z: Array) -> Array:
    """Return points of the unit cube."""
    return np.clip(ndtr(z), _EDGE, 1.0 - _EDGE)


class Residuals:
    """Whitened residuals of model runs at points ``z``, within a budget.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    max_runs : int
        Most model runs.
    method : str
        For the error.

    Raises
    ------
    InputError
        If the model only gives a cost, or a factor on the errors is unknown.
    """

    def __init__(self, problem: Problem, max_runs: int, method: str):
        self.likelihood = known_errors(problem, method)
        self.evaluations = Evaluations(problem, max_runs)

    @property
    def runs(self) -> Runs:
        """All model runs so far."""
        return self.evaluations.runs

    def __call__(self, z: Array) -> Array:
        """Residuals (sample, n_obs); NaN where a run failed or is not allowed."""
        z = np.atleast_2d(z)
        before = self.evaluations.n_runs
        cost = self.evaluations.cost(to_cube(z))
        found = np.full((len(z), self.likelihood.n_obs), np.nan)
        made = self.evaluations.runs
        if made.series is not None and self.evaluations.n_runs > before:
            latest = made.series[before:]
            allowed = np.flatnonzero(self.evaluations.problem.allowed(to_cube(z)))
            found[allowed] = self.likelihood.whiten(latest)
        found[~np.isfinite(cost)] = np.nan
        return found
