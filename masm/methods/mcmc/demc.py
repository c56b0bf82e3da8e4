"""DE-MC(Z): differential evolution Markov chains on the model itself.

Many chains advance side by side, so that each step is one batch of model runs. Steps
go along the difference of two earlier states, along the line to one (snooker), or are
drawn from a mixture of normals fitted to them; the archive of earlier states grows
during burn-in and is then fixed. See `masm.samplers.chains.ensemble_chains`.

References
----------
ter Braak, C. J. F. and Vrugt, J. A. (2008). Differential evolution Markov chain with
snooker updater and fewer chains. Statistics and Computing 18, 435-446.
"""

from __future__ import annotations

import numpy as np

from masm.methods.budget import Evaluations, check_counts, cost_only, spread_starts
from masm.methods.method import Method, max_runs_with
from masm.methods.outcomes import posterior_outcome
from masm.problem.problem import Outcome, Problem
from masm.samplers.ensemble import ensemble_chains

# Fraction of the budget that burn-in takes.
_BURN = 1.0 / 3.0


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 100_000,
    n_chains: int = 40,
) -> Outcome:
    """Draw from the posterior with DE-MC(Z).

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs; a third of the steps are burn-in.
    n_chains : int
        Chains, each started from its own place in the cube.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the chains do not agree.
    """
    check_counts(n_chains=(n_chains, 4), max_runs=(max_runs, 50 * n_chains))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(cost_only(problem), max_runs)
    n_steps = max_runs // n_chains - 1
    n_burn = int(_BURN * n_steps)
    chains = ensemble_chains(
        evaluations.log_likelihood,
        spread_starts(problem, n_chains, rng),
        rng=rng,
        n_steps=n_steps - n_burn,
        n_burn=n_burn,
    )
    evaluations.require_some()
    return posterior_outcome(chains, evaluations.runs)


METHOD = Method(
    name="demc",
    summary="Differential-evolution Markov chains, DE-MC(Z), on the model itself.",
    sample=sample,
    gives="posterior",
    predictive=False,
    with_budget=max_runs_with("n_chains", 40, 50),
    chains=True,
    source="ter Braak and Vrugt (2008)",
)
