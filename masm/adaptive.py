"""The default calibration: about a hundred model runs, chosen in batches.

Each batch is chosen on a surrogate of the problem (`masm.emulator` where the model
gives series, `masm.cost_surrogate` where it only gives a cost): the best point, a
space-filling point so that no mode is lost, a few posterior draws, and the rest
where runs most reduce the variance of the cost over the posterior. The last batch
is drawn from the posterior and predicted before it is run: it tells how wrong the
surrogate is where it matters, and with it whether the result can be believed.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from masm.acquisition import Information, most_informative
from masm.chains import Chains, ensemble_chains, latin_hypercube, tempered_population
from masm.cost_surrogate import CostSurrogate
from masm.diagnostics import gelman_rubin
from masm.emulator import SeriesEmulator
from masm.errors import CalibrationFailed, InputError
from masm.exploration import Explorer
from masm.hamiltonian import hamiltonian_chains
from masm.problem import Outcome, Problem, Runs, seed_sequence

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

# Parts of a calibration that draw their own random numbers.
_DESIGN, _BATCH, _FINAL = range(3)

# Of the loop; `calibrate` makes one more call, for the scores of default and result.
_N_BATCHES = 11
_N_POPULATION = 300
_N_POOL = 150
# Runs nearer than this (times the cube's diagonal) to another tell nothing new.
_NEAR = 1e-3
# The verdict: estimated error of the marginals (total variation) that is believed.
SUSPECT_ERROR = 0.10
# Chains agree when the split Gelman-Rubin factor is below the first; above the
# second, after the longest chains, the result is suspect.
_AGREE, _DISAGREE = 1.03, 1.1
# Steps for each kept draw of the longer chains that are then tried.
_LONGER = (2, 6)
_N_BURN = 80
# Stop before the budget when so many batches in a row changed this little; most of
# their runs have looked for other modes.
_N_STABLE = 6
_STABLE_SHIFT = 0.10
_STABLE_ERROR = 0.15
_N_BINS = 8
# Functions drawn to expect errors by.
_N_EXPECTED = 200
# Errors of a dozen draws are so much larger than expected by chance alone.
_CHANCE = 1.5


class Surrogate(Protocol):
    """What the loop needs to know of a surrogate."""

    def update(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs, cheaply."""

    def refit(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs as well as can be."""

    def log_density(self, u: Array) -> Array:
        """Posterior density, up to a constant, (n_points,)."""

    def hopeful(self, u: Array) -> Array:
        """Density in which new runs are sought, (n_points,)."""

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the surrogate, (n_draws, n_points)."""

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """What a run at a pool point would tell of the reference points."""


def default_runs(n_parameters: int) -> int:
    """Model runs that a calibration may make unless told otherwise."""
    return 15 * n_parameters + 27


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int | None = None,
    batch_size: int | None = None,
    n_chains: int = 80,
    n_draws: int | None = None,
) -> Outcome:
    """Calibrate a problem on a surrogate refined where the posterior is.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int, optional
        Most model runs; fewer are made when the posterior has settled. By default
        15 for each parameter and 27. A joint `calibrate` makes three more, to score
        defaults, mean and best run; they count towards a ``max_runs`` given there.
    batch_size : int, optional
        Runs in each batch after the first, which is of 5 for each parameter; by
        default so that there are eleven batches in all.
    n_chains, n_draws : int, optional
        Chains of the posterior, and kept draws of each: by default 250 on emulated
        series and 1000 on an emulated cost, whose chains are of a simpler kind.

    Returns
    -------
    Outcome
        ``attrs`` tells the parts of the verdict: ``error_check``, from the last
        batch predicted before it was run; ``error_spread``, from functions drawn
        from the surrogate; ``error_shift``, between the posteriors before and after
        the last batch; and ``error``, the largest. All are total variations.
    """
    d = problem.n_parameters
    max_runs = default_runs(d) if max_runs is None else max_runs
    if max_runs < 4 * d + 8:
        raise InputError(
            f"max_runs is {max_runs}",
            wanted=f"at least {4 * d + 8} for {d} parameters",
        )
    n_initial = min(max(5 * d, 32), max_runs // 2)
    if batch_size is None:
        batch_size = math.ceil((max_runs - n_initial) / (_N_BATCHES - 1))
    if n_draws is None:
        n_draws = 1000 if problem.likelihood is None else 250
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}", wanted="1 or more")
    # Many small matrices: threads would only wait for each other.
    with threadpool_limits(1, user_api="blas"):
        return _sample(
            problem, seed, max_runs, n_initial, batch_size, n_chains, n_draws
        )


def _sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    max_runs: int,
    n_initial: int,
    batch_size: int,
    n_chains: int,
    n_draws: int,
) -> Outcome:
    rng = np.random.default_rng(seed_sequence(seed, _DESIGN))
    runs = problem.run(spread_points(problem, n_initial, rng))
    surrogate = _surrogate(problem)
    history: dict[str, list[float]] = {"n_runs": [], "best_cost": [], "shift": []}
    history["rmse"] = []
    before: Array | None = None
    n_stable = batch = 0
    lost = False
    share = np.empty(0)
    while True:
        rng = np.random.default_rng(seed_sequence(seed, _BATCH, batch))
        _require_enough(problem, runs)
        size = min(batch_size, max_runs - runs.n)
        # The last batch is the check; a stable posterior goes straight to it.
        check_size = min(size, max(6, batch_size))
        last = max_runs - runs.n <= size or n_stable >= _N_STABLE
        (surrogate.refit if last else surrogate.update)(runs, rng)
        hopeful = _density(
            problem, surrogate.log_density if last else surrogate.hopeful, runs
        )
        population = tempered_population(
            hopeful,
            problem.n_parameters,
            rng=rng,
            n_particles=_N_POPULATION,
            n_moves=3,
            start=_allowed_start(problem, rng, _N_POPULATION),
        )
        shift = np.inf if before is None else moment_shift(population, before)
        before = population
        if last:
            points, share = strata(population, check_size)
        else:
            points = choose_batch(
                problem,
                surrogate,
                runs,
                population,
                size,
                rng,
                lost=lost,
                settled=n_stable > 0,
            )
        predicted = surrogate.cost(points)
        expected = earlier = None
        if last and isinstance(surrogate, SeriesEmulator):
            expected = surrogate.expected_error(points, _N_EXPECTED, rng)
            earlier = surrogate.frozen()
        new = problem.run(points)
        runs = runs.append(new)
        error = predicted - new.cost
        batch += 1
        history["n_runs"].append(runs.n)
        history["best_cost"].append(float(np.nanmin(runs.cost)))
        history["shift"].append(shift)
        history["rmse"].append(_rms(error))
        logger.info(
            "batch %d: %d runs, best cost %.5g, posterior moved %.3f, error %.3g",
            batch,
            runs.n,
            history["best_cost"][-1],
            shift,
            history["rmse"][-1],
        )
        if last:
            break
        # The draws among the points stand for the posterior.
        drawn = slice(1, 1 + n_drawn(size))
        wrong = weight_error(error[drawn])
        lost = _implausible(new.cost[drawn] - history["best_cost"][-1], problem)
        settled = shift < _STABLE_SHIFT and wrong < _STABLE_ERROR
        n_stable = n_stable + 1 if settled else 0

    rng = np.random.default_rng(seed_sequence(seed, _FINAL))
    surrogate.refit(runs, rng)
    density = _density(problem, surrogate.log_density, runs)
    population = tempered_population(
        density,
        problem.n_parameters,
        rng=rng,
        n_particles=max(512, n_chains),
        n_moves=4,
        start=_allowed_start(problem, rng, max(512, n_chains)),
    )
    if isinstance(surrogate, SeriesEmulator):
        surrogate.ignore_certain(population)
    chains = _final_chains(surrogate, density, population, n_chains, n_draws, rng)
    verdict = Verdict.of(
        surrogate,
        chains.u,
        error,
        share,
        before,
        earlier=earlier,
        expected=expected,
        rng=rng,
    )
    return Outcome(
        u=chains.u,
        cost=-2.0 * chains.log_density,
        runs=runs,
        surrogate_rmse=_rms(error),
        status=verdict.status,
        reason=verdict.reason,
        check=new,
        history={name: np.array(values) for name, values in history.items()},
        attrs={
            "n_initial": n_initial,
            "n_batches": batch + 1,
            "error": verdict.error,
            "error_check": verdict.check,
            "error_spread": verdict.spread,
            "error_shift": verdict.shift,
            "error_surprise": verdict.surprise,
        },
    )


def _final_chains(
    surrogate: Surrogate,
    density: Callable[[Array], Array],
    starts: Array,
    n_chains: int,
    n_draws: int,
    rng: np.random.Generator,
) -> Chains:
    """Chains on the final surrogate, longer ones where short ones still disagree.

    Longer ones start where the short ones ended, with proposals learnt from there.
    """
    if not isinstance(surrogate, SeriesEmulator):
        return _ensemble(density, starts[:n_chains], n_draws, rng)
    surrogate.lead(starts)
    chains = hamiltonian_chains(
        density,
        surrogate,
        starts,
        rng=rng,
        n_chains=n_chains,
        n_steps=n_draws,
        n_burn=_N_BURN,
    )
    if split_gelman_rubin(chains.u) > _DISAGREE:
        known = chains.pooled[rng.choice(len(chains.pooled), 2000)]
        chains = hamiltonian_chains(
            density,
            surrogate,
            np.concatenate([chains.u[:, -1], known]),
            rng=rng,
            n_chains=n_chains,
            n_steps=2 * n_draws,
            n_burn=_N_BURN,
        )
    return chains


def _ensemble(
    density: Callable[[Array], Array],
    starts: Array,
    n_draws: int,
    rng: np.random.Generator,
) -> Chains:
    chains = ensemble_chains(density, starts, rng=rng, n_steps=n_draws, n_burn=150)
    for thin in _LONGER:
        if split_gelman_rubin(chains.u) < _AGREE:
            break
        chains = ensemble_chains(
            density, chains.u[:, -1], rng=rng, n_steps=n_draws, n_burn=150, thin=thin
        )
    return chains


def split_gelman_rubin(draws: Array) -> float:
    """Gelman-Rubin factor of the worst parameter, each chain cut into halves.

    ``draws`` is (chain, draw, parameter). One function of numpy, since ArviZ takes
    longer to import than a short calibration takes; the result reports ArviZ's.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    return max(gelman_rubin(halves[:, :, j]) for j in range(draws.shape[2]))


def _surrogate(problem: Problem) -> Surrogate:
    if problem.likelihood is None:
        return CostSurrogate(problem.n_parameters)
    return SeriesEmulator(problem.likelihood, problem.n_parameters)


def _require_enough(problem: Problem, runs: Runs) -> None:
    wanted = problem.n_parameters + 2
    if runs.ok.sum() < wanted:
        failures = getattr(problem.runner, "failures", [])
        raise CalibrationFailed(
            f"{runs.n_failed} of {runs.n} model runs failed; a surrogate needs "
            f"{wanted}. First failure: "
            f"{failures[0] if failures else 'cost is not finite'}",
            reason="model_nan",
        )


def _implausible(excess: Array, problem: Problem) -> bool:
    """Whether draws of the posterior turned out far worse than the best run."""
    limit = 2.0 * stats.chi2(problem.n_parameters).ppf(0.999)
    good = excess[np.isfinite(excess)]
    return len(good) == 0 or float(np.median(good)) > limit


def _rms(error: Array) -> float:
    good = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(good**2))) if len(good) else math.nan


# -- where to run -----------------------------------------------------------------


def _density(
    problem: Problem, log_density: Callable[[Array], Array], runs: Runs
) -> Callable[[Array], Array]:
    """Density kept to the constraints and out of places where the model fails."""
    failed = runs.u[~runs.ok]
    if not problem.priors.constraints and len(failed) < 2:
        return log_density
    good = runs.u[runs.ok]

    def density(u: Array) -> Array:
        value = np.full(len(u), -np.inf)
        ok = problem.allowed(u)
        if ok.any():
            value[ok] = log_density(u[ok])
        if len(failed) >= 2:
            value += failure_penalty(u, good, failed)
        return value

    return density


def failure_penalty(u: Array, good: Array, failed: Array) -> Array:
    """Log of how much to avoid places where nearly all runs failed, (n_points,).

    A failure amid good runs is an accident and costs nothing; where failures
    clearly outnumber the good runs nearby, the model does not work.
    """
    reach = 0.12 * math.sqrt(u.shape[1])
    near_failed = np.exp(-0.5 * (cdist(u, failed) / reach) ** 2).sum(axis=1)
    near_good = np.exp(-0.5 * (cdist(u, good) / reach) ** 2).sum(axis=1)
    excess = near_failed - 1.5 - near_good
    return -20.0 * np.maximum(excess, 0.0)


def _allowed_start(problem: Problem, rng: np.random.Generator, n: int) -> Array | None:
    """Uniform points that keep the constraints; None where there are none to keep."""
    if not problem.priors.constraints:
        return None
    return _uniform_allowed(problem, rng, n)


def _uniform_allowed(problem: Problem, rng: np.random.Generator, n: int) -> Array:
    kept: list[Array] = []
    for _ in range(200):
        u = rng.random((4 * n, problem.n_parameters))
        kept.append(u[problem.allowed(u)])
        if sum(map(len, kept)) >= n:
            return np.concatenate(kept)[:n]
    raise InputError(
        "constraints leave less than a thousandth of the prior",
        hint="narrow the bounds to the allowed region",
    )


def spread_points(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """Latin hypercube sample whose closest points are farthest apart, of twenty."""
    if problem.priors.constraints:
        return _uniform_allowed(problem, rng, n)
    best, widest = np.empty((0, 0)), -1.0
    for _ in range(20):
        points = latin_hypercube(n, problem.n_parameters, rng)
        gap = cdist(points, points)
        np.fill_diagonal(gap, np.inf)
        if gap.min() > widest:
            best, widest = points, float(gap.min())
    return best


def n_drawn(size: int) -> int:
    """How many points of a batch are plain posterior draws."""
    return max(2, size // 6)


def choose_batch(
    problem: Problem,
    surrogate: Surrogate,
    runs: Runs,
    population: Array,
    size: int,
    rng: np.random.Generator,
    *,
    lost: bool = False,
    settled: bool = False,
) -> Array:
    """Next points: the best, a far one, some draws, and the most informative.

    Parameters
    ----------
    problem, surrogate, runs
        So far.
    population : (n_particles, n_parameters), draws of the present posterior
    size : number of points
    rng : numpy.random.Generator
    lost : whether the surrogate has just been wrong where it put the posterior
    settled : whether the known posterior needs no more runs, only the unknown

    Returns
    -------
    points : (size, n_parameters)
    """
    chosen = [population[np.argmin(surrogate.cost(population))]]
    explorer = Explorer(runs, rng)
    free = _density(problem, lambda u: np.zeros(len(u)), runs)
    candidates = explorer.candidates(rng)
    candidates = candidates[free(candidates) > -1.0]
    chosen.extend(population[rng.choice(len(population), n_drawn(size), False)])
    if len(candidates) > size:
        if lost:
            chosen.extend(explorer.best(candidates, max(1, size // 3)))
        share = 0.6 if settled else 0.25
        # A series tells of its surroundings what a bare cost cannot.
        if isinstance(surrogate, SeriesEmulator):
            share *= 0.5
        n_far = max(1, round(share * size))
        chosen.extend(explorer.elsewhere(candidates, population, n_far, rng))
    start = np.array(chosen)[:size]
    if len(start) == size:
        return start

    density = _density(problem, surrogate.hopeful, runs)
    wide = tempered_population(
        lambda u: 0.4 * density(u),
        problem.n_parameters,
        rng=rng,
        n_particles=_N_POOL,
        n_moves=2,
        start=_allowed_start(problem, rng, _N_POOL),
    )
    pool = np.vstack([population[:_N_POOL], wide])
    near = _NEAR * math.sqrt(problem.n_parameters)
    pool = pool[cdist(pool, np.vstack([runs.u, start])).min(axis=1) > near]
    reference = population[rng.choice(len(population), _N_POOL, replace=False)]
    information = surrogate.information(np.vstack([start, pool]), reference)
    picked = most_informative(information, len(start), size - len(start))
    points = np.vstack([start, np.vstack([start, pool])[picked]])
    short = size - len(points)
    return points if short == 0 else np.vstack([points, candidates[:short]])


# -- whether to believe it --------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Self-assessed error of a posterior, all parts as total variations.

    Attributes
    ----------
    check : from the last batch, predicted before it was run
    spread : between posteriors by functions drawn from the surrogate
    shift : between the posteriors before and after the last batch
    surprise : size of the errors of the last batch over what the surrogate itself
        expected; NaN where it has no expectation
    failed : failed runs among the last batch, as a share
    r_hat : split Gelman-Rubin factor of the worst parameter
    """

    check: float
    spread: float
    shift: float
    failed: float
    r_hat: float
    surprise: float = math.nan

    @classmethod
    def of(
        cls,
        surrogate: Surrogate,
        draws: Array,
        error: Array,
        share: Array,
        before: Array,
        *,
        earlier: Callable[[Array], Array] | None = None,
        expected: Array | None = None,
        rng: np.random.Generator,
    ) -> Verdict:
        """Judge posterior draws (chain, draw, parameter)."""
        pooled = draws.reshape(-1, draws.shape[-1])
        some = pooled[rng.choice(len(pooled), 300, replace=False)]
        cost = -2.0 * surrogate.log_density(some)
        spread = function_spread(some, cost, surrogate.sample_cost(some, 40, rng))
        if earlier is None:
            shift = moment_shift(pooled, before)
        else:
            # The same draws, reweighted: free of the noise of two samples.
            shift = function_spread(some, cost, -2.0 * earlier(some)[None])
        good = error[np.isfinite(error)]
        return cls(
            check=weight_error(error, share),
            spread=spread,
            shift=shift,
            failed=1.0 - len(good) / len(error),
            r_hat=split_gelman_rubin(draws),
            surprise=(
                math.nan if expected is None else surprise(error, share, expected)
            ),
        )

    @property
    def error(self) -> float:
        """Estimated total variation of the marginals.

        An emulator that knows how wrong it is tells by its spread, which averages
        over errors as marginals do; one that was surprised is taken to be as much
        more wrong. Without an expectation the errors themselves must do.
        """
        if math.isnan(self.surprise):
            return max(0.5 * self.check, self.spread, 0.5 * self.shift)
        more = max(1.0, self.surprise / _CHANCE)
        return max(self.spread * more, 0.5 * self.shift)

    @property
    def status(self) -> str:
        """Done, or suspect."""
        return "suspect" if self.reason else "done"

    @property
    def reason(self) -> str:
        """Why it is suspect, one of the closed list; empty when done."""
        if self.failed > 0.5:
            return "model_nan"
        if self.error > SUSPECT_ERROR:
            return "surrogate_not_fitted"
        return "not_converged" if self.r_hat > _DISAGREE else ""


def surprise(error: Array, share: Array, expected: Array) -> float:
    """Size of errors over that of expected ones, common offsets left out.

    Parameters
    ----------
    error : (n_draws,), predicted minus true cost; NaN where a run failed
    share : (n_draws,), of the posterior that each draw stands for
    expected : (n_functions, n_draws), errors that would be no surprise
    """
    ok = np.isfinite(error)
    if ok.sum() < 2:
        return math.inf
    part = share[ok] / share[ok].sum()

    def size(errors: Array) -> Array:
        middle = errors @ part
        return np.asarray(((errors - middle[:, None]) ** 2) @ part)

    seen = float(size(error[ok][None])[0])
    return math.sqrt(seen / (float(np.mean(size(expected[:, ok]))) + 1e-12))


def strata(population: Array, n: int) -> tuple[Array, Array]:
    """Draws that stand for parts of a posterior, small modes included.

    Farthest-first, in standard deviations, from the draw nearest to the middle; each
    stands for the draws that are nearest to it.

    Returns
    -------
    points : (n, n_parameters)
    share : (n,), of the population, sums to one
    """
    scaled = population / (population.std(axis=0) + 1e-12)
    gap = cdist(scaled, [np.median(scaled, axis=0)])[:, 0]
    picked = [int(np.argmin(gap))]
    distance = cdist(scaled, scaled[picked])
    while len(picked) < n:
        picked.append(int(np.argmax(distance.min(axis=1))))
        distance = np.hstack([distance, cdist(scaled, scaled[picked[-1:]])])
    nearest = np.argmin(distance, axis=1)
    return population[picked], np.bincount(nearest, minlength=n) / len(population)


def weight_error(error: Array, share: Array | None = None) -> float:
    """Total variation that errors of the cost at posterior draws stand for.

    Half the mean departure from one of the importance weights exp(error / 2); a
    common offset cancels, as it does in a posterior.

    Parameters
    ----------
    error : (n_draws,), predicted minus true cost; NaN where a run failed
    share : (n_draws,), optional
        Of the posterior that each draw stands for; equal by default.
    """
    ok = np.isfinite(error)
    if ok.sum() < 2:
        return 1.0
    good = error[ok]
    part = np.ones(len(good)) if share is None else share[ok]
    part = part / part.sum()
    weight = np.exp(0.5 * (good - good.max()))
    return float(0.5 * np.sum(part * np.abs(weight / (part @ weight) - 1.0)))


def function_spread(u: Array, cost: Array, functions: Array) -> float:
    """Mean total variation of marginals reweighted to each function drawn.

    Parameters
    ----------
    u : (n_draws, n_parameters), drawn from exp(-cost / 2)
    cost : (n_draws,)
    functions : (n_functions, n_draws), costs by functions drawn
    """
    log_weight = -0.5 * (functions - cost)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    total = 0.0
    for column in u.T:
        edges = np.quantile(column, np.linspace(0.0, 1.0, _N_BINS + 1)[1:-1])
        member = np.searchsorted(edges, column)[:, None] == np.arange(_N_BINS)
        share = weight @ member
        total += float(0.5 * np.abs(share - member.mean(axis=0)).sum(axis=1).mean())
    return total / u.shape[1]


def moment_shift(a: Array, b: Array) -> float:
    """Mean over parameters of the total variation of two samples, by their moments.

    For normals it is about 0.4 times the shift of the mean in standard deviations
    and 0.48 times that of the logarithm of the standard deviation.
    """
    sd_a, sd_b = a.std(axis=0) + 1e-12, b.std(axis=0) + 1e-12
    shift = 0.4 * np.abs(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(sd_a * sd_b)
    return float(np.mean(np.minimum(shift + 0.48 * np.abs(np.log(sd_a / sd_b)), 1.0)))
