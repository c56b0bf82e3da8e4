"""Nelder-Mead simplex search from several starts, with SciPy, inside the bounds.

It finds the best point, which is the maximum of the likelihood within the bounds, and
no posterior: see `masm.methods`.

References
----------
Nelder, J. A. and Mead, R. (1965). A simplex method for function minimization. Computer
Journal 7, 308-313.
Gao, F. and Han, L. (2012). Implementing the Nelder-Mead simplex algorithm with adaptive
parameters. Computational Optimization and Applications 51, 259-277.
"""

from __future__ import annotations

import numpy as np
import scipy

from masm.methods.method import Method
from masm.methods.optimisers.multi_start import Ask, multi_start
from masm.problem.problem import Outcome, Problem
from masm.types import Array

_EDGE = 0.15
# The search ends when the simplex is this small, in the cube and in cost.
_SMALL, _FLAT = 1e-4, 1e-3


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 2000,
    n_starts: int = 8,
) -> Outcome:
    """Find the best point by simplex searches from several starts.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs of all searches together.
    n_starts : int
        Searches: the best of four times as many points of a Latin hypercube.

    Returns
    -------
    Outcome
        One draw, the best run; always suspect, ``no_posterior``.
    """
    return multi_start(problem, seed, _search, max_runs=max_runs, n_starts=n_starts)


def _search(start: Array, ask: Ask) -> bool:
    d = len(start)
    inwards = np.where(start > 0.5, -_EDGE, _EDGE)
    simplex = np.vstack([start, start + np.diag(inwards)])
    found = scipy.optimize.minimize(
        lambda u: float(ask(u[None, :])[0]),
        start,
        method="Nelder-Mead",
        bounds=[(0.0, 1.0)] * d,
        options={
            "initial_simplex": simplex,
            "adaptive": True,
            "xatol": _SMALL,
            "fatol": _FLAT,
            # The budget is that of all searches together.
            "maxiter": 10**9,
            "maxfev": 10**9,
        },
    )
    return bool(found.success)


METHOD = Method(
    name="nelder_mead",
    summary="Simplex searches from several starts.",
    sample=sample,
    gives="point",
    source="Nelder and Mead (1965)",
)
