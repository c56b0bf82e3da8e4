"""Which points lie among draws, whatever the shape of these."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from masm.types import Array

NEAREST, OUTSIDE = 0.1, 0.999


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
    found = np.empty(len(points), bool)
    for i, point in enumerate(points):
        gap = np.sum(((draws - point) / scale) ** 2, axis=1)
        close = draws[np.argmin(gap)]
        gap = np.sum(((draws - close) / scale) ** 2, axis=1)
        near = draws[np.argpartition(gap, k - 1)[:k]] / scale
        covariance = np.atleast_2d(np.cov(near.T)) + 1e-6 * np.eye(d)
        apart = point / scale - near.mean(axis=0)
        found[i] = apart @ np.linalg.solve(covariance, apart) <= limit
    return found
