"""Factors and inverses of covariance matrices, mended where rounding breaks them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from masm.errors import SurrogateNotFitted

Array = NDArray[np.float64]


def cholesky(covariance: Array) -> tuple[Array, float]:
    """Lower factor and the jitter that was needed (0 if none)."""
    scale = float(np.mean(np.diag(covariance)))
    if not np.isfinite(scale):
        raise SurrogateNotFitted("Gaussian process: covariance is not finite")
    jitter = 0.0
    while True:
        trial = covariance
        if jitter > 0.0:
            trial = covariance + jitter * np.eye(len(covariance))
        factor, info = linalg.lapack.dpotrf(trial, lower=1, clean=1)
        if info == 0:
            return factor, jitter
        jitter = 1e-13 * scale if jitter == 0.0 else 10.0 * jitter
        if jitter > 1e-5 * scale:
            raise SurrogateNotFitted(
                f"Gaussian process: covariance of {len(covariance)} points is not "
                f"positive definite even with jitter {jitter:.1e}"
            )


def inverse(factor: Array) -> Array:
    """Inverse of the matrix whose lower Cholesky factor is given."""
    triangle, info = linalg.lapack.dpotri(factor, lower=1)
    if info != 0:
        raise SurrogateNotFitted("Gaussian process: covariance cannot be inverted")
    # LAPACK fills one triangle only.
    return np.tril(triangle) + np.tril(triangle, -1).T
