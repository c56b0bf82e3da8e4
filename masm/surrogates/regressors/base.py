"""What a regression for many runs offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from masm.types import Array


class Regressor(Protocol):
    """A function of points of the unit cube, learned from runs."""

    def fit(self, u: Array, y: Array, rng: np.random.Generator) -> Regressor:
        """Learn from points (n, n_parameters) and one output (n,); returns itself."""

    def predict(self, u: Array) -> tuple[Array, Array]:
        """Mean and variance at points, (n_points,) each."""


def quadratic_features(u: Array) -> Array:
    """Constant, linear and quadratic terms of points about the cube's centre."""
    x = 2.0 * u - 1.0
    i, j = np.triu_indices(x.shape[1])
    return np.hstack([np.ones((len(x), 1)), x, x[:, i] * x[:, j]])
