"""History matching: rule out, in waves, what surely does not fit.

Each wave runs the model at points spread over what is not ruled out yet, fits Gaussian
processes there, and rules out every point whose emulated output is farther from the
observations than three standard deviations of observation error, structural error of
the model and emulator together (Craig et al. 1997; Vernon et al. 2010). Where the model
gives series these are written in their principal components, whitened so that the
observation error of each is one.
Where it gives only a cost, a point is ruled out when its cost surely exceeds the best
one by more than a posterior's costs do (a chi-squared number).

What is left is no posterior: points that fit well and points that barely pass count
the same, and an empty rest says that the model cannot fit. See `masm.methods`.

References
----------
Craig, P. S., Goldstein, M., Seheult, A. H. and Smith, J. A. (1997). Pressure matching
for hydrocarbon reservoirs: a case study in the use of Bayes linear strategies for large
computer experiments. Case Studies in Bayesian Statistics 3, 37-93.
Vernon, I., Goldstein, M. and Bower, R. G. (2010). Galaxy formation: a Bayesian
uncertainty analysis. Bayesian Analysis 5, 619-670.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy
from scipy import special
from threadpoolctl import threadpool_limits

from masm.errors import CalibrationFailed
from masm.gaussian_process.regression import GaussianProcess
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.budget import Evaluations, check_counts, spread_starts
from masm.methods.limits import Limit, check_limits
from masm.methods.method import Method
from masm.methods.outcomes import NO_POSTERIOR
from masm.problem.problem import Outcome, Problem, Runs
from masm.problem.seeds import seed_sequence
from masm.samplers.ensemble import ensemble_chains
from masm.samplers.tempering import tempered_population
from masm.types import Array

logger = logging.getLogger(__name__)

_N_SAMPLE = 2000
_N_WALKERS = 40
_MOST_COMPONENTS = 6
# Components are added until they hold this fraction of the runs' variance.
_HELD = 0.99
_MOST_ORDER = 3
_ALL_LEFT = 0.98  # of the prior: nothing has been ruled out


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 500,
    n_waves: int = 5,
    cutoff: float = 3.0,
    order: int = 1,
    discrepancy: float = 0.0,
) -> Outcome:
    """Find what the observations do not rule out.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Model runs, an equal fraction in each wave.
    n_waves : int
    cutoff : float
        Points of a larger implausibility, in standard deviations, are ruled out. It is
        that of one output: by the largest of several the truth would be ruled out the
        more often the more there are, so that the cut then follows their number (3
        becomes 3.6 for ten outputs).
    order : int
        Which implausibility over the outputs counts: 1 the largest, 2 the second
        largest, 3 the third, which one output emulated badly does not decide.
    discrepancy : float
        Standard deviation of the model's structural error, in standard deviations of
        the observation error; it is added to the variance of every output.

    Returns
    -------
    Outcome
        Draws spread evenly over what is left; always suspect, ``no_posterior``.
        ``attrs`` has ``share_left``, that of the prior (an upper bound where a wave
        left less than one in 2,000), and ``all_ruled_out``: the last wave left
        nothing, and the draws are what the one before left. ``message`` says what a
        fraction of nothing or everything means.
    """
    d = problem.n_parameters
    check_counts(n_waves=(n_waves, 1))
    check_counts(max_runs=(max_runs, n_waves * (2 * d + 4)))
    check_counts(order=(order, 1))
    given = {"order": order, "cutoff": cutoff, "discrepancy": discrepancy}
    check_limits(_LIMITS, given)
    rule = Rule(float(cutoff), int(order), float(discrepancy))
    with threadpool_limits(1, user_api="blas"):
        return _waves(problem, seed, max_runs, n_waves, rule)


@dataclass(frozen=True)
class Rule:
    """When a point is ruled out: see `sample`."""

    cutoff: float = 3.0
    order: int = 1
    discrepancy: float = 0.0

    def implausibility(self, mean: Array, variance: Array) -> Array:
        """Implausibility of points over the cut, (n_points,): above 1 is ruled out.

        Parameters
        ----------
        mean, variance : (n_outputs, n_points)
            Distance of emulated outputs from the observations in units of their error,
            and the emulator's variance in its square.
        """
        total = 1.0 + self.discrepancy**2 + variance
        each = np.sort(np.abs(mean) / np.sqrt(total), axis=0)
        order = min(self.order, len(each))
        return np.asarray(each[-order] / self.cut(len(each)))

    def cut(self, n_outputs: int) -> float:
        """The cut for so many outputs.

        That of the largest rules a true point out as often as ``cutoff`` does with one
        output, were all of them independent.
        """
        if self.order > 1 or n_outputs == 1:
            return self.cutoff
        kept = special.ndtr(self.cutoff) - special.ndtr(-self.cutoff)
        return float(special.ndtri(0.5 * (1.0 + kept ** (1.0 / n_outputs))))


def _waves(
    problem: Problem,
    seed: np.random.SeedSequence,
    max_runs: int,
    n_waves: int,
    rule: Rule,
) -> Outcome:
    evaluations = Evaluations(problem, max_runs)
    left = _Left(problem)
    rng = np.random.default_rng(seed_sequence(seed, 0))
    points = spread_starts(problem, max_runs // n_waves, rng)
    draws = spread_starts(problem, _N_SAMPLE, rng)
    history: dict[str, list[float]] = {"n_runs": [], "share_left": []}
    empty = False
    for wave in range(1, n_waves + 1):
        rng = np.random.default_rng(seed_sequence(seed, wave))
        evaluations.cost(points)
        runs = _within(evaluations.runs, left)
        kept = left.after(_emulators(problem, runs, rule, rng), draws, rng)
        if kept is None:
            empty = True
            break
        left, draws = kept
        history["n_runs"].append(evaluations.n_runs)
        history["share_left"].append(left.fraction)
        logger.info("wave %d: %.3g of the prior is left", wave, left.fraction)
        n = evaluations.left if wave == n_waves - 1 else max_runs // n_waves
        points = _farthest(draws, evaluations.runs.u, n)
    runs = evaluations.runs
    return Outcome(
        u=draws.reshape(_N_WALKERS, -1, problem.n_parameters),
        cost=np.full((_N_WALKERS, len(draws) // _N_WALKERS), math.nan),
        runs=runs,
        surrogate_rmse=math.nan,
        status="suspect",
        reason=NO_POSTERIOR,
        history={name: np.array(values) for name, values in history.items()},
        attrs={
            "draws": "not ruled out",
            "share_left": left.fraction,
            "n_waves": len(history["n_runs"]),
            "all_ruled_out": int(empty),
            "cutoff": rule.cutoff,
            "order": rule.order,
            "discrepancy": rule.discrepancy,
            **_message(empty, left.fraction),
        },
    )


def _message(empty: bool, fraction: float) -> dict[str, str]:
    """What a rest of nothing or everything says; nothing in between."""
    if empty:
        said = (
            "all points are ruled out: the model cannot fit with these errors; they, "
            "or the discrepancy, are too small, or the priors leave out what fits"
        )
    elif fraction > _ALL_LEFT:
        said = (
            "nothing is ruled out: the errors or the discrepancy are so large that the "
            "observations say nothing of these parameters"
        )
    else:
        return {}
    logger.warning("history matching: %s", said)
    return {"message": said}


class _Emulators(Protocol):
    def implausibility(self, u: Array) -> Array:
        """Distance from the observations over the cut of the rule, (n_points,)."""


@dataclass(frozen=True)
class _OfSeries:
    """Gaussian processes of principal components; the observations are at zero."""

    processes: tuple[GaussianProcess, ...]
    rule: Rule

    @classmethod
    def fitted(
        cls,
        likelihood: GaussianLikelihood,
        runs: Runs,
        rule: Rule,
        rng: np.random.Generator,
    ) -> _OfSeries:
        assert runs.series is not None  # noqa: S101 - of a problem with a likelihood
        whitened = likelihood.whiten(runs.series)
        _, singular, vectors = np.linalg.svd(
            whitened - whitened.mean(axis=0), full_matrices=False
        )
        held = np.cumsum(singular**2) / max(np.sum(singular**2), 1e-300)
        n = min(int(np.searchsorted(held, _HELD)) + 1, _MOST_COMPONENTS)
        scores = whitened @ vectors[:n].T
        return cls(tuple(_fitted(runs.u, column, rng) for column in scores.T), rule)

    def implausibility(self, u: Array) -> Array:
        found = [process.predict(u) for process in self.processes]
        mean = np.stack([mean for mean, _ in found])
        variance = np.stack([variance for _, variance in found])
        return self.rule.implausibility(mean, variance)


@dataclass(frozen=True)
class _OfCost:
    """Gaussian process of log(1 + excess cost / scale)."""

    process: GaussianProcess
    d: int
    rule: Rule

    @classmethod
    def fitted(cls, runs: Runs, rule: Rule, rng: np.random.Generator) -> _OfCost:
        d = runs.u.shape[1]
        # Of a cost only its whole says how large the structural error may be.
        excess = (runs.cost - runs.cost.min()) / (1.0 + rule.discrepancy**2)
        return cls(_fitted(runs.u, np.log1p(excess / (4.0 * d)), rng), d, rule)

    def implausibility(self, u: Array) -> Array:
        # Over a posterior the excess is a chi-squared number: mean d, variance 2 d.
        scale = 4.0 * self.d
        expected = math.log1p(self.d / scale)
        sd = math.sqrt(2.0 * self.d) / (scale + self.d)
        mean, variance = self.process.predict(u)
        beyond = np.maximum(mean - expected, 0.0) / np.sqrt(variance + sd**2)
        return np.asarray(beyond / self.rule.cutoff)


def _fitted(u: Array, y: Array, rng: np.random.Generator) -> GaussianProcess:
    return GaussianProcess(mean="linear").fit(u, y, rng=rng, n_starts=2)


def _emulators(
    problem: Problem, runs: Runs, rule: Rule, rng: np.random.Generator
) -> _Emulators:
    ok = runs.ok
    if ok.sum() < problem.n_parameters + 2:
        failures = getattr(problem.runner, "failures", [])
        raise CalibrationFailed(
            f"{runs.n_failed} of {runs.n} model runs of a wave failed; an emulator "
            f"needs {problem.n_parameters + 2}. First failure: "
            f"{failures[0] if failures else 'cost is not finite'}",
            reason="model_nan",
        )
    series = None if runs.series is None else runs.series[ok]
    good = Runs(runs.u[ok], runs.cost[ok], series)
    # Of errors of unknown size only the cost says how many of them a misfit is.
    if problem.likelihood is None or problem.likelihood.scales:
        return _OfCost.fitted(good, rule, rng)
    return _OfSeries.fitted(problem.likelihood, good, rule, rng)


@dataclass(frozen=True)
class _Left:
    """What the waves so far have not ruled out.

    Attributes
    ----------
    waves : emulators of each
    fraction : of the prior
    """

    problem: Problem
    waves: tuple[_Emulators, ...] = ()
    fraction: float = 1.0

    def excess(self, u: Array) -> Array:
        """How far beyond the cut of any wave, (n_points,); 0 where not at all."""
        excess = np.zeros(len(u))
        for wave in self.waves:
            excess = np.maximum(excess, wave.implausibility(u) - 1.0)
        return np.where(self.problem.allowed(u), excess, np.inf)

    def after(
        self, emulators: _Emulators, draws: Array, rng: np.random.Generator
    ) -> tuple[_Left, Array] | None:
        """What one more wave leaves, and even draws of it; None if nothing.

        ``draws`` are spread evenly over what was left before.
        """
        implausibility = emulators.implausibility(draws)
        n_passed = int(np.count_nonzero(implausibility <= 1.0))
        fraction = self.fraction * max(n_passed, 1) / len(draws)
        left = _Left(self.problem, (*self.waves, emulators), fraction)
        starts = draws[implausibility <= 1.0]
        if len(starts) < _N_WALKERS:
            # Few or none at random: search closer to it.
            closer = tempered_population(
                lambda u: -150.0 * left.excess(u),
                self.problem.n_parameters,
                rng=rng,
                n_particles=8 * _N_WALKERS,
                start=draws,
            )
            starts = closer[left.excess(closer) <= 0.0]
        if len(starts) == 0:
            return None
        starts = starts[rng.choice(len(starts), _N_WALKERS, len(starts) < _N_WALKERS)]
        chains = ensemble_chains(
            lambda u: np.where(left.excess(u) <= 0.0, 0.0, -np.inf),
            starts,
            rng=rng,
            n_steps=_N_SAMPLE // _N_WALKERS,
            n_burn=50,
        )
        return left, chains.pooled


def _within(runs: Runs, left: _Left) -> Runs:
    """The runs of what is left, where the next emulators have to be good."""
    inside = left.excess(runs.u) <= 0.0
    series = None if runs.series is None else runs.series[inside]
    return Runs(runs.u[inside], runs.cost[inside], series)


def _farthest(draws: Array, visited: Array, n: int) -> Array:
    """Draws far from each other and from all runs, one after the other, (n, d)."""
    distance = scipy.spatial.distance.cdist(draws, visited).min(axis=1)
    chosen: list[int] = []
    for _ in range(min(n, len(draws))):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(
            distance, scipy.spatial.distance.cdist(draws, draws[chosen[-1:]])[:, 0]
        )
    return draws[chosen]


_LIMITS = (
    Limit("order", 1.0, _MOST_ORDER),
    Limit("cutoff", 0.0, above=True),
    Limit("discrepancy", 0.0),
)

METHOD = Method(
    name="history_matching",
    summary="Waves of implausibility: what the observations do not rule out.",
    sample=sample,
    gives="region",
    predictive=False,
    source="Vernon et al. (2010)",
    limits=_LIMITS,
)
