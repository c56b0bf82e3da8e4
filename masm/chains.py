"""Markov chains in the unit cube, exact at its bounds and deterministic in the seed.

Samplers of a density on [0, 1]^d that reject proposals outside it (clipping would
pile mass on the edges, redrawing would not be reversible):

`ensemble_chains`
    Many chains in lockstep on any vectorised log density: differential evolution
    and snooker moves from an archive (DE-MC(Z)), and draws from a mixture of
    normals fitted to the archive.
`tempered_population`
    Sequential Monte Carlo from the uniform prior to the density, which finds
    separate modes and gives each its weight (Del Moral et al. 2006).

Others are `masm.metropolis`, for one Gaussian process, and `masm.hamiltonian`, for
surrogates with a gradient.

References
----------
ter Braak, C. J. F. and Vrugt, J. A. (2008). Differential evolution Markov chain
with snooker updater and fewer chains. Statistics and Computing 18, 435-446.
Del Moral, P., Doucet, A. and Jasra, A. (2006). Sequential Monte Carlo samplers.
Journal of the Royal Statistical Society B 68, 411-436.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.mixture import Mixture, Normal

Array = NDArray[np.float64]
LogDensity = Callable[[Array], Array]


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
    state = checked_starts(starts)
    n_chains, d = state.shape
    if n_chains < 4:
        raise InputError(
            f"ensemble chains: {n_chains} starts", wanted="at least 4 chains"
        )
    value = clean(log_density(state))
    archive = [state.copy()]
    frozen = state.copy()
    normal: Normal | Mixture = Normal(frozen)
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
            normal = Mixture(frozen, rng) if t == 0 else Normal(frozen)
        new, log_ratio = _ensemble_proposal(state, frozen, normal, rng)
        inside = np.all((new >= 0.0) & (new <= 1.0), axis=1) & np.isfinite(log_ratio)
        new_value = np.full(n_chains, -np.inf)
        if inside.any():
            new_value[inside] = clean(log_density(new[inside]))
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


def _ensemble_proposal(
    state: Array, archive: Array, normal: Normal | Mixture, rng: np.random.Generator
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
    u = (
        latin_hypercube(n_particles, d, rng)
        if start is None
        else checked_starts(start, d)
    )
    value = clean(log_density(u))
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
            normal = Normal(archive)
            new, log_ratio = _ensemble_proposal(u, archive, normal, rng)
            inside = np.all((new >= 0.0) & (new <= 1.0), axis=1)
            inside &= np.isfinite(log_ratio)
            new_value = np.full(len(u), -np.inf)
            if inside.any():
                new_value[inside] = clean(log_density(new[inside]))
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


def clean(value: Array) -> Array:
    """Log densities with -inf in place of NaN, as a copy."""
    value = np.array(value, dtype=float)
    return np.where(np.isnan(value), -np.inf, value)


def checked_starts(starts: ArrayLike, d: int | None = None) -> Array:
    """Return a copy of states that must lie in the cube, of d parameters if given."""
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
