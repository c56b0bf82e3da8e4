"""Space-filling designs under constraints."""

from __future__ import annotations

import numpy as np
import scipy

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


def n_of_prior(problem: Problem, n: int) -> int:
    """Number of the first ``n`` runs that are spread over the prior: all, or half."""
    return n if problem.start is None else n - n // 2


def first_points(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """First points of a calibration: of the prior, then of a borrowed start.

    Half of them are draws of problems much like this one, where there are such draws.
    """
    points = spread_points(problem, n_of_prior(problem, n), rng)
    if problem.start is None:
        return points
    known = np.clip(problem.unit(problem.start.points(problem.active)), 0.0, 1.0)
    known = known[problem.allowed(known)]
    # A chain that stays gives the same draw again: it is worth one run.
    _, first = np.unique(known, axis=0, return_index=True)
    known = known[np.sort(first)]
    n_borrowed = min(n - len(points), len(known))
    drawn = known[rng.choice(len(known), n_borrowed, replace=False)]
    if n_borrowed < n - len(points):
        more = spread_points(problem, n - len(points) - n_borrowed, rng)
        drawn = np.concatenate([drawn, more])
    return np.concatenate([points, drawn])


def spread_points(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """Latin hypercube sample whose closest points are farthest apart, of twenty."""
    if problem.priors.constraints:
        return _uniform_allowed(problem, rng, n)
    best, widest = np.empty((0, 0)), -1.0
    for _ in range(20):
        points = latin_hypercube(n, problem.n_parameters, rng)
        gap = scipy.spatial.distance.cdist(points, points)
        np.fill_diagonal(gap, np.inf)
        if gap.min() > widest:
            best, widest = points, float(gap.min())
    return best
