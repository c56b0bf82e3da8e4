"""Which points lie among draws, whatever the shape of these."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.spatial import distance

from masm.types import Array

NEAREST, OUTSIDE = 0.1, 0.999
# Points that are looked at together.
_BLOCK = 64


def among(
    points: Array, draws: Array, nearest: float = NEAREST, outside: float = OUTSIDE
) -> NDArray[np.bool_]:
    """Which points lie among draws, (n_points,).

    By the squared Mahalanobis distance from a fraction of the draws, those about the
    draw that is nearest to the point: within twice the quantile of chi-square. Only
    they count, so that a point between two modes, or beside a curved ridge, is not
    among draws.

    Parameters
    ----------
    points : ndarray (n_points, n_parameters)
    draws : ndarray (n_draws, n_parameters)
        More than a few times n_parameters.
    nearest : float
        Fraction of the draws that counts.
    outside : float
        Level of chi-square.

    Examples
    --------
    >>> draws = np.random.default_rng(0).standard_normal((500, 2))
    >>> among(np.array([[0.5, 0.0], [9.0, 0.0]]), draws)
    array([ True, False])
    """
    n, d = draws.shape
    k = min(n, max(math.ceil(nearest * n), 3 * d + 10))
    scale = draws.std(axis=0) + 1e-9
    limit = 2.0 * special.chdtri(d, 1.0 - outside)
    scaled, found = draws / scale, np.empty(len(points), bool)
    for start in range(0, len(points), _BLOCK):
        at = slice(start, start + _BLOCK)
        found[at] = _squared_distance(points[at] / scale, scaled, k) <= limit
    return found


def _squared_distance(points: Array, draws: Array, k: int) -> Array:
    """Squared Mahalanobis distance of each point from ``k`` draws, (n_points,).

    Points with the same nearest draw are compared with the same draws.
    """
    closest = np.argmin(distance.cdist(points, draws, "sqeuclidean"), axis=1)
    centres, of_point = np.unique(closest, return_inverse=True)
    gap = distance.cdist(draws[centres], draws, "sqeuclidean")
    near = draws[np.argpartition(gap, k - 1, axis=1)[:, :k]]
    middle = near.mean(axis=1, keepdims=True)
    near -= middle
    covariance = np.matmul(near.transpose(0, 2, 1), near) / max(k - 1, 1)
    covariance += 1e-6 * np.eye(draws.shape[1])
    apart = points - middle[of_point, 0]
    solved = np.linalg.solve(covariance[of_point], apart[:, :, None])
    return np.asarray(np.einsum("ni,ni->n", apart, solved[:, :, 0]))
