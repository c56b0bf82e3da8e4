"""The Kalman filter's analysis: what all other filters are compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from masm.filters import _checks
from masm.filters._matrices import cholesky

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of the state.

    Attributes
    ----------
    mean, covariance : (p,), (p, p)

    Examples
    --------
    >>> from masm.filters import kalman
    >>> found = kalman([0.0], [[1.0]], [[1.0]], [2.0], [1.0])
    >>> found.mean, found.covariance
    (array([1.]), array([[0.5]]))
    """

    mean: Array
    covariance: Array


def kalman(
    mean: ArrayLike,
    covariance: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
    *,
    process: ArrayLike | None = None,
    n_sites: int = 1,
) -> Gaussian:
    """Posterior of a normal state, given normal observations of it.

    Parameters
    ----------
    mean, covariance : (p,), (p, p)
        Forecast.
    operator : (n_obs, p)
    observations : (n_obs,)
        NaN means not observed.
    variance : number, (n_obs,) or (n_obs, n_obs)
    process : (q, q), optional
        Process error of each site, added to the forecast covariance.
    n_sites : int
        p is q times this.

    Returns
    -------
    Gaussian

    Raises
    ------
    InputError
        Shapes that do not fit, a covariance that is not one, an error variance that
        is zero or missing, an observation of no state.

    References
    ----------
    Kalman (1960), Journal of Basic Engineering 82, 35-45.

    Examples
    --------
    >>> kalman([0.0], [[1.0]], [[1.0]], [2.0], [1.0]).mean
    array([1.])
    """
    mean = _checks.vector(mean, "mean")
    p = mean.size
    q = _checks.block_size(p, n_sites)
    observed = _checks.observed_of(operator, observations, variance, p)
    total = _checks.covariance_of(covariance, p, "covariance")
    if process is not None:
        added = _checks.covariance_of(process, q, "process")
        total = total + np.kron(np.eye(n_sites), added)
    if not observed.value.size:
        return Gaussian(mean, total)
    h = observed.operator
    gain = total @ h.T
    root = cholesky(h @ gain + observed.covariance)
    white = linalg.solve_triangular(root, gain.T, lower=True)
    innovation = linalg.solve_triangular(root, observed.value - h @ mean, lower=True)
    posterior = total - white.T @ white
    return Gaussian(mean + white.T @ innovation, 0.5 * (posterior + posterior.T))
