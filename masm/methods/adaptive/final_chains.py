"""The chains at the end of a calibration, of the kind that its surrogate allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from masm.methods.adaptive.error_estimate import DISAGREE, split_gelman_rubin
from masm.samplers.chains import Chains, LogDensity
from masm.samplers.ensemble import ensemble_chains
from masm.samplers.hamiltonian import hamiltonian_chains
from masm.samplers.metropolis_within_gibbs import block_chains
from masm.surrogates.base import Surrogate
from masm.surrogates.series import SeriesEmulator
from masm.types import Array

# Chains on a cost agree when the split Gelman-Rubin factor is below this; else
# longer ones are tried, of so many steps for each kept draw.
_AGREE = 1.03
_LONGER = (2, 6)
_N_BURN = 60
_N_BURN_BLOCKS = _N_BURN_ENSEMBLE = 150
# Up to so many parameters differences of states are tried before gradients: where they
# mix at all, they do so at a tenth of the price (`benchmarks.proposals`).
_FEW = 7

Proposals = Sequence[Sequence[int]] | None
"""Groups of parameters that chains move one after the other; None for all at once."""


def final_chains(
    surrogate: Surrogate,
    density: LogDensity,
    starts: Array,
    n_chains: int,
    n_draws: int,
    rng: np.random.Generator,
    proposals: Proposals = None,
) -> Chains:
    """Chains on the final surrogate, longer ones where short ones still disagree.

    Longer ones start where the short ones ended, with proposals learnt from there.
    With ``proposals`` they move one group of parameters at a time.
    """
    if proposals is not None:
        return _of_blocks(density, starts, proposals, n_chains, n_draws, rng)
    if not isinstance(surrogate, SeriesEmulator):
        return _ensemble(density, starts[:n_chains], n_draws, rng)
    if starts.shape[1] <= _FEW:
        chains = ensemble_chains(
            density,
            starts[:n_chains],
            rng=rng,
            n_steps=n_draws,
            n_burn=_N_BURN_ENSEMBLE,
        )
        if split_gelman_rubin(chains.u) < _AGREE:
            return chains
    surrogate.lead(starts)
    chains = hamiltonian_chains(
        density,
        surrogate,
        starts,
        rng=rng,
        n_chains=n_chains,
        n_steps=n_draws,
        n_burn=_N_BURN,
    )
    if split_gelman_rubin(chains.u) > DISAGREE:
        chains = hamiltonian_chains(
            density,
            surrogate,
            np.concatenate([chains.u[:, -1], _some_of(chains, rng)]),
            rng=rng,
            n_chains=n_chains,
            n_steps=2 * n_draws,
            n_burn=_N_BURN,
        )
    return chains


def _of_blocks(
    density: LogDensity,
    starts: Array,
    proposals: Sequence[Sequence[int]],
    n_chains: int,
    n_draws: int,
    rng: np.random.Generator,
) -> Chains:
    def sample(starts: Array, thin: int) -> Chains:
        return block_chains(
            density,
            starts,
            proposals,
            rng=rng,
            n_chains=n_chains,
            n_steps=n_draws,
            n_burn=_N_BURN_BLOCKS,
            thin=thin,
        )

    def onward(chains: Chains) -> Array:
        return np.concatenate([chains.u[:, -1], _some_of(chains, rng)])

    return _until_they_agree(sample, starts, onward)


def _ensemble(
    density: LogDensity,
    starts: Array,
    n_draws: int,
    rng: np.random.Generator,
) -> Chains:
    def sample(starts: Array, thin: int) -> Chains:
        return ensemble_chains(
            density,
            starts,
            rng=rng,
            n_steps=n_draws,
            n_burn=_N_BURN_ENSEMBLE,
            thin=thin,
        )

    return _until_they_agree(sample, starts, lambda chains: chains.u[:, -1])


def _until_they_agree(
    sample: Callable[[Array, int], Chains],
    starts: Array,
    onward: Callable[[Chains], Array],
) -> Chains:
    """Chains from starts and a thinning; longer ones go on from where these ended."""
    chains = sample(starts, 1)
    for thin in _LONGER:
        if split_gelman_rubin(chains.u) < _AGREE:
            break
        chains = sample(onward(chains), thin)
    return chains


def _some_of(chains: Chains, rng: np.random.Generator) -> Array:
    """Draws that proposals can be shaped by, (2000, n_parameters)."""
    return chains.pooled[rng.choice(len(chains.pooled), 2000)]
