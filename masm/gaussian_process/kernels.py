"""Stationary kernels of a Gaussian process, as functions of the scaled distance.

References
----------
Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian Processes for Machine
Learning, section 4.2.1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from masm.types import Array

KernelName = Literal["matern52", "gaussian"]


def squared_distance(a: Array, b: Array, length_scales: Array | float) -> Array:
    """Squared distances in length scales, (n_a, n_b); exactly 0 from a to itself.

    Parameters
    ----------
    a, b : (n_points, n_parameters)
    length_scales : (n_parameters,), or one for all
    """
    a_scaled = a / length_scales
    b_scaled = a_scaled if a is b else b / length_scales
    # By matrix product: ten times faster than differences, and the Matern-5/2 is
    # flat enough at zero for the rounding (1e-15) not to matter.
    squared = a_scaled @ b_scaled.T
    squared *= -2.0
    squared += np.einsum("ij,ij->i", a_scaled, a_scaled)[:, None]
    squared += np.einsum("ij,ij->i", b_scaled, b_scaled)[None, :]
    np.maximum(squared, 0.0, out=squared)
    if a is b:
        np.fill_diagonal(squared, 0.0)
    return squared


# Of the squared scaled distance; `masm.gaussian_process.fast_covariance` has them with
# a slope.
def matern52(squared: Array) -> Array:
    """Matern-5/2, twice differentiable."""
    root = np.sqrt(5.0 * squared)
    decay = np.exp(-root)
    value = root / 3.0
    value += 1.0
    value *= root
    value += 1.0
    value *= decay
    return np.asarray(value)


def gaussian(squared: Array) -> Array:
    """Squared exponential, for outputs known to be very smooth."""
    return np.asarray(np.exp(-0.5 * squared))


KERNELS = {"matern52": matern52, "gaussian": gaussian}
