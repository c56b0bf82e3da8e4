"""Metropolis sampling in two phases: a test run, then formal chains.

The test run takes uniform steps and finds the covariance of the parameters; formal
chains then propose from a Gaussian with that covariance. A formal chain whose
acceptance leaves a window is rejected. A proposal outside the prior, or against a
constraint, counts as a rejection: it is neither drawn again nor moved to the bound, and
no model run is made for it.

References
----------
Xu, T., White, L., Hui, D. and Luo, Y. (2006). Probabilistic inversion of a terrestrial
ecosystem model: analysis of uncertainty in parameter estimation and model prediction.
Global Biogeochemical Cycles 20, GB2007.
Zhao, R., Zhang, W., Duan, Z., Chen, S. and Shi, Z. (2022). An improved estimate of soil
carbon pool and carbon fluxes in the Qinghai-Tibetan grasslands using data assimilation
with an ecosystem biogeochemical model. Equations 3 to 7.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from masm.errors import InputError
from masm.methods.budget import (
    BudgetSpent,
    Evaluations,
    check_counts,
    cost_only,
    spread_starts,
)
from masm.methods.limits import Limit, check_limits
from masm.methods.method import Method, max_runs_with
from masm.methods.outcomes import posterior_outcome
from masm.problem.problem import Outcome, Problem
from masm.samplers.chains import Chains
from masm.samplers.two_phase import TwoPhase, two_phase
from masm.types import Array

# Runs that a chain needs at least, with its part of the test run.
_LEAST_RUNS = 100
# A start is looked for among so many points for each that is wanted.
_TRIES = 10


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 50_000,
    n_chains: int = 3,
    test_share: float = 0.4,
    step_divisor: float = 5.0,
    scale: float = 1.0,
    lowest_acceptance: float = 0.15,
    highest_acceptance: float = 0.5,
) -> Outcome:
    """Draw from the posterior with a test run and formal Metropolis chains.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs of both phases; the default is the 20,000 and three times
        10,000 of Zhao et al. The first half of each formal chain is burn-in.
    n_chains : int
        Formal chains, from starts spread over the prior.
    test_share : float
        Fraction of the runs that the test run takes, 0.05 to 0.95.
    step_divisor : float
        A step of the test run is uniform, at most half the prior's range over this.
    scale : float
        Multiple of 2.38^2 over the number of parameters (Gelman et al. 1997), with
        which the covariance of the test run becomes that of the formal proposal. Zhao
        et al. print the covariance itself: the number of parameters over 2.38^2.
    lowest_acceptance, highest_acceptance : float
        A formal chain whose fraction of accepted proposals lies outside is rejected.

    Returns
    -------
    Outcome
        The draws of the chains that were kept. Suspect, ``not_converged``, where they
        do not agree or fewer than two were kept; without any, the draws are those of
        all chains. The attributes hold the acceptance of each chain.

    Raises
    ------
    InputError
        If an option cannot be used.
    CalibrationFailed
        If the model runs nowhere.
    """
    check_counts(n_chains=(n_chains, 2), max_runs=(max_runs, _LEAST_RUNS * n_chains))
    check_limits(_LIMITS, {"test_share": test_share, "scale": scale})
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(cost_only(problem), max_runs)
    points = _starts(evaluations, problem, n_chains + 1, rng)
    # The sampler runs the starts again: twice that of the test run, once the others.
    left = evaluations.left - 2 - n_chains
    n_test = int(test_share * left)
    d = problem.n_parameters
    found = two_phase(
        lambda u: 0.5 * evaluations.cost(u), np.zeros(d), np.ones(d), rng,
        start=points[0], starts=points[1:], test_runs=n_test,
        formal_runs=(left - n_test) // n_chains, chains=n_chains,
        step_divisor=step_divisor, scale=scale * 2.38**2 / d,
        window=(lowest_acceptance, highest_acceptance),
    )  # fmt: skip
    return _outcome(found, evaluations)


def _starts(
    evaluations: Evaluations, problem: Problem, n: int, rng: np.random.Generator
) -> Array:
    """Points at which the model runs, (n, parameter): the middle first if it does."""
    d = problem.n_parameters
    tried = np.vstack([np.full((1, d), 0.5), spread_starts(problem, n - 1, rng)])
    good = np.empty((0, d))
    for _ in range(_TRIES):
        try:
            good = np.vstack([good, tried[np.isfinite(evaluations.cost(tried))]])
        except BudgetSpent:
            break
        if len(good) >= n:
            return good[:n]
        tried = spread_starts(problem, n, rng)
    evaluations.require_some()
    raise InputError(
        "cost",
        found=f"a number at {len(good)} of {evaluations.n_runs} points of the prior",
        wanted=f"{n} starts at which the model runs",
    )


def _outcome(found: TwoPhase, evaluations: Evaluations) -> Outcome:
    kept = found.kept if found.kept.any() else np.ones_like(found.kept)
    chains = Chains(
        found.samples[kept], -found.cost[kept], float(found.acceptance.mean())
    )
    attrs = {
        "acceptance_of_chains": " ".join(f"{a:.4f}" for a in found.acceptance),
        "test_acceptance": found.test_acceptance,
        "chains_kept": int(found.kept.sum()),
        "out_of_range": found.n_out_of_range,
    }
    outcome = posterior_outcome(chains, evaluations.runs, attrs)
    if found.kept.sum() < 2:
        return replace(outcome, status="suspect", reason="not_converged")
    return outcome


_LIMITS = (Limit("test_share", 0.05, 0.95), Limit("scale", 0.0, above=True))

METHOD = Method(
    name="two_phase",
    summary="Metropolis test run for the covariance, then formal chains.",
    sample=sample,
    gives="posterior",
    predictive=False,
    with_budget=max_runs_with("n_chains", 3, _LEAST_RUNS),
    chains=True,
    source="Xu et al. (2006); Zhao et al. (2022)",
    limits=_LIMITS,
)
