"""Sparse Gaussian process: all runs, seen through a few hundred inducing points.

Length scales are those of an exact process fitted to a part of the runs; the rest
enters through the inducing points (the deterministic training conditional).

References
----------
Quinonero-Candela, J. and Rasmussen, C. E. (2005). A unifying view of sparse approximate
Gaussian process regression. Journal of Machine Learning Research 6, 1939-1959, eq. 20.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from masm.gaussian_process.kernels import matern52, squared_distance
from masm.gaussian_process.regression import GaussianProcess
from masm.surrogates.regressors.base import quadratic_features
from masm.types import Array

_FOR_SCALES = 250  # runs to which the exact process is fitted
_JITTER = 1e-8


class SparseProcess:
    """A Matern-5/2 process with inducing points.

    Parameters
    ----------
    n_inducing : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> u = rng.random((1000, 2))
    >>> fitted = SparseProcess(100).fit(u, np.sin(6.0 * u[:, 0]) * u[:, 1], rng)
    >>> mean, variance = fitted.predict(np.array([[0.25, 0.5]]))
    >>> bool(abs(mean[0] - 0.5 * np.sin(1.5)) < 0.01)
    True
    """

    def __init__(self, n_inducing: int = 250):
        self.n_inducing = n_inducing

    def fit(self, u: Array, y: Array, rng: np.random.Generator) -> SparseProcess:
        """See `Regressor`."""
        part = rng.choice(len(u), min(_FOR_SCALES, len(u)), replace=False)
        exact = GaussianProcess(mean="quadratic").fit(u[part], y[part], rng=rng)
        self.length_scales = exact.length_scales
        self.trend = _trend(u, y)
        off = y - quadratic_features(u) @ self.trend
        self.size = max(float(off.var()), 1e-300)
        self.at = u[rng.choice(len(u), min(self.n_inducing, len(u)), replace=False)]
        inner = self._kernel(self.at, self.at)
        inner[np.diag_indices_from(inner)] += _JITTER
        self.root = np.linalg.cholesky(inner)
        # Whitened by the inducing points: a linear regression on len(at) features.
        features = self._features(u)
        values, vectors = np.linalg.eigh(features.T @ features)
        onto = vectors.T @ (features.T @ off) / np.sqrt(self.size)
        n, total = len(u), float(off @ off) / self.size
        best = np.inf
        for noise in 10.0 ** np.arange(-8.0, 0.0):
            quadratic = (
                total - np.sum(onto**2 / (np.maximum(values, 0) + noise))
            ) / noise
            scale = max(quadratic / n, 1e-12)
            log_det = np.sum(np.log1p(np.maximum(values, 0) / noise)) + n * np.log(
                noise
            )
            if (cost := n * np.log(scale) + log_det) < best:
                best, self.noise, self.scale = cost, noise, scale
        inverse = 1.0 / (np.maximum(values, 0.0) + self.noise)
        self.weights = np.sqrt(self.size) * (vectors @ (inverse * onto))
        self.spread = vectors * np.sqrt(self.noise * inverse)
        return self

    def predict(self, u: Array) -> tuple[Array, Array]:
        """See `Regressor`."""
        features = self._features(u)
        mean = quadratic_features(u) @ self.trend + features @ self.weights
        # What the inducing points do not see, what they do, and the noise.
        unseen = np.maximum(1.0 - np.sum(features**2, axis=1), 0.0)
        seen = np.sum((features @ self.spread) ** 2, axis=1)
        variance = self.size * self.scale * (unseen + seen + self.noise)
        return mean, variance

    def _kernel(self, a: Array, b: Array) -> Array:
        return matern52(squared_distance(a, b, self.length_scales))

    def _features(self, u: Array) -> Array:
        cross = self._kernel(self.at, u)
        return np.asarray(linalg.solve_triangular(self.root, cross, lower=True).T)


def _trend(u: Array, y: Array) -> Array:
    return np.asarray(np.linalg.lstsq(quadratic_features(u), y, rcond=None)[0])
