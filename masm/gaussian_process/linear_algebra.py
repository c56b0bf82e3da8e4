"""Factors and inverses of covariances, with jitter where rounding breaks them."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from masm.errors import SurrogateNotFitted
from masm.types import Array


def cholesky(covariance: Array, *, lower: bool = True) -> tuple[Array, float]:
    """Lower or upper factor, and the jitter that was needed (0 if none).

    Only that triangle of the covariance is looked at.
    """
    scale = float(np.mean(np.diag(covariance)))
    if not np.isfinite(scale):
        raise SurrogateNotFitted("Gaussian process: covariance is not finite")
    jitter = 0.0
    while True:
        trial = covariance
        if jitter > 0.0:
            trial = covariance + jitter * np.eye(len(covariance))
        factor, info = linalg.lapack.dpotrf(trial, lower=int(lower), clean=1)
        if info == 0:
            return factor, jitter
        jitter = 1e-13 * scale if jitter == 0.0 else 10.0 * jitter
        if jitter > 1e-5 * scale:
            raise SurrogateNotFitted(
                f"Gaussian process: covariance of {len(covariance)} points is not "
                f"positive definite even with jitter {jitter:.1e}"
            )


def inverse_triangle(factor: Array, *, lower: bool) -> Array:
    """Lower or upper triangle of the inverse; the other one is not to be looked at.

    ``factor`` is the Cholesky factor of the same kind.
    """
    triangle, info = linalg.lapack.dpotri(factor, lower=int(lower))
    if info != 0:
        raise SurrogateNotFitted("Gaussian process: covariance cannot be inverted")
    return np.asarray(triangle)


def inverse(factor: Array) -> Array:
    """Inverse of the matrix whose lower Cholesky factor is given."""
    triangle = inverse_triangle(factor, lower=True)
    return np.tril(triangle) + np.tril(triangle, -1).T
