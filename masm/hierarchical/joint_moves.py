"""Moves of the group together with all of its sites.

Given the sites, mu_g and Sigma_g are drawn exactly; but where sites are narrow about
each other, group and sites hold each other in place, and one at a time they hardly
move. Two moves go along: all sites and mu_g by one vector, and one parameter of all
sites further from or nearer to mu_g with the same factor in Sigma_g. Both leave the
density of sites under the group as it is, so that likelihoods and the group's prior
decide.

References
----------
Liu and Sabatti (2000), Biometrika 87, 353-369: groups of transformations as moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from masm.hierarchical.group import GroupPrior

Array = NDArray[np.float64]


def wide_step(prior: GroupPrior, n_chains: int, rng: np.random.Generator) -> Array:
    """A vector with the covariance of mu_g's prior, a twentieth to all of its length.

    Returns
    -------
    ndarray, (n_chains, p)
    """
    p = prior.n_parameters
    root = np.linalg.cholesky(np.asarray(prior.covariance))
    scale = np.exp(rng.uniform(-3.0, 0.0, (n_chains, 1))) / np.sqrt(p)
    return np.asarray(scale * (rng.standard_normal((n_chains, p)) @ root.T))


def narrow_step(
    prior: GroupPrior, roots: Sequence[Array], n_chains: int, rng: np.random.Generator
) -> Array:
    """A vector that all sites can take at once.

    Its covariance is that of one vector for all sites: the inverse of the sum of the
    sites' precisions and of that of mu_g's prior.

    Parameters
    ----------
    prior : GroupPrior
    roots : sequence of (p, p)
        Cholesky factor of the covariance of each observed site.

    Returns
    -------
    ndarray, (n_chains, p)
    """
    p = prior.n_parameters
    precision = np.linalg.inv(np.asarray(prior.covariance))
    for root in roots:
        inverse = np.linalg.inv(root)
        precision = precision + inverse.T @ inverse
    factor = np.linalg.cholesky(precision)
    # Its square is the wanted length on the average over chains and sweeps.
    scale = 2.38 / np.sqrt(p) * np.exp(rng.uniform(-1.5, 0.5, (n_chains, 1)))
    noise = rng.standard_normal((p, n_chains))
    return np.asarray(scale * np.linalg.solve(factor.T, noise).T)


def log_prior_of_mean(prior: GroupPrior, mean: Array) -> Array:
    """Log density of mu_g up to a constant, (n_chains,)."""
    off = mean - np.asarray(prior.mean)
    solved = np.linalg.solve(np.asarray(prior.covariance), off.T).T
    return np.asarray(-0.5 * np.sum(off * solved, axis=1))


def log_prior_of_covariance(prior: GroupPrior, covariance: Array) -> Array:
    """Log density of Sigma_g up to a constant, (n_chains,): inverse Wishart."""
    p = prior.n_parameters
    scatter = np.linalg.inv(np.asarray(prior.scale))
    _, volume = np.linalg.slogdet(covariance)
    trace = np.einsum("ij,cji->c", scatter, np.linalg.inv(covariance))
    return np.asarray(-0.5 * ((prior.degrees + p + 1.0) * volume + trace))


def stretch_factors(
    p: int, n_chains: int, rng: np.random.Generator, sd: float = 0.5
) -> Array:
    """A factor of one parameter in each chain, ones for the others, (n_chains, p)."""
    factors = np.ones((n_chains, p))
    which = rng.integers(0, p, n_chains)
    factors[np.arange(n_chains), which] = np.exp(sd * rng.standard_normal(n_chains))
    return factors


def log_ratio_of_stretch(
    prior: GroupPrior, covariance: Array, stretched: Array, factors: Array
) -> Array:
    """What a stretch changes besides the likelihoods, (n_chains,).

    The volume of site parameters grows as their density falls. That of the symmetric
    matrix Sigma_g grows by the product of the factors to the power of ``p + 1``.
    """
    volume = (prior.n_parameters + 1.0) * np.log(factors).sum(axis=1)
    change = log_prior_of_covariance(prior, stretched)
    return np.asarray(change - log_prior_of_covariance(prior, covariance) + volume)
