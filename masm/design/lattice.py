"""Where to run the model first: good lattice points, decorrelated.

Good lattice points (Fang and Wang 1994) spread over the unit cube by modular
arithmetic; ranked Gram-Schmidt (Owen 1994) then removes the correlation between
columns and leaves each column a permutation of the same levels, so that the design
stays a Latin hypercube. This is the initial sampling of Ma et al. (2022).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.types import Array

if TYPE_CHECKING:
    from masm.problem.problem import Problem


def lattice_design(n: int, n_parameters: int, rng: np.random.Generator) -> Array:
    """Good lattice points with ranked Gram-Schmidt decorrelation.

    Parameters
    ----------
    n : int
        Number of points.
    n_parameters : int
        Dimension of the cube.
    rng : numpy.random.Generator
        Chooses which column is which and which are mirrored; both leave the
        discrepancy as it is.

    Returns
    -------
    ndarray, (n, n_parameters)
        In the open unit cube, at the levels ``(i + 1/2) / n``.
    """
    points = good_lattice_points(n, n_parameters)
    points = points[:, rng.permutation(n_parameters)]
    mirrored = rng.random(n_parameters) < 0.5
    points = np.where(mirrored, 1.0 - points, points)
    return decorrelate(points)


def good_lattice_points(n: int, n_parameters: int) -> Array:
    """The lattice with the lowest centred discrepancy among power generators.

    Point ``i`` has coordinate ``i h_j mod m`` with ``h = (1, a, a^2, ...) mod m``,
    tried for ``m = n`` and for ``m = n + 1`` and the first larger prime with the
    surplus points left out (Fang and Wang 1994, section 1.3); levels are then ranked
    to ``(i + 1/2) / n``.
    """
    from scipy.stats import qmc

    if n < 2:
        return np.full((max(n, 0), n_parameters), 0.5)
    best, best_discrepancy = np.empty((0, n_parameters)), math.inf
    for modulus in sorted({n, n + 1, _next_prime(max(n, n_parameters))}):
        index = np.arange(1, n + 1, dtype=np.int64)
        for generator in _power_generators(modulus, n_parameters):
            points = _ranked(np.outer(index, generator) % modulus)
            discrepancy = float(qmc.discrepancy(points, method="CD"))
            if discrepancy < best_discrepancy:
                best, best_discrepancy = points, discrepancy
    # Never empty: a prime modulus has a primitive root.
    return best


def _power_generators(modulus: int, n_parameters: int) -> list[NDArray[np.int64]]:
    """Vectors (1, a, a^2, ...) mod m of distinct units, at most 64, evenly taken."""
    found = []
    for a in range(1, modulus):
        if math.gcd(a, modulus) != 1:
            continue
        powers = [pow(a, k, modulus) for k in range(n_parameters)]
        if len(set(powers)) == n_parameters:
            found.append(np.array(powers, dtype=np.int64))
    step = max(1, math.ceil(len(found) / 64))
    return found[::step]


def _next_prime(n: int) -> int:
    candidate = n + 1
    while any(candidate % k == 0 for k in range(2, math.isqrt(candidate) + 1)):
        candidate += 1
    return candidate


def _ranked(values: NDArray) -> Array:
    ranks = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0)
    return (ranks + 0.5) / len(values)


def decorrelate(points: Array, max_passes: int = 100) -> Array:
    """Ranked Gram-Schmidt: lower the correlations, keep every column's levels.

    Each column in turn gives up its regression on another column and is replaced by
    its ranks, forwards through the columns and then backwards, as long as the root
    mean square correlation falls.

    References
    ----------
    Owen, A. B. (1994). Controlling correlations in Latin hypercube samples. Journal
    of the American Statistical Association 89, 1517-1522, section 3.
    """
    n, d = points.shape
    if n < 3 or d < 2:
        return points
    best, best_size = points, _correlation_size(points)
    x = points - 0.5
    forward = [(j, k) for j in range(1, d) for k in range(j)]
    backward = [(j, k) for j in range(d - 2, -1, -1) for k in range(d - 1, j, -1)]
    for i in range(max_passes):
        for j, k in forward if i % 2 == 0 else backward:
            slope = (x[:, k] @ x[:, j]) / (x[:, k] @ x[:, k])
            residual = x[:, j] - slope * x[:, k]
            x[:, j] = _ranked(residual[:, None])[:, 0] - 0.5
        size = _correlation_size(x)
        if size < best_size:
            best, best_size = x + 0.5, size
        elif i > 3:
            break
    return best


def _correlation_size(points: Array) -> float:
    correlation = np.atleast_2d(np.corrcoef(points, rowvar=False))
    return float(
        np.sqrt(np.mean(correlation[np.triu_indices_from(correlation, 1)] ** 2))
    )


def initial_points(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """First points of a problem: a lattice design, kept to its constraints.

    With constraints the lattice is made dense enough that ``n`` of its points are
    allowed.
    """
    asked = n
    for _ in range(12):
        points = lattice_design(asked, problem.n_parameters, rng)
        allowed = points[problem.allowed(points)]
        if len(allowed) >= n:
            return allowed if len(allowed) == n else rng.permutation(allowed)[:n]
        asked = math.ceil(asked * max(1.2, min(4.0, 1.1 * n / max(len(allowed), 1))))
        if asked > 200 * n:
            break
    rules = "; ".join(c.description for c in problem.priors.constraints)
    raise InputError(
        f"constraints leave less than 1 % of the prior: {rules}",
        found=f"{len(allowed)} allowed of {len(points)} points",
        wanted=f"{n} allowed points",
        hint="Narrow the bounds to the allowed region.",
    )
