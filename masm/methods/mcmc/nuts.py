"""NUTS on the model itself, from the minimum and in the scale of its Hessian.

The chains follow exact gradients where the model has them, and finite differences of
its runs otherwise, which cost a run for each parameter.

References
----------
Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn Sampler. Journal of Machine
Learning Research 15, 1593-1623.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from masm.errors import InputError
from masm.methods.budget import BudgetSpent, check_counts
from masm.methods.differentiable import DifferentiableProblem, wants_exact
from masm.methods.method import Method
from masm.methods.minimum import minimise, most_runs
from masm.methods.normal_posterior import COLLAPSED
from masm.methods.normal_space import to_cube
from masm.methods.outcomes import posterior_outcome
from masm.problem.problem import Outcome, Problem
from masm.samplers.chains import Chains
from masm.samplers.nuts import NoMoreRuns, NutsChain, nuts_chain
from masm.types import Array

_N_ITERATIONS = 15  # of the search for the minimum
_FEWEST = 20  # gradients of a chain, and draws


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 20_000,
    n_chains: int = 4,
    n_warmup: int = 100,
    n_draws: int = 250,
    derivatives: str = "auto",
) -> Outcome:
    """Draw from the posterior by the No-U-Turn sampler.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs, those for finite differences included. Chains end early
        where they are used up.
    n_chains, n_warmup, n_draws : int
        Chains, and the steps of each.
    derivatives : {"auto", "exact", "differences"}
        As of the method ``4dvar``.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the chains do not agree.
    """
    check_counts(n_chains=(n_chains, 2), n_warmup=(n_warmup, 10))
    check_counts(n_draws=(n_draws, _FEWEST), max_runs=(max_runs, 1))
    rng = np.random.default_rng(seed)
    d = problem.n_parameters
    each = 1 if wants_exact(problem, derivatives) else d + 1
    search = most_runs(_N_ITERATIONS, d) + d + 1
    share = (max_runs - search) // n_chains
    if share < _FEWEST * each:
        raise InputError(
            "option max_runs",
            found=max_runs,
            wanted=f"at least {search + n_chains * _FEWEST * each} for {n_chains} "
            f"chains of {d} parameters",
        )
    cost = DifferentiableProblem(problem, "nuts", derivatives=derivatives)
    found = minimise(cost, rng, n_starts=1, n_iterations=_N_ITERATIONS)
    chains = []
    for _ in range(n_chains):
        cost.max_runs = cost.n_runs + share
        chains.append(_chain(cost, found.minimum.x, found.root, rng, n_warmup, n_draws))
    outcome = _outcome(cost, chains)
    facts = {
        "n_divergent": sum(chain.n_divergent for chain in chains),
        "acceptance": float(np.mean([chain.acceptance for chain in chains])),
        **found.facts(cost),
    }
    attrs = {**outcome.attrs, **facts}
    if found.minimum.collapsed:
        return replace(outcome, status="suspect", reason=COLLAPSED, attrs=attrs)
    return replace(outcome, attrs=attrs)


def _chain(
    cost: DifferentiableProblem,
    centre: Array,
    root: Array,
    rng: np.random.Generator,
    n_warmup: int,
    n_draws: int,
) -> NutsChain:
    """One chain in ``x``, where ``z = centre + root x``; draws are of ``z``."""

    def log_density(x: Array) -> tuple[float, Array]:
        try:
            value, gradient = cost.cost(centre + root @ x)
        except BudgetSpent as exc:
            raise NoMoreRuns from exc
        return -value, -(root.T @ gradient)

    # The minimum is inside; starts about it must be where the model runs.
    for size in (1.0, 0.5, 0.25, 0.0):
        start = size * rng.standard_normal(cost.n)
        try:
            if np.isfinite(log_density(start)[0]):
                break
        except NoMoreRuns:
            break
    chain = nuts_chain(log_density, start, rng=rng, n_warmup=n_warmup, n_draws=n_draws)
    return replace(chain, x=centre + chain.x @ root.T)


def _outcome(cost: DifferentiableProblem, chains: list[NutsChain]) -> Outcome:
    length = min(len(chain.x) for chain in chains)
    if length < 2:
        raise InputError(
            "option max_runs",
            found="chains that ended during their warm-up",
            wanted="more runs, or fewer warm-up steps",
        )
    z = np.stack([chain.x[-length:] for chain in chains])
    joint = np.stack([chain.log_density[-length:] for chain in chains])
    # Minus J is the log posterior; its likelihood part is what is kept.
    log_likelihood = joint + 0.5 * np.sum(z**2, axis=-1)
    u = to_cube(z)
    return posterior_outcome(Chains(u, log_likelihood, math.nan), cost.runs)


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    steps = int(options["n_warmup"]) + int(options["n_draws"])
    return min(int(options["max_runs"]), int(options["n_chains"]) * steps * 8)


METHOD = Method(
    name="nuts",
    summary="No-U-Turn chains on the model itself, by exact gradients or finite "
    "differences.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=_expected_runs,
    chains=True,
    source="Hoffman and Gelman (2014)",
)
