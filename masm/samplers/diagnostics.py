"""Whether chains have converged, and whether a parameter sits at its bound.

Rank-normalised split R-hat and effective sample sizes are ArviZ's (Vehtari et al.
2021), of its part without plots, which loads fast. The Gelman-Rubin factor of the
source paper is beside them under its own name, ``r_hat_gr``.

Many short chains are compared in four groups (superchains; Margossian et al. 2024):
R-hat of single chains asks each of them for as many independent draws as four chains
need, and eighty for twenty times as many in all.

References
----------
Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Buerkner, P.-C. (2021).
Rank-normalization, folding, and localization: an improved R-hat for assessing
convergence of MCMC. Bayesian Analysis 16, 667-718.
Margossian, C. C., Hoffman, M. D., Sountsov, P., Riou-Durand, L., Vehtari, A. and
Gelman, A. (2024). Nested R-hat: assessing the convergence of Markov chain Monte Carlo
when running many short chains. Bayesian Analysis.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from masm.types import Array

#: Rules for "converged": rank-normalised split R-hat, bulk ESS, the paper's factor.
R_HAT_LIMIT = 1.01
ESS_LIMIT = 400.0
GELMAN_RUBIN_LIMIT = 1.2

_LEAST_DRAWS = 4
# From so many chains on they are compared in groups, of which there are so many.
_MANY_CHAINS, _N_GROUPS = 40, 4

_TAILS = (0.05, 0.95)

# A posterior is at a bound when the outermost 5 % of its prior holds this fraction.
_EDGE = 0.05
_EDGE_FRACTION = 0.15


def arviz() -> Any:
    """Import ArviZ without its notice about a coming release."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz as package
    return package


def smoothed_weights(log_weight: Array) -> tuple[Array, float]:
    """Pareto-smoothed log weights of importance sampling, and the Pareto shape k.

    Parameters
    ----------
    log_weight : ndarray, (draw,)
        Of density over proposal, up to a constant.

    Returns
    -------
    (draw,), float
        Normalised log weights, and k: above 0.7 they cannot be trusted.

    References
    ----------
    Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed
    importance sampling. Journal of Machine Learning Research 25.

    Examples
    --------
    >>> weights, k = smoothed_weights(np.log(np.arange(1.0, 101.0)))
    >>> bool(weights[99] > weights[0]), bool(k < 0.7)
    (True, True)
    """
    from arviz_stats.base import array_stats

    # It takes log likelihoods, whose negatives are the log weights.
    smoothed, k = array_stats.psislw(-np.asarray(log_weight))
    return np.asarray(smoothed, float), float(k)


def gelman_rubin(draws: ArrayLike) -> float:
    """Gelman-Rubin factor of one parameter, eq. 9 of Ma et al. (2022).

    ``sqrt((n-1)/n + (m+1)/(m n) B/W)`` for m chains of n draws. The paper calls B
    "the variance between the averaged values of each chain"; with that alone the
    factor would be near one for any chains, so B here is n times that variance, as
    in Gelman and Rubin (1992).

    Parameters
    ----------
    draws : array_like, (chain, draw)

    Returns
    -------
    float
        Infinite when no chain moves and they differ; NaN for fewer than two chains
        or draws.
    """
    draws = np.asarray(draws, float)
    m, n = draws.shape
    if m < 2 or n < 2:
        return math.nan
    within = float(np.mean(np.var(draws, axis=1, ddof=1)))
    between = n * float(np.var(draws.mean(axis=1), ddof=1))
    if within == 0.0:
        return math.inf if between > 0.0 else 1.0
    return math.sqrt((n - 1) / n + (m + 1) / (m * n) * between / within)


def at_bound(u: ArrayLike) -> str:
    """Which bound of its prior a posterior crowds: ``"low"``, ``"high"`` or ``""``.

    Parameters
    ----------
    u : array_like
        Draws of one parameter in the unit cube. At a bound when its outermost 5 % of
        prior probability holds more than 15 % of the draws.
    """
    u = np.asarray(u, float)
    low, high = float(np.mean(u < _EDGE)), float(np.mean(u > 1.0 - _EDGE))
    if max(low, high) <= _EDGE_FRACTION:
        return ""
    return "low" if low >= high else "high"


def convergence(draws: Array) -> dict[str, Array]:
    """Diagnostics of every parameter.

    Parameters
    ----------
    draws : ndarray, (chain, draw, parameter)

    Returns
    -------
    dict of ndarray, (parameter,)
        ``r_hat``, of four groups where there are forty chains or more, ``ess_bulk``,
        ``ess_tail`` and ``r_hat_gr``; NaN for fewer than
        four draws in a chain.
    """
    if draws.shape[1] < _LEAST_DRAWS:
        nothing = np.full(draws.shape[2], math.nan)
        names = ("r_hat", "ess_bulk", "ess_tail", "r_hat_gr")
        return {name: nothing.copy() for name in names}
    from arviz_stats.base import array_stats

    columns = [np.ascontiguousarray(draws[:, :, j]) for j in range(draws.shape[2])]
    # Chains that never move have no variance within: R-hat is NaN, without a warning.
    with np.errstate(invalid="ignore", divide="ignore"):
        rank = [float(array_stats.rhat(_grouped(c), method="rank")) for c in columns]
        bulk = [float(array_stats.ess(c, method="bulk")) for c in columns]
        tail = [float(array_stats.ess(c, method="tail", prob=_TAILS)) for c in columns]
    return {
        "r_hat": np.array(rank),
        "ess_bulk": np.array(bulk),
        "ess_tail": np.array(tail),
        "r_hat_gr": np.array([gelman_rubin(c) for c in columns]),
    }


def _grouped(draws: Array) -> Array:
    """Many chains (chain, draw) as a few, members side by side in time."""
    m, n = draws.shape
    if m < _MANY_CHAINS:
        return draws
    size = m // _N_GROUPS
    groups = draws[: size * _N_GROUPS].reshape(_N_GROUPS, size, n)
    return np.ascontiguousarray(groups.transpose(0, 2, 1)).reshape(_N_GROUPS, -1)


def has_converged(diagnosis: dict[str, Array]) -> bool:
    """Whether every parameter keeps all three rules."""
    return bool(
        np.all(diagnosis["r_hat"] < R_HAT_LIMIT)
        and np.all(diagnosis["ess_bulk"] > ESS_LIMIT)
        and np.all(diagnosis["r_hat_gr"] < GELMAN_RUBIN_LIMIT)
    )
