"""Compiled Metropolis chains on the mean of a Gaussian process.

Each step is a random walk with the pooled covariance or a jump along the difference
of two earlier states (ter Braak and Vrugt 2008), which also crosses between modes.

References
----------
ter Braak, C. J. F. and Vrugt, J. A. (2008). Differential evolution Markov chain
with snooker updater and fewer chains. Statistics and Computing 18, 435-446.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from masm.errors import InputError
from masm.gaussian_process.regression import GaussianProcess
from masm.samplers.chains import Chains, checked_starts
from masm.samplers.latin_hypercube import latin_hypercube
from masm.types import Array

_RANDOM_WALK, _DIFFERENCE, _JUMP = 0, 1, 2


def surrogate_chains(
    gp: GaussianProcess,
    *,
    rng: np.random.Generator,
    n_steps: int,
    n_chains: int = 8,
    n_burn: int | None = None,
    starts: ArrayLike | None = None,
    least_cost: float = -np.inf,
) -> Chains:
    """Metropolis chains on exp(-cost / 2), the cost being a surrogate's mean.

    Parameters
    ----------
    gp : fitted to -2 log likelihood
    rng : the only source of random numbers
    n_steps, n_chains : kept steps of each chain, and chains
    n_burn : int, optional
        Steps before those, in which the proposal adapts; after them it is fixed.
        By default half of ``n_steps``.
    starts : (n_chains, n_parameters), optional
        First states; by default a Latin hypercube sample, spread over the cube.
    least_cost : float
        Predicted costs below this count as this: what the data allow at best.
    """
    if gp.kernel_name != "matern52":
        raise InputError(
            f"compiled chains: the surrogate's kernel is {gp.kernel_name!r}",
            wanted="'matern52'",
            hint="use ensemble_chains with gp.predict_mean",
        )
    d = gp.x.shape[1]
    first = (
        latin_hypercube(n_chains, d, rng)
        if starts is None
        else checked_starts(starts, d)
    )
    n_burn = n_steps // 2 if n_burn is None else n_burn
    surrogate = (
        np.ascontiguousarray((gp.x / gp.length_scales).T),
        1.0 / gp.length_scales,
        gp.hyper.signal_variance * gp.alpha,
        gp.coefficients,
        gp.trend.center,
        gp.trend.spread,
        gp.y_mean,
        gp.y_scale,
        float(least_cost),
    )
    n_chains = len(first)
    state = first.copy()
    cost = np.array([_cost(row, surrogate) for row in state])
    proposal = np.diag(np.full(d, 0.3 / math.sqrt(d)))
    scale = np.ones(n_chains)
    archive = np.vstack([first, latin_hypercube(10 * d, d, rng)])
    n_rounds = 10 if n_burn >= 10 * d else 1
    for k in range(n_rounds):
        size = n_burn // n_rounds + (k < n_burn % n_rounds)
        if size == 0:
            continue
        u, _, accepted = _advance(
            state, cost, size, proposal, scale, archive, surrogate, rng
        )
        # The walk should be accepted about a quarter of the time.
        scale *= np.exp(np.clip(2.0 * (accepted / size - 0.25), -1.0, 1.0))
        recent = u[:, size // 2 :].reshape(-1, d)
        archive = recent[:: max(1, len(recent) // 2000)]
        proposal = _proposal_factor(recent)
    u, costs, accepted = _advance(
        state, cost, n_steps, proposal, scale, archive, surrogate, rng
    )
    return Chains(u, -0.5 * costs, float(accepted.mean() / max(n_steps, 1)))


def _proposal_factor(states: Array) -> Array:
    d = states.shape[1]
    covariance = np.atleast_2d(np.cov(states.T)) + 1e-10 * np.eye(d)
    factor = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    return factor * (2.38 / math.sqrt(d))


def _advance(
    state: Array,
    cost: Array,
    n_steps: int,
    proposal: Array,
    scale: Array,
    archive: Array,
    surrogate: tuple,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Advance all chains in place; return states, costs and accepted counts."""
    n_chains, d = state.shape
    u = np.empty((n_chains, n_steps, d))
    costs = np.empty((n_chains, n_steps))
    accepted = np.zeros(n_chains)
    archive = np.ascontiguousarray(archive)
    for c in range(n_chains):
        normal = rng.standard_normal((n_steps, d)) @ (scale[c] * proposal.T)
        log_uniform = np.log1p(-rng.random(n_steps))
        kind = rng.choice(3, size=n_steps, p=[0.7, 0.2, 0.1])
        first = rng.integers(0, len(archive), n_steps)
        second = rng.integers(0, len(archive), n_steps)
        accepted[c], cost[c] = _chain(
            state[c],
            cost[c],
            normal,
            log_uniform,
            kind,
            archive,
            first,
            second,
            surrogate,
            u[c],
            costs[c],
        )
    return u, costs, accepted


@njit(cache=True)
def _cost(u, surrogate):  # pragma: no cover - compiled
    """Mean of the surrogate at one point; as GaussianProcess.predict_mean."""
    scaled_x, inverse_length, alpha, beta, center, spread, mean, scale, least = (
        surrogate
    )
    d, n = scaled_x.shape
    squared = np.zeros(n)
    for j in range(d):
        position = u[j] * inverse_length[j]
        for i in range(n):
            step = scaled_x[j, i] - position
            squared[i] += step * step
    total = 0.0
    for i in range(n):
        root = math.sqrt(5.0 * squared[i])
        total += alpha[i] * (1.0 + root + root * root / 3.0) * math.exp(-root)
    total += beta[0]
    if beta.size > 1:
        z = (u - center) / spread
        for j in range(d):
            total += beta[1 + j] * z[j]
        if beta.size > 1 + d:
            k = 1 + d
            for a in range(d):
                for b in range(a, d):
                    total += beta[k] * z[a] * z[b]
                    k += 1
    return max(mean + scale * total, least)


@njit(cache=True)
def _chain(
    state,
    cost,
    normal,
    log_uniform,
    kind,
    archive,
    first,
    second,
    surrogate,
    states,
    costs,
):  # pragma: no cover - compiled
    n_steps, d = normal.shape
    gamma = 2.38 / math.sqrt(2.0 * d)
    n_accepted = 0
    proposed = np.empty(d)
    for t in range(n_steps):
        inside = True
        for j in range(d):
            if kind[t] == _RANDOM_WALK:
                step = normal[t, j]
            else:
                factor = gamma if kind[t] == _DIFFERENCE else 1.0
                step = factor * (archive[first[t], j] - archive[second[t], j])
                step += 1e-3 * normal[t, j]
            proposed[j] = state[j] + step
            if not 0.0 <= proposed[j] <= 1.0:
                inside = False
        if inside:
            new_cost = _cost(proposed, surrogate)
            if log_uniform[t] < 0.5 * (cost - new_cost):
                cost = new_cost
                n_accepted += 1
                for j in range(d):
                    state[j] = proposed[j]
        for j in range(d):
            states[t, j] = state[j]
        costs[t] = cost
    return n_accepted, cost
