"""The process error Q: its inverse-Wishart prior, and what is carried on of it.

Density ``|Q|^(-(alpha+q+1)/2) exp(-tr(beta Q^-1)/2)``. The observations see only the
block of Q that belongs to observed states. The rest, given that block, keeps its
prior, which is known in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from masm.filters._matrices import cholesky, inverse

Array = NDArray[np.float64]


def draw_inverse_wishart(alpha: float, beta: Array, rng: np.random.Generator) -> Array:
    """One draw of inverse-Wishart(alpha, beta), by Bartlett's decomposition."""
    q = len(beta)
    lower = np.tril(rng.standard_normal((q, q)), -1)
    degrees = alpha - np.arange(q)
    lower[np.diag_indices(q)] = np.sqrt(2.0 * rng.standard_gamma(0.5 * degrees))
    # Q^-1 = C^-T A A' C^-1 with beta = C C', so Q = (C A^-T)(C A^-T)'.
    half = linalg.solve_triangular(lower, cholesky(beta).T, lower=True)
    return np.asarray(half.T @ half)


@dataclass(frozen=True)
class ProcessPrior:
    """Inverse-Wishart prior of Q, split into seen and unseen states.

    Attributes
    ----------
    alpha : float, above q - 1
    beta : (q, q), positive definite
    seen : places of the states that are observed anywhere
    """

    alpha: float
    beta: Array
    seen: NDArray[np.intp]

    @property
    def q(self) -> int:
        """States of a site."""
        return len(self.beta)

    @cached_property
    def unseen(self) -> NDArray[np.intp]:
        """Places of the states that are observed nowhere."""
        return np.setdiff1d(np.arange(self.q), self.seen)

    @cached_property
    def seen_alpha(self) -> float:
        """Degrees of freedom of the seen block."""
        return self.alpha - self.unseen.size

    @cached_property
    def seen_beta(self) -> Array:
        """Scale of the seen block."""
        return self.beta[np.ix_(self.seen, self.seen)]

    @cached_property
    def _regression(self) -> tuple[Array, Array, Array]:
        """Centre of ``Q_oo^-1 Q_ou``, its row covariance, scale of ``Q_uu.o``."""
        precision = inverse(self.seen_beta)
        cross = self.beta[np.ix_(self.seen, self.unseen)]
        centre = precision @ cross
        rest = self.beta[np.ix_(self.unseen, self.unseen)] - cross.T @ centre
        return centre, precision, 0.5 * (rest + rest.T)

    def log_density(self, root: Array) -> float:
        """Log density of the seen block in the entries of its log-Cholesky form."""
        o = len(root)
        log_diagonal = np.log(np.diag(root))
        half = linalg.solve_triangular(root, cholesky(self.seen_beta), lower=True)
        jacobian = (o + 1 - np.arange(o)) @ log_diagonal
        power = (self.seen_alpha + o + 1) * log_diagonal.sum()
        return float(jacobian - power - 0.5 * np.sum(half**2))

    def complete(self, block: Array, rng: np.random.Generator) -> Array:
        """All of Q, its unseen part drawn given the seen block."""
        if not self.unseen.size:
            return block
        if not self.seen.size:
            return draw_inverse_wishart(self.alpha, self.beta, rng)
        centre, precision, scale = self._regression
        rest = draw_inverse_wishart(self.alpha, scale, rng)
        normal = rng.standard_normal(centre.shape)
        rows, columns = cholesky(precision), cholesky(rest)
        slope = centre + rows @ normal @ columns.T
        return self._assemble(block, block @ slope, rest + slope.T @ block @ slope)

    def _assemble(self, block: Array, cross: Array, rest: Array) -> Array:
        out = np.empty((self.q, self.q))
        out[np.ix_(self.seen, self.seen)] = block
        out[np.ix_(self.seen, self.unseen)] = cross
        out[np.ix_(self.unseen, self.seen)] = cross.T
        out[np.ix_(self.unseen, self.unseen)] = rest
        return out

    def moments(self, block: Array) -> tuple[Array, Array]:
        """Mean of Q, (q, q), and variances of its diagonal, given the seen block.

        Infinite where the prior's are.
        """
        variance = np.zeros(self.q)
        u = self.unseen.size
        if not u:
            return block, variance
        if not self.seen.size:
            centre, spread, scale = np.empty((0, u)), np.empty((0, 0)), self.beta
        else:
            centre, precision, scale = self._regression
            spread = block @ precision
        factor = 1.0 + np.trace(spread)
        explained = centre.T @ block @ centre
        mean = _ratio(scale, self.alpha - u - 1.0)
        full = self._assemble(block, block @ centre, mean * factor + explained)
        # A diagonal entry of an inverse Wishart is inverse gamma.
        degrees, own = self.alpha - u + 1.0, np.diag(scale)
        first = _ratio(own, degrees - 2.0)
        second = _ratio(own**2, (degrees - 2.0) * max(degrees - 4.0, 0.0))
        mixed = np.einsum("ki,kl,li->i", centre, spread @ block, centre)
        variance[self.unseen] = (
            (2.0 * np.sum(spread * spread.T) + factor**2) * second
            - (factor * first) ** 2
            + 4.0 * first * mixed
        )
        return full, variance


def _ratio(value: Array, divisor: float) -> Array:
    if divisor > 0.0:
        return value / divisor
    return np.where(value == 0.0, 0.0, np.inf * np.sign(value))


@dataclass(frozen=True)
class ProcessPosterior:
    """What matching needs to know of the posterior of Q.

    Attributes
    ----------
    mean, (q, q), and variance, (q,), of Q and of its diagonal
    inverse_mean, (q, q), and inverse_variance, (q,), of Q^-1
    has_variance : whether the variances of the diagonal are finite
    """

    mean: Array
    variance: Array
    inverse_mean: Array
    inverse_variance: Array
    has_variance: bool


def match(
    posterior: ProcessPosterior, before: float, forgetting: float
) -> tuple[float, Array]:
    """The inverse-Wishart prior of the next time.

    ``alpha`` is the smallest of the diagonal entries' own values, so that a state
    that was never seen does not become certain. Where variances are not finite, Q^-1
    is matched, and an ``alpha`` that would not be proper is the one ``before``.
    ``forgetting`` below one keeps the mean and lowers ``alpha - q - 1``.
    """
    q = len(posterior.mean)
    if posterior.has_variance:
        ratio = np.diag(posterior.mean) ** 2 / posterior.variance
        alpha = float(np.min(2.0 * ratio)) + q + 3.0
        alpha = q + 1.0 + forgetting * (alpha - q - 1.0)
        return alpha, (alpha - q - 1.0) * posterior.mean
    ratio = np.diag(posterior.inverse_mean) ** 2 / posterior.inverse_variance
    alpha = float(np.min(2.0 * ratio))
    if alpha <= q - 1.0:
        alpha = before
    lowered = q - 1.0 + forgetting * (alpha - q + 1.0)
    return lowered, lowered * inverse(posterior.inverse_mean)
