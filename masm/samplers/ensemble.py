"""DE-MC(Z) ensemble sampler on a given log density."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.samplers.chains import Chains, LogDensity, checked_starts, clean, values_above
from masm.samplers.gaussian_mixture import Mixture, Normal
from masm.types import Array


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
    rng : the only source of random numbers
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
        log_uniform = np.log1p(-rng.random(n_chains))
        new_value = np.full(n_chains, -np.inf)
        if inside.any():
            least = (value + log_uniform - log_ratio)[inside]
            new_value[inside] = values_above(log_density, new[inside], least)
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
    fraction = rng.choice([0.5, 1.0, 1.0, 1.0], size=n)
    chosen = rng.random((n, d)) < fraction[:, None]
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
