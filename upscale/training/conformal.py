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

from upscale.training import trees
from upscale.types import Floats

if TYPE_CHECKING:
    import xgboost


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
        the booster may give; fraction of the prior range.
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
        """Local scale (pixel,), fraction of the prior range."""
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


def residual_quantiles(quotients: Floats) -> Floats:
    """Quantiles at ``PROBABILITIES`` of which a new sample's fraction is just that.

    Of n exchangeable numbers a new one lies below the k-th smallest with a probability
    of k / (n + 1), so the 95 % end is at rank 0.95 (n + 1), between two of them by
    interpolation. Going outward to a whole rank instead would promise at least 90 %,
    and with 32 pixels hold 94 %. Under 19 samples the ends are the extremes.

    Points of one posterior are not as many samples; n is then the number of pixels
    over the fraction of the variance that lies between them, the design effect of a
    sample in clusters (Kish 1965, Survey Sampling, section 5.4).

    Parameters
    ----------
    quotients : numpy.ndarray (sample, point)
        Residual over scale, each sample with equally likely points.
    """
    total = quotients.var()
    fraction = quotients.mean(axis=1).var() / total if total > 0.0 else 1.0
    n = len(quotients) / max(float(fraction), 1.0 / quotients.shape[1])
    rank = PROBABILITIES * (n + 1.0)
    level = np.clip((rank - 0.5) / n, 0.0, 1.0)
    return np.quantile(quotients, level, method="hazen")
