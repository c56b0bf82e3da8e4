"""Factors of small dense matrices, typed as this package needs them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cholesky(matrix: Array) -> Array:
    """Lower root of a positive definite matrix."""
    return np.asarray(np.linalg.cholesky(matrix), float)


def inverse(matrix: Array) -> Array:
    """Inverse of one matrix or of a stack of them."""
    return np.asarray(np.linalg.inv(matrix), float)
