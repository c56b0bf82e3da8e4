"""Parameters of a site without observations, learned from few calibrated sites.

A mapper is fitted to the posteriors and covariates of some sites and gives draws of the
parameters at others. Mappers are side by side in `MAPPERS`; which of them is used is
decided by how well the model runs with them at sites that were left out
(`choose_mapper`). The trees of regional maps (`upscale.train`) need dozens of pixels;
these work from three sites on. The regressions and the trees are fitted to one
parameter at a time: their draws of different parameters are independent. Draws of the
ensemble keep the correlations within each site's posterior.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from upscale.errors import InputError
from upscale.training import kernel_regression, trees
from upscale.types import Floats

LEAST_SITES = 3
_EDGE = 1e-3  # of the prior's range, so that logits are finite
_EARTH_KM = 6371.0


@dataclass(frozen=True)
class SitePosteriors:
    """Posteriors and covariates of calibrated sites.

    Attributes
    ----------
    draws : ndarray (site, draw, parameter)
        In the parameters' units.
    low, high : ndarray (parameter,)
        Bounds of the priors.
    covariates : pandas.DataFrame (site, covariate)
        NaN where unknown; row order is that of the sites.
    """

    draws: Floats
    low: Floats
    high: Floats
    covariates: pd.DataFrame

    def __post_init__(self) -> None:
        n = self.draws.shape[0]
        if n != len(self.covariates):
            raise InputError(
                "covariates", found=f"{len(self.covariates)} rows", wanted=f"{n}"
            )
        if n < LEAST_SITES:
            raise InputError(
                "sites", found=str(n), wanted=f"{LEAST_SITES} or more to learn from"
            )

    @property
    def mean(self) -> Floats:
        """Posterior means (site, parameter)."""
        return np.asarray(self.draws.mean(axis=1))

    def logits(self) -> tuple[Floats, Floats]:
        """Mean and variance of the logit within the prior, (site, parameter) each."""
        unit = np.clip((self.draws - self.low) / (self.high - self.low), _EDGE, None)
        unit = np.minimum(unit, 1.0 - _EDGE)
        z = np.log(unit / (1.0 - unit))
        return z.mean(axis=1), z.var(axis=1)

    def from_logits(self, z: Floats) -> Floats:
        """Return parameters of logits (..., parameter)."""
        return np.asarray(self.low + (self.high - self.low) / (1.0 + np.exp(-z)))


Mapper = Callable[
    [SitePosteriors, pd.DataFrame, int, np.random.Generator],
    NDArray[np.float64],
]
"""Posteriors, covariates of targets, number of draws and random numbers to draws
(target, draw, parameter)."""


def mean_of_sites(
    sites: SitePosteriors, targets: pd.DataFrame, n: int, rng: np.random.Generator
) -> Floats:
    """One vector: the mean of the sites' posterior means; all draws are the same."""
    return np.broadcast_to(
        sites.mean.mean(axis=0), (len(targets), n, sites.low.size)
    ).copy()


def ensemble_of_sites(
    sites: SitePosteriors, targets: pd.DataFrame, n: int, rng: np.random.Generator
) -> Floats:
    """Draws of all sites' posteriors, each site with nearly as many as another."""
    n_sites, n_draws, _ = sites.draws.shape
    found = np.empty((len(targets), n, sites.low.size))
    for row in range(len(targets)):
        order = np.concatenate(
            [rng.permutation(n_sites) for _ in range(-(-n // n_sites))]
        )[:n]
        found[row] = sites.draws[order, rng.integers(n_draws, size=n)]
    return found


def hierarchical_regression(
    sites: SitePosteriors, targets: pd.DataFrame, n: int, rng: np.random.Generator
) -> Floats:
    """Parameters = covariates x coefficients + what a site has of its own."""
    return _by_regression(sites, targets, n, rng, kernel_regression.fit_linear)


def gaussian_process(
    sites: SitePosteriors, targets: pd.DataFrame, n: int, rng: np.random.Generator
) -> Floats:
    """A smooth function of the covariates, and what a site has of its own."""
    return _by_regression(sites, targets, n, rng, kernel_regression.fit_process)


def boosted_trees(
    sites: SitePosteriors, targets: pd.DataFrame, n: int, rng: np.random.Generator
) -> Floats:
    """XGBoost for each parameter; spread of the sites' leave-one-out errors."""
    z, noise = sites.logits()
    x = sites.covariates.to_numpy(float)
    at = targets[sites.covariates.columns].to_numpy(float)
    settings = trees.TreeSettings(
        n_trees=40, max_depth=2, min_child_weight=1.0, row_share=0.8, l2=2.0
    )
    found = np.empty((len(targets), n, z.shape[1]))
    for column in range(z.shape[1]):
        weight = 1.0 / (noise[:, column] + z[:, column].var() + 1e-6)
        weight /= weight.mean()
        y = z[:, column]
        seed = int(rng.integers(2**31))
        left = []
        for out in range(len(y)):
            kept = np.arange(len(y)) != out
            one = trees.fit(x[kept], y[kept], weight[kept], settings, seed)
            left.append(y[out] - trees.predict(one, x[out : out + 1])[0])
        spread = float(np.sqrt(np.mean(np.square(left))))
        centre = trees.predict(trees.fit(x, y, weight, settings, seed), at)
        found[:, :, column] = centre[:, None] + spread * _normals(rng, len(at), n)
    return sites.from_logits(found)


MAPPERS: dict[str, Mapper] = {
    "mean": mean_of_sites,
    "ensemble": ensemble_of_sites,
    "hierarchical": hierarchical_regression,
    "gaussian_process": gaussian_process,
    "trees": boosted_trees,
}
"""Name and function. A further mapper is one more line."""

BASELINES = ("mean", "ensemble")
"""Mappers that look at no covariate."""


def choose_mapper(errors: Mapping[str, float], margin: float = 0.0) -> str:
    """Return the mapper with the least error at left-out sites.

    Parameters
    ----------
    errors : mapping
        Mean error of each mapper at sites that were left out. NaN: not known.
    margin : float
        Fraction by which a mapper with covariates has to lie below the mean of sites.

    Returns
    -------
    str
        The best mapper with covariates, where its error is below that of the mean by
        the margin, and below that of the ensemble; else ``ensemble``, which maps no
        difference between sites.

    Examples
    --------
    >>> choose_mapper({"mean": 2.0, "ensemble": 1.9, "hierarchical": 1.7})
    'hierarchical'
    >>> choose_mapper({"mean": 2.0, "ensemble": 1.9, "hierarchical": 2.1})
    'ensemble'
    """
    with_covariates = {
        name: value
        for name, value in errors.items()
        if name not in BASELINES and value == value
    }
    limit = errors.get("mean", np.nan) * (1.0 - margin)
    limit = min(limit, errors.get("ensemble", np.inf))
    good = {name: value for name, value in with_covariates.items() if value < limit}
    return min(good, key=lambda name: good[name]) if good else "ensemble"


def blocks_of_neighbours(
    latitude: Sequence[float], longitude: Sequence[float], km: float
) -> NDArray[np.int64]:
    """Number sites so that those within ``km`` of each other share a number.

    Neighbours of neighbours belong together, so that no left-out site has a close one
    among those that are learned from.

    Examples
    --------
    >>> blocks_of_neighbours([45.56, 45.5625, 42.5], [-84.71, -84.70, -72.2], 30.0)
    array([0, 0, 1])
    """
    place = np.deg2rad(np.column_stack([latitude, longitude]).astype(float))
    north = np.column_stack(
        [
            np.cos(place[:, 0]) * np.cos(place[:, 1]),
            np.cos(place[:, 0]) * np.sin(place[:, 1]),
            np.sin(place[:, 0]),
        ]
    )
    distance = _EARTH_KM * np.arccos(np.clip(north @ north.T, -1.0, 1.0))
    block = np.arange(len(place))
    for one, other in np.argwhere(distance <= km):
        first, last = sorted((block[one], block[other]))
        block[block == last] = first
    return np.unique(block, return_inverse=True)[1].astype(np.int64)


def _by_regression(
    sites: SitePosteriors,
    targets: pd.DataFrame,
    n: int,
    rng: np.random.Generator,
    fit: Callable[[Floats, Floats, Floats], kernel_regression.Fitted],
) -> Floats:
    x, at = _standardised(sites.covariates, targets)
    z, noise = sites.logits()
    found = np.empty((len(targets), n, z.shape[1]))
    for column in range(z.shape[1]):
        mean, variance = fit(x, z[:, column], noise[:, column]).predict(at)
        spread = np.sqrt(variance)[:, None] * _normals(rng, len(at), n)
        found[:, :, column] = mean[:, None] + spread
    return sites.from_logits(found)


def _standardised(train: pd.DataFrame, targets: pd.DataFrame) -> tuple[Floats, Floats]:
    """Covariates of unit variance, 0 where unknown; those that do not vary are out."""
    sd = train.std(ddof=0)
    names = [str(name) for name in train if sd[str(name)] > 0.0]
    scaled = [
        ((table[names] - train[names].mean()) / sd[names]).fillna(0.0).to_numpy(float)
        for table in (train, targets)
    ]
    return scaled[0], scaled[1]


def _normals(rng: np.random.Generator, rows: int, n: int) -> Floats:
    """Normal numbers (row, draw), the first of each row its centre."""
    drawn = rng.standard_normal((rows, n))
    drawn[:, 0] = 0.0
    return drawn
