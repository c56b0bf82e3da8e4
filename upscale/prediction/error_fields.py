"""Correlation of a map's errors: between parameters, and from pixel to pixel.

A sum over a region is wrong by much more than independent errors suggest, because
neighbours err alike, and because some errors are the same everywhere. Errors become
normal scores of three parts (a linear model of coregionalisation, Wackernagel 2003, ch.
26), each with its covariance between parameters: one that the whole region shares, one
that fades exponentially with distance, and one of each pixel's own. Fields of the
second are sums of random waves (Shinozuka and Jan 1972).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from upscale.types import Floats

_N_WAVES = 256
_N_BINS = 20
_MOST_PLACES = 2000  # two million pairs


@dataclass(frozen=True, eq=False)
class ErrorCopula:
    """Covariance of the normal scores of errors; the three parts sum to variance one.

    Attributes
    ----------
    common : numpy.ndarray (parameter, parameter)
        Of the part that all pixels share.
    near : numpy.ndarray (parameter, parameter)
        Of the part that neighbours share.
    own : numpy.ndarray (parameter, parameter)
        Of the part that no other pixel shares.
    length_km : float
        Distance over which the part of neighbours falls to 1/e.
    """

    common: Floats
    near: Floats
    own: Floats
    length_km: float

    @classmethod
    def intrinsic(
        cls, correlation: Floats, length_km: float, nugget: float
    ) -> ErrorCopula:
        """Nothing common, and one correlation of parameters at any distance.

        Parameters
        ----------
        correlation : numpy.ndarray (parameter, parameter)
        length_km : float
        nugget : float
            Fraction of the variance that no neighbour shares, 0 to 1.
        """
        near, own = (1.0 - nugget) * correlation, nugget * correlation
        return cls(np.zeros_like(correlation), near, own, length_km)

    @property
    def correlation(self) -> Floats:
        """Between parameters, at one pixel."""
        return self.common + self.near + self.own

    def scores(
        self, places: Floats, pixels: ArrayLike, n: int, seed: list[int]
    ) -> Floats:
        """Draw normal scores (draw, parameter, pixel).

        Parameters
        ----------
        places : numpy.ndarray (pixel, 3)
            km, from `upscale.training.splits.sphere`.
        pixels : sequence
            Ids: a pixel's own part depends on its id and the seed alone, so a draw is
            the same whichever pixels are asked for together.
        n : int
            Draws.
        seed : list of int
            Fixes everything.
        """
        n_parameters = len(self.own)
        rng = np.random.default_rng([*seed, 0])
        # The spectral density of an exponential in space is a multivariate Cauchy.
        vectors = rng.standard_normal((_N_WAVES, 3)) / np.abs(
            rng.standard_normal((_N_WAVES, 1))
        )
        factors = rng.standard_normal((2 * _N_WAVES, n * n_parameters))
        phase = places @ (vectors.T / self.length_km)
        waves = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
        shared = waves @ (factors / np.sqrt(_N_WAVES))
        shared = shared.T.reshape(n, n_parameters, len(places))
        ids = np.asarray(pixels)
        own = np.empty_like(shared)
        for position, pixel in enumerate(ids.tolist()):
            normal = np.random.default_rng([*seed, 1, pixel_key(pixel)])
            own[:, :, position] = normal.standard_normal((n, n_parameters))
        everywhere = np.random.default_rng([*seed, 2]).standard_normal(
            (n, n_parameters)
        )
        found = (everywhere @ _root(self.common))[:, :, None]
        found = found + np.einsum("pq,dqi->dpi", _root(self.near), shared)
        return found + np.einsum("pq,dqi->dpi", _root(self.own), own)


def pixel_key(pixel: object) -> int:
    """Turn a pixel's id, a number or a text, into a seed that never changes.

    Examples
    --------
    >>> pixel_key(17)
    17
    """
    if isinstance(pixel, int) and pixel >= 0:
        return pixel
    digest = hashlib.sha256(str(pixel).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def normal_scores(values: Floats) -> Floats:
    """Ranks of the finite values as quantiles of a normal; NaN stays."""
    from scipy.stats import rankdata

    found = np.full(values.shape, np.nan)
    finite = np.isfinite(values)
    n = int(finite.sum())
    found[finite] = ndtri(rankdata(values[finite]) / (n + 1.0))
    return found


def fit_copula(
    errors: Floats,
    places: Floats,
    blocks: NDArray[np.int64],
    shared: Floats | None = None,
    own: Floats | None = None,
) -> ErrorCopula:
    """Fit the correlation of errors of held-out pixels.

    Parameters
    ----------
    errors : numpy.ndarray (pixel, parameter)
        Residual over local scale; NaN where a pixel has none.
    places : numpy.ndarray (pixel, 3)
        km.
    blocks : numpy.ndarray (pixel,)
        Of land: what is taken to be independent for the error of the mean.
    shared, own : numpy.ndarray (parameter, parameter), optional
        Covariance, over the same scales, of what posteriors leave open: errors that all
        pixels share, and each pixel's own
        (`upscale.training.posteriors.split_covariance`).
    """
    scores = np.stack([normal_scores(column) for column in errors.T], axis=1)
    length, nugget = _fit_distance(scores, places)
    size = np.sqrt(np.nanmean(np.square(errors), axis=0))
    between = _correlation(scores) * np.outer(size, size)
    common = mean_error(errors, blocks)
    near, alone = (1.0 - nugget) * between, nugget * between
    if shared is not None and own is not None:
        common, alone = common + shared, alone + own
    parts = [_positive(part) for part in (common, near, alone)]
    sd = np.sqrt(np.maximum(np.diag(sum(parts)), 1e-30))
    common, near, alone = (part / np.outer(sd, sd) for part in parts)
    return ErrorCopula(common, near, alone, length)


def mean_error(errors: Floats, blocks: NDArray[np.int64]) -> Floats:
    """Covariance of the error of the mean over pixels (parameter, parameter).

    Whole blocks are the sample, not pixels: the sum over blocks of the outer products
    of their sums (Liang and Zeger 1986), times B / (B - 1).

    Parameters
    ----------
    errors : numpy.ndarray (pixel, parameter)
        NaN where a pixel has none.
    blocks : numpy.ndarray (pixel,)
        Numbers from 0.
    """
    known = np.isfinite(errors)
    from_mean = np.where(known, errors - np.nanmean(errors, axis=0), 0.0)
    from_mean = from_mean / known.sum(axis=0)
    sums = np.zeros((int(blocks.max()) + 1, errors.shape[1]))
    np.add.at(sums, blocks, from_mean)
    n_blocks = np.unique(blocks).size
    return sums.T @ sums * n_blocks / max(n_blocks - 1, 1)


def _correlation(scores: Floats) -> Floats:
    known = np.isfinite(scores)
    filled = np.where(known, scores, 0.0)
    products = filled.T @ filled
    squares = np.square(filled).T @ known
    norm = np.sqrt(squares * squares.T)
    matrix = np.eye(scores.shape[1])
    np.divide(products, norm, out=matrix, where=norm > 0.0)
    np.fill_diagonal(matrix, 1.0)
    # Pairs over different pixels need not make a correlation matrix together.
    matrix = _positive(matrix, 1e-6)
    sd = np.sqrt(np.diag(matrix))
    return matrix / np.outer(sd, sd)


def _positive(matrix: Floats, least: float = 0.0) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, least)) @ vectors.T


def _fit_distance(scores: Floats, places: Floats) -> tuple[float, float]:
    """Length and nugget of the mean correlogram, by least squares over distances."""
    from scipy.spatial.distance import pdist

    every = -(-len(places) // _MOST_PLACES)
    places, scores = places[::every], scores[::every]
    distance = pdist(places)
    reach = 0.5 * distance.max()
    near = distance < reach
    # Narrow bins where the correlation falls fastest.
    edges = reach * np.linspace(0.0, 1.0, _N_BINS + 1) ** 2
    bins = np.searchsorted(edges, distance[near], "right") - 1
    product, count = np.zeros(_N_BINS), np.zeros(_N_BINS)
    first, second = (rows[near] for rows in np.triu_indices(len(places), 1))
    for column in scores.T:
        both = column[first] * column[second]
        known = np.isfinite(both)
        product += np.bincount(bins[known], both[known], _N_BINS)
        count += np.bincount(bins[known], minlength=_N_BINS)
    seen = count > 0
    correlation, weight = product[seen] / count[seen], np.sqrt(count[seen])
    middle = 0.5 * (edges[1:] + edges[:-1])[seen]
    best = (np.inf, float(reach), 1.0)
    for length in np.geomspace(middle[0], 2.0 * reach, 60):
        shape = np.exp(-middle / length)
        fraction = (weight * shape) @ correlation / ((weight * shape) @ shape)
        fraction = np.clip(fraction, 0.0, 1.0)
        misfit = float(weight @ np.square(correlation - fraction * shape))
        if misfit < best[0]:
            best = (misfit, float(length), float(1.0 - fraction))
    return best[1], best[2]


def _root(correlation: Floats) -> Floats:
    values, vectors = np.linalg.eigh(correlation)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
