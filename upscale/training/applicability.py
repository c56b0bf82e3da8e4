"""Where the covariates leave the cloud that the upscaling was trained on.

The dissimilarity index and area of applicability of Meyer and Pebesma (2021, Methods
in Ecology and Evolution 12, 1620-1633, doi:10.1111/2041-210X.13650): the distance to
the nearest training pixel in scaled covariates weighted by their importance, divided
by the mean distance between training pixels. The limit is the upper whisker of the
index of training pixels against those of other folds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upscale.types import Floats

_ROWS = 2048  # at a time, so that distances stay in the cache of a small machine


@dataclass(frozen=True, eq=False)
class Dissimilarity:
    """The training cloud of one parameter.

    Attributes
    ----------
    centre, factor : numpy.ndarray (covariate,)
        A covariate becomes ``(value - centre) * factor``; the factor holds the scale
        and the importance, and is 0 where either is.
    training : numpy.ndarray (training pixel, covariate)
        Training covariates, own units.
    mean_distance : float
        Between training pixels.
    limit : float
        Of the index, beyond which a pixel is outside.
    """

    centre: Floats
    factor: Floats
    training: Floats
    mean_distance: float
    limit: float

    def index(self, covariates: Floats) -> Floats:
        """Dissimilarity index (pixel,): 0 at a training pixel; NaN if one is unknown.

        Parameters
        ----------
        covariates : numpy.ndarray (pixel, covariate)
            In their own units, columns as in training.
        """
        used = self.factor > 0.0
        scaled, cloud = (
            _scaled(table[:, used], self.centre[used], self.factor[used])
            for table in (covariates, self.training)
        )
        found = np.empty(len(scaled))
        for rows, squared in _squared_distances(scaled, cloud):
            found[rows] = np.sqrt(squared.min(axis=1))
        found[~np.isfinite(covariates).all(axis=1)] = np.nan
        return found / self.mean_distance if self.mean_distance > 0.0 else found


def training_dissimilarity(
    covariates: Floats, importance: Floats, folds: NDArray
) -> tuple[Dissimilarity, Floats]:
    """Build the cloud and its limit, and the index of each training pixel.

    Parameters
    ----------
    covariates : numpy.ndarray (training pixel, covariate)
        Own units, finite.
    importance : numpy.ndarray (covariate,)
        Not negative, in any unit.
    folds : numpy.ndarray (training pixel,)
        A training pixel is compared with those of the other folds.

    Returns
    -------
    dissimilarity : Dissimilarity
    index : numpy.ndarray (training pixel,)
        Against the pixels of the other folds.
    """
    centre, scale = covariates.mean(axis=0), covariates.std(axis=0)
    factor = np.zeros_like(scale)
    spread = scale > 1e-12 * np.maximum(np.abs(centre), 1.0)
    weight = importance / importance.max() if importance.max() > 0 else 1.0
    np.divide(weight, scale, out=factor, where=spread)
    cloud = _scaled(covariates, centre, factor)
    total, nearest = 0.0, np.empty(len(cloud))
    for rows, squared in _squared_distances(cloud, cloud):
        total += np.sqrt(squared).sum()
        squared[folds[rows, None] == folds[None, :]] = np.inf
        nearest[rows] = np.sqrt(squared.min(axis=1))
    n = len(cloud)
    mean_distance = float(total / (n * (n - 1)))
    index = nearest / mean_distance if mean_distance > 0.0 else nearest
    # The largest that is no outlier, as in a box plot.
    low, high = np.quantile(index, [0.25, 0.75])
    whisker = index[index <= high + 1.5 * (high - low)].max()
    found = Dissimilarity(centre, factor, covariates, mean_distance, float(whisker))
    return found, index


def _scaled(covariates: Floats, centre: Floats, factor: Floats) -> Floats:
    return (np.nan_to_num(covariates, nan=0.0) - centre) * factor


def _squared_distances(a: Floats, b: Floats) -> Iterator[tuple[slice, Floats]]:
    """Squared distances of rows of ``a`` to all of ``b``, some rows at a time."""
    length = (b * b).sum(axis=1)
    for first in range(0, len(a), _ROWS):
        rows = slice(first, min(first + _ROWS, len(a)))
        part = a[rows]
        squared = part @ (-2.0 * b.T)
        squared += length
        squared += (part * part).sum(axis=1)[:, None]
        # Rounding can leave a hair below zero where two rows are the same.
        np.maximum(squared, 0.0, out=squared)
        yield rows, squared
