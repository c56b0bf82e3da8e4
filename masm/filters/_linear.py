"""The linear Gaussian part of an analysis, given the process error Q.

``x_f ~ N(mu_f, P_f)``, ``X | x_f ~ N(x_f, I (x) Q)``, ``Y* | X ~ N(H X, R)``. Only
``S = H (P_f + I (x) Q) H' + R`` is ever factorised. Censored values are last, so
that the last block of its Cholesky factor is the root of their covariance given all
other values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse, special
from scipy.linalg import lapack

from masm.filters._checks import Observed
from masm.filters._matrices import cholesky

Array = NDArray[np.float64]

# Below this truncation point the variance is the asymptotic one; the closed form
# would lose all its digits.
_FAR = -1e3


def truncated_moments(upper: Array) -> tuple[Array, Array]:
    """Mean and variance of a standard normal that is known to lie below ``upper``."""
    upper = np.asarray(upper, float)
    log_density = -0.5 * upper**2 - 0.5 * np.log(2.0 * np.pi)
    hazard = np.exp(log_density - special.log_ndtr(upper))
    mean = np.where(np.isposinf(upper), 0.0, -hazard)
    near = np.maximum(upper, _FAR)
    ratio = np.where(upper > _FAR, hazard, 0.0)
    with np.errstate(invalid="ignore"):
        variance = 1.0 - np.where(ratio > 0.0, near * ratio, 0.0) - ratio**2
    variance = np.where(upper > _FAR, np.maximum(variance, 0.0), upper**-2.0)
    return np.asarray(np.where(upper > _FAR, mean, upper)), np.asarray(variance)


def truncated_draw(upper: Array, rng: np.random.Generator) -> Array:
    """Draws of a standard normal below ``upper``, by its inverse distribution."""
    log_fraction = np.log1p(-rng.random(np.shape(upper)))
    return np.asarray(special.ndtri_exp(log_fraction + special.log_ndtr(upper)))


@dataclass(frozen=True)
class Factor:
    """Cholesky factor of S for one Q, and the whitened values.

    Attributes
    ----------
    process : (q, q), the Q it is for; rows of unobserved states do not matter
    root : (n_obs, n_obs), lower
    """

    process: Array
    root: Array

    def whiten(self, values: Array) -> Array:
        """``root^-1 values``."""
        if not values.size:
            return values.copy()
        return np.asarray(lapack.dtrtrs(self.root, values, lower=1)[0])

    def solve(self, values: Array) -> Array:
        """``S^-1 values``."""
        if not values.size:
            return values.copy()
        return np.asarray(lapack.dpotrs(self.root, values, lower=1)[0])

    @property
    def log_root_determinant(self) -> float:
        """Half the log determinant of S."""
        return float(np.log(np.diag(self.root)).sum())


class LinearModel:
    """Everything of an analysis that does not change with Q.

    Parameters
    ----------
    mean : (p,)
    covariance : (p, p)
    root : (p, rank), with ``root root' = covariance``
    observed : Observed
    lower : (n_obs,)
        Values at or below are censored.
    q : states of a site
    """

    def __init__(
        self,
        mean: Array,
        covariance: Array,
        root: Array,
        observed: Observed,
        lower: Array,
        q: int,
    ) -> None:
        self.mean, self.covariance, self.root, self.q = mean, covariance, root, q
        self.n_sites = mean.size // q
        censored = observed.value <= lower
        order = np.argsort(censored, kind="stable")
        self.n_censored = int(censored.sum())
        self.n_obs = order.size
        self.value, self.lower = observed.value[order], lower[order]
        dense = observed.operator[order]
        self.operator = sparse.csr_array(dense)
        self._transposed = sparse.csr_array(dense.T)
        noise = observed.covariance[np.ix_(order, order)]
        self.noise_root = cholesky(noise) if order.size else noise
        self.ph = np.asarray(covariance @ dense.T)
        self.innovation = self.value - dense @ mean
        self._base = np.asfortranarray(dense @ self.ph + noise)
        blocks = dense.reshape(order.size, self.n_sites, q)
        self._blocks = blocks
        #: How many values that are not censored see each state of a site.
        self.n_seen = (np.any(blocks != 0.0, axis=1) & ~censored[order][:, None]).sum(0)
        #: States that every site has a value of, above its bound and of them alone.
        alone = (dense != 0.0) & (np.sum(dense != 0.0, axis=1) == 1)[:, None]
        pinned = np.any(alone[: self.n_uncensored], axis=0)
        self.pinned = pinned.reshape(self.n_sites, q).all(axis=0)
        self.seen = np.flatnonzero(np.any(blocks != 0.0, axis=(0, 1)))
        self._pairs, self._places, self._parts = self._pattern()

    @property
    def n_uncensored(self) -> int:
        """Number of values that are not censored; they are first."""
        return self.n_obs - self.n_censored

    def _pattern(self) -> tuple[list[tuple[int, int]], NDArray[np.int64], Array]:
        """Where ``H (I (x) Q) H'`` is not zero, and what each entry of Q adds there."""
        seen = [int(k) for k in self.seen]
        pairs = [(k, m) for k in seen for m in seen if k <= m]
        columns = {k: sparse.csr_array(self._blocks[:, :, k]) for k in seen}
        parts = []
        for k, m in pairs:
            product = columns[k] @ columns[m].T
            parts.append(product if k == m else product + product.T)
        if not parts:
            return pairs, np.empty(0, np.int64), np.empty((0, 0))
        pattern = sum((abs(part) for part in parts[1:]), abs(parts[0])).tocoo()
        rows, cols = pattern.coords
        found = np.array([np.asarray(part.tocsr()[rows, cols]) for part in parts])
        places = rows.astype(np.int64) + cols.astype(np.int64) * self.n_obs
        return pairs, places, found.reshape(len(pairs), -1)

    def factorise(self, process: Array) -> Factor | None:
        """Cholesky of S; None where rounding or overflow leaves none."""
        total = self._base.copy(order="F")
        if self._pairs:
            entries = np.array([process[pair] for pair in self._pairs])
            total.ravel(order="K")[self._places] += entries @ self._parts
        if not self.n_obs:
            return Factor(process, total)
        if not np.all(np.isfinite(total.diagonal())):
            return None
        root, failed = lapack.dpotrf(total, lower=1, overwrite_a=1, clean=0)
        return None if failed else Factor(process, root)

    def log_likelihood(self, factor: Factor, innovation: Array) -> float:
        """Log density of the first values of ``innovation``, up to a constant."""
        n = innovation.size
        white = _lower_solve(factor.root[:n, :n], innovation)
        log_diagonal = np.log(np.diag(factor.root)[:n]).sum()
        return float(-0.5 * white @ white - log_diagonal)

    def process_gain(self, process: Array) -> Array:
        """``(I (x) Q) H'``, (p, n_obs)."""
        gained = self._blocks @ process
        return np.asarray(gained.reshape(self.n_obs, self.mean.size).T)

    def draw(
        self,
        factor: Factor,
        process: Array,
        innovation: Array,
        rng: np.random.Generator,
    ) -> tuple[Array, Array]:
        """X and x_f together, given Q and the latent observations.

        Both are drawn from the model and moved by what their own observations would
        miss; nothing is inverted but S.
        """
        forecast = self.root @ rng.standard_normal(self.root.shape[1])
        step = rng.standard_normal((self.n_sites, self.q)) @ _root(process).T
        state = forecast + step.ravel()
        noise = self.noise_root @ rng.standard_normal(self.n_obs)
        missed = factor.solve(innovation - self.operator @ state - noise)
        to_forecast = self.ph @ missed
        back = (self._transposed @ missed).reshape(self.n_sites, self.q) @ process
        forecast = self.mean + forecast + to_forecast
        state = self.mean + state + to_forecast + back.ravel()
        return state, forecast

    def conditional_mean(
        self, factor: Factor, process: Array, white: Array
    ) -> tuple[Array, Array]:
        """Means of X and x_f given Q and whitened innovations."""
        if not self.n_obs:
            return self.mean.copy(), self.mean.copy()
        missed = np.asarray(lapack.dtrtrs(factor.root, white, lower=1, trans=1)[0])
        to_forecast = self.ph @ missed
        back = (self._transposed @ missed).reshape(self.n_sites, self.q) @ process
        forecast = self.mean + to_forecast
        return forecast + back.ravel(), forecast

    def conditional_covariance(
        self, factor: Factor, process: Array, last_variance: float = 0.0
    ) -> tuple[Array, Array]:
        """Covariances of X and x_f given Q and the latent observations.

        ``last_variance`` is the variance of the last whitened innovation where it is
        a censored value that has been integrated out.
        """
        state = self.covariance + np.kron(np.eye(self.n_sites), process)
        found = []
        gains = (self.ph + self.process_gain(process), self.ph)
        for prior, gain in zip((state, self.covariance), gains, strict=True):
            if self.n_obs:
                white = linalg.solve_triangular(
                    factor.root, gain.T, lower=True, check_finite=False
                )
                prior = prior - white.T @ white
                prior += last_variance * np.outer(white[-1], white[-1])
            found.append(prior)
        return found[0], found[1]

    def draw_censored(
        self, factor: Factor, innovation: Array, rng: np.random.Generator
    ) -> Array:
        """New censored values given all others and Q, states integrated out.

        One value is drawn from its exact conditional; several are drawn in turn,
        each given the others.
        """
        n, n_c = self.n_uncensored, self.n_censored
        if not n_c:
            return innovation
        out = innovation.copy()
        white = _lower_solve(factor.root[:n, :n], innovation[:n])
        centre = factor.root[n:, :n] @ white
        root = np.tril(factor.root[n:, n:])
        bound = self.lower[n:] - self.value_offset[n:]
        if n_c == 1:
            scale = root[0, 0]
            out[n:] = centre + scale * truncated_draw((bound - centre) / scale, rng)
            return out
        inverse = linalg.solve_triangular(root, np.eye(n_c), lower=True)
        precision = inverse.T @ inverse
        out[n:] = _sweep(out[n:], centre, precision, bound, rng)
        return out

    @property
    def value_offset(self) -> Array:
        """``H mu_f``: what the innovations leave out."""
        return np.asarray(self.value - self.innovation)

    def first_innovation(self) -> Array:
        """Innovations to start from, censored ones a little below their bound."""
        out = self.innovation.copy()
        n = self.n_uncensored
        bound = self.lower[n:] - self.value_offset[n:]
        scale = np.sqrt(np.diag(self._base)[n:])
        out[n:] = np.minimum(0.0, bound) - 0.1 * scale
        return out


def _sweep(
    values: Array, centre: Array, precision: Array, bound: Array,
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """Gibbs over truncated normals with a given precision matrix."""
    values = values.copy()
    pull = precision @ (values - centre)
    scales = 1.0 / np.sqrt(np.diag(precision))
    log_fractions = np.log1p(-rng.random(values.size))
    for j in range(values.size):
        scale = scales[j]
        mean = values[j] - pull[j] * scale**2
        upper = special.log_ndtr((bound[j] - mean) / scale)
        new = min(mean + scale * special.ndtri_exp(log_fractions[j] + upper), bound[j])
        pull += precision[:, j] * (new - values[j])
        values[j] = new
    return values


def _lower_solve(root: Array, values: Array) -> Array:
    if not values.size:
        return values
    return np.asarray(
        linalg.solve_triangular(root, values, lower=True, check_finite=False)
    )


def _root(process: Array) -> Array:
    """A root of Q, which may be zero in some states."""
    values, vectors = np.linalg.eigh(process)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
