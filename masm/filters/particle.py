"""A particle filter for states: members are weighed by what was observed.

No normal forecast is assumed. Weights degenerate when there are many observations;
the effective number says so.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from masm.errors import InputError
from masm.filters import _checks
from masm.filters._matrices import cholesky

Array = NDArray[np.float64]

# Under this fraction of effective members the warning is given.
_DEGENERATE = 0.05


@dataclass(frozen=True)
class ParticleAnalysis:
    """Result of `particle_analysis`.

    Attributes
    ----------
    members : (n_members, p)
        After resampling, if there was any.
    log_weight : (n_members,)
        Of these members, normalised; carry them to the next time.
    mean, covariance : (p,), (p, p)
        Weighted, before resampling. The covariance is divided by ``1 - sum w^2``.
    effective : float
        Effective number of members before resampling.
    ancestors : (n_members,)
        The member that each one was before: its parameters and drivers go with it.
    resampled : bool
    n_observed : int

    Examples
    --------
    >>> import numpy as np
    >>> from masm.filters import particle_analysis
    >>> members = np.random.default_rng(0).normal(size=(500, 1))
    >>> found = particle_analysis(members, [[1.0]], [2.0], [1.0], seed=1)
    >>> found.n_observed, bool(found.effective < 500)
    (1, True)
    """

    members: Array
    log_weight: Array
    mean: Array
    covariance: Array
    effective: float
    ancestors: NDArray[np.intp]
    resampled: bool
    n_observed: int


def particle_analysis(
    members: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
    *,
    seed: _checks.Seed,
    lower: ArrayLike | None = None,
    log_weight: ArrayLike | None = None,
    threshold: float = 0.5,
    jitter: float = 0.0,
) -> ParticleAnalysis:
    """Weigh members by the likelihood of the observations, and resample them.

    Parameters
    ----------
    members : (n_members, p)
        Forecast, with process error in it (`add_process_error`).
    operator, observations, variance
        As for `stochastic_enkf`. NaN means not observed.
    seed : int, sequence of int or SeedSequence
    lower : number, (n_obs,) or None
        Values at or below it are censored: their likelihood is a probability. This
        needs independent errors.
    log_weight : (n_members,), optional
        Of the time before; equal ones if not given.
    threshold : float, 0 to 1
        Members are resampled (systematically) under this fraction of effective ones.
    jitter : float, 0 up to 1
        After resampling, members are shrunk towards the mean and spread by a normal
        kernel of this sd, in sd of the ensemble; its covariance stays.

    Returns
    -------
    ParticleAnalysis

    Raises
    ------
    InputError
        As `stochastic_enkf`; weights that are none; censored values with correlated
        errors.

    Warns
    -----
    UserWarning
        Under one effective member in twenty.

    References
    ----------
    Gordon, Salmond and Smith (1993), IEE Proceedings F 140, 107-113; Liu and West
    (2001), Sequential Monte Carlo Methods in Practice, chapter 10 (the kernel).

    Examples
    --------
    >>> members = np.random.default_rng(0).normal(size=(2000, 1))
    >>> found = particle_analysis(members, [[1.0]], [2.0], [1.0], seed=1)
    >>> bool(abs(found.mean[0] - 1.0) < 0.1)
    True
    """
    found = _checks.members_of(members)
    n, p = found.shape
    observed = _checks.observed_of(operator, observations, variance, p)
    bound = _checks.lower_of(lower, np.size(observations), observed.index)
    threshold = _checks.number(threshold, "threshold", least=0.0, most=1.0)
    jitter = _checks.number(jitter, "jitter", least=0.0, most=1.0)
    before = _log_weights(log_weight, n)
    total = before + _log_likelihood(found, observed, bound)
    norm = special.logsumexp(total)
    if not np.isfinite(norm):
        raise InputError(
            "no member can explain the observations",
            found="a likelihood of zero for all members",
            wanted="members nearer to the observations, or larger error variances",
        )
    total = total - norm
    weight = np.exp(total)
    effective = float(1.0 / np.sum(weight**2))
    if effective < _DEGENERATE * n:
        warnings.warn(
            f"the particle filter degenerates: {effective:.1f} effective members of "
            f"{n}. Take more members, or fewer or less certain observations.",
            stacklevel=2,
        )
    mean = weight @ found
    alone = 1.0 - np.sum(weight**2)
    off = found - mean
    covariance = off.T @ (weight[:, None] * off)
    covariance = covariance / alone if alone > 1e-12 else np.full((p, p), np.nan)
    resampled = bool(observed.value.size) and effective < threshold * n
    ancestors = np.arange(n)
    if resampled:
        rng = np.random.default_rng(_checks.seeds(seed))
        ancestors = systematic_resampling(weight, rng)
        found = _spread(found[ancestors], jitter, rng) if jitter else found[ancestors]
        total = np.full(n, -np.log(n))
    return ParticleAnalysis(
        found, total, mean, covariance, effective, ancestors, resampled,
        observed.value.size,
    )  # fmt: skip


def systematic_resampling(
    weight: ArrayLike, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Places of members that are kept, each about as often as its weight says.

    Parameters
    ----------
    weight : (n_members,), adding up to one
    rng : the only source of random numbers; one number is drawn

    Returns
    -------
    ndarray of int, (n_members,)
        A member is there ``n w`` times, rounded down or up.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> systematic_resampling(np.array([0.5, 0.0, 0.5, 0.0]), rng)
    array([0, 0, 2, 2])
    """
    w = np.asarray(weight, float)
    steps = (np.arange(w.size) + rng.random()) / w.size
    total = np.cumsum(w)
    places = np.searchsorted(total / total[-1], steps, side="right")
    return np.asarray(np.minimum(places, np.flatnonzero(w > 0.0)[-1]), np.intp)


def _log_weights(given: ArrayLike | None, n: int) -> Array:
    if given is None:
        return np.full(n, -np.log(n))
    found = _checks.numbers(given, "log_weight")
    if found.shape != (n,) or np.isnan(found).any() or not found.max() > -np.inf:
        raise InputError(
            "log_weight",
            found=f"shape {found.shape}",
            wanted=f"({n},), not NaN and not all minus infinity",
        )
    if found.max() == np.inf:
        raise InputError("log_weight", found="infinity", wanted="finite or -inf")
    return found - special.logsumexp(found)


def _log_likelihood(members: Array, observed: _checks.Observed, bound: Array) -> Array:
    """Log density of the observed values at every member, (n_members,)."""
    if not observed.value.size:
        return np.zeros(len(members))
    censored = observed.value <= bound
    off = observed.value - members @ observed.operator.T
    if not censored.any():
        root = cholesky(observed.covariance)
        white = np.linalg.solve(root, off.T)
        return np.asarray(-0.5 * np.sum(white**2, axis=0))
    if not observed.is_diagonal:
        raise InputError(
            "censored observations with correlated errors",
            wanted="independent errors in the particle filter",
            hint="`tobit_wishart` takes correlated errors.",
        )
    sd = np.sqrt(np.diag(observed.covariance))
    seen = -0.5 * (off[:, ~censored] / sd[~censored]) ** 2
    below = off + (bound - observed.value)
    hidden = special.log_ndtr(below[:, censored] / sd[censored])
    return np.asarray(seen.sum(axis=1) + hidden.sum(axis=1))


def _spread(members: Array, jitter: float, rng: np.random.Generator) -> Array:
    """Shrink to the mean and add a kernel, so that the covariance is kept."""
    mean = members.mean(axis=0)
    off = members - mean
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(members, rowvar=False)))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    kernel = rng.standard_normal(members.shape) @ root.T
    return np.asarray(mean + np.sqrt(1.0 - jitter**2) * off + jitter * kernel)
