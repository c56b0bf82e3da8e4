"""The chains at the end of a calibration, of the kind that its surrogate allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from masm.methods.adaptive.error_estimate import split_gelman_rubin
from masm.methods.adaptive.settings import Settings
from masm.samplers.chains import Chains, LogDensity
from masm.samplers.diagnostics import convergence, has_converged
from masm.samplers.ensemble import ensemble_chains
from masm.samplers.hamiltonian import hamiltonian_chains
from masm.samplers.metropolis_within_gibbs import block_chains
from masm.surrogates.base import Surrogate
from masm.types import Array

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
    settings: Settings | None = None,
) -> Chains:
    """Chains on the final surrogate, longer ones where short ones still disagree.

    They end at the first length that keeps the rule of convergence of all methods:
    R-hat and an effective sample size (`masm.samplers.diagnostics`).
    Longer ones start where the short ones ended, with proposals adapted there.
    With ``proposals`` they move one group of parameters at a time.
    """
    settings = settings or Settings()
    if proposals is not None:
        return _of_blocks(density, starts, proposals, n_chains, n_draws, rng, settings)
    approximation = surrogate.approximate(starts)
    if approximation is None:
        return _ensemble(density, starts[:n_chains], n_draws, rng, settings)
    if starts.shape[1] <= settings.ensemble_up_to:
        chains = ensemble_chains(
            density,
            starts[:n_chains],
            rng=rng,
            n_steps=n_draws,
            n_burn=settings.n_burn_ensemble,
        )
        if _agree(chains, settings):
            return chains

    def along_gradient(starts: Array, times: int) -> Chains:
        return hamiltonian_chains(
            density,
            approximation,
            starts,
            rng=rng,
            n_chains=n_chains,
            n_steps=times * n_draws,
            n_burn=settings.n_burn,
            normal_margins=settings.normal_margins,
        )

    chains = along_gradient(starts, 1)
    for times in settings.longer_gradient:
        if has_converged(convergence(chains.u)):
            break
        onward = np.concatenate([chains.u[:, -1], _some_of(chains, rng)])
        chains = along_gradient(onward, times)
    return chains


def _of_blocks(
    density: LogDensity,
    starts: Array,
    proposals: Sequence[Sequence[int]],
    n_chains: int,
    n_draws: int,
    rng: np.random.Generator,
    settings: Settings,
) -> Chains:
    def sample(starts: Array, times: int) -> Chains:
        return block_chains(
            density,
            starts,
            proposals,
            rng=rng,
            n_chains=n_chains,
            n_steps=times * n_draws,
            n_burn=settings.n_burn_blocks,
        )

    def onward(chains: Chains) -> Array:
        return np.concatenate([chains.u[:, -1], _some_of(chains, rng)])

    return _until_they_agree(sample, starts, onward, settings)


def _ensemble(
    density: LogDensity,
    starts: Array,
    n_draws: int,
    rng: np.random.Generator,
    settings: Settings,
) -> Chains:
    def sample(starts: Array, times: int) -> Chains:
        return ensemble_chains(
            density,
            starts,
            rng=rng,
            n_steps=times * n_draws,
            n_burn=settings.n_burn_ensemble,
        )

    return _until_they_agree(sample, starts, lambda chains: chains.u[:, -1], settings)


def _until_they_agree(
    sample: Callable[[Array, int], Chains],
    starts: Array,
    onward: Callable[[Chains], Array],
    settings: Settings,
) -> Chains:
    """Chains from starts of so many times the draws; longer ones go on from their end.

    What was sampled is a part of the longer chain, which is thinned as a whole.
    """
    chains = whole = sample(starts, 1)
    before = 1
    for times in settings.longer:
        if _agree(chains, settings):
            break
        whole = _joined(whole, sample(onward(whole), times - before))
        chains = Chains(
            whole.u[:, times - 1 :: times],
            whole.log_density[:, times - 1 :: times],
            whole.acceptance,
        )
        before = times
    return chains


def _joined(one: Chains, other: Chains) -> Chains:
    """Chains that went on: all states of both."""
    n, m = one.u.shape[1], other.u.shape[1]
    return Chains(
        np.concatenate([one.u, other.u], axis=1),
        np.concatenate([one.log_density, other.log_density], axis=1),
        (n * one.acceptance + m * other.acceptance) / (n + m),
    )


def _agree(chains: Chains, settings: Settings) -> bool:
    """Whether chains agree closely, and keep the one rule of convergence."""
    close = split_gelman_rubin(chains.u) < settings.agree
    return close and has_converged(convergence(chains.u))


def _some_of(chains: Chains, rng: np.random.Generator) -> Array:
    """Draws that proposals can be shaped by, (2000, n_parameters)."""
    return chains.pooled[rng.choice(len(chains.pooled), 2000)]
