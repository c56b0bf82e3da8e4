"""Tempered sequential Monte Carlo on the model itself, with its evidence.

Particles go from the prior to the posterior through likelihoods raised to growing
powers. Each power keeps the effective sample size at a half; particles are then
resampled and moved by Metropolis steps with their own covariance.

References
----------
Del Moral, P., Doucet, A. and Jasra, A. (2006). Sequential Monte Carlo samplers.
Journal of the Royal Statistical Society B 68, 411-436.
"""

from __future__ import annotations

import math

import numpy as np

from masm.methods.budget import (
    BudgetSpent,
    Evaluations,
    check_counts,
    cost_only,
    spread_starts,
)
from masm.methods.method import Method, max_runs_with
from masm.methods.outcomes import ensemble_outcome
from masm.problem.problem import Outcome, Problem
from masm.samplers.diagnostics import ESS_LIMIT
from masm.samplers.resampling import systematic
from masm.types import Array

_KEPT = 0.5  # effective fraction of the particles after each step
_GROUPS = 4


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 50_000,
    n_particles: int = 500,
    n_moves: int = 5,
) -> Outcome:
    """Draw from the posterior with tempered sequential Monte Carlo.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs.
    n_particles : int
        Particles.
    n_moves : int
        Metropolis steps of each particle at each temperature.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the budget ended before the posterior was
        reached, or fewer than 400 particles are different from each other there: the
        effective size that is asked of chains. ``attrs["log_evidence"]`` is relative
        to the cost's own constant.
    """
    check_counts(n_particles=(n_particles, 40), n_moves=(n_moves, 1))
    check_counts(max_runs=(max_runs, 3 * n_particles))
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(cost_only(problem), max_runs)
    u = spread_starts(problem, n_particles, rng)
    log_likelihood = evaluations.log_likelihood(u)
    power, log_evidence, n_steps = 0.0, 0.0, 0
    try:
        while power < 1.0:
            step = _next_step(log_likelihood, 1.0 - power)
            weight, gain = _weights(step * log_likelihood)
            log_evidence += gain
            power = 1.0 if step >= 1.0 - power else power + step
            at = systematic(weight, n_particles, rng)
            u, log_likelihood = u[at], log_likelihood[at]
            for _ in range(n_moves):
                u, log_likelihood = _move(evaluations, u, log_likelihood, power, rng)
            n_steps += 1
    except BudgetSpent:
        pass
    evaluations.require_some()
    outcome = ensemble_outcome(u, -2.0 * log_likelihood, evaluations.runs)
    reached = power >= 1.0
    n_distinct = len(np.unique(u, axis=0))
    enough = reached and n_distinct >= ESS_LIMIT
    return Outcome(
        u=outcome.u,
        cost=outcome.cost,
        runs=outcome.runs,
        surrogate_rmse=math.nan,
        status="done" if enough else "suspect",
        reason="" if enough else "not_converged",
        attrs={
            "log_evidence": log_evidence if reached else math.nan,
            "steps": n_steps,
            "n_distinct": n_distinct,
        },
    )


def _next_step(log_likelihood: Array, left: float) -> float:
    """Largest step in the power that keeps the effective fraction."""

    def fraction(step: float) -> float:
        weight, _ = _weights(step * log_likelihood)
        return float(1.0 / np.sum(weight**2) / len(weight))

    if fraction(left) >= _KEPT:
        return left
    low, high = 0.0, left
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if fraction(middle) >= _KEPT else (low, middle)
    return max(low, 1e-12)


def _weights(log_weight: Array) -> tuple[Array, float]:
    """Normalised weights, and the log of the mean of the unnormalised ones."""
    log_weight = np.where(np.isnan(log_weight), -np.inf, log_weight)
    top = float(np.max(log_weight))
    weight = np.exp(log_weight - top)
    total = float(weight.sum())
    return weight / total, top + math.log(total / len(weight))


def _move(
    evaluations: Evaluations,
    u: Array,
    log_likelihood: Array,
    power: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """One Metropolis step of all particles with their own covariance."""
    d = u.shape[1]
    covariance = np.atleast_2d(np.cov(u.T)) + 1e-12 * np.eye(d)
    root = np.linalg.cholesky(2.38**2 / d * covariance)
    scale = np.where(rng.random(len(u)) < 0.5, 1.0, 0.3)[:, None]
    trial = u + scale * (rng.standard_normal(u.shape) @ root.T)
    found = evaluations.log_likelihood(trial)
    with np.errstate(invalid="ignore"):
        gain = power * (found - log_likelihood)
        taken = np.log(rng.random(len(u))) < gain
    u = np.where(taken[:, None], trial, u)
    return u, np.where(taken, found, log_likelihood)


METHOD = Method(
    name="smc",
    summary="Tempered sequential Monte Carlo on the model, with the log evidence.",
    sample=sample,
    gives="posterior",
    predictive=False,
    with_budget=max_runs_with("n_particles", 500, 20),
    source="Del Moral et al. (2006)",
)
