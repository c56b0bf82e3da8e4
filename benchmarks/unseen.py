"""Problems with series that no limit of a method was chosen on.

Each is a model of one series with uniform priors and errors of known size, made anew
for each variant: rings, boxes, ridges, wedges, two wells, a posterior that is the
prior, and small process models (growth, saturation, decay). Their references are long
chains on the model itself; targets of other studies are taken with variants and seeds
that those studies do not use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import compare, odd_series
from benchmarks.targets import TARGETS, Array, Target, make

Residuals = Callable[[Array], Array]


@dataclass(frozen=True)
class Problem:
    """What `masm.calibrate` takes, with draws of the known posterior.

    Attributes
    ----------
    name : str
    model : callable
    observations : Dataset or mapping of name to Stream
    priors : mapping of name to (low, high)
    truth : callable
        () -> (draw, parameter).
    """

    name: str
    model: Callable[[Any], Any]
    observations: Any
    priors: dict[str, tuple[float, float]]
    truth: Callable[[], Array]


def ring3(rng: np.random.Generator) -> tuple[int, Residuals]:
    """A ring in two parameters, a normal in the third."""
    centre, radius = rng.uniform(0.4, 0.6, 3), rng.uniform(0.2, 0.3)

    def residuals(u: Array) -> Array:
        off = np.linalg.norm(u[:, :2] - centre[:2], axis=1) - radius
        return np.stack([off / 0.04, (u[:, 2] - centre[2]) / 0.08], axis=1)

    return 3, residuals


def box3(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Flat inside a box, with steep walls."""
    centre, half = rng.uniform(0.4, 0.6, 3), rng.uniform(0.1, 0.25, 3)
    return 3, lambda u: np.maximum(np.abs(u - centre) - half, 0.0) / 0.01


def flat3(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Nothing known: the posterior is the prior."""
    level = rng.uniform(0.5, 2.0)
    return 3, lambda u: level + 0.0 * u


def ridge3(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Only a product is known well: a bent ridge through the whole prior."""
    product, sum_of = rng.uniform(0.15, 0.3), rng.uniform(0.8, 1.2)
    return 3, lambda u: np.stack(
        [
            (u[:, 0] * u[:, 1] - product) / 0.02,
            (u[:, 0] + u[:, 1] - sum_of) / 0.3,
            (u[:, 2] - 0.5) / 0.1,
        ],
        axis=1,
    )


def wedge4(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Three parameters whose width goes with the fourth."""
    middle = rng.uniform(0.4, 0.6)

    def residuals(u: Array) -> Array:
        sd = 0.04 * np.exp(2.0 * u[:, :1])
        return np.hstack([(u[:, :1] - middle) / 0.2, (u[:, 1:] - 0.5) / sd])

    return 4, residuals


def wells2(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Two wells of one square, not equally deep."""
    apart, lean = rng.uniform(0.2, 0.3), rng.uniform(0.2, 0.8)
    return 2, lambda u: np.stack(
        [
            ((u[:, 0] - 0.5) ** 2 - apart**2) / 0.02,
            lean * (u[:, 0] - 0.5 - apart) / apart,
            (u[:, 1] - 0.4) / 0.07,
        ],
        axis=1,
    )


def narrow8(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Widths over more than a decade in eight parameters, correlated in pairs."""
    centre, sd = rng.uniform(0.2, 0.8, 8), 10.0 ** rng.uniform(-2.3, -1.0, 8)

    def residuals(u: Array) -> Array:
        z = (u - centre) / sd
        return z + 0.5 * np.roll(z, 1, axis=1)

    return 8, residuals


def edge5(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Five parameters whose likelihoods peak at, near and beyond bounds."""
    centre = np.array([-0.1, 0.0, 0.05, 0.95, 1.1]) + rng.uniform(-0.05, 0.05, 5)
    sd = rng.uniform(0.08, 0.2, 5)
    return 5, lambda u: (u - centre) / sd


_AT = np.linspace(0.05, 1.0, 25)


def growth3(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Logistic growth: capacity, rate, time; the series ends before it is full."""
    truth, noise = rng.uniform(0.35, 0.65, 3), 0.05 * rng.standard_normal(25)

    def curve(u: Array) -> Array:
        capacity, rate, start = u.T[:, :, None]
        return (0.5 + 2.0 * capacity) / (
            1.0 + np.exp(-(2.0 + 12.0 * rate) * (_AT - 0.4 - 0.8 * start))
        )

    seen = curve(truth[None]) + noise
    return 3, lambda u: (curve(u) - seen) / 0.05


def saturation3(rng: np.random.Generator) -> tuple[int, Residuals]:
    """Light response with a loss, of light that hardly saturates it."""
    truth, noise = rng.uniform(0.3, 0.7, 3), 0.04 * rng.standard_normal(25)

    def curve(u: Array) -> Array:
        most, half, loss = u.T[:, :, None]
        return 3.0 * most * _AT / (0.1 + 1.5 * half + _AT) - 0.5 * loss

    seen = curve(truth[None]) + noise
    return 3, lambda u: (curve(u) - seen) / 0.04


def decay4(rng: np.random.Generator) -> tuple[int, Residuals]:
    """A quick and a slow pool whose priors of the rates do not meet."""
    truth, noise = rng.uniform(0.3, 0.7, 4), 0.03 * rng.standard_normal(25)

    def curve(u: Array) -> Array:
        quick, slow, fraction, whole = u.T[:, :, None]
        return (0.6 + 0.8 * whole) * (
            fraction * np.exp(-(3.0 + 12.0 * quick) * _AT)
            + (1.0 - fraction) * np.exp(-(0.05 + 2.0 * slow) * _AT)
        )

    seen = curve(truth[None]) + noise
    return 4, lambda u: (curve(u) - seen) / 0.03


SHAPES: dict[str, Callable[[np.random.Generator], tuple[int, Residuals]]] = {
    f.__name__: f
    for f in (
        ring3, box3, flat3, ridge3, wedge4, wells2, narrow8, edge5, growth3,
        saturation3, decay4,
    )
}  # fmt: skip


def shape(kind: str, variant: int) -> Target:
    """Return a shape as a target on the unit cube."""
    d, residuals = SHAPES[kind](np.random.default_rng([variant, *kind.encode()]))
    return Target(
        f"{kind}-{variant}",
        {f"u{i}": (0.0, 1.0) for i in range(d)},
        lambda u: np.sum(residuals(np.asarray(u, float)) ** 2, axis=1),
        residuals=residuals,
    )


def problem(name: str) -> Problem:
    """Return a problem by name and variant, such as ``ridge3-2`` or ``litter-7``."""
    import masm

    kind, variant = name.rsplit("-", 1)
    if kind in odd_series.KINDS:
        odd = odd_series.KINDS[kind](int(variant))
        rule = masm.GivenVariance(odd.sd**2)
        seen = masm.Stream(
            "y", np.arange(odd.observed.size), odd.observed, variance=rule
        )
        return Problem(
            name, lambda theta: {"y": odd.model(np.asarray(theta))}, {"y": seen},
            odd.priors, odd.truth,
        )  # fmt: skip
    made = (make if kind in TARGETS else shape)(kind, int(variant))
    model, observations, _ = compare.problem(made)
    return Problem(name, model, observations, made.priors, made.truth)
