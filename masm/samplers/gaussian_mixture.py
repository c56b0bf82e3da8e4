"""Normals and mixtures fitted to states of chains, from which chains propose."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from masm.types import Array

# Degrees of freedom of a mixture's proposals.
_TAIL = 8.0


class Normal:
    """Normal distribution fitted to states, as an independent proposal."""

    def __init__(self, states: Array):
        d = states.shape[1]
        self.mean = states.mean(axis=0)
        covariance = np.atleast_2d(np.cov(states.T))
        covariance = 1.1 * covariance + 1e-10 * np.eye(d)
        self.factor = np.linalg.cholesky(covariance)
        self.inverse = np.linalg.inv(self.factor)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points, (n, n_parameters)."""
        z = rng.standard_normal((n, len(self.mean)))
        return self.mean + z @ self.factor.T

    def log_density(self, x: Array) -> Array:
        """Log density up to a constant, (n_points,)."""
        z = (x - self.mean) @ self.inverse.T
        return -0.5 * np.einsum("ij,ij->i", z, z)


class Mixture:
    """Mixture of normals fitted to states by expectation maximisation.

    It follows a curved or two-humped posterior, where one normal proposes little that
    is accepted. It proposes Student's t in place of each normal: a chain at the thin
    end of a ridge, seldom proposed by normals, would be stuck there.
    """

    def __init__(self, states: Array, rng: np.random.Generator, n_parts: int = 12):
        n, d = states.shape
        n_parts = max(1, min(n_parts, n // (10 * d)))
        ridge = 1e-4 * np.diag(states.var(axis=0)) + 1e-10 * np.eye(d)
        whole = np.atleast_2d(np.cov(states.T)) + ridge
        self.means = states[rng.choice(n, n_parts, replace=False)]
        self.factors = np.linalg.cholesky(np.tile(whole / n_parts, (n_parts, 1, 1)))
        self.fractions = np.full(n_parts, 1.0 / n_parts)
        self._prepare()
        for _ in range(20):
            parts = self._normal_parts(states)
            belongs = np.exp(parts - _log_sum(parts)[:, None])
            size = belongs.sum(axis=0) + 1e-6
            self.fractions = size / size.sum()
            self.means = (belongs.T @ states) / size[:, None]
            for k in range(n_parts):
                r = states - self.means[k]
                # A few pseudo-states of the whole keep small parts from collapsing.
                covariance = (belongs[:, k, None] * r).T @ r + 2 * d * whole / n_parts
                covariance = covariance / (size[k] + 2 * d) + ridge
                self.factors[k] = np.linalg.cholesky(1.1 * covariance)
            self._prepare()

    def _prepare(self) -> None:
        """Set what densities take of the parts, whatever the points."""
        volume = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        self._log_scale = np.log(self.fractions) - volume
        inverses = [linalg.lapack.dtrtri(one, lower=1)[0] for one in self.factors]
        # All parts side by side: one product whitens a point for each of them.
        self._whiten = np.concatenate([one.T for one in inverses], axis=1)
        whitened = [one @ mean for one, mean in zip(inverses, self.means, strict=True)]
        self._whitened = np.concatenate(whitened)

    def _squared(self, x: Array) -> Array:
        """Squared distance from each part in its own standard deviations."""
        z = x @ self._whiten - self._whitened
        z = z.reshape(len(x), len(self.fractions), x.shape[1])
        return np.asarray(np.einsum("nkj,nkj->nk", z, z))

    def _scaled(self, parts: Array) -> Array:
        """Add to logs of densities the log of each part's fraction over its volume."""
        return np.asarray(parts + self._log_scale)

    def _normal_parts(self, x: Array) -> Array:
        return self._scaled(-0.5 * self._squared(x))

    def _parts(self, x: Array) -> Array:
        """Log of fraction times density, up to a constant, (n, n_parts)."""
        d = x.shape[1]
        return self._scaled(-0.5 * (_TAIL + d) * np.log1p(self._squared(x) / _TAIL))

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points, (n, n_parameters)."""
        k = rng.choice(len(self.fractions), size=n, p=self.fractions)
        z = rng.standard_normal((n, self.means.shape[1]))
        z /= np.sqrt(rng.chisquare(_TAIL, (n, 1)) / _TAIL)
        return self.means[k] + np.einsum("nij,nj->ni", self.factors[k], z)

    def log_density(self, x: Array) -> Array:
        """Log density up to a constant, (n_points,)."""
        return _log_sum(self._parts(x))


def _log_sum(parts: Array) -> Array:
    most = parts.max(axis=1)
    return np.asarray(most + np.log(np.exp(parts - most[:, None]).sum(axis=1)))
