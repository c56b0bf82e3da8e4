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
    down = middle - 0.5 * spread(1.0 + 2.0 * low / gap, r, index) * gap
    up = middle + 0.5 * spread(1.0 + 2.0 * (1.0 - high) / gap, r, index) * gap
    flip = rng.random(mother.shape) < 0.5
    one, two = np.where(flip, up, down), np.where(flip, down, up)
    crossed = (rng.random((len(mother), 1)) < _CROSSED) & (
        rng.random(mother.shape) < _SWAPPED
    )
    return (
        np.clip(np.where(crossed, one, mother), 0.0, 1.0),
        np.clip(np.where(crossed, two, father), 0.0, 1.0),
    )


def spread(room: Array | float, r: Array, index: float) -> Array:
    """Spread factor of simulated binary crossover.

    Parameters
    ----------
    room : (n, p) or float
        One, and twice the distance from the nearer parent to the bound, over the gap
        between the parents: a child then stays in the cube. Without a bound, infinity.
    r : (n, p)
        Uniform random numbers.
    index : float
        Distribution index.
    """
    alpha = 2.0 - np.asarray(room) ** -(index + 1.0)
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
    step = polynomial_step(r, index, 1.0 - u, u)
    hit = rng.random(u.shape) < 1.0 / u.shape[1]
    return np.clip(np.where(hit, u + step, u), 0.0, 1.0)


def polynomial_step(
    r: Array, index: float, above: Array | float = 0.0, below: Array | float = 0.0
) -> Array:
    """Step of polynomial mutation, (n, p).

    Parameters
    ----------
    r : (n, p)
        Uniform random numbers.
    index : float
        Distribution index.
    above, below : (n, p) or float
        Distance to the upper and to the lower bound of the cube, with which a step
        stays inside. At 0 steps are those without bounds.
    """
    power = 1.0 / (index + 1.0)
    down = (2.0 * r + (1.0 - 2.0 * r) * above ** (index + 1.0)).clip(0.0) ** power - 1.0
    up = (
        1.0
        - (2.0 * (1.0 - r) + 2.0 * (r - 0.5) * below ** (index + 1.0)).clip(0.0)
        ** power
    )
    return np.where(r < 0.5, down, up)
