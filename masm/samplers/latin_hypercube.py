"""Latin hypercube sample."""

from __future__ import annotations

import numpy as np

from masm.types import Array


def latin_hypercube(n: int, n_parameters: int, rng: np.random.Generator) -> Array:
    """Draw one point in each of n slices of every parameter, (n, n_parameters)."""
    ranks = np.argsort(rng.random((n, n_parameters)), axis=0)
    return (ranks + rng.random((n, n_parameters))) / n
