"""Affine-invariant ensemble: stretch moves on the model itself.

References
----------
Goodman, J. and Weare, J. (2010). Ensemble samplers with affine invariance.
Communications in Applied Mathematics and Computational Science 5, 65-80.
"""

from __future__ import annotations

import numpy as np

from masm.methods.budget import Evaluations, check_counts, cost_only, spread_starts
from masm.methods.method import Method, max_runs_with
from masm.methods.outcomes import posterior_outcome
from masm.problem.problem import Outcome, Problem
from masm.samplers.chains import Chains
from masm.types import Array

_STRETCH = 2.0
_BURN = 1.0 / 3.0


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 100_000,
    n_walkers: int = 40,
) -> Outcome:
    """Draw from the posterior with stretch moves.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs; a third of the steps are burn-in.
    n_walkers : int
        Walkers, an even number of at least twice the parameters.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the walkers do not agree.
    """
    least = max(4, 2 * problem.n_parameters)
    check_counts(n_walkers=(n_walkers, least), max_runs=(max_runs, 20 * n_walkers))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(cost_only(problem), max_runs)
    n_walkers -= n_walkers % 2
    u = spread_starts(problem, n_walkers, rng)
    log_density = evaluations.log_likelihood(u)
    halves = (np.arange(n_walkers // 2), np.arange(n_walkers // 2, n_walkers))
    kept_u: list[Array] = []
    kept_log: list[Array] = []
    n_taken = 0
    n_steps = max_runs // n_walkers - 1
    for _ in range(n_steps):
        for mine, others in (halves, halves[::-1]):
            partner = u[rng.choice(others, len(mine))]
            z = (1.0 + (_STRETCH - 1.0) * rng.random(len(mine))) ** 2 / _STRETCH
            trial = partner + z[:, None] * (u[mine] - partner)
            found = evaluations.log_likelihood(trial)
            gain = (problem.n_parameters - 1) * np.log(z) + found - log_density[mine]
            with np.errstate(invalid="ignore"):
                taken = np.log(rng.random(len(mine))) < gain
            at = mine[taken]
            u[at], log_density[at] = trial[taken], found[taken]
            n_taken += int(taken.sum())
        kept_u.append(u.copy())
        kept_log.append(log_density.copy())
    evaluations.require_some()
    burn = int(_BURN * n_steps)
    chains = Chains(
        np.stack(kept_u[burn:], axis=1),
        np.stack(kept_log[burn:], axis=1),
        n_taken / max(1, n_steps * n_walkers),
    )
    return posterior_outcome(chains, evaluations.runs)


METHOD = Method(
    name="affine",
    summary="Affine-invariant ensemble of walkers with stretch moves on the model.",
    sample=sample,
    gives="posterior",
    predictive=False,
    with_budget=max_runs_with("n_walkers", 40, 20),
    chains=True,
    source="Goodman and Weare (2010)",
)
