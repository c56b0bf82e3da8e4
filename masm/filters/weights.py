"""Weights of members for what was not assimilated, such as fluxes between analyses.

Members are draws of the forecast, so their weight is a ratio of densities, posterior
over forecast, both of x_f: the state that the member ran to. The source weighs by the
posterior of X alone (Dokoohaki et al. 2021, eq. 10), which counts the forecast twice.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, special

from masm.errors import InputError
from masm.filters import _checks
from masm.filters._matrices import cholesky

Array = NDArray[np.float64]

#: Ratio of x_f (default), ratio with the moments of X, and the source's rule.
RULES = ("ratio", "state_ratio", "source")

# Below so many effective members, a weighted mean is that of a few.
_FEW = 5.0


class Moments(Protocol):
    """What weights need of an analysis; `TobitWishart` has it."""

    @property
    def mean(self) -> Array: ...  # noqa: D102
    @property
    def covariance(self) -> Array: ...  # noqa: D102
    @property
    def forecast_state_mean(self) -> Array: ...  # noqa: D102
    @property
    def forecast_state_covariance(self) -> Array: ...  # noqa: D102
    @property
    def prior_mean(self) -> Array: ...  # noqa: D102
    @property
    def prior_covariance(self) -> Array: ...  # noqa: D102
    @property
    def n_sites(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Weights:
    """Weights of members, site by site.

    Attributes
    ----------
    weight : (n_sites, n_members)
        Each row adds up to one.
    effective : (n_sites,)
        Effective number of members, ``1 / sum w^2``.
    rule : str

    Examples
    --------
    >>> from masm.filters import density_weights
    >>> members = [[-1.0], [-0.6], [-0.2], [0.2], [0.6], [1.0]]
    >>> found = density_weights(members, ([0.0], [[1.0]]), None)
    >>> found.weight.shape, found.rule
    ((1, 6), 'ratio')
    """

    weight: Array
    effective: Array
    rule: str


def member_weights(
    members: ArrayLike, analysis: Moments, *, rule: str = "ratio"
) -> Weights:
    """Weigh members at every site by an analysis.

    Parameters
    ----------
    members : (n_members, p)
        Latent forecast members, before they were adjusted.
    analysis : TobitWishart
        Or anything with its moments.
    rule : {"ratio", "state_ratio", "source"}
        Posterior over forecast density of x_f; the same with the moments of X, which
        puts the process error on the members; the posterior density of X alone.

    Returns
    -------
    Weights

    Raises
    ------
    InputError
        Fewer than three members, or shapes that do not fit.

    Warns
    -----
    UserWarning
        Under five effective members at a site.

    Examples
    --------
    >>> from masm.filters import tobit_wishart
    >>> found = tobit_wishart(
    ...     [0.0], [[1.0]], [[1.0]], [np.nan], [0.5], None, 6.0, [[1.0]],
    ...     n_sites=1, n_draws=40, seed=1,
    ... )
    >>> weights = member_weights(np.linspace(-1.0, 1.0, 8)[:, None], found)
    >>> weights.weight.round(3)
    array([[0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125]])
    """
    _checks.choice(rule, "rule", RULES)
    if rule == "ratio":
        posterior = analysis.forecast_state_mean, analysis.forecast_state_covariance
    else:
        posterior = analysis.mean, analysis.covariance
    prior = (
        None if rule == "source" else (analysis.prior_mean, analysis.prior_covariance)
    )
    return density_weights(
        members, posterior, prior, n_sites=analysis.n_sites, rule=rule
    )


def density_weights(
    members: ArrayLike,
    posterior: tuple[ArrayLike, ArrayLike],
    prior: tuple[ArrayLike, ArrayLike] | None,
    *,
    n_sites: int = 1,
    rule: str = "ratio",
) -> Weights:
    """Weigh members by normal densities of the site blocks of two distributions.

    Parameters
    ----------
    members : (n_members, p)
    posterior, prior : (mean, covariance)
        Of p states. Without a prior the posterior density alone is the weight.
    n_sites : int
    rule : str
        Name that the result carries.

    Returns
    -------
    Weights
        Normalised by log-sum-exp.

    Raises
    ------
    InputError
        Fewer than three members, shapes that do not fit, a site's covariance that is
        not positive definite.

    Examples
    --------
    >>> members = [[-1.0], [-0.6], [-0.2], [0.2], [0.6], [1.0]]
    >>> density_weights(members, ([0.0], [[1.0]]), None).weight.round(3)
    array([[0.125, 0.172, 0.202, 0.202, 0.172, 0.125]])
    """
    found = _checks.members_of(members)
    n, p = found.shape
    q = _checks.block_size(p, n_sites)
    log_weight = _log_densities(found, posterior, "posterior", n_sites, q)
    if prior is not None:
        log_weight = log_weight - _log_densities(found, prior, "prior", n_sites, q)
    log_weight = log_weight - special.logsumexp(log_weight, axis=1, keepdims=True)
    weight = np.exp(log_weight)
    effective = 1.0 / np.sum(weight**2, axis=1)
    if np.any(effective < _FEW * (1.0 - 1e-9)):
        warnings.warn(
            f"fewer than {_FEW:g} effective members of {n} at "
            f"{int((effective < _FEW * (1.0 - 1e-9)).sum())} site(s); the least is "
            f"{effective.min():.2f} at site {int(effective.argmin())}. Weighted means "
            "and quantiles there are those of a few members.",
            stacklevel=3,
        )
    return Weights(weight, effective, rule)


def _log_densities(
    members: Array,
    moments: tuple[ArrayLike, ArrayLike],
    what: str,
    n_sites: int,
    q: int,
) -> Array:
    """Log normal density of every member's states at every site, (n_sites, n)."""
    p = n_sites * q
    mean = _checks.vector(moments[0], f"{what} mean")
    covariance = np.asarray(moments[1], float).reshape(
        (1, 1) if np.size(moments[1]) == 1 else np.shape(moments[1])
    )
    if mean.shape != (p,) or covariance.shape != (p, p):
        raise InputError(
            f"{what} moments",
            found=f"shapes {mean.shape} and {covariance.shape}",
            wanted=f"({p},) and ({p}, {p})",
        )
    out = np.empty((n_sites, len(members)))
    for site in range(n_sites):
        block = slice(site * q, (site + 1) * q)
        own = _checks.covariance_of(
            covariance[block, block], q, f"{what} covariance of site {site}",
            definite=True,
        )  # fmt: skip
        root = cholesky(own)
        off = (members[:, block] - mean[block]).T
        white = linalg.solve_triangular(root, off, lower=True)
        out[site] = -0.5 * np.sum(white**2, axis=0) - np.log(np.diag(root)).sum()
    return out


@dataclass(frozen=True)
class Summary:
    """Weighted moments of an output of the members.

    Attributes
    ----------
    mean, variance : (...)
        The variance is divided by ``1 - sum w^2``; NaN where one member has all the
        weight.
    quantiles : (n_probabilities, ...)
    effective : float
        Effective number of members.

    Examples
    --------
    >>> from masm.filters import weighted_summary
    >>> found = weighted_summary([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0])
    >>> round(found.effective, 6)
    4.0
    """

    mean: Array
    variance: Array
    quantiles: Array
    effective: float


def weighted_summary(
    values: ArrayLike, weight: ArrayLike, probabilities: ArrayLike = (0.05, 0.5, 0.95)
) -> Summary:
    """Weighted mean, variance and quantiles over members.

    Parameters
    ----------
    values : (n_members, ...)
        An output of one site, at any resolution in time.
    weight : (n_members,)
        Zero or more; they are made to add up to one.
    probabilities : (n_probabilities,)

    Returns
    -------
    Summary
        NaN at a time where a member with weight has NaN.

    Raises
    ------
    InputError
        Weights that are none, or shapes that do not fit.

    Examples
    --------
    >>> found = weighted_summary([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0])
    >>> print(round(float(found.mean), 3), round(float(found.variance), 3))
    2.5 1.667
    """
    x = _checks.numbers(values, "values")
    w = _checks.vector(weight, "weights")
    chances = _checks.vector(probabilities, "probabilities")
    if x.ndim < 1 or len(x) != w.size:
        raise InputError("values", found=f"shape {x.shape}", wanted=f"({w.size}, ...)")
    if np.any(w < 0.0) or w.sum() <= 0.0:
        raise InputError("weights", found=w, wanted="zero or more, not all zero")
    if np.any((chances < 0.0) | (chances > 1.0)):
        raise InputError("probabilities", found=chances, wanted="from 0 to 1")
    w = w / w.sum()
    # A member that does not count may be NaN.
    counted = x[w > 0.0]
    mean = np.tensordot(w[w > 0.0], counted, axes=1)
    square = np.tensordot(w[w > 0.0], (counted - mean) ** 2, axes=1)
    alone = 1.0 - np.sum(w**2)
    variance = square / alone if alone > 1e-12 else np.full_like(square, np.nan)
    quantiles = _quantiles(counted, w[w > 0.0], chances)
    return Summary(
        np.asarray(mean), np.asarray(variance), quantiles, float(1.0 / np.sum(w**2))
    )


def _quantiles(x: Array, w: Array, chances: Array) -> Array:
    """Interpolated between members, each at the middle of its weight."""
    flat = x.reshape(len(x), -1)
    order = np.argsort(flat, axis=0)
    values = np.take_along_axis(flat, order, axis=0)
    middles = np.cumsum(w[order], axis=0) - 0.5 * w[order]
    out = np.empty((chances.size, flat.shape[1]))
    for column in range(flat.shape[1]):
        out[:, column] = np.interp(chances, middles[:, column], values[:, column])
    out[:, np.isnan(flat).any(axis=0)] = np.nan
    return out.reshape(chances.size, *x.shape[1:])
