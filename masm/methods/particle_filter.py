"""Particle filter for parameters: particles are weighed as observations come in.

Where few particles keep weight they are resampled, and spread by a kernel that keeps
their mean and covariance (Liu and West 2001); the model is then run at the new ones.
No normal errors of the forecast are assumed. The kernel smooths a posterior that is far
from normal; so the last particles are weighed by the whole posterior over the density
that the kernel has drawn them from, which corrects it. A model whose own state is
filtered too is for `masm.filters.filter_states_and_parameters`.

References
----------
Chopin, N. (2002). A sequential particle filter method for static models. Biometrika 89,
539-551.
Liu, J. and West, M. (2001). Combined parameter and state estimation in simulation-based
filtering. Sequential Monte Carlo Methods in Practice, chapter 10.
"""

from __future__ import annotations

import contextlib
import logging
import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import logsumexp

from masm.methods.budget import BudgetSpent, check_counts
from masm.methods.limits import Limit, check_limits
from masm.methods.method import Method, max_runs_with
from masm.methods.normal_space import Residuals, to_cube, to_normal
from masm.methods.outcomes import ensemble_outcome
from masm.methods.support import PARETO_LIMIT, fraction_of_weights
from masm.methods.time_windows import time_order
from masm.problem.problem import Outcome, Problem
from masm.samplers.latin_hypercube import latin_hypercube
from masm.samplers.resampling import systematic
from masm.types import Array

logger = logging.getLogger(__name__)

_DEGENERATE = 0.05
"""Least fraction of effective particles; below it they say little."""
_LEAST_EACH = 20
"""Least effective particles for each parameter."""
_AT_ONCE = 1000
"""Particles whose distances from all kernels are held at once."""


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 20_000,
    n_particles: int = 1000,
    threshold: float = 0.5,
    jitter: float = 0.3,
) -> Outcome:
    """Draw from the posterior with a particle filter over the observations.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs.
    n_particles : int
        Particles; each resampling runs the model at all of them again.
    threshold : float
        Particles are resampled under this fraction of effective ones, over 0 up to 1.
    jitter : float
        Standard deviation of the kernel, in those of the particles, 0 up to 1. With 0
        particles stay where they are, and the filter is importance sampling from the
        prior.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where less than one particle in twenty, or fewer
        than 20 for each parameter, were effective at some observation or at the end,
        the Pareto k of the last weights is above 0.7, or the budget ended before the
        last observation. ``attrs`` has ``n_resampled``, the smallest
        ``effective_share``, and ``pareto_k``.

    Raises
    ------
    InputError
        If an option is out of its range.
    CalibrationFailed
        If the model runs nowhere.
    """
    check_counts(n_particles=(n_particles, 40))
    check_counts(max_runs=(max_runs, 2 * n_particles))
    check_limits(_LIMITS, {"threshold": threshold, "jitter": jitter})
    rng = np.random.default_rng(seed)
    runs = Residuals(problem, max_runs, "particle_filter")
    start = to_normal(latin_hypercube(n_particles, problem.n_parameters, rng))
    cloud = _Particles(start, runs(start), threshold, jitter)
    runs.evaluations.require_some()
    order = time_order(runs.likelihood)
    with contextlib.suppress(BudgetSpent):
        for place in order:
            cloud.take_in(int(place), runs, rng)
        cloud.conclude(runs, rng)
    finished = len(cloud.seen) == len(order)
    if finished:
        cloud.weigh_by_the_posterior()
    cost = np.sum(cloud.residual**2, axis=1)
    keep = systematic(cloud.weight(), n_particles, rng)
    outcome = ensemble_outcome(to_cube(cloud.z[keep]), cost[keep], runs.runs)
    return _judged(outcome, cloud, finished)


@dataclass
class _Particles:
    """Particles in standard-normal coordinates with what the model gave at them."""

    z: Array
    residual: Array
    threshold: float
    jitter: float
    seen: list[int] = field(default_factory=list)
    n_resampled: int = 0
    least: float = 1.0
    pareto_k: float = -math.inf

    def __post_init__(self) -> None:
        ran = np.isfinite(self.residual).all(axis=1)
        self.log_weight = np.where(ran, 0.0, -np.inf)
        # Log density, up to a constant, of what the particles were drawn from.
        self.log_drawn = -0.5 * np.sum(self.z**2, axis=1)

    def weight(self) -> Array:
        """Normalised weights, (n_particles,)."""
        return np.asarray(np.exp(self.log_weight - logsumexp(self.log_weight)))

    def effective_share(self) -> float:
        """Effective particles over all of them."""
        return float(1.0 / np.sum(self.weight() ** 2) / len(self.z))

    def take_in(self, place: int, runs: Residuals, rng: np.random.Generator) -> None:
        """Weigh by one observation; resample where few particles are left."""
        before = np.where(np.isfinite(self.log_weight), self.residual[:, place], 0.0)
        self.log_weight = self.log_weight - 0.5 * before**2
        self.log_weight -= self.log_weight.max()
        self.seen.append(place)
        fraction = self.effective_share()
        self.least = min(self.least, fraction)
        if self.jitter and fraction < self.threshold:
            self._resample(runs, rng)

    def conclude(self, runs: Residuals, rng: np.random.Generator) -> None:
        """Spread the particles once more, so that none is there many times."""
        if self.jitter and np.ptp(self.log_weight) > 0.0:
            self._resample(runs, rng)

    def weigh_by_the_posterior(self) -> None:
        """Weigh the particles by all observations over what they were drawn from."""
        squares = np.sum(self.residual**2, axis=1) + np.sum(self.z**2, axis=1)
        ran = np.isfinite(squares)
        log_weight = np.where(ran, -0.5 * squares - self.log_drawn, -np.inf)
        fraction, self.pareto_k = fraction_of_weights(log_weight)
        self.least = min(self.least, fraction)
        self.log_weight = log_weight - log_weight.max()

    def _resample(self, runs: Residuals, rng: np.random.Generator) -> None:
        if runs.evaluations.left < len(self.z):
            raise BudgetSpent
        weight = self.weight()
        mean = weight @ self.z
        off = self.z - mean
        values, vectors = np.linalg.eigh(off.T @ (weight[:, None] * off))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        kept = mean + math.sqrt(1.0 - self.jitter**2) * off
        z = kept[systematic(weight, len(self.z), rng)]
        z = z + self.jitter * (rng.standard_normal(z.shape) @ root.T)
        residual = runs(z)
        ran = np.isfinite(residual).all(axis=1)
        if not ran.any():
            raise BudgetSpent
        self.z, self.residual = z, residual
        self.log_weight = np.where(ran, 0.0, -np.inf)
        self.log_drawn = _log_kernel(z, kept, weight, self.jitter * root)
        self.n_resampled += 1


def _log_kernel(z: Array, centres: Array, weight: Array, root: Array) -> Array:
    """Log density of the kernels about all centres, up to a constant, (n_particles,).

    Parameters
    ----------
    z : ndarray (n_particles, n)
    centres : ndarray (n_particles, n)
        With their normalised weights.
    root : ndarray (n, n)
        Of the kernel's covariance.
    """
    inverse = np.linalg.pinv(root, rcond=1e-9)
    white, about = z @ inverse.T, centres[weight > 0.0] @ inverse.T
    log_weight = np.log(weight[weight > 0.0])
    size = np.sum(about**2, axis=1)
    found = np.empty(len(z))
    for start in range(0, len(z), _AT_ONCE):
        at = slice(start, start + _AT_ONCE)
        own = np.sum(white[at] ** 2, axis=1)
        square = own[:, None] + size - 2.0 * white[at] @ about.T
        found[at] = logsumexp(log_weight - 0.5 * np.maximum(square, 0.0), axis=1)
    return found


def _judged(outcome: Outcome, cloud: _Particles, finished: bool) -> Outcome:
    """The outcome with its verdict and what the filter went through."""
    n, d = cloud.z.shape
    degenerate = cloud.least < _DEGENERATE or cloud.least * n < _LEAST_EACH * d
    trusted = finished and not degenerate and cloud.pareto_k <= PARETO_LIMIT
    reason = "" if trusted else "not_converged"
    if degenerate:
        logger.warning(
            "the particle filter degenerates: %.3g of the particles were effective. "
            "Take more particles, or fewer or less certain observations.",
            cloud.least,
        )
    return replace(
        outcome,
        status="suspect" if reason else "done",
        reason=reason,
        attrs={
            "approximation": "exact for many particles",
            "n_resampled": cloud.n_resampled,
            "effective_share": cloud.least,
            "pareto_k": cloud.pareto_k,
            "n_observations_taken_in": len(cloud.seen),
        },
    )


_LIMITS = (Limit("threshold", 0.0, 1.0, above=True), Limit("jitter", 0.0, 1.0))

METHOD = Method(
    name="particle_filter",
    summary="Particle filter for parameters: weighed observation by observation, "
    "resampled and spread by a kernel.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    with_budget=max_runs_with("n_particles", 1000, 6),
    source="Chopin (2002); Liu and West (2001)",
    limits=_LIMITS,
)
