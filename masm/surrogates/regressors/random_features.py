"""Random Fourier features: a Gaussian process in a few hundred weights.

The output is a quadratic polynomial and a sum of cosines in random directions, with
normal weights. Cost grows with the number of runs, not with its cube.

References
----------
Rahimi, A. and Recht, B. (2007). Random features for large-scale kernel machines.
Advances in Neural Information Processing Systems 20.
Bishop, C. M. (2006). Pattern Recognition and Machine Learning, section 3.5 (evidence).
"""

from __future__ import annotations

import numpy as np

from masm.surrogates.regressors.base import quadratic_features
from masm.types import Array

_LENGTHS = (0.3, 0.6, 1.2, 2.4)
_NOISES = (1e-8, 1e-6, 1e-4, 1e-2, 1e-1)


class RandomFeatures:
    """Bayesian linear regression on random cosines.

    Parameters
    ----------
    n_features : int
        Cosines.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> u = rng.random((2000, 2))
    >>> fitted = RandomFeatures(200).fit(u, np.sin(6.0 * u[:, 0]) * u[:, 1], rng)
    >>> mean, variance = fitted.predict(np.array([[0.25, 0.5]]))
    >>> bool(abs(mean[0] - 0.5 * np.sin(1.5)) < 0.02)
    True
    """

    def __init__(self, n_features: int = 300):
        self.n_features = n_features

    def fit(self, u: Array, y: Array, rng: np.random.Generator) -> RandomFeatures:
        """See `Regressor`. Length scale and noise are those of the most evidence."""
        d = u.shape[1]
        self.mean, self.sd = float(y.mean()), float(y.std()) or 1.0
        target = (y - self.mean) / self.sd
        # Student-t directions: a Matern-5/2 kernel.
        normal = rng.standard_normal((d, self.n_features))
        directions = normal / np.sqrt(rng.chisquare(5.0, self.n_features) / 5.0)
        self.phase = rng.uniform(0.0, 2.0 * np.pi, self.n_features)
        best = -np.inf
        for length in _LENGTHS:
            self.directions = directions / (length * np.sqrt(d))
            features = self._features(u)
            values, vectors = np.linalg.eigh(features.T @ features)
            values = np.maximum(values, 0.0)
            onto = vectors.T @ (features.T @ target)
            for noise in _NOISES:
                evidence = _evidence(values, onto, target, noise)
                if evidence > best:
                    best = evidence
                    size = _signal(values, onto, target, noise)
                    kept = (self.directions, values, vectors, onto, noise, size)
        self.directions, values, vectors, onto, noise, size = kept
        inverse = 1.0 / (values + noise)
        self.weights = vectors @ (inverse * onto)
        # Variance is noise + features' S features, both times the signal's size.
        self.root = vectors * np.sqrt(noise * inverse)
        self.noise, self.size = noise, size
        return self

    def predict(self, u: Array) -> tuple[Array, Array]:
        """See `Regressor`."""
        features = self._features(u)
        mean = self.mean + self.sd * (features @ self.weights)
        spread = np.sum((features @ self.root) ** 2, axis=1) + self.noise
        return mean, self.sd**2 * self.size * spread

    def _features(self, u: Array) -> Array:
        cosines = np.sqrt(2.0 / self.n_features) * np.cos(
            u @ self.directions + self.phase
        )
        return np.hstack([quadratic_features(u), cosines])


def _signal(values: Array, onto: Array, target: Array, noise: float) -> float:
    """Most likely size of the signal's variance for a ratio of noise to signal."""
    quadratic = float(target @ target - np.sum(onto**2 / (values + noise)))
    return max(quadratic / noise / len(target), 1e-12)


def _evidence(values: Array, onto: Array, target: Array, noise: float) -> float:
    n = len(target)
    size = _signal(values, onto, target, noise)
    log_det = np.sum(np.log1p(values / noise)) + n * np.log(noise)
    return float(-0.5 * (n * np.log(size) + log_det))
