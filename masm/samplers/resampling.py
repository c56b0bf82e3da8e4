"""Systematic resampling: each particle about as often as its weight says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from masm.types import Array


def systematic(weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return places of ``n`` particles, with one random number for all.

    Parameters
    ----------
    weight : (n_particles,), adding up to one
    n : int
        Places to draw; a particle is there ``n w`` times, rounded down or up.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, (n,)

    References
    ----------
    Kitagawa, G. (1996). Journal of Computational and Graphical Statistics 5, 1-25.

    Examples
    --------
    >>> systematic(np.array([0.5, 0.0, 0.5]), 4, np.random.default_rng(0))
    array([0, 0, 2, 2])
    """
    points = (rng.random() + np.arange(n)) / n
    total = np.cumsum(weight)
    places = np.searchsorted(total / total[-1], points, side="right")
    return np.asarray(np.minimum(places, np.flatnonzero(weight > 0.0)[-1]), np.intp)
