"""Trend under a Gaussian process: polynomials with broad Gaussian coefficients.

The coefficients are integrated out, so the trend is one more term of the covariance,
``basis(a) V basis(b)'`` with V the prior variances (Rasmussen and Williams 2006,
section 2.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from masm.types import Array

MeanName = Literal["constant", "linear", "quadratic"]
MEAN_NAMES: tuple[MeanName, ...] = ("constant", "linear", "quadratic")

# Prior variances of the coefficients, for outputs of unit variance and inputs of
# unit spread: broad, yet small enough to leave ten digits to the rest.
_CONSTANT_VARIANCE = 100.0
_LINEAR_VARIANCE = 10.0


@dataclass(frozen=True)
class Trend:
    """Functions of the trend, in inputs shifted and scaled to unit spread.

    Attributes
    ----------
    name : "constant", "linear" or "quadratic"
    center, spread : (n_parameters,), of the inputs it was made for
    """

    name: MeanName
    center: Array
    spread: Array

    @classmethod
    def of(cls, name: MeanName, x: Array) -> Trend:
        """Trend for inputs (n_samples, n_parameters)."""
        spread = np.maximum(np.sqrt(3.0) * x.std(axis=0), 1e-3)
        return cls(name, x.mean(axis=0), spread)

    @property
    def curved(self) -> bool:
        """Whether there are second-order terms, whose variance is fitted."""
        return self.name == "quadratic"

    @property
    def n_first(self) -> int:
        """Number of constant and linear functions, which come first."""
        return 1 if self.name == "constant" else 1 + len(self.center)

    def prior_variance(self, curvature_variance: float) -> Array:
        """Prior variances of the coefficients, (n_functions,)."""
        d = len(self.center)
        variance = np.full(self.n_first, _LINEAR_VARIANCE)
        variance[0] = _CONSTANT_VARIANCE
        if not self.curved:
            return variance
        return np.append(variance, np.full(d * (d + 1) // 2, curvature_variance))

    def basis(self, x: Array) -> Array:
        """Functions of the trend at x, (n_points, n_functions)."""
        columns = [np.ones((len(x), 1))]
        if self.name != "constant":
            z = self.inputs(x)
            columns.append(z)
        if self.curved:
            i, j = np.triu_indices(x.shape[1])
            columns.append(z[:, i] * z[:, j])
        return np.hstack(columns)

    @property
    def linear_variance(self) -> float:
        """Prior variance of each first-order coefficient; 0 for a constant."""
        return 0.0 if self.name == "constant" else _LINEAR_VARIANCE

    def inputs(self, x: Array) -> Array:
        """Shifted and scaled, (n_points, n_parameters)."""
        return np.asarray((x - self.center) / self.spread)

    def covariances(self, x: Array) -> tuple[Array, Array]:
        """Covariances at x: of constant and first order, and of second order.

        Each (n_points, n_points); the latter for unit variance of the coefficients,
        zero where there are none. It is ``((z.z')^2 + sum z^2 z'^2) / 2``.
        """
        z = self.inputs(x)
        product = z @ z.T
        first = _CONSTANT_VARIANCE + self.linear_variance * product
        if not self.curved:
            return first, np.zeros_like(first)
        square = z * z
        return first, 0.5 * (product * product + square @ square.T)
