"""DREAM(zs): differential evolution chains with crossover and an archive.

References
----------
Laloy, E. and Vrugt, J. A. (2012). High-dimensional posterior exploration of hydrologic
models using multiple-try DREAM(ZS). Water Resources Research 48, W01526; without
multiple tries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from masm.methods.budget import Evaluations, check_counts, cost_only, spread_starts
from masm.methods.method import Method, max_runs_with
from masm.methods.outcomes import posterior_outcome
from masm.problem.problem import Outcome, Problem
from masm.samplers.chains import Chains
from masm.types import Array

_BURN = 1.0 / 3.0
_CROSSOVERS = 3
_MOST_PAIRS = 3
_SNOOKER = 0.1
_UNIT_JUMP = 0.2
_THIN = 10


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 100_000,
    n_chains: int = 8,
) -> Outcome:
    """Draw from the posterior with DREAM(zs).

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs; a third of the steps are burn-in, in which the crossover
        probabilities are learned.
    n_chains : int
        Chains.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the chains do not agree.
    """
    check_counts(n_chains=(n_chains, 3), max_runs=(max_runs, 100 * n_chains))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(cost_only(problem), max_runs)
    d = problem.n_parameters
    archive = spread_starts(problem, max(10 * d, 2 * n_chains), rng)
    u = archive[:n_chains].copy()
    log_density = evaluations.log_likelihood(u)
    n_steps = max_runs // n_chains - 1
    burn = int(_BURN * n_steps)
    probability = np.full(_CROSSOVERS, 1.0 / _CROSSOVERS)
    jumped, used = np.zeros(_CROSSOVERS), np.zeros(_CROSSOVERS)
    kept_u: list[Array] = []
    kept_log: list[Array] = []
    n_taken = 0
    for step in range(n_steps):
        snooker = rng.random() < _SNOOKER
        which = rng.choice(_CROSSOVERS, n_chains, p=probability)
        if snooker:
            trial, correction = _snooker(u, archive, rng)
        else:
            trial, correction = _parallel(u, archive, which, rng), np.zeros(n_chains)
        found = evaluations.log_likelihood(trial)
        with np.errstate(invalid="ignore"):
            gain = found - log_density + correction
            taken = np.log(rng.random(n_chains)) < gain
        if step < burn and not snooker:
            sd = u.std(axis=0) + 1e-12
            moved = np.where(taken[:, None], trial - u, 0.0)
            np.add.at(jumped, which, np.sum((moved / sd) ** 2, axis=1))
            np.add.at(used, which, 1.0)
            if step % 50 == 49 and jumped.sum() > 0.0:
                rate = jumped / np.maximum(used, 1.0) + 1e-6
                probability = rate / rate.sum()
        u[taken], log_density[taken] = trial[taken], found[taken]
        n_taken += int(taken.sum())
        if step % _THIN == 0 and step < burn:
            archive = np.vstack([archive, u])
        kept_u.append(u.copy())
        kept_log.append(log_density.copy())
    evaluations.require_some()
    chains = Chains(
        np.stack(kept_u[burn:], axis=1),
        np.stack(kept_log[burn:], axis=1),
        n_taken / max(1, n_steps * n_chains),
    )
    return posterior_outcome(chains, evaluations.runs)


def _parallel(
    u: Array, archive: Array, which: NDArray[np.intp], rng: np.random.Generator
) -> Array:
    """Jumps along differences of archived states, in a subset of the parameters."""
    n, d = u.shape
    trial = u.copy()
    for i in range(n):
        fraction = (which[i] + 1) / _CROSSOVERS
        chosen = np.flatnonzero(rng.random(d) < fraction)
        if not len(chosen):
            chosen = rng.integers(d, size=1)
        n_pairs = int(rng.integers(1, _MOST_PAIRS + 1))
        at = rng.integers(len(archive), size=2 * n_pairs)
        difference = (archive[at[:n_pairs]] - archive[at[n_pairs:]]).sum(axis=0)
        scale = 2.38 / np.sqrt(2.0 * n_pairs * len(chosen))
        if rng.random() < _UNIT_JUMP:
            scale = 1.0
        stretch = 1.0 + rng.uniform(-0.05, 0.05, len(chosen))
        noise = 1e-6 * rng.standard_normal(len(chosen))
        trial[i, chosen] += stretch * scale * difference[chosen] + noise
    return trial


def _snooker(u: Array, archive: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Jumps along the line to an archived state, and their log Jacobian ratio."""
    n, d = u.shape
    trial, correction = u.copy(), np.zeros(n)
    for i in range(n):
        a, b, c = archive[rng.integers(len(archive), size=3)]
        line = u[i] - a
        length = float(line @ line)
        if length == 0.0:
            continue
        along = float((b - c) @ line) / length
        trial[i] = u[i] + rng.uniform(1.2, 2.2) * along * line
        after = float(np.sum((trial[i] - a) ** 2))
        correction[i] = 0.5 * (d - 1) * (np.log(max(after, 1e-300)) - np.log(length))
    return trial, correction


METHOD = Method(
    name="dream",
    summary="DREAM(zs): differential evolution chains with learned crossover.",
    sample=sample,
    gives="posterior",
    predictive=False,
    with_budget=max_runs_with("n_chains", 8, 100),
    chains=True,
    source="Laloy and Vrugt (2012)",
)
