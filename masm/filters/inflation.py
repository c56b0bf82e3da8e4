"""Inflation: give back the spread that sampling or a missing error has taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks
from masm.filters._matrices import cholesky
from masm.filters.analysis import sample_moments

Array = NDArray[np.float64]


def inflate(members: ArrayLike, factor: ArrayLike) -> Array:
    """Multiply the covariance of an ensemble; its mean stays.

    Parameters
    ----------
    members : (n_members, p)
    factor : number or (p,)
        Of the variance. Below one it deflates.

    Returns
    -------
    ndarray, (n_members, p)

    Raises
    ------
    InputError
        Fewer than three members, or a factor below zero.

    References
    ----------
    Anderson and Anderson (1999), Monthly Weather Review 127, 2741-2758.

    Examples
    --------
    >>> inflate([[-1.0], [0.0], [1.0]], 4.0).ravel()
    array([-2.,  0.,  2.])
    """
    found = _checks.members_of(members)
    factors = _checks.vector(factor, "inflation factor")
    if factors.size not in (1, found.shape[1]) or np.any(factors < 0.0):
        raise InputError(
            "inflation factor",
            found=factors,
            wanted=f"one number or {found.shape[1]}, zero or more",
        )
    mean = found.mean(axis=0)
    return np.asarray(mean + np.sqrt(factors) * (found - mean))


def relax_spread(forecast: ArrayLike, members: ArrayLike, weight: float) -> Array:
    """Bring the analysis' standard deviations back towards the forecast's.

    Parameters
    ----------
    forecast, members : (n_members, p)
        Before and after the analysis.
    weight : float, 0 to 1
        One gives the forecast's sd again, zero changes nothing.

    Returns
    -------
    ndarray, (n_members, p)
        A state without spread after the analysis stays without.

    Raises
    ------
    InputError
        Shapes that differ, fewer than three members, a weight outside 0 to 1.

    References
    ----------
    Whitaker and Hamill (2012), Monthly Weather Review 140, 3078-3089, eq. 2.

    Examples
    --------
    >>> relax_spread([[-2.0], [0.0], [2.0]], [[-1.0], [0.0], [1.0]], 0.5).ravel()
    array([-1.5,  0. ,  1.5])
    """
    before, after = _checks.members_of(forecast), _checks.members_of(members)
    if before.shape != after.shape:
        raise InputError("members", found=after.shape, wanted=before.shape)
    weight = _checks.number(weight, "weight of the relaxation", least=0.0, most=1.0)
    sd_before, sd_after = before.std(axis=0, ddof=1), after.std(axis=0, ddof=1)
    moves = sd_after > 0.0
    ratio = np.ones_like(sd_after)
    ratio[moves] = 1.0 + weight * (sd_before[moves] / sd_after[moves] - 1.0)
    mean = after.mean(axis=0)
    return np.asarray(mean + ratio * (after - mean))


@dataclass(frozen=True)
class AdaptiveInflation:
    """A factor of the forecast variance that follows the innovations.

    Attributes
    ----------
    factor : float
        What to give to `inflate`.
    variance : float
        How uncertain it still is; carry both to the next time.

    Examples
    --------
    >>> from masm.filters import AdaptiveInflation, inflate
    >>> found = AdaptiveInflation(factor=4.0, variance=0.1)
    >>> inflate([[-1.0], [0.0], [1.0]], found.factor).ravel()
    array([-2.,  0.,  2.])
    """

    factor: float
    variance: float


def adaptive_inflation(
    members: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
    previous: AdaptiveInflation | None = None,
    *,
    drift: float = 0.05,
    least: float = 1.0,
    most: float = 10.0,
) -> AdaptiveInflation:
    """Update an inflation factor so that innovations have the size they should.

    The innovations' squares are ``lambda H P H' + R`` on average. This time's
    estimate, ``(d' R^-1 d - n) / tr(H P H' R^-1)``, is joined with the previous factor
    by their variances.

    Parameters
    ----------
    members : (n_members, p)
        Forecast, not inflated.
    operator, observations, variance
        As for `stochastic_enkf`.
    previous : AdaptiveInflation, optional
        Of the time before; ``AdaptiveInflation(1.0, 0.25)`` at the first.
    drift : float
        Variance that the factor gains from time to time.
    least, most : float
        Bounds of the factor.

    Returns
    -------
    AdaptiveInflation
        The previous factor, with its variance grown, where nothing was observed or
        the observed states have no spread.

    Raises
    ------
    InputError
        As `stochastic_enkf`; bounds in the wrong order.

    References
    ----------
    Wang and Bishop (2003), Journal of the Atmospheric Sciences 60, 1140-1158;
    Miyoshi (2011), Monthly Weather Review 139, 1519-1535.

    Examples
    --------
    >>> members = np.random.default_rng(0).normal(size=(500, 1))
    >>> found = adaptive_inflation(members, [[1.0]], [6.0], [1.0])
    >>> found.factor > 1.0
    True
    """
    found = _checks.members_of(members)
    observed = _checks.observed_of(operator, observations, variance, found.shape[1])
    drift = _checks.number(drift, "drift", least=0.0)
    least = _checks.number(least, "least factor", above=0.0)
    most = _checks.number(most, "largest factor", least=least)
    before = previous or AdaptiveInflation(1.0, 0.25)
    factor = _checks.number(before.factor, "previous factor", above=0.0)
    spread = _checks.number(before.variance, "previous variance", least=0.0) + drift
    n = observed.value.size
    if not n:
        return AdaptiveInflation(factor, spread)
    mean, covariance = sample_moments(found)
    h = observed.operator
    root = cholesky(observed.covariance)
    innovation = np.linalg.solve(root, observed.value - h @ mean)
    half = np.linalg.solve(root, h)
    trace = float(np.sum((half @ covariance) * half))
    if trace <= 0.0:
        return AdaptiveInflation(factor, spread)
    estimate = (float(innovation @ innovation) - n) / trace
    # Variance of the estimate if the present factor were right, values independent.
    error = 2.0 / n * ((factor * trace + n) / trace) ** 2
    fraction = spread / (spread + error) if spread > 0.0 else 0.0
    updated = float(np.clip(factor + fraction * (estimate - factor), least, most))
    return AdaptiveInflation(updated, (1.0 - fraction) * spread)


def add_process_error(
    members: ArrayLike, process: ArrayLike, *, n_sites: int = 1, seed: _checks.Seed
) -> Array:
    """Add a draw of the process error to every member (additive inflation).

    Parameters
    ----------
    members : (n_members, p)
        All q states of a site are side by side.
    process : (q, q)
        Covariance Q of the process error of a site; sites are independent.
    n_sites : int
    seed : int, sequence of int or SeedSequence

    Returns
    -------
    ndarray, (n_members, p)
        The draws have mean zero over the members.

    Raises
    ------
    InputError
        Fewer than three members, or a process error that is no covariance.

    Examples
    --------
    >>> add_process_error(np.zeros((4, 2)), np.eye(2), seed=1).shape
    (4, 2)
    """
    found = _checks.members_of(members)
    n, p = found.shape
    q = _checks.block_size(p, n_sites)
    _, root = _checks.covariance_and_root(process, q, "process")
    rng = np.random.default_rng(_checks.seeds(seed))
    noise = (rng.standard_normal((n, n_sites, root.shape[1])) @ root.T).reshape(n, p)
    return np.asarray(found + noise - noise.mean(axis=0))
