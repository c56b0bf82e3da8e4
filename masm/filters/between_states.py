"""Localisation between the states of a site: covariances of few members are tapered.

A state that nobody observes is corrected by its covariance with those that are. With n
members a correlation of zero shows as one of about ``1 / sqrt(n - 1)``, and members
that share parameters or weather show the same one at all sites and at all times. Such
a covariance does harm at every analysis. It is tapered here as that between far sites
is ("variable localisation", Kang et al. 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks

Array = NDArray[np.float64]

BETWEEN_STATES = ("tested", "apart", "sampled")

_PERMUTATIONS = 999
_BATCH = 50


@dataclass(frozen=True)
class StateTaper:
    """Result of `state_taper`.

    Attributes
    ----------
    factor : (q, q)
        By which covariances of two states are multiplied, 1 on the diagonal, positive
        semidefinite.
    mean_square : (q, q)
        Mean square of the sample correlation over the sites; NaN where no site has
        spread in both states.
    p_value : (q, q)
        Of no correlation, by permutation; NaN where it was not tested.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.filters import state_taper
    >>> members = np.random.default_rng(1).standard_normal((20, 2))
    >>> state_taper(members, n_sites=1, seed=1).p_value.shape
    (2, 2)
    """

    factor: Array
    mean_square: Array
    p_value: Array


def state_taper(
    members: ArrayLike,
    *,
    n_sites: int,
    rule: str = "tested",
    level: float = 0.05,
    seed: _checks.Seed,
) -> StateTaper:
    """Factors of the covariances between states, from the members themselves.

    With ``r_s`` the sample correlation of two states at site ``s``, ``m`` the mean of
    ``r_s^2`` over the sites and ``n`` the number of members,

    ``factor = max(0, 1 - 1 / ((n - 1) m))`` if ``p <= level``, and else 0.

    The ratio is the factor with the least expected square error of ``factor r_s``:
    ``E[r^2] = rho^2 + 1 / (n - 1)`` nearly. ``p`` is that of a permutation test. The
    members of the second state are put in another order, the same at all sites, so
    that what sites share through their members is in the distribution of ``m``.

    Parameters
    ----------
    members : (n_members, p)
        All q states of a site are side by side; latent values of censored states.
    n_sites : int
    rule : {"tested", "apart", "sampled"}
        The factor above; none between different states; or the sample covariance as
        it is, which is the source's.
    level : float, above 0 and at most 1
        Of the test; 1 leaves the shrinkage alone.
    seed : int, sequence of int or SeedSequence
        Of the permutations.

    Returns
    -------
    StateTaper

    Raises
    ------
    InputError
        Fewer than three members, shapes that do not fit, an unknown rule.

    References
    ----------
    Kang, Kalnay, Liu, Fung, Miyoshi and Ide (2011), Journal of Geophysical Research
    116, D09110 (covariances of variables that are not related are left out). Menetrier
    et al. (2015), Monthly Weather Review 143, 1622-1643 (factors of least error).

    Examples
    --------
    >>> z = np.random.default_rng(1).standard_normal((20, 2))
    >>> state_taper(z, n_sites=1, seed=1).factor
    array([[1., 0.],
           [0., 1.]])
    >>> z[:, 1] = z[:, 0] + 0.1 * z[:, 1]
    >>> state_taper(z, n_sites=1, seed=1).factor.round(2)
    array([[1.  , 0.95],
           [0.95, 1.  ]])
    """
    found = _checks.members_of(members)
    q = _checks.block_size(found.shape[1], n_sites)
    _checks.choice(rule, "rule between states", BETWEEN_STATES)
    level = _checks.number(level, "level", above=0.0, most=1.0)
    mean_square, p_value = np.full((q, q), np.nan), np.full((q, q), np.nan)
    if rule != "tested":
        factor = np.ones((q, q)) if rule == "sampled" else np.eye(q)
        return StateTaper(factor, mean_square, p_value)
    scores = _standardised(found, n_sites)
    rng = np.random.default_rng(_checks.seeds(seed))
    orders = np.array([rng.permutation(len(found)) for _ in range(_PERMUTATIONS)])
    factor = np.eye(q)
    for j in range(q):
        for k in range(j + 1, q):
            m, p = _test(scores[:, :, j], scores[:, :, k], orders)
            mean_square[j, k] = mean_square[k, j] = m
            p_value[j, k] = p_value[k, j] = p
            if p <= level:
                shrunk = max(0.0, 1.0 - 1.0 / ((len(found) - 1) * m))
                factor[j, k] = factor[k, j] = shrunk
    return StateTaper(_semidefinite(factor), mean_square, p_value)


def _standardised(members: Array, n_sites: int) -> Array:
    """Members less their mean, of length one, (n, n_sites, q); 0 without spread."""
    by_site = members.reshape(len(members), n_sites, -1)
    centred = by_site - by_site.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    spread = length > 1e-12 * np.abs(by_site).max(axis=0)
    return np.asarray(np.where(spread, centred / np.where(spread, length, 1.0), 0.0))


def _test(first: Array, second: Array, orders: NDArray[np.intp]) -> tuple[float, float]:
    """Mean square correlation over the sites, and its p value."""
    both = np.any(first != 0.0, axis=0) & np.any(second != 0.0, axis=0)
    if not both.any():
        return np.nan, np.nan
    first, second = first[:, both], second[:, both]
    m = float(np.mean(np.sum(first * second, axis=0) ** 2))
    chance = [
        np.mean(np.einsum("is,pis->ps", first, second[part]) ** 2, axis=1)
        for part in np.split(orders, range(_BATCH, len(orders), _BATCH))
    ]
    # Equal ones count, those that differ by rounding too.
    above = int((np.concatenate(chance) >= m * (1.0 - 1e-12)).sum())
    return m, (1.0 + above) / (1.0 + len(orders))


def _semidefinite(factor: Array) -> Array:
    """Draw off-diagonal factors together to zero until no eigenvalue is negative."""
    off = factor - np.eye(len(factor))
    least = float(np.linalg.eigvalsh(off)[0])
    return factor if least >= -1.0 else np.eye(len(factor)) + off / -least


def taper_states(covariance: ArrayLike, factor: ArrayLike) -> Array:
    """Multiply the covariances of all sites by factors between states.

    Parameters
    ----------
    covariance : (p, p)
        All q states of a site are side by side.
    factor : (q, q)
        Of `state_taper`. It counts inside a site and between sites.

    Returns
    -------
    ndarray, (p, p)
        It stays positive semidefinite (Schur).

    Examples
    --------
    >>> taper_states([[2.0, 1.0], [1.0, 2.0]], np.eye(2))
    array([[2., 0.],
           [0., 2.]])
    """
    factor = checked_factor(factor)
    q = len(factor)
    p = np.atleast_2d(_checks.numbers(covariance, "covariance")).shape[0]
    if p % q:
        raise InputError("factor", found=f"{q} states, {p} rows of the covariance",
                         wanted="the number of states of a site")  # fmt: skip
    found = _checks.covariance_of(covariance, p, "covariance")
    ones = np.ones((p // q, p // q))
    return np.asarray(found * np.kron(ones, factor))


def checked_factor(factor: ArrayLike) -> Array:
    """Check factors between states."""
    found = np.atleast_2d(_checks.numbers(factor, "factor between states"))
    found = _checks.covariance_of(found, len(found), "factor between states")
    if np.any(np.diag(found) != 1.0) or found.min() < 0.0 or found.max() > 1.0:
        raise InputError(
            "factor between states",
            found=f"factors from {found.min():.3g} to {found.max():.3g}",
            wanted="factors from 0 to 1, and 1 for a state with itself",
        )
    return found
