"""Random fields in space and time with a stated correlation, at any set of places.

A field is a sum of waves of random wave vectors (Shinozuka and Jan 1972, Journal of
Sound and Vibration 25, 111-128); vectors drawn from the spectral density of the
Matern 3/2 correlation give that correlation on average. A field is known at every
place without a covariance matrix, so a region may be of any size and each part of
it can be made on its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

KM_PER_DEGREE = 111.2


@dataclass(frozen=True, eq=False)
class Waves:
    """Wave vectors and a place to measure from.

    Attributes
    ----------
    vectors : numpy.ndarray (wave, 2)
        Eastward and northward, radians per km.
    lat, lon : float
        Origin, degrees.
    """

    vectors: Floats
    lat: float
    lon: float

    @property
    def n_factors(self) -> int:
        """Independent standard normal numbers that make one field."""
        return 2 * len(self.vectors)

    def loadings(self, lat: ArrayLike, lon: ArrayLike) -> Floats:
        """Weights (place, factor); squares of a row sum to one.

        A field is ``loadings @ factors`` and has variance one everywhere; the
        correlation of two places is the product of their rows, the mean over waves
        of cos(k . distance).
        """
        east = (np.asarray(lon) - self.lon) * np.cos(np.radians(self.lat))
        place = KM_PER_DEGREE * np.stack([east, np.asarray(lat) - self.lat], axis=-1)
        # No matrix product here: its last bits would depend on the number of places.
        phase = sum(place[..., i, None] * self.vectors[:, i] for i in range(2))
        return np.concatenate([np.cos(phase), np.sin(phase)], axis=-1) / np.sqrt(
            len(self.vectors)
        )

    def field(self, lat: ArrayLike, lon: ArrayLike, factors: Floats) -> Floats:
        """Fields at some places from factors (factor,) or (factor, time).

        Each place on its own, (place,) or (place, time): its bits do not depend on
        which others are asked for.
        """
        columns = np.ascontiguousarray(factors)
        return np.stack([row @ columns for row in self.loadings(lat, lon)])


def make_waves(
    length_km: float,
    lat: float,
    lon: float,
    rng: np.random.Generator,
    *,
    n_waves: int = 64,
) -> Waves:
    """Waves whose fields have a Matern 3/2 correlation on average.

    Parameters
    ----------
    length_km : float
        Length scale l of (1 + sqrt(3) d / l) exp(-sqrt(3) d / l).
    lat, lon : float
        Middle of the region.
    rng : numpy.random.Generator
        Source of the wave vectors.
    """
    # The spectral density of Matern 3/2 in the plane is a t with 3 degrees of
    # freedom.
    normal = rng.standard_normal((n_waves, 2))
    chi2 = rng.chisquare(3.0, size=(n_waves, 1))
    return Waves(normal * np.sqrt(3.0 / chi2) / length_km, lat, lon)


def autoregression(
    lag0: Floats, lag1: Floats, n_times: int, n_factors: int, rng: np.random.Generator
) -> Floats:
    """Stationary series of correlated residuals, one for each factor.

    Parameters
    ----------
    lag0, lag1 : numpy.ndarray (k, k)
        Correlations at one time, and of a time (rows) with the one before.
    n_times, n_factors : int
        How many.
    rng : numpy.random.Generator
        Source of the innovations.

    Returns
    -------
    numpy.ndarray (time, factor, k)
        Matalas (1967): x(t) = A x(t-1) + B e(t), A = M1 M0^-1, B B' = M0 - A M1'.
    """
    memory = np.linalg.solve(lag0.T, lag1.T).T
    root = _square_root(lag0)
    innovation = _square_root(lag0 - memory @ lag1.T)
    noise = rng.standard_normal((n_times, n_factors, lag0.shape[0]))
    series = np.empty_like(noise)
    series[0] = noise[0] @ root.T
    for time in range(1, n_times):
        series[time] = series[time - 1] @ memory.T + noise[time] @ innovation.T
    return series


def _square_root(covariance: Floats) -> Floats:
    """Symmetric root; rounding in a table may make an eigenvalue negative."""
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
