"""Children of parents in the unit cube: binary crossover and polynomial mutation.

References
----------
Deb, K. and Agrawal, R. B. (1995). Simulated binary crossover for continuous search
space. Complex Systems 9, 115-148.
"""

from __future__ import annotations

import numpy as np

from masm.types import Array

_CROSSED = 0.9  # pairs that cross
_SWAPPED = 0.5  # parameters of a crossing pair that do


def crossover(
    mother: Array, father: Array, index: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return two children of each pair, (n, p) each.

    Parameters
    ----------
    mother, father : (n, p)
        In the unit cube.
    index : float
        Distribution index; a larger one keeps children nearer to their parents.
    rng : numpy.random.Generator
    """
    low, high = np.minimum(mother, father), np.maximum(mother, father)
    gap = np.maximum(high - low, 1e-14)
    r = rng.random(mother.shape)
    middle = 0.5 * (low + high)
    down = middle - 0.5 * _spread(1.0 + 2.0 * low / gap, r, index) * gap
    up = middle + 0.5 * _spread(1.0 + 2.0 * (1.0 - high) / gap, r, index) * gap
    flip = rng.random(mother.shape) < 0.5
    one, two = np.where(flip, up, down), np.where(flip, down, up)
    crossed = (rng.random((len(mother), 1)) < _CROSSED) & (
        rng.random(mother.shape) < _SWAPPED
    )
    return (
        np.clip(np.where(crossed, one, mother), 0.0, 1.0),
        np.clip(np.where(crossed, two, father), 0.0, 1.0),
    )


def _spread(room: Array, r: Array, index: float) -> Array:
    """Spread factor such that a child stays in the cube, from its room on one side."""
    alpha = 2.0 - room ** -(index + 1.0)
    power = 1.0 / (index + 1.0)
    inner = (r * alpha) ** power
    with np.errstate(divide="ignore", invalid="ignore"):
        outer = (1.0 / np.maximum(2.0 - r * alpha, 1e-14)) ** power
    return np.where(r <= 1.0 / alpha, inner, outer)


def mutate(u: Array, index: float, rng: np.random.Generator) -> Array:
    """Change about one parameter of each point a little, (n, p).

    Parameters
    ----------
    u : (n, p)
        In the unit cube.
    index : float
        Distribution index; a larger one changes less.
    rng : numpy.random.Generator
    """
    r = rng.random(u.shape)
    power = 1.0 / (index + 1.0)
    down = (2.0 * r + (1.0 - 2.0 * r) * (1.0 - u) ** (index + 1.0)) ** power - 1.0
    up = (
        1.0
        - (2.0 * (1.0 - r) + 2.0 * (r - 0.5) * u ** (index + 1.0)).clip(0.0) ** power
    )
    step = np.where(r < 0.5, np.nan_to_num(down), np.nan_to_num(up))
    hit = rng.random(u.shape) < 1.0 / u.shape[1]
    return np.clip(np.where(hit, u + step, u), 0.0, 1.0)
