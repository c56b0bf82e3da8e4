"""Adaptive Metropolis chains on the model itself.

Several chains advance side by side, so that each step is one batch of model runs.
During burn-in the proposal follows the covariance that all chains together have seen,
and each chain's step length its acceptance (Haario et al. 2001; Solonen et al. 2012);
then both are fixed, so that the kept draws are a plain Markov chain. Proposals outside
the bounds are rejected without a run.

References
----------
Haario, H., Saksman, E. and Tamminen, J. (2001). An adaptive Metropolis algorithm.
Bernoulli 7, 223-242.
Solonen, A., Ollinaho, P., Laine, M., Haario, H., Tamminen, J. and Jarvinen, H. (2012).
Efficient MCMC for climate model parameter estimation: parallel adaptive chains and
early rejection. Bayesian Analysis 7, 715-736.
"""

from __future__ import annotations

import math

import numpy as np

from masm.methods.budget import Evaluations, check_counts, cost_only, spread_starts
from masm.methods.method import Method, max_runs_with
from masm.methods.outcomes import posterior_outcome
from masm.problem.problem import Outcome, Problem
from masm.samplers.chains import Chains
from masm.types import Array

# Fraction of the budget that burn-in takes, and rounds of adaptation within it.
_BURN = 0.4
_N_ROUNDS = 40
# A random walk does best when about this fraction of its steps is accepted.
_ACCEPTED = 0.25


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 100_000,
    n_chains: int = 16,
) -> Outcome:
    """Draw from the posterior with adaptive Metropolis chains.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs; four tenths of the steps are burn-in.
    n_chains : int
        Chains, each started from its own place in the cube.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the chains do not agree.
    """
    d = problem.n_parameters
    check_counts(n_chains=(n_chains, 4), max_runs=(max_runs, 100 * n_chains))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(cost_only(problem), max_runs)
    state = spread_starts(problem, n_chains, rng)
    value = evaluations.log_likelihood(state)
    n_steps = max_runs // n_chains - 1
    n_burn = int(_BURN * n_steps)
    # The first steps reach across a good part of the cube.
    factor = np.eye(d) * (0.3 / math.sqrt(d))
    scale = np.ones(n_chains)
    for size in np.diff(np.linspace(0, n_burn, _N_ROUNDS + 1).astype(int)):
        u, _, accepted = _advance(
            evaluations, state, value, int(size), factor, scale, rng
        )
        scale *= np.exp(np.clip(3.0 * (accepted / size - _ACCEPTED), -1.0, 1.0))
        factor = _factor(u, factor)
    evaluations.require_some()
    u, values, accepted = _advance(
        evaluations, state, value, n_steps - n_burn, factor, scale, rng
    )
    chains = Chains(u, values, float(accepted.mean() / u.shape[1]))
    return posterior_outcome(chains, evaluations.runs)


def _advance(
    evaluations: Evaluations,
    state: Array,
    value: Array,
    n_steps: int,
    factor: Array,
    scale: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Take steps in place; return states, log densities and accepted counts."""
    n_chains, d = state.shape
    u = np.empty((n_chains, n_steps, d))
    values = np.empty((n_chains, n_steps))
    accepted = np.zeros(n_chains)
    for t in range(n_steps):
        step = rng.standard_normal((n_chains, d)) @ factor.T
        proposed = state + scale[:, None] * step
        new = evaluations.log_likelihood(proposed)
        log_uniform = np.log1p(-rng.random(n_chains))
        # A start that failed has no density: anything that runs is taken instead.
        with np.errstate(invalid="ignore"):
            take = np.isfinite(new) & ~(log_uniform >= new - value)
        state[take], value[take] = proposed[take], new[take]
        accepted += take
        u[:, t], values[:, t] = state, value
    return u, values, accepted


def _factor(u: Array, before: Array) -> Array:
    """Proposal from the later half of a round's states, blended with the last one."""
    recent = u[:, u.shape[1] // 2 :].reshape(-1, u.shape[2])
    d = u.shape[2]
    covariance = np.atleast_2d(np.cov(recent.T)) * (2.38**2 / d)
    blended = 0.5 * (before @ before.T + covariance) + 1e-10 * np.eye(d)
    return np.asarray(np.linalg.cholesky(blended), float)


METHOD = Method(
    name="metropolis",
    summary="Parallel adaptive Metropolis chains on the model itself.",
    sample=sample,
    gives="posterior",
    predictive=False,
    with_budget=max_runs_with("n_chains", 16, 100),
    chains=True,
    source="Haario et al. (2001)",
)
