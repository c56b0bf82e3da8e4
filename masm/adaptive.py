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

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from threadpoolctl import threadpool_limits

from masm.batches import (
    allowed_start,
    choose_batch,
    density_of,
    n_drawn,
    spread_points,
    strata,
)
from masm.chains import Chains, ensemble_chains, tempered_population
from masm.emulator import SeriesEmulator
from masm.errors import CalibrationFailed, InputError
from masm.hamiltonian import hamiltonian_chains
from masm.problem import Outcome, Problem, Runs, seed_sequence
from masm.surrogates import Surrogate, surrogate_for
from masm.verdict import (
    DISAGREE,
    Verdict,
    moment_shift,
    split_gelman_rubin,
    weight_error,
)

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

# Parts of a calibration that draw their own random numbers.
_DESIGN, _BATCH, _FINAL = range(3)

# Of the loop; `calibrate` makes one more call, for the scores of default and result.
_N_BATCHES = 11
_N_POPULATION = 300
# Chains on a cost agree when the split Gelman-Rubin factor is below this; else
# longer ones are tried, of so many steps for each kept draw.
_AGREE = 1.03
_LONGER = (2, 6)
_N_BURN = 80
# Stop before the budget when so many batches in a row changed this little; most of
# their runs have looked for other modes.
_N_STABLE = 6
_STABLE_SHIFT = 0.10
_STABLE_ERROR = 0.15
# Functions drawn to expect errors by.
_N_EXPECTED = 200


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
    surrogate = surrogate_for(problem)
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
        hopeful = density_of(
            problem, surrogate.log_density if last else surrogate.hopeful, runs
        )
        population = tempered_population(
            hopeful,
            problem.n_parameters,
            rng=rng,
            n_particles=_N_POPULATION,
            n_moves=3,
            start=allowed_start(problem, rng, _N_POPULATION),
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
    density = density_of(problem, surrogate.log_density, runs)
    population = tempered_population(
        density,
        problem.n_parameters,
        rng=rng,
        n_particles=max(512, n_chains),
        n_moves=4,
        start=allowed_start(problem, rng, max(512, n_chains)),
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
    if split_gelman_rubin(chains.u) > DISAGREE:
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
