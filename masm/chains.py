"""Markov chains in the unit cube, exact at its bounds and deterministic in the seed.

Three samplers of a density on [0, 1]^d, all of which reject proposals outside it
(clipping would pile mass on the edges, redrawing would not be reversible):

`surrogate_chains`
    Compiled Metropolis chains on the mean of a Gaussian process, each step a
    random walk with the pooled covariance or a jump along the difference of two
    earlier states (ter Braak and Vrugt 2008), which also crosses between modes.
`ensemble_chains`
    Many chains in lockstep on any vectorised log density: differential evolution
    and snooker moves from an archive (DE-MC(Z)), and draws from a mixture of
    normals fitted to the archive.
`tempered_population`
    Sequential Monte Carlo from the uniform prior to the density, which finds
    separate modes and gives each its weight (Del Moral et al. 2006).

References
----------
ter Braak, C. J. F. and Vrugt, J. A. (2008). Differential evolution Markov chain
with snooker updater and fewer chains. Statistics and Computing 18, 435-446.
Del Moral, P., Doucet, A. and Jasra, A. (2006). Sequential Monte Carlo samplers.
Journal of the Royal Statistical Society B 68, 411-436.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from masm.errors import InputError
from masm.gp import GaussianProcess

Array = NDArray[np.float64]
LogDensity = Callable[[Array], Array]

# Degrees of freedom of a mixture's proposals.
_TAIL = 8.0

_RANDOM_WALK, _DIFFERENCE, _JUMP = 0, 1, 2


@dataclass(frozen=True)
class Chains:
    """States of several chains.

    Attributes
    ----------
    u : (n_chains, n_steps, n_parameters), in the unit cube
    log_density : (n_chains, n_steps), unnormalised
    acceptance : float
        Share of proposals accepted, those outside the cube counted as rejected.
    """

    u: Array
    log_density: Array
    acceptance: float

    @property
    def pooled(self) -> Array:
        """All states, (n_chains * n_steps, n_parameters)."""
        return self.u.reshape(-1, self.u.shape[-1])


# -- compiled chains on the mean of a Gaussian process --------------------------


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
    rng : the only source of chance
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
    first = latin_hypercube(n_chains, d, rng) if starts is None else _starts(starts, d)
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


# -- lockstep chains on any log density ------------------------------------------


def ensemble_chains(
    log_density: LogDensity,
    starts: ArrayLike,
    *,
    rng: np.random.Generator,
    n_steps: int,
    n_burn: int = 0,
    thin: int = 1,
) -> Chains:
    """Chains in lockstep on a vectorised log density (DE-MC(Z) with snooker).

    The archive of earlier states grows during ``n_burn`` and is then fixed, so the
    kept steps are a plain Markov chain. Each step of each chain is one of: a
    difference of two archive states along a random subset of the parameters, the
    same at full length (to cross between modes), a snooker move along the line to
    an archive state, or a draw from a mixture of normals fitted to the archive.

    Parameters
    ----------
    log_density : callable
        (n_points, n_parameters) in the unit cube -> (n_points,); -inf or NaN is
        never entered. Called only inside the cube.
    starts : (n_chains, n_parameters)
    rng : the only source of chance
    n_steps : kept states of each chain, every ``thin``-th step
    n_burn : steps before those
    """
    state = _starts(starts)
    n_chains, d = state.shape
    if n_chains < 4:
        raise InputError(
            f"ensemble chains: {n_chains} starts", wanted="at least 4 chains"
        )
    value = _clean(log_density(state))
    archive = [state.copy()]
    frozen = state.copy()
    normal: _Normal | _Mixture = _Normal(frozen)
    u = np.empty((n_chains, n_steps, d))
    values = np.empty((n_chains, n_steps))
    accepted = proposed = 0
    for t in range(-n_burn, n_steps * thin):
        if t <= 0 and (t == 0 or (t + n_burn) % 25 == 0):
            # Early states are forgotten: only the later half is proposed from.
            late = archive[len(archive) // 2 :]
            frozen = np.concatenate(late)
            if len(frozen) > 4000:
                frozen = frozen[:: len(frozen) // 2000]
            # The mixture takes longer to fit: only for the steps that are kept.
            normal = _Mixture(frozen, rng) if t == 0 else _Normal(frozen)
        new, log_ratio = _ensemble_proposal(state, frozen, normal, rng)
        inside = np.all((new >= 0.0) & (new <= 1.0), axis=1) & np.isfinite(log_ratio)
        new_value = np.full(n_chains, -np.inf)
        if inside.any():
            new_value[inside] = _clean(log_density(new[inside]))
        log_uniform = np.log1p(-rng.random(n_chains))
        with np.errstate(invalid="ignore"):
            take = inside & (log_uniform < new_value - value + log_ratio)
        state[take] = new[take]
        value[take] = new_value[take]
        if t < 0:
            archive.append(state.copy())
        else:
            accepted += int(take.sum())
            proposed += n_chains
            if (t + 1) % thin == 0:
                u[:, t // thin] = state
                values[:, t // thin] = value
    return Chains(u, values, accepted / max(proposed, 1))


class _Normal:
    """Normal distribution fitted to states, as an independent proposal."""

    def __init__(self, states: Array):
        d = states.shape[1]
        self.mean = states.mean(axis=0)
        covariance = np.atleast_2d(np.cov(states.T))
        covariance = 1.1 * covariance + 1e-10 * np.eye(d)
        self.factor = np.linalg.cholesky(covariance)
        self.inverse = np.linalg.inv(self.factor)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points, (n, n_parameters)."""
        z = rng.standard_normal((n, len(self.mean)))
        return self.mean + z @ self.factor.T

    def log_density(self, x: Array) -> Array:
        z = (x - self.mean) @ self.inverse.T
        return -0.5 * np.einsum("ij,ij->i", z, z)


class _Mixture:
    """Mixture of normals fitted to states by expectation maximisation.

    It follows a bent or two-humped posterior, where one normal proposes little that
    is accepted. It proposes Student's t in place of each normal: a chain at the thin
    end of a ridge, seldom proposed by normals, would be stuck there.
    """

    def __init__(self, states: Array, rng: np.random.Generator, n_parts: int = 12):
        n, d = states.shape
        n_parts = max(1, min(n_parts, n // (10 * d)))
        ridge = 1e-4 * np.diag(states.var(axis=0)) + 1e-10 * np.eye(d)
        whole = np.atleast_2d(np.cov(states.T)) + ridge
        self.means = states[rng.choice(n, n_parts, replace=False)]
        self.factors = np.linalg.cholesky(np.tile(whole / n_parts, (n_parts, 1, 1)))
        self.shares = np.full(n_parts, 1.0 / n_parts)
        for _ in range(20):
            parts = self._normal_parts(states)
            belongs = np.exp(parts - _log_sum(parts)[:, None])
            size = belongs.sum(axis=0) + 1e-6
            self.shares = size / size.sum()
            self.means = (belongs.T @ states) / size[:, None]
            for k in range(n_parts):
                r = states - self.means[k]
                # A few pseudo-states of the whole keep small parts from collapsing.
                covariance = (belongs[:, k, None] * r).T @ r + 2 * d * whole / n_parts
                covariance = covariance / (size[k] + 2 * d) + ridge
                self.factors[k] = np.linalg.cholesky(1.1 * covariance)

    def _squared(self, x: Array) -> Array:
        """Squared distance from each part in its own standard deviations."""
        squared = np.empty((len(x), len(self.shares)))
        for k, factor in enumerate(self.factors):
            inverse, _ = linalg.lapack.dtrtri(factor, lower=1)
            squared[:, k] = np.sum(((x - self.means[k]) @ inverse.T) ** 2, axis=1)
        return squared

    def _scaled(self, parts: Array) -> Array:
        """Add to logs of densities the log of each part's share over its volume."""
        volume = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(parts + np.log(self.shares) - volume)

    def _normal_parts(self, x: Array) -> Array:
        return self._scaled(-0.5 * self._squared(x))

    def _parts(self, x: Array) -> Array:
        """Log of share times density of each part, up to a constant, (n, n_parts)."""
        d = x.shape[1]
        return self._scaled(-0.5 * (_TAIL + d) * np.log1p(self._squared(x) / _TAIL))

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points, (n, n_parameters)."""
        k = rng.choice(len(self.shares), size=n, p=self.shares)
        z = rng.standard_normal((n, self.means.shape[1]))
        z /= np.sqrt(rng.chisquare(_TAIL, (n, 1)) / _TAIL)
        return self.means[k] + np.einsum("nij,nj->ni", self.factors[k], z)

    def log_density(self, x: Array) -> Array:
        return _log_sum(self._parts(x))


def _log_sum(parts: Array) -> Array:
    most = parts.max(axis=1)
    return np.asarray(most + np.log(np.exp(parts - most[:, None]).sum(axis=1)))


def _ensemble_proposal(
    state: Array, archive: Array, normal: _Normal | _Mixture, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Proposed states and the log Hastings ratio of each."""
    n, d = state.shape
    log_ratio = np.zeros(n)
    kind = rng.random(n)
    a, b, c = archive[rng.integers(0, len(archive), (3, n))]

    # Differences along a random subset of parameters (at least one).
    share = rng.choice([0.5, 1.0, 1.0, 1.0], size=n)
    chosen = rng.random((n, d)) < share[:, None]
    chosen[np.arange(n), rng.integers(0, d, n)] = True
    gamma = 2.38 / np.sqrt(2.0 * chosen.sum(axis=1))
    gamma *= rng.uniform(0.5, 1.1, n)
    jump: NDArray[np.bool_] = np.greater(kind, 0.9)
    gamma[jump] = 1.0
    chosen[jump] = True
    new = state + np.where(chosen, gamma[:, None] * (a - b), 0.0)
    new += np.where(chosen, 1e-5 * rng.standard_normal((n, d)), 0.0)

    snooker: NDArray[np.bool_] = np.less(kind, 0.1)
    if snooker.any():
        s = np.flatnonzero(snooker)
        line = state[s] - c[s]
        length = np.linalg.norm(line, axis=1)
        ok = length > 1e-12
        direction = line / np.where(ok, length, 1.0)[:, None]
        stretch = rng.uniform(1.2, 2.2, len(s))
        along = np.einsum("ij,ij->i", a[s] - b[s], direction)
        new[s] = state[s] + (stretch * along)[:, None] * direction
        new_length = np.linalg.norm(new[s] - c[s], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (d - 1) * (np.log(new_length) - np.log(np.where(ok, length, 1.0)))
        log_ratio[s] = np.where(ok & (new_length > 0.0), ratio, -np.inf)

    independent: NDArray[np.bool_] = ~snooker & np.less(kind, 0.7)
    if independent.any():
        i = np.flatnonzero(independent)
        new[i] = normal.draw(len(i), rng)
        log_ratio[i] = normal.log_density(state[i]) - normal.log_density(new[i])
    return new, log_ratio


def tempered_population(
    log_density: LogDensity,
    n_parameters: int,
    *,
    rng: np.random.Generator,
    n_particles: int = 512,
    n_moves: int = 4,
    start: ArrayLike | None = None,
) -> Array:
    """Draws from a density on the unit cube by tempering from the uniform one.

    The exponent rises from 0 to 1 so that half of the particles stay effective at
    each level; after each resampling, every particle takes `n_moves` ensemble
    steps. Modes that are far apart keep their share.

    Parameters
    ----------
    log_density : as in `ensemble_chains`
    n_parameters : of the cube
    rng : the only source of chance
    n_particles, n_moves : population and steps at each level
    start : (n_start, n_parameters), optional
        First particles, uniform in the allowed part of the cube; drawn here when
        absent. Others may be added to n_particles by the caller through this.

    Returns
    -------
    particles : (n_particles, n_parameters)
    """
    d = n_parameters
    u = latin_hypercube(n_particles, d, rng) if start is None else _starts(start, d)
    value = _clean(log_density(u))
    if not np.isfinite(value).any():
        raise InputError("tempered population: the density is zero at every start")
    exponent = 0.0
    while exponent < 1.0:
        step = _temper_step(value, 1.0 - exponent)
        exponent = 1.0 if step >= 1.0 - exponent else exponent + step
        weight = np.exp(step * (value - value.max()))
        index = _systematic(weight / weight.sum(), n_particles, rng)
        u, value = u[index], value[index]
        for _ in range(n_moves):
            archive = u.copy()
            normal = _Normal(archive)
            new, log_ratio = _ensemble_proposal(u, archive, normal, rng)
            inside = np.all((new >= 0.0) & (new <= 1.0), axis=1)
            inside &= np.isfinite(log_ratio)
            new_value = np.full(len(u), -np.inf)
            if inside.any():
                new_value[inside] = _clean(log_density(new[inside]))
            log_uniform = np.log1p(-rng.random(len(u)))
            with np.errstate(invalid="ignore"):
                gain = exponent * (new_value - value) + log_ratio
            take = inside & (log_uniform < gain)
            u[take], value[take] = new[take], new_value[take]
    return u


def _temper_step(value: Array, most: float) -> float:
    """Largest rise of the exponent that keeps half of the particles effective."""

    def effective(step: float) -> float:
        weight = np.exp(step * (value - value.max()))
        return float(weight.sum() ** 2 / np.sum(weight**2) / len(value))

    if effective(most) >= 0.5:
        return most
    low, high = 0.0, most
    # With many starts of zero density, half may be out of reach: go by the rest.
    wanted = 0.5 * float(np.mean(np.isfinite(value)))
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) > wanted else (low, middle)
    return max(low, 1e-9)


def _systematic(weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    edges = np.cumsum(weight)
    edges[-1] = 1.0
    return np.searchsorted(edges, (rng.random() + np.arange(n)) / n)


def latin_hypercube(n: int, n_parameters: int, rng: np.random.Generator) -> Array:
    """Draw one point in each of n slices of every parameter, (n, n_parameters)."""
    ranks = np.argsort(rng.random((n, n_parameters)), axis=0)
    return (ranks + rng.random((n, n_parameters))) / n


def _clean(value: Array) -> Array:
    value = np.array(value, dtype=float)
    return np.where(np.isnan(value), -np.inf, value)


def _starts(starts: ArrayLike, d: int | None = None) -> Array:
    array = np.array(starts, dtype=float, ndmin=2)
    if d is not None and array.shape[1] != d:
        raise InputError(
            f"chains: starts have {array.shape[1]} parameters", wanted=str(d)
        )
    if not np.all((array >= 0.0) & (array <= 1.0)):
        raise InputError(
            "chains: a start lies outside the unit cube",
            found=f"values from {array.min():g} to {array.max():g}",
            wanted="points between 0 and 1 in every parameter",
        )
    return array
