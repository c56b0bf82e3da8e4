"""Space-filling designs under constraints."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from masm.errors import InputError
from masm.problem.problem import Problem
from masm.samplers.latin_hypercube import latin_hypercube
from masm.types import Array


def allowed_start(problem: Problem, rng: np.random.Generator, n: int) -> Array | None:
    """Uniform points that keep the constraints; None where there are none to keep."""
    if not problem.priors.constraints:
        return None
    return _uniform_allowed(problem, rng, n)


def _uniform_allowed(problem: Problem, rng: np.random.Generator, n: int) -> Array:
    kept: list[Array] = []
    for _ in range(200):
        u = rng.random((4 * n, problem.n_parameters))
        kept.append(u[problem.allowed(u)])
        if sum(map(len, kept)) >= n:
            return np.concatenate(kept)[:n]
    raise InputError(
        "constraints leave less than a thousandth of the prior",
        hint="narrow the bounds to the allowed region",
    )


def spread_points(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """Latin hypercube sample whose closest points are farthest apart, of twenty."""
    if problem.priors.constraints:
        return _uniform_allowed(problem, rng, n)
    best, widest = np.empty((0, 0)), -1.0
    for _ in range(20):
        points = latin_hypercube(n, problem.n_parameters, rng)
        gap = cdist(points, points)
        np.fill_diagonal(gap, np.inf)
        if gap.min() > widest:
            best, widest = points, float(gap.min())
    return best
