"""Posteriors of odd shapes, on the unit cube: kinds that no setting was chosen by.

Each is a cost of points ``u`` (n_samples, n_parameters), with centres and widths
drawn anew for each of its versions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cost = Callable[[Array], Array]


def ring2(rng: np.random.Generator) -> tuple[int, Cost]:
    """A ring: no quadratic follows it anywhere."""
    centre, radius = rng.uniform(0.4, 0.6, 2), rng.uniform(0.2, 0.3)
    width = rng.uniform(0.03, 0.05)
    return 2, lambda u: ((np.linalg.norm(u - centre, axis=1) - radius) / width) ** 2


def ring4(rng: np.random.Generator) -> tuple[int, Cost]:
    """A ring in two parameters, a normal in two more."""
    _, ring = ring2(rng)
    centre = rng.uniform(0.4, 0.6, 2)
    return 4, lambda u: (
        ring(u[:, :2]) + np.sum(((u[:, 2:] - centre) / 0.08) ** 2, axis=1)
    )


def funnel4(rng: np.random.Generator) -> tuple[int, Cost]:
    """Three parameters whose width goes with the fourth (Neal's funnel, bounded)."""
    middle = rng.uniform(0.4, 0.6)

    def cost(u: Array) -> Array:
        sd = 0.02 * np.exp(3.0 * u[:, 0])
        wide = np.sum(((u[:, 1:] - 0.5) / sd[:, None]) ** 2, axis=1)
        return ((u[:, 0] - middle) / 0.2) ** 2 + wide + 6.0 * np.log(sd)

    return 4, cost


def student5(rng: np.random.Generator) -> tuple[int, Cost]:
    """Heavy tails: Student's t of three degrees of freedom."""
    centre, scale = rng.uniform(0.35, 0.65, 5), rng.uniform(0.04, 0.07, 5)
    return 5, lambda u: (
        8.0 * np.log1p(np.sum(((u - centre) / scale) ** 2, axis=1) / 3.0)
    )


def plateau3(rng: np.random.Generator) -> tuple[int, Cost]:
    """Flat inside a box, with steep walls."""
    centre, half = rng.uniform(0.4, 0.6, 3), rng.uniform(0.1, 0.25, 3)
    return 3, lambda u: np.sum(
        (np.maximum(np.abs(u - centre) - half, 0.0) / 0.01) ** 2, axis=1
    )


def three_modes4(rng: np.random.Generator) -> tuple[int, Cost]:
    """Three normals anywhere, the least with a fifth of the weight."""
    centres, sd = rng.uniform(0.2, 0.8, (3, 4)), rng.uniform(0.05, 0.08, (3, 4))
    weight = np.array([0.5, 0.3, 0.2])
    level = np.log(weight) - np.log(sd).sum(axis=1)

    def cost(u: Array) -> Array:
        apart = ((u[:, None] - centres) / sd) ** 2
        return -2.0 * np.logaddexp.reduce(level - 0.5 * apart.sum(axis=2), axis=1)

    return 4, cost


def corner6(rng: np.random.Generator) -> tuple[int, Cost]:
    """Exponentials against the lower bounds, of very different rates."""
    rate = rng.permutation([30.0, 20.0, 10.0, 5.0, 3.0, 1.0])
    return 6, lambda u: 2.0 * u @ rate


def flat3(rng: np.random.Generator) -> tuple[int, Cost]:
    """Nothing known: the posterior is the prior."""
    level = rng.uniform(0.0, 100.0)
    return 3, lambda u: np.full(len(u), level)


def one1(rng: np.random.Generator) -> tuple[int, Cost]:
    """One parameter."""
    centre, sd = rng.uniform(0.2, 0.8), rng.uniform(0.02, 0.05)
    return 1, lambda u: ((u[:, 0] - centre) / sd) ** 2


def offset6(rng: np.random.Generator) -> tuple[int, Cost]:
    """A narrow normal on a large constant."""
    centre, sd = rng.uniform(0.3, 0.7, 6), rng.uniform(0.02, 0.05, 6)
    return 6, lambda u: 1e5 + np.sum(((u - centre) / sd) ** 2, axis=1)


def narrow8(rng: np.random.Generator) -> tuple[int, Cost]:
    """Widths over more than a decade in eight parameters."""
    centre, sd = rng.uniform(0.2, 0.8, 8), 10.0 ** rng.uniform(-2.3, -1.0, 8)
    return 8, lambda u: np.sum(((u - centre) / sd) ** 2, axis=1)


def cliff4(rng: np.random.Generator) -> tuple[int, Cost]:
    """A normal cut off where the cost jumps."""
    centre, sd = rng.uniform(0.4, 0.6, 4), 0.08
    edge = centre[0] + 0.02

    def cost(u: Array) -> Array:
        smooth = np.sum(((u - centre) / sd) ** 2, axis=1)
        return np.where(u[:, 0] > edge, smooth + 60.0, smooth)

    return 4, cost


def wiggle3(rng: np.random.Generator) -> tuple[int, Cost]:
    """A bowl with ripples, finer than so few runs can follow."""
    phase = rng.uniform(0.0, 6.0)
    return 3, lambda u: (
        np.sum(((u - 0.5) / 0.12) ** 2, axis=1)
        + 3.0 * np.sin(25.0 * u + phase).sum(axis=1)
    )


SHAPES: tuple[Callable[[np.random.Generator], tuple[int, Cost]], ...] = (
    ring2, ring4, funnel4, student5, plateau3, three_modes4, corner6, flat3, one1,
    offset6, narrow8, cliff4, wiggle3,
)  # fmt: skip
