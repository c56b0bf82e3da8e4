"""Intervals that hold what they promise: locally scaled conformal prediction.

Residuals of held-out blocks are divided by a local scale that was itself fitted without
their block; quantiles of the quotients, times the scale of a new pixel, make its
interval (Lei et al. 2018, JASA 113, 1094-1111, section 5.2, with signed residuals so
that a skewed error gives a skewed interval). Blocks, not pixels, are what a map asks
to be exchangeable, so coverage is measured on blocks too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from upscale import trees

if TYPE_CHECKING:
    import xgboost

Floats = NDArray[np.float64]

PROBABILITIES: Floats = np.arange(1, 200) / 200.0
_P05, _P95 = 9, 189  # positions of 0.05 and 0.95
_SCALE_RANGE = 4.0  # local scales stay within this factor of the typical one


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """How far a prediction may be off, anywhere.

    Attributes
    ----------
    booster : xgboost.Booster or None
        Of the logarithm of the absolute residual; None for one scale everywhere.
    typical : float
        Scale where there is no booster, and the middle of the range of those that
        the booster may give; share of the prior range.
    quantiles : numpy.ndarray (199,)
        Of residual over scale at ``PROBABILITIES``.
    spread : float
        Standard deviation of residual over scale.
    """

    booster: xgboost.Booster | None
    typical: float
    quantiles: Floats
    spread: float

    def scale(self, features: Floats) -> Floats:
        """Local scale (pixel,), share of the prior range."""
        return local_scale(self.booster, self.typical, features)

    def interval(self, centre: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """The 5 % and 95 % ends, held around the centre and within 0 and 1."""
        low = centre + scale * min(self.quantiles[_P05], 0.0)
        high = centre + scale * max(self.quantiles[_P95], 0.0)
        return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)

    def at(self, probability: Floats) -> Floats:
        """Residual over scale at any probability, by interpolation."""
        return np.interp(probability, PROBABILITIES, self.quantiles)


def local_scale(
    booster: xgboost.Booster | None, typical: float, features: Floats
) -> Floats:
    """Scale of residuals at some features (pixel, feature)."""
    if booster is None:
        return np.full(len(features), typical)
    scale = np.exp(trees.predict(booster, features))
    return np.clip(scale, typical / _SCALE_RANGE, typical * _SCALE_RANGE)


def fit_scale(
    residual: Floats, features: Floats, seed: int
) -> tuple[xgboost.Booster, float]:
    """Fit the logarithm of the absolute residual of held-out pixels.

    Parameters
    ----------
    residual : numpy.ndarray (sample,)
    features : numpy.ndarray (sample, feature)
    """
    size = np.abs(residual)
    # A residual of nearly nothing has a logarithm that would rule the fit.
    size = np.log(size + 0.1 * np.median(size) + 1e-9)
    booster = trees.fit(features, size, np.ones_like(size), trees.SMOOTH, seed)
    return booster, float(np.exp(size.mean()))


def cross_fitted_scale(
    residual: Floats, features: Floats, folds: NDArray, seed: int
) -> Floats:
    """Local scale of each sample from the samples of the other folds (sample,)."""
    found = np.empty_like(residual)
    for fold in np.unique(folds):
        out = folds == fold
        booster, typical = fit_scale(residual[~out], features[~out], seed)
        found[out] = local_scale(booster, typical, features[out])
    return found


def residual_quantiles(quotients: Floats, n: int) -> Floats:
    """Quantiles at ``PROBABILITIES``, outward by the finite-sample rule.

    Parameters
    ----------
    quotients : numpy.ndarray
        Residual over scale, perhaps with several rows for each sample.
    n : int
        Number of samples: the 95 % end is at rank ``ceil(0.95 (n + 1))`` of them.
    """
    outward = np.where(
        PROBABILITIES < 0.5,
        np.floor(PROBABILITIES * (n + 1) + 1e-9) / n,
        np.ceil(PROBABILITIES * (n + 1) - 1e-9) / n,
    )
    outward = np.clip(outward - 1e-12, 0.0, 1.0)  # rounding must not skip a rank
    return np.quantile(quotients, outward, method="inverted_cdf")


def with_posterior(observed: Floats, sd: Floats | None, n_points: int = 9) -> Floats:
    """Targets spread by their posterior (sample, point), 0 to 1.

    Equally likely points of a normal posterior; one point, the mean, without one.
    """
    if sd is None:
        return observed[:, None]
    point = ndtri((np.arange(n_points) + 0.5) / n_points)
    point = point / point.std()  # their spread is that of the posterior
    return np.clip(observed[:, None] + sd[:, None] * point, 0.0, 1.0)
