"""Whether the members of an ensemble are draws of the posterior, at no further run.

Kalman methods end with members that the model has been run at. If they are draws of the
posterior, the normal distribution with their mean and covariance is close to it, and
weights of the members by the true posterior over that distribution are nearly equal.
Members that sit beside the posterior, or are too narrow for it, or stand for a shape
that is not normal, get weights that few of them carry.

References
----------
Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed
importance sampling. Journal of Machine Learning Research 25(72), 1-58.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import linalg

from masm.methods.normal_space import to_cube, to_normal
from masm.methods.outcomes import ensemble_outcome
from masm.minimisation.reliability import reliability
from masm.problem.problem import Outcome, Runs
from masm.samplers.among import among
from masm.samplers.diagnostics import smoothed_weights
from masm.types import Array

_LEAST_EACH = 4
"""Members for each parameter below which their covariance is not known."""
_MANY = 100
"""Members from which the tail of their weights can be judged."""
_LEAST_FOR_TAIL = 25
"""Weights below which there is no tail to fit."""
PARETO_LIMIT = 0.7
"""Weights with a heavier tail are not to be trusted (Vehtari et al. 2024)."""
LEAST_SUPPORT = 0.3
"""Least effective fraction of draws that stay as they are, not weighted."""
MOST_CHANGE = 0.3
"""Standard deviations by which weights may move a marginal of such draws."""
_MOST_DRAWS = 2000  # that points are looked for among
_MOSTLY = 0.5
"""Effective fraction from which the tail of weights holds little of them."""


def checked_outcome(z: Array, residual: Array, runs: Runs) -> Outcome:
    """Return the members as an outcome, suspect where weights do not support them.

    Parameters
    ----------
    z : ndarray (member, parameter)
        In standard-normal coordinates of the prior.
    residual : ndarray (member, n_obs)
        Whitened residuals of the members' own runs.
    runs : Runs
        All model runs.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where fewer than three tenths of the members carry
        the weight, the weights would move a marginal by more than three tenths of its
        standard deviation, their tail is heavy (of 100 members or more), there are
        fewer than four members for each parameter, or an earlier run fits as well as
        members do where no members are. ``attrs`` has ``effective_fraction``,
        ``pareto_k``, ``marginal_shift``, ``n_fits_beside`` and ``reliability``.
    """
    squares = np.sum(residual**2, axis=1)
    outcome = ensemble_outcome(to_cube(z), squares, runs)
    weight = log_weights(z, squares)
    fraction, pareto_k, change = 0.0, np.inf, np.inf
    if weight is not None:
        fraction, pareto_k = fraction_of_weights(weight)
        change = marginal_change(to_cube(z), weight)
    light = len(z) < _MANY or not heavy_tails(fraction, pareto_k)
    ran = np.isfinite(runs.cost)
    n_beside = runs_beside(z, squares, to_normal(runs.u[ran]), runs.cost[ran])
    good = bool(fraction >= LEAST_SUPPORT and light and change <= MOST_CHANGE)
    good = good and not n_beside
    return replace(
        outcome,
        status="done" if good else "suspect",
        reason="" if good else "not_converged",
        attrs={
            "approximation": "exact for a linear model with normal errors; checked by "
            "weights of the members by the posterior",
            "effective_fraction": fraction,
            "pareto_k": pareto_k,
            "marginal_shift": change,
            "n_fits_beside": n_beside,
            "reliability": reliability(fraction if good else 0.0),
        },
    )


def support(z: Array, squares: Array) -> tuple[float, float]:
    """Effective fraction of members by their weights, and the weights' Pareto k.

    Parameters
    ----------
    z : ndarray (member, parameter)
    squares : ndarray (member,)
        -2 log likelihood of each.

    Examples
    --------
    >>> z = np.random.default_rng(0).standard_normal((400, 2))
    >>> support(z, np.zeros(400))[0] > 0.95  # draws of the prior, and no data
    True
    >>> support(0.3 * z + 1.0, np.zeros(400))[0] > 0.95
    False
    """
    weight = log_weights(z, squares)
    return (0.0, np.inf) if weight is None else fraction_of_weights(weight)


def log_weights(z: Array, squares: Array) -> Array | None:
    """Log weights of members by the posterior over their own normal distribution.

    None where they are too few, or do not span all directions.

    Parameters
    ----------
    z : ndarray (member, parameter)
    squares : ndarray (member,)
        -2 log likelihood of each.
    """
    n, d = z.shape
    if n < _LEAST_EACH * d:
        return None
    off = z - z.mean(axis=0)
    try:
        root = np.linalg.cholesky(off.T @ off / (n - 1))
    except np.linalg.LinAlgError:
        return None  # members in less than all directions
    white = linalg.solve_triangular(root, off.T, lower=True)
    found = 0.5 * (np.sum(white**2, axis=0) - squares - np.sum(z**2, axis=1))
    return np.asarray(found) if np.isfinite(found).all() else None


def heavy_tails(fraction: float, pareto_k: float) -> bool:
    """Whether the tail of weights makes them useless.

    Where most draws are effective their tail holds little of the weight, and its shape
    is of a few draws: it is heavy only where the weights have no mean.

    Examples
    --------
    >>> heavy_tails(0.2, 0.8), heavy_tails(0.8, 0.8)
    (True, False)
    """
    return bool(pareto_k > (1.0 if fraction >= _MOSTLY else PARETO_LIMIT))


def marginal_change(u: Array, log_weight: Array) -> float:
    """How far weights move the marginals of draws, at most, in standard deviations.

    The Wasserstein-1 distance between draws as they are and weighted, over the weighted
    standard deviation, of the parameter where it is largest. An effective fraction
    alone does not show it: weights may be uneven at random, or by what they say.

    Parameters
    ----------
    u : ndarray (draw, parameter)
    log_weight : ndarray (draw,)
        -inf for draws that failed.

    Examples
    --------
    >>> u = np.random.default_rng(0).random((400, 1))
    >>> marginal_change(u, np.zeros(400)) < 1e-12
    True
    >>> marginal_change(u, 4.0 * u[:, 0]) > 0.5
    True
    """
    from scipy.stats import wasserstein_distance

    ran = np.isfinite(log_weight)
    if not ran.any():
        return float("inf")
    u, log_weight = u[ran], log_weight[ran]
    if len(u) >= _LEAST_FOR_TAIL and np.ptp(log_weight) > 1e-6:
        log_weight = smoothed_weights(log_weight)[0]
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    sd = np.sqrt(weight @ (u - weight @ u) ** 2)
    far = [wasserstein_distance(c, c, None, weight) for c in u.T]
    return float(np.max(np.array(far) / np.maximum(sd, 1e-12)))


def runs_beside(z: Array, squares: Array, runs_z: Array, runs_squares: Array) -> int:
    """How many runs fit as well as draws do, and have no draws around them.

    Such a run is proof of a part of the posterior that the draws lack. As well is: no
    less density than the median draw.

    Parameters
    ----------
    z : ndarray (draw, parameter)
        In standard-normal coordinates of the prior.
    squares : ndarray (draw,)
        -2 log likelihood of each.
    runs_z : ndarray (run, parameter)
    runs_squares : ndarray (run,)

    Examples
    --------
    >>> z = 0.1 * np.random.default_rng(0).standard_normal((400, 2))
    >>> fit = 100.0 * np.sum(z**2, axis=1)
    >>> runs_beside(z, fit, np.array([[0.02, 0.0], [2.0, 0.0]]), np.array([0.0, -9.0]))
    1
    """
    some = z[:: 1 + len(z) // _MOST_DRAWS]
    limit = np.median(squares + np.sum(z**2, axis=1))
    fits = runs_squares + np.sum(runs_z**2, axis=1) <= limit
    if len(np.unique(some, axis=0)) <= 3 * z.shape[1] + 10 or not fits.any():
        return 0  # too few draws to say what lies among them
    return int(np.sum(~among(runs_z[fits], some)))


def fraction_of_weights(log_weight: Array) -> tuple[float, float]:
    """Effective fraction of draws by Pareto-smoothed weights, and the shape k.

    Parameters
    ----------
    log_weight : ndarray (draw,)
        Of the posterior over what was drawn from, up to a constant; -inf for draws
        that failed.
    """
    ran = log_weight[np.isfinite(log_weight)]
    if len(ran) == 0:
        return 0.0, np.inf
    if np.ptp(ran) < 1e-6:
        return len(ran) / len(log_weight), -np.inf  # equal weights have no tail
    if len(ran) < _LEAST_FOR_TAIL:
        smoothed, pareto_k = ran, -np.inf
    else:
        smoothed, pareto_k = smoothed_weights(ran)
    weight = np.exp(smoothed - smoothed.max())
    fraction = float(weight.sum() ** 2 / np.sum(weight**2) / len(log_weight))
    return fraction, pareto_k
