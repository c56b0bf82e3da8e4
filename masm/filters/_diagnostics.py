"""R-hat and effective sample size of many quantities at once (Vehtari et al. 2021).

The same definitions as ArviZ's, for arrays with thousands of columns: ranks are
normalised, chains are split, and autocorrelations come from one Fourier transform.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

# Fewer draws in a chain say nothing about convergence.
_LEAST_DRAWS = 8
# Columns handled at once, so that the Fourier transform stays small.
_CHUNK = 256


def convergence(draws: Array) -> tuple[Array, Array]:
    """Rank-normalised split R-hat and bulk effective sample size.

    Parameters
    ----------
    draws : (chain, draw, quantity)

    Returns
    -------
    r_hat, ess : (quantity,)
        NaN for fewer than 8 draws in a chain or a quantity that never changes.
    """
    _, n_draws, n = draws.shape
    r_hat, ess = np.full(n, np.nan), np.full(n, np.nan)
    if n_draws < _LEAST_DRAWS:
        return r_hat, ess
    for first in range(0, n, _CHUNK):
        part = _split(draws[:, :, first : first + _CHUNK])
        moves = np.ptp(part, axis=(0, 1)) > 0.0
        part = part[:, :, moves]
        if not moves.any():
            continue
        z = _rank_normal(part)
        # Folded ranks see chains that differ in spread and not in place.
        folded = _rank_normal(np.abs(part - np.median(part, axis=(0, 1))))
        where = first + np.flatnonzero(moves)
        r_hat[where] = np.maximum(_r_hat(z), _r_hat(folded))
        ess[where] = _effective(z)
    return r_hat, ess


def effective_size(draws: Array) -> Array:
    """Effective sample size of the mean itself, (quantity,), without ranks."""
    out = np.full(draws.shape[2], np.nan)
    if draws.shape[1] < _LEAST_DRAWS:
        return out
    for first in range(0, draws.shape[2], _CHUNK):
        part = _split(draws[:, :, first : first + _CHUNK])
        moves = np.ptp(part, axis=(0, 1)) > 0.0
        if moves.any():
            out[first + np.flatnonzero(moves)] = _effective(part[:, :, moves])
    return out


def _split(draws: Array) -> Array:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _rank_normal(draws: Array) -> Array:
    flat = draws.reshape(-1, draws.shape[2])
    ranks = np.asarray(scipy.stats.rankdata(flat, axis=0))
    z = special.ndtri((ranks - 0.375) / (len(flat) + 0.25))
    return np.asarray(z).reshape(draws.shape)


def _r_hat(draws: Array) -> Array:
    n = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    between = draws.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((n - 1) / n + between / within))


def _effective(draws: Array) -> Array:
    """Geyer's initial monotone sequence over all chains."""
    m, n, _ = draws.shape
    centred = draws - draws.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, n=2 * n, axis=1)
    power = np.abs(spectrum) ** 2
    covariance = np.fft.irfft(power, axis=1)[:, :n] / n
    own = covariance[:, 0].mean(axis=0) * n / (n - 1)
    total = own * (n - 1) / n + draws.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1.0 - (own - covariance.mean(axis=0)) / total
    rho[0] = 1.0
    n_pairs = n // 2
    pairs = rho[: 2 * n_pairs].reshape(n_pairs, 2, -1).sum(axis=1)
    alive = np.cumprod(pairs > 0.0, axis=0).astype(bool)
    pairs = np.minimum.accumulate(np.where(alive, pairs, 0.0), axis=0)
    tau = np.maximum(2.0 * pairs.sum(axis=0) - 1.0, 1.0 / np.log10(m * n))
    return np.asarray(m * n / tau)
