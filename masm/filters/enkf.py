"""The stochastic ensemble Kalman filter: every member sees its own observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks
from masm.filters._matrices import cholesky
from masm.filters.analysis import Analysis, analysis_of, sample_moments
from masm.filters.between_states import taper_states

Array = NDArray[np.float64]


def stochastic_enkf(
    members: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
    *,
    seed: _checks.Seed,
    localisation: ArrayLike | None = None,
    state_taper: ArrayLike | None = None,
) -> Analysis:
    """Analysis with perturbed observations.

    Parameters
    ----------
    members : (n_members, p)
        Forecast; process error is already in it (`add_process_error`).
    operator : (n_obs, p)
    observations : (n_obs,)
        NaN means not observed.
    variance : number, (n_obs,) or (n_obs, n_obs)
    seed : int, sequence of int or SeedSequence
    localisation : (n_sites, n_sites), optional
        Factors of the covariances between sites, from `taper`; p is q times n_sites
        and all q states of a site are side by side.
    state_taper : (q, q), optional
        Factors of the covariances between states, from `state_taper`.

    Returns
    -------
    Analysis
        The perturbations have mean zero, so the members' mean is that of the update.

    Raises
    ------
    InputError
        Fewer than three members, shapes that do not fit, an error variance that is
        zero or missing, an observation of no state, a taper that is not one.

    References
    ----------
    Burgers, van Leeuwen and Evensen (1998), Monthly Weather Review 126, 1719-1724.

    Examples
    --------
    >>> members = np.random.default_rng(0).normal(size=(1000, 1))
    >>> found = stochastic_enkf(members, [[1.0]], [2.0], [1.0], seed=1)
    >>> bool(abs(found.mean[0] - 1.0) < 0.1)
    True
    """
    forecast = _checks.members_of(members)
    n, p = forecast.shape
    observed = _checks.observed_of(operator, observations, variance, p)
    factor = None if localisation is None else site_factors(localisation, p)
    if not observed.value.size:
        return analysis_of(forecast, 0)
    h = observed.operator
    _, covariance = sample_moments(forecast)
    if factor is not None:
        covariance = covariance * factor
    if state_taper is not None:
        covariance = taper_states(covariance, state_taper)
    gain_root = covariance @ h.T
    total = h @ gain_root + observed.covariance
    rng = np.random.default_rng(_checks.seeds(seed))
    root = cholesky(observed.covariance)
    noise = rng.standard_normal((n, observed.value.size)) @ root.T
    noise -= noise.mean(axis=0)
    missed = observed.value + noise - forecast @ h.T
    step = np.linalg.solve(total, missed.T)
    return analysis_of(forecast + (gain_root @ step).T, observed.value.size)


def site_factors(localisation: ArrayLike, p: int) -> Array:
    """Factors of covariances of all states, (p, p), from those of the sites."""
    sites = np.atleast_2d(_checks.numbers(localisation, "localisation"))
    if sites.ndim != 2 or sites.shape[0] != sites.shape[1] or p % len(sites):
        raise InputError(
            "localisation",
            found=f"shape {sites.shape}, {p} states",
            wanted="(n_sites, n_sites), with p a multiple of n_sites",
        )
    sites = _checks.covariance_of(sites, len(sites), "localisation")
    if np.any(np.diag(sites) != 1.0) or sites.min() < 0.0 or sites.max() > 1.0:
        raise InputError(
            "localisation",
            found=f"factors from {sites.min():.3g} to {sites.max():.3g}",
            wanted="factors from 0 to 1, and 1 within a site",
        )
    q = p // len(sites)
    return np.asarray(np.kron(sites, np.ones((q, q))))
