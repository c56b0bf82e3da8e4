"""Axes along which draws are nearly normal, each by a monotone map of its own.

Where two parameters trade off against each other a posterior is a curved ridge, on
which no step fits: long ones leave it, short ones lead nowhere. If along the ridge
one parameter rises or falls with the other, it is straight once both margins are
normal. The map is the sinh-arcsinh transformation (Jones and Pewsey 2009), of a
location, a scale, a skewness and a weight of tails.

References
----------
Jones, M. C. and Pewsey, A. (2009). Sinh-arcsinh distributions. Biometrika 96, 761-780.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from masm.types import Array

# Bounds of skewness and logs of scale (in standard deviations) and weight of tails.
_MOST_SKEW, _MOST_SCALE, _MOST_TAIL = 2.0, 2.0, 0.7
# A little weight on the straight line, for draws that say nothing.
_PRIOR_SD = np.array([2.0, 2.0, 1.0, 0.5])
# A path that runs away ends here, and not in an overflow.
_FARTHEST = 50.0
# So many quantiles stand for all draws.
_N_FITTED = 100


@dataclass(frozen=True)
class Marginals:
    """Map between parameters and nearly normal coordinates.

    Attributes
    ----------
    location, scale, skewness, tails : (n_parameters,)
    """

    location: Array
    scale: Array
    skewness: Array
    tails: Array

    @classmethod
    def of(cls, draws: Array) -> Marginals:
        """The likeliest maps for draws, (n_draws, n_parameters)."""
        middle, spread = draws.mean(axis=0), draws.std(axis=0) + 1e-10
        level = (np.arange(_N_FITTED) + 0.5) / _N_FITTED
        known = np.quantile((draws - middle) / spread, level, axis=0)
        fitted = np.array([_fit(column) for column in known.T])
        location, log_scale, skewness, log_tails = fitted.T
        return cls(
            middle + spread * location,
            spread * np.exp(log_scale),
            skewness,
            np.exp(log_tails),
        )

    @classmethod
    def identity(cls, n_parameters: int) -> Marginals:
        """Leave every margin as it is."""
        zero, one = np.zeros(n_parameters), np.ones(n_parameters)
        return cls(zero, one, zero, one)

    def forward(self, x: Array) -> Array:
        """From parameters to nearly normal coordinates, (n_points, n_parameters)."""
        asinh = np.arcsinh((x - self.location) / self.scale)
        return np.asarray(np.sinh(self.tails * asinh - self.skewness))

    def inverse(self, y: Array) -> Array:
        """Back to parameters, (n_points, n_parameters)."""
        return np.asarray(self.location + self.scale * np.sinh(self._asinh(y)))

    def log_jacobian(self, y: Array) -> Array:
        """Log of how far parameters move with each coordinate, summed, (n_points,)."""
        asinh = self._asinh(y)
        # log cosh, which does not overflow.
        log_cosh = np.logaddexp(asinh, -asinh) - np.log(2.0)
        constant = np.log(self.scale / self.tails)
        return np.asarray((constant + log_cosh - 0.5 * np.log1p(y * y)).sum(axis=-1))

    def derivatives(self, y: Array) -> tuple[Array, Array]:
        """Derivatives: of parameters, and of its log; (n_points, n_parameters)."""
        asinh = self._asinh(y)
        root = np.sqrt(1.0 + y * y)
        first = self.scale * np.cosh(asinh) / (self.tails * root)
        return first, np.tanh(asinh) / (self.tails * root) - y / (1.0 + y * y)

    def _asinh(self, y: Array) -> Array:
        asinh = (np.arcsinh(y) + self.skewness) / self.tails
        return np.asarray(np.clip(asinh, -_FARTHEST, _FARTHEST))


def _fit(x: Array) -> Array:
    """Location, log scale, skewness, log tails under which draws are likeliest."""

    def misfit(p: Array) -> tuple[float, Array]:
        location, log_scale, skewness, log_tails = p
        s = (x - location) / np.exp(log_scale)
        root = np.sqrt(1.0 + s * s)
        asinh = np.arcsinh(s)
        tails = np.exp(log_tails)
        w = tails * asinh - skewness
        y = np.sinh(w)
        value = 0.5 * y * y - np.logaddexp(w, -w) - log_tails + log_scale + np.log(root)
        by_w = y * np.cosh(w) - np.tanh(w)
        by_s = by_w * tails / root + s / (root * root)
        gradient = np.array(
            [
                -np.mean(by_s) / np.exp(log_scale),
                1.0 - np.mean(by_s * s),
                -np.mean(by_w),
                np.mean(by_w * asinh) * tails - 1.0,
            ]
        )
        n = len(x)
        penalty = 0.5 * np.sum((p / _PRIOR_SD) ** 2) / n
        return float(np.mean(value) + penalty), gradient + p / _PRIOR_SD**2 / n

    most = np.array([3.0, _MOST_SCALE, _MOST_SKEW, _MOST_TAIL])
    found = scipy.optimize.minimize(
        misfit,
        np.zeros(4),
        jac=True,
        method="L-BFGS-B",
        bounds=scipy.optimize.Bounds(-most, most),
        options={"maxiter": 60},
    )
    return np.asarray(found.x)
