"""The distribution of site parameters over a group of sites, and its prior.

``theta_s ~ N(mu_g, Sigma_g)``, ``mu_g ~ N(m0, S0)`` and ``Sigma_g^-1 ~ Wishart(n_g,
V_g)`` in the scale form, whose mean is ``n_g V_g``. Parameters are those of an
unbounded transform of the priors (Dokoohaki et al. 2021, section 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GroupPrior:
    """Prior of the group's mean and covariance.

    Attributes
    ----------
    mean : (p,)
        m0.
    covariance : (p, p)
        S0.
    degrees : float, above p - 1
        n_g.
    scale : (p, p)
        V_g, of the precision.

    Examples
    --------
    >>> GroupPrior(np.zeros(1), np.array([[0.5]]), 6.0, np.array([[0.5]])).site_variance
    array([[1.]])
    """

    mean: Array
    covariance: Array
    degrees: float
    scale: Array

    def __post_init__(self) -> None:
        mean = np.atleast_1d(np.asarray(self.mean, float))
        if mean.ndim != 1 or not np.isfinite(mean).all():
            raise InputError("mean of the group's prior", found=mean, wanted="(p,)")
        object.__setattr__(self, "mean", mean)
        for name in ("covariance", "scale"):
            given = np.atleast_2d(np.asarray(getattr(self, name), float))
            object.__setattr__(self, name, definite(given, mean.size, name))
        if not (np.isfinite(self.degrees) and self.degrees > mean.size - 1):
            raise InputError(
                "degrees of freedom of the group's precision",
                found=self.degrees,
                wanted=f"above p - 1 = {mean.size - 1}",
            )

    @property
    def n_parameters(self) -> int:
        """P."""
        return int(np.size(self.mean))

    @property
    def site_variance(self) -> Array:
        """``S0 + E[Sigma_g]``: what the prior says of a single site.

        Raises
        ------
        InputError
            ``n_g <= p + 1``: E[Sigma_g] is not finite.
        """
        rest = self.degrees - self.n_parameters - 1.0
        if rest <= 0.0:
            raise InputError(
                "the prior variance of a site is not finite",
                found=f"{self.degrees:g} degrees of freedom",
                wanted=f"above p + 1 = {self.n_parameters + 1}",
            )
        return np.asarray(self.covariance) + np.linalg.inv(self.scale) / rest


def matched_group_prior(
    mean: ArrayLike,
    covariance: ArrayLike,
    *,
    degrees: float | None = None,
    share_between: float = 0.5,
) -> GroupPrior:
    """A group prior under which a single site has the prior that it has alone.

    With any other one a comparison with separate calibrations is not fair.

    Parameters
    ----------
    mean, covariance : (p,), (p, p)
        Prior of a single site.
    degrees : float, optional
        n_g, above p + 1; p + 4 if not given.
    share_between : float, between 0 and 1
        Fraction of the variance that is Sigma_g, from site to site. With few sites the
        answer depends on it and on ``degrees``: report two settings.

    Returns
    -------
    GroupPrior

    Raises
    ------
    InputError
        A fraction or degrees of freedom out of range, or a covariance that is none.

    Examples
    --------
    >>> matched_group_prior([0.0], [[2.0]]).site_variance
    array([[2.]])
    """
    centre = np.atleast_1d(np.asarray(mean, float))
    p = centre.size
    total = definite(np.atleast_2d(np.asarray(covariance, float)), p, "covariance")
    n = float(p + 4 if degrees is None else degrees)
    if not (np.isfinite(n) and n > p + 1):
        raise InputError("degrees", found=degrees, wanted=f"above p + 1 = {p + 1}")
    if not 0.0 < share_between < 1.0:
        raise InputError("share_between", found=share_between, wanted="between 0 and 1")
    scale = np.linalg.inv(share_between * total * (n - p - 1.0))
    return GroupPrior(centre, (1.0 - share_between) * total, n, 0.5 * (scale + scale.T))


def definite(value: Array, size: int, what: str) -> Array:
    """A positive definite matrix, or an error."""
    if value.shape != (size, size) or not np.isfinite(value).all():
        raise InputError(
            what, found=f"shape {value.shape}", wanted=f"finite, {(size, size)}"
        )
    if np.abs(value - value.T).max() > 1e-8 * np.abs(value).max():
        raise InputError(f"{what} is not symmetric", wanted="a covariance matrix")
    value = 0.5 * (value + value.T)
    least = float(np.linalg.eigvalsh(value)[0])
    if least <= 0.0:
        raise InputError(
            f"{what} is not positive definite",
            found=f"a smallest eigenvalue of {least:.3g}",
            wanted="a covariance matrix",
        )
    return value


def draw_mean(
    prior: GroupPrior, theta: Array, covariance: Array, rng: np.random.Generator
) -> Array:
    """Draw mu_g given site parameters, one for each chain.

    Parameters
    ----------
    theta : (n_chains, n_sites, p)
    covariance : (n_chains, p, p)

    Returns
    -------
    ndarray, (n_chains, p)
    """
    n_sites = theta.shape[1]
    own = np.linalg.inv(np.asarray(prior.covariance))
    between = np.linalg.inv(covariance)
    precision = own + n_sites * between
    pull = own @ np.asarray(prior.mean) + np.einsum(
        "cij,cj->ci", between, theta.sum(axis=1)
    )
    root = np.linalg.cholesky(precision)
    noise = rng.standard_normal(pull.shape)
    # L L' x = pull, plus L'^-1 of standard normals.
    forward = np.linalg.solve(root, pull[..., None]) + noise[..., None]
    return np.asarray(np.linalg.solve(root.transpose(0, 2, 1), forward)[..., 0])


def draw_covariance(
    prior: GroupPrior, theta: Array, mean: Array, rng: np.random.Generator
) -> Array:
    """Draw Sigma_g given site parameters and mu_g, (n_chains, p, p).

    ``Sigma_g^-1 ~ Wishart(n_g + S, (V_g^-1 + sum d_s d_s')^-1)``.
    """
    off = theta - mean[:, None]
    scatter = np.linalg.inv(np.asarray(prior.scale)) + np.einsum(
        "csi,csj->cij", off, off
    )
    return draw_inverse_wishart(prior.degrees + theta.shape[1], scatter, rng)


def draw_inverse_wishart(
    degrees: float, scatter: Array, rng: np.random.Generator
) -> Array:
    """One inverse-Wishart draw for each of a stack of matrices (Bartlett)."""
    n, p, _ = scatter.shape
    lower = np.tril(rng.standard_normal((n, p, p)), -1)
    own = np.sqrt(2.0 * rng.standard_gamma(0.5 * (degrees - np.arange(p)), (n, p)))
    lower[:, np.arange(p), np.arange(p)] = own
    half = np.linalg.solve(lower, np.linalg.cholesky(scatter).transpose(0, 2, 1))
    return np.asarray(half.transpose(0, 2, 1) @ half)
