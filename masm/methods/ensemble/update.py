"""The Kalman update of an ensemble in its own span."""

from __future__ import annotations

import numpy as np

from masm.types import Array

#: Members that a budget of model runs is turned into at most: more hardly help, and
#: the matrices over members grow with their square.
MOST_MEMBERS = 1000


def kalman_update(z: Array, residual: Array, alpha: float, noise: Array) -> Array:
    """Move members towards the observations.

    Parameters
    ----------
    z : ndarray (member, parameter)
    residual : ndarray (member, n_obs)
        Whitened, simulated minus observed; error covariance ``alpha`` times ``I``.
    alpha : float
        Inflation of the error variance in this step.
    noise : ndarray (member, n_obs)
        Standard-normal draws for perturbed observations; zeros for none.

    Returns
    -------
    ndarray (member, parameter)

    References
    ----------
    Emerick and Reynolds (2013), Computers & Geosciences 55, 3-15, eq. 9; solved in
    the span of the members: ``n_obs`` may be far larger than their number.
    """
    n = len(z)
    x = (z - z.mean(axis=0)) / np.sqrt(n - 1)
    y = (residual - residual.mean(axis=0)) / np.sqrt(n - 1)
    innovation = np.sqrt(alpha) * noise - residual
    # K = X' Y'^T (Y' Y'^T + alpha I)^-1 = X' (Y'^T Y' + alpha I)^-1 Y'^T
    inner = y @ y.T + alpha * np.eye(n)
    weights = np.linalg.solve(inner, y @ innovation.T)
    return z + weights.T @ x


def replace_failed(
    z: Array, residual: Array, rng: np.random.Generator
) -> tuple[Array, Array, int]:
    """Put copies of members that ran in the place of those that failed.

    Returns
    -------
    z, residual : ndarray
    n_failed : int
    """
    ran = np.isfinite(residual).all(axis=1)
    lost = np.flatnonzero(~ran)
    if len(lost) and ran.any():
        chosen = rng.choice(np.flatnonzero(ran), len(lost))
        z, residual = z.copy(), residual.copy()
        z[lost], residual[lost] = z[chosen], residual[chosen]
    return z, residual, len(lost)
