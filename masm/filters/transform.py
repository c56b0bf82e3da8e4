"""Ensemble transform filters: members are recombined, without random numbers.

The local form makes one such analysis for each site, with the errors of far
observations enlarged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from masm.errors import InputError
from masm.filters import _checks
from masm.filters._matrices import cholesky
from masm.filters.analysis import Analysis, analysis_of
from masm.filters.between_states import checked_factor
from masm.filters.localisation import distances_of, taper

Array = NDArray[np.float64]

# Observations with a smaller taper are left out of a local analysis.
_NO_INFLUENCE = 1e-8


def ensemble_transform(
    members: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
) -> Analysis:
    """Analysis by the symmetric square root, in the space of the members.

    Parameters
    ----------
    members : (n_members, p)
        Forecast.
    operator : (n_obs, p)
    observations : (n_obs,)
        NaN means not observed.
    variance : number, (n_obs,) or (n_obs, n_obs)

    Returns
    -------
    Analysis
        Its mean and covariance are those of the Kalman filter with the members' own
        covariance.

    Raises
    ------
    InputError
        Fewer than three members, shapes that do not fit, an error variance that is
        zero or missing, an observation of no state.

    References
    ----------
    Bishop, Etherton and Majumdar (2001), Monthly Weather Review 129, 420-436; Wang,
    Bishop and Julier (2004), ibid. 132, 1590-1605 (the symmetric root).

    Examples
    --------
    >>> ensemble_transform([[-1.0], [0.0], [1.0]], [[1.0]], [2.0], [1.0]).mean
    array([1.])
    """
    forecast = _checks.members_of(members)
    observed = _checks.observed_of(operator, observations, variance, forecast.shape[1])
    if not observed.value.size:
        return analysis_of(forecast, 0)
    seen = forecast @ observed.operator.T
    root = cholesky(observed.covariance)
    moved = _recombine(forecast, seen, observed.value, root)
    return analysis_of(moved, observed.value.size)


def local_ensemble_transform(
    members: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
    *,
    distance: ArrayLike,
    radius: float,
    kind: str = "gaspari_cohn",
    observation_sites: ArrayLike | None = None,
    state_taper: ArrayLike | None = None,
) -> Analysis:
    """A transform for each site, in which far observations count less.

    Parameters
    ----------
    members, operator, observations, variance
        As for `ensemble_transform`; all q states of a site are side by side.
    distance : (n_sites, n_sites)
    radius, kind
        Of `taper`, by which the precision of an observation is multiplied. With an
        infinite radius the result is that of `ensemble_transform`.
    observation_sites : (n_obs,) of int, optional
        The site of each observation. Needed where a row of the operator sees more
        than one site.
    state_taper : (q, q), optional
        Factors between states, from `state_taper`. A state is then updated by itself,
        and the precision of each observation is multiplied by the factor between the
        two. Each row of the operator must see one state.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        As `ensemble_transform`; also distances that are none, or an observation
        whose site, or state with ``state_taper``, is not clear.

    References
    ----------
    Hunt, Kostelich and Szunyogh (2007), Physica D 230, 112-126.

    Examples
    --------
    >>> found = local_ensemble_transform(
    ...     [[-1.0, 0.0], [0.0, 1.0], [1.0, 2.0]], [[1.0, 0.0]], [2.0], [1.0],
    ...     distance=[[0.0, 900.0], [900.0, 0.0]], radius=100.0,
    ... )
    >>> found.mean
    array([1., 1.])
    """
    forecast = _checks.members_of(members)
    p = forecast.shape[1]
    observed = _checks.observed_of(operator, observations, variance, p)
    between = distances_of(distance)
    q = _checks.block_size(p, len(between))
    factors = taper(between, radius, kind)
    if not observed.value.size:
        return analysis_of(forecast, 0)
    sites = _sites_of(
        observed, observation_sites, np.size(observations), q, len(between)
    )
    groups = _groups_of(observed, state_taper, q)
    seen = forecast @ observed.operator.T
    out = forecast.copy()
    for site in range(len(between)):
        for states, fraction in groups:
            weight = factors[site, sites] * fraction
            near = np.flatnonzero(weight > _NO_INFLUENCE)
            if not near.size:
                continue
            half = np.sqrt(weight[near])
            errors = observed.covariance[np.ix_(near, near)] / np.outer(half, half)
            block = site * q + states
            out[:, block] = _recombine(
                forecast[:, block], seen[:, near], observed.value[near],
                cholesky(errors),
            )  # fmt: skip
    return analysis_of(out, observed.value.size)


def _groups_of(
    observed: _checks.Observed, state_taper: ArrayLike | None, q: int
) -> list[tuple[NDArray[np.intp], Array]]:
    """States updated together, and the fraction of each observation for them."""
    n_obs = observed.value.size
    if state_taper is None:
        return [(np.arange(q), np.ones(n_obs))]
    factor = checked_factor(state_taper)
    if len(factor) != q:
        raise InputError("state_taper", found=f"{len(factor)} states", wanted=q)
    if factor.min() == 1.0:
        return [(np.arange(q), np.ones(n_obs))]
    touched = np.any(observed.operator.reshape(n_obs, -1, q) != 0.0, axis=1)
    several = np.flatnonzero(touched.sum(axis=1) != 1)
    if several.size:
        raise InputError(
            f"observation {int(observed.index[several[0]])} sees more than one state",
            wanted="observations of one state, or no state_taper",
        )
    rows, group = np.unique(factor, axis=0, return_inverse=True)
    state = touched.argmax(axis=1)
    return [
        (np.flatnonzero(group.ravel() == k), row[state]) for k, row in enumerate(rows)
    ]


def _recombine(forecast: Array, seen: Array, value: Array, error_root: Array) -> Array:
    """Members after the symmetric square-root update.

    With ``A = (Y - mean) R^-1/2 / sqrt(n - 1) = U s V'`` the mean moves by the weights
    ``U s / (1 + s^2) V' R^-1/2 d`` and perturbations are multiplied by ``I +
    U ((1 + s^2)^-1/2 - 1) U'``. No matrix of members by members is formed.
    """
    n = len(forecast)
    mean, seen_mean = forecast.mean(axis=0), seen.mean(axis=0)
    perturbed = forecast - mean
    white = linalg.solve_triangular(
        error_root,
        np.column_stack([(seen - seen_mean).T, value - seen_mean]),
        lower=True,
    )
    scaled, innovation = white[:, :-1].T / np.sqrt(n - 1.0), white[:, -1]
    u, s, vt = np.linalg.svd(scaled, full_matrices=False)
    along = u.T @ perturbed
    shift = (s / (1.0 + s**2) * (vt @ innovation)) @ along / np.sqrt(n - 1.0)
    shrink = (1.0 / np.sqrt(1.0 + s**2) - 1.0)[:, None] * along
    return mean + shift + perturbed + u @ shrink


def _sites_of(
    observed: _checks.Observed,
    given: ArrayLike | None,
    n_obs: int,
    q: int,
    n_sites: int,
) -> NDArray[np.intp]:
    if given is not None:
        sites = _checks.numbers(given, "observation_sites")
        if sites.shape != (n_obs,) or np.any(sites != np.round(sites)):
            raise InputError(
                "observation_sites", found=sites, wanted=f"{n_obs} whole numbers"
            )
        if np.any((sites < 0) | (sites >= n_sites)):
            raise InputError(
                "observation_sites",
                found=sites,
                wanted=f"places from 0 to {n_sites - 1}",
            )
        return sites[observed.index].astype(np.intp)
    rows = observed.operator.reshape(-1, n_sites, q)
    touched = np.any(rows != 0.0, axis=2)
    several = np.flatnonzero(touched.sum(axis=1) != 1)
    if several.size:
        raise InputError(
            f"observation {int(observed.index[several[0]])} sees more than one site",
            wanted="observation_sites, the site of each observation",
        )
    return np.asarray(touched.argmax(axis=1), np.intp)
