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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from masm.errors import InputError
from masm.methods.budget import BudgetSpent, check_counts
from masm.methods.differentiable import DifferentiableProblem, wants_exact
from masm.methods.method import Method
from masm.methods.minimum import N_DESIGN, minimise, most_runs, runs_for_steps
from masm.methods.normal_posterior import COLLAPSED
from masm.methods.normal_space import to_cube, to_normal
from masm.methods.outcomes import posterior_outcome
from masm.methods.support import runs_beside
from masm.problem.problem import Outcome, Problem
from masm.samplers.chains import Chains
from masm.samplers.nuts import NoMoreRuns, NutsChain, nuts_chain
from masm.types import Array

_N_ITERATIONS = 15  # of the search for the minimum
_N_STARTS = 4  # of that search, where they take no more than a part of all runs:
_SEARCH = 0.2
_FEWEST = 20  # gradients of a chain, and draws
_DESIGN = (
    0.02  # fraction of all runs for a design, where that is less than the usual one
)


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 20_000,
    n_chains: int = 4,
    n_warmup: int = 100,
    n_draws: int = 250,
    n_rounds: int = 8,
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
    n_chains, n_warmup : int
        Chains, and the warm-up steps of each.
    n_draws, n_rounds : int
        Draws of each chain in a round. Where the chains do not agree after a round,
        or are worth too few independent draws, they go on, for at most so many
        rounds in all.
    derivatives : {"auto", "exact", "differences"}
        As of the method ``4dvar``.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the chains do not agree, or a run of the
        search fits as well as draws do and no draws are around it.
    """
    check_counts(n_chains=(n_chains, 2), n_warmup=(n_warmup, 10))
    check_counts(n_draws=(n_draws, _FEWEST), max_runs=(max_runs, 1))
    check_counts(n_rounds=(n_rounds, 1))
    if derivatives == "emulator":
        raise InputError(
            "option derivatives",
            found="'emulator'",
            wanted="auto, exact or differences: chains need the gradient of the model",
        )
    rng = np.random.default_rng(seed)
    d = problem.n_parameters
    each = 1 if wants_exact(problem, derivatives) else d + 1
    once = most_runs(_N_ITERATIONS, d)
    n_starts = _N_STARTS if _N_STARTS * once < _SEARCH * max_runs else 1
    n_design = min(N_DESIGN, int(_DESIGN * max_runs))
    search = n_design + n_starts * once + d + 1
    if each > 1:  # steps of finite differences are chosen by runs too
        search += runs_for_steps(d)
    fraction = (max_runs - search) // n_chains
    if fraction < _FEWEST * each:
        raise InputError(
            "option max_runs",
            found=max_runs,
            wanted=f"at least {search + n_chains * _FEWEST * each} for {n_chains} "
            f"chains of {d} parameters",
        )
    cost = DifferentiableProblem(problem, "nuts", derivatives=derivatives)
    found = minimise(
        cost, rng, n_starts=n_starts, n_iterations=_N_ITERATIONS, n_design=n_design
    )
    n_searched = cost.n_runs
    density = _Density(cost, found.minimum.x, found.root)
    chains, left = [], [fraction] * n_chains
    # Chains about one minimum agree though they know nothing of another.
    places = [found.minimum.x, *found.other_minima()]
    for k in range(n_chains):
        about = density.x(places[k % len(places)])
        with density.at_most(left, k):
            chains.append(_first(density, about, rng, n_warmup, n_draws))
    outcome = _outcome(cost, density, chains)
    for _ in range(n_rounds - 1):
        if outcome.status == "done" or max(left) < _FEWEST * each:
            break
        for k in range(n_chains):
            with density.at_most(left, k):
                chains[k] = _longer(density, chains[k], rng, n_draws)
        outcome = _outcome(cost, density, chains)
    facts = {
        "n_divergent": sum(chain.n_divergent for chain in chains),
        "acceptance": float(np.mean([chain.acceptance for chain in chains])),
        **found.facts(cost),
    }
    n_beside = _beside(cost, outcome, n_searched)
    attrs = {**outcome.attrs, **facts, "n_fits_beside": n_beside}
    if n_beside and outcome.status == "done":
        outcome = replace(outcome, status="suspect", reason="not_converged")
    if found.minimum.collapsed:
        return replace(outcome, status="suspect", reason=COLLAPSED, attrs=attrs)
    return replace(outcome, attrs=attrs)


class _Density:
    """Log density in ``x``, where ``z = centre + root x``; it counts model runs."""

    def __init__(self, cost: DifferentiableProblem, centre: Array, root: Array):
        self.cost, self._centre, self._root = cost, centre, root

    def __call__(self, x: Array) -> tuple[float, Array]:
        try:
            value, gradient = self.cost.cost(self.z(x))
        except BudgetSpent as exc:
            raise NoMoreRuns from exc
        return -value, -(self._root.T @ gradient)

    def z(self, x: Array) -> Array:
        """Return the points in normal space, (..., n)."""
        return self._centre + x @ self._root.T

    def x(self, z: Array) -> Array:
        """Return the point of a point in normal space, (n,)."""
        return np.asarray(np.linalg.solve(self._root, z - self._centre))

    @contextmanager
    def at_most(self, left: list[int], k: int) -> Iterator[None]:
        """Let chain ``k`` use the runs that it has left, and take them off."""
        before = self.cost.n_runs
        self.cost.max_runs = before + left[k]
        yield
        left[k] -= self.cost.n_runs - before


def _first(
    density: _Density,
    about: Array,
    rng: np.random.Generator,
    n_warmup: int,
    n_draws: int,
) -> NutsChain:
    """Start a chain near a point: its warm-up and first draws."""
    # The minimum is inside; starts about it must be where the model runs.
    for size in (1.0, 0.5, 0.25, 0.0):
        start = about + size * rng.standard_normal(density.cost.n)
        try:
            if np.isfinite(density(start)[0]):
                break
        except NoMoreRuns:
            break
    return nuts_chain(density, start, rng=rng, n_warmup=n_warmup, n_draws=n_draws)


def _longer(
    density: _Density, chain: NutsChain, rng: np.random.Generator, n_draws: int
) -> NutsChain:
    """Go on with a chain from its last draw, with the step that it found."""
    if not len(chain.x):
        return chain
    try:
        more = nuts_chain(
            density, chain.x[-1], rng=rng, n_warmup=0, n_draws=n_draws, step=chain.step
        )
    except NoMoreRuns:
        return chain
    if not len(more.x):
        return chain
    sizes = [len(chain.x), len(more.x)]
    return NutsChain(
        np.concatenate([chain.x, more.x]),
        np.concatenate([chain.log_density, more.log_density]),
        float(np.average([chain.acceptance, more.acceptance], weights=sizes)),
        chain.step,
        chain.n_divergent + more.n_divergent,
    )


def _outcome(
    cost: DifferentiableProblem, density: _Density, chains: list[NutsChain]
) -> Outcome:
    length = min(len(chain.x) for chain in chains)
    if length < 2:
        raise InputError(
            "option max_runs",
            found="chains that ended during their warm-up",
            wanted="more runs, or fewer warm-up steps",
        )
    z = density.z(np.stack([chain.x[-length:] for chain in chains]))
    joint = np.stack([chain.log_density[-length:] for chain in chains])
    # Minus J is the log posterior; its likelihood part is what is kept.
    log_likelihood = joint + 0.5 * np.sum(z**2, axis=-1)
    u = to_cube(z)
    return posterior_outcome(Chains(u, log_likelihood, math.nan), cost.runs)


def _beside(cost: DifferentiableProblem, outcome: Outcome, n: int) -> int:
    """How many of the first n runs fit as well as draws, with no draws around them."""
    runs = cost.runs
    ok = runs.ok[:n]
    z = to_normal(outcome.u.reshape(-1, cost.n))
    first = to_normal(runs.u[:n][ok])
    return runs_beside(z, outcome.cost.ravel(), first, runs.cost[:n][ok])


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
