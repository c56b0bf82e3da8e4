"""The default calibration: about a hundred model runs, chosen in batches.

Each batch is chosen on a surrogate of the problem (`masm.surrogates.series` where the
model gives series, `masm.surrogates.cost` where it only gives a cost): the best point,
points that may lie on another mode, a few posterior draws, and the rest where runs most
reduce the variance of the cost over the posterior. The last batch, for validation, is
drawn from the posterior and predicted before it is run: it says how wrong the surrogate
is where it matters, and with it whether the result can be trusted.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import numpy as np
from scipy import special
from threadpoolctl import threadpool_limits

from masm.design.space_filling import allowed_start, first_points, n_of_prior
from masm.errors import CalibrationFailed, InputError
from masm.methods.adaptive.batch import (
    choose_batch,
    density_of,
    feasible_points,
    n_drawn,
    weighted_centres,
)
from masm.methods.adaptive.error_estimate import (
    N_BINS_SERIES,
    ErrorEstimate,
    function_variability,
    moment_change,
    weight_error,
)
from masm.methods.adaptive.exchange import further_minima, images_of_best
from masm.methods.adaptive.final_chains import Proposals, final_chains
from masm.methods.adaptive.missed_modes import runs_off_target, with_missed_modes
from masm.methods.adaptive.settings import Settings
from masm.methods.limits import Limit, check_limits
from masm.problem.problem import Outcome, Problem, Runs
from masm.problem.seeds import seed_sequence
from masm.samplers.chains import Chains, LogDensity
from masm.samplers.tempering import tempered_population
from masm.surrogates.feasibility import infeasible_mass
from masm.surrogates.select import surrogate_for
from masm.types import Array

N_EMULATED = 100
"""Posterior draws at which the series are emulated for predictive checks."""

logger = logging.getLogger(__name__)

# Parts of a calibration that draw their own random numbers.
_DESIGN, _BATCH, _FINAL, _SCALE = range(4)

_MORE_RUNS_HELP = ("surrogate_not_fitted", "mode_lost")

# A scalar cost of more parameters takes more runs than the default of series; of more
# than the second number so many that they are not made unasked.
_FEW_PARAMETERS, _MOST_PARAMETERS = 10, 15


def default_runs(n_parameters: int) -> int:
    """Model runs that a calibration on series makes by default.

    15 for each parameter and 27; 30 for each beyond fifteen, where 15 were too few.
    """
    beyond = max(n_parameters - _MOST_PARAMETERS, 0)
    return 15 * (n_parameters + beyond) + 27


def default_cost_runs(n_parameters: int) -> int:
    """Model runs that a scalar cost takes.

    Up to ten parameters as many as series do. Beyond, the quadratic mean of the
    surrogate has (d + 1) (d + 2) / 2 coefficients, and the runs grow with the power
    1.5 of their number.
    """
    few = min(n_parameters, _FEW_PARAMETERS)
    growth = (n_parameters + 1) * (n_parameters + 2) / ((few + 1) * (few + 2))
    return math.ceil(default_runs(few) * growth**1.5)


def least_runs(n_parameters: int) -> int:
    """Fewest model runs of a calibration on series."""
    return 4 * n_parameters + 8


def _budget(problem: Problem, max_runs: int | None) -> int:
    """The runs that may be made, or a refusal that says how many are needed."""
    d = problem.n_parameters
    scalar = problem.likelihood is None
    needed = default_cost_runs(d) if scalar else default_runs(d)
    if max_runs is None:
        if scalar and d > _MOST_PARAMETERS:
            raise InputError(
                f"a scalar cost of {d} parameters needs about {needed} runs",
                found="no max_runs",
                wanted=f"max_runs={needed}",
                hint=f"masm.calibrate on the model's series takes {default_runs(d)}; "
                "or fix parameters that hardly matter (masm.screen)",
            )
        return needed
    least = least_runs(d)
    if scalar and d > _FEW_PARAMETERS:
        # The coefficients of the quadratic mean, and half as many again.
        least = math.ceil(0.75 * (d + 1) * (d + 2))
    if max_runs < least:
        kind = " of a scalar cost" if scalar and d > _FEW_PARAMETERS else ""
        raise InputError(
            f"max_runs is {max_runs}",
            wanted=f"at least {least} for {d} parameters{kind}",
            hint=f"{needed} by default",
        )
    return max_runs


def _require_foreseeable(
    problem: Problem, stop_at_error: float, settings: Settings
) -> None:
    """Refuse an error to stop at beyond which results are flagged, or none is known."""
    limit = Limit("stop_at_error", 0.0, settings.suspect_error)
    check_limits([limit], {"stop_at_error": stop_at_error})
    if stop_at_error and problem.likelihood is None:
        raise InputError(
            "stop_at_error is for a model of series",
            found="a scalar cost, whose surrogate does not know its own errors",
            wanted="max_runs alone",
        )


def _keeps(estimate: ErrorEstimate, stop_at_error: float) -> bool:
    """Whether a result that was ended early has the error it was ended for."""
    return estimate.error <= stop_at_error and not estimate.reason


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int | None = None,
    more_runs: int = 0,
    stop_at_error: float = 0.0,
    batch_size: int | None = None,
    n_chains: int = 80,
    n_draws: int | None = None,
    proposals: Proposals = None,
    settings: Settings | None = None,
) -> Outcome:
    """Calibrate a problem on a surrogate refined where the posterior is.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int, optional
        Most model runs; fewer are made when the posterior has settled. By default
        `default_runs`, 15 for each parameter and 27. A scalar cost of more than ten
        parameters takes `default_cost_runs`, and beyond fifteen the number has to be
        given. A joint `calibrate` makes three more, to score defaults, mean and best
        run; they count towards a ``max_runs`` given there.
    more_runs : int
        Runs that may be added to those, four batches at a time, as long as the
        estimated error is too large to be trusted.
    stop_at_error : float
        Spend less than ``max_runs`` on series that are easily emulated: end as soon as
        the error that is foreseen, and then the one that is estimated with a batch for
        validation, are at most this; 0.05 is usual, and 0.1 the most. By default, with
        0, the budget is spent until the posterior has settled over several batches,
        most of which look for other modes.
    batch_size : int, optional
        Runs in each batch after the first, which is of 4 for each parameter (at least
        32, or 16 with ``stop_at_error``; at most half of all); by default so that there
        are eleven batches in all.
    n_chains, n_draws : int, optional
        Chains of the posterior, and kept draws of each: by default 250 on emulated
        series and 1000 on an emulated cost, whose chains are of a simpler kind.
    proposals : sequence of sequence of int, optional
        Groups of parameters that the chains move one after the other, instead of all at
        once: the same posterior, by slower chains
        (`masm.samplers.metropolis_within_gibbs`).
    settings : Settings, optional
        Tuned numbers of the method, for studies of them.

    Returns
    -------
    Outcome
        ``attrs`` has the parts of the error estimate: ``error_check``, from the last
        batch predicted before it was run; ``error_spread``, the variability over
        functions drawn from the surrogate; ``error_shift``, between the posteriors
        before and after the last batch; ``error_views``, on a scalar cost, between
        other views of the same runs; and ``error``, the estimate. All are total
        variations. Where runs failed in a region, ``error_border`` is the fraction of
        the posterior expected beyond its boundary. ``whole_units`` names parameters
        that were found to act as whole numbers.
    """
    settings = settings or Settings()
    d = problem.n_parameters
    max_runs = _budget(problem, max_runs)
    if more_runs < 0:
        raise InputError(f"more_runs is {more_runs}", wanted="0 or more")
    _require_foreseeable(problem, stop_at_error, settings)
    n_initial = min(max(4 * d, settings.least_first), max_runs // 2)
    if batch_size is None:
        batch_size = math.ceil((max_runs - n_initial) / (settings.n_batches - 1))
    if stop_at_error:
        n_initial = min(max(4 * d, settings.least_first_early), n_initial)
    if n_draws is None:
        n_draws = 1000 if problem.likelihood is None else 250
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}", wanted="1 or more")
    most = max_runs + more_runs
    # Many small matrices: threads would only wait for each other.
    with threadpool_limits(1, user_api="blas"):
        search = _Search(problem, seed, batch_size, n_initial, settings)
        search.explore(max_runs, stop_at_error=stop_at_error)
        chains, estimate = search.conclude(n_chains, n_draws, proposals)
        left = max_runs - search.runs.n
        ended = left < search.n_validated or not search.stopped_early
        if not ended and not _keeps(estimate, stop_at_error):
            search.explore(max_runs)
            chains, estimate = search.conclude(n_chains, n_draws, proposals)
        while estimate.reason in _MORE_RUNS_HELP and search.runs.n < most:
            more = settings.more_batches * batch_size
            search.explore(min(search.runs.n + more, most))
            chains, estimate = search.conclude(
                n_chains, n_draws, proposals, earlier_ratio=estimate.error_ratio
            )
    return search.outcome(chains, estimate)


class _Search:
    """The loop: what is known, the batches, and the posterior at their end."""

    def __init__(
        self,
        problem: Problem,
        seed: np.random.SeedSequence,
        batch_size: int,
        n_initial: int,
        settings: Settings,
    ):
        self.problem, self.seed, self.settings = problem, seed, settings
        self.batch_size, self.n_initial = batch_size, n_initial
        rng = np.random.default_rng(seed_sequence(seed, _DESIGN))
        self.runs = problem.run(first_points(problem, n_initial, rng))
        self.surrogate = surrogate_for(problem, settings.series, settings.cost)
        self.history: dict[str, list[float]] = {
            name: [] for name in ("n_runs", "best_cost", "shift", "rmse")
        }
        self.before: Array = np.empty((0, problem.n_parameters))
        self.off_target = self.images_tried = self.stopped_early = False
        self.n_batches = self.n_stable = self.n_concluded = self.early_from = 0
        self.previous: Callable[[Array], Array] | None = None

    def explore(self, max_runs: int, *, stop_at_error: float = 0.0) -> None:
        """Batches until the posterior has settled or so many runs are made.

        The last of them is for validation, with the posterior that it represents. They
        end, too, once the error that can be foreseen is at most ``stop_at_error``.
        """
        settings = self.settings
        self.n_stable = 0
        self.stopped_early = last = False
        while not last:
            rng = np.random.default_rng(
                seed_sequence(self.seed, _BATCH, self.n_batches)
            )
            left = max_runs - self.runs.n
            n_validated = self.n_validated
            some = self.runs.ok.any() and left > n_validated
            if some and not _enough(self.problem, self.runs):
                size = min(left - n_validated, self.batch_size)
                points = feasible_points(self.problem, self.runs, size, rng)
                self._record(self.problem.run(points), np.nan, np.inf)
                continue
            _require_enough(self.problem, self.runs)
            # A stable posterior goes straight to validation.
            last = left <= n_validated or self._settled
            size = min(left, n_validated) if last else _even(left, self.batch_size)
            (self.surrogate.refit if last else self.surrogate.update)(self.runs, rng)
            population = self._population(
                settings.n_population, 3, rng, acquisition=not last
            )
            change = np.inf
            if len(self.before):
                change = moment_change(population, self.before)
            if stop_at_error and not last:
                foreseen = self._foreseen_error(population, rng)
                held = self.n_batches < self.early_from
                self.stopped_early = foreseen <= stop_at_error and not held
            images = self._images(population, left - n_validated, rng)
            if len(images):
                self._run_images(images, change)
                last = False
                continue
            if self.stopped_early and not last:
                continue
            self.before = population
            if last:
                self._validate(population, size, change, rng)
            else:
                self._improve(population, size, change, rng)

    @property
    def n_validated(self) -> int:
        """Runs of the last batch."""
        return max(self.settings.least_validated, self.batch_size)

    @property
    def _settled(self) -> bool:
        """Whether further batches would change little."""
        return self.stopped_early or self.n_stable >= self.settings.n_stable

    def _foreseen_error(self, population: Array, rng: np.random.Generator) -> float:
        """Estimate the error of the posterior as it is now, before any validation.

        As `ErrorEstimate` does in the end: the variability over functions drawn from
        the surrogate, inflated by how much larger the errors of runs about the
        posterior are than it expects, and half of what the last batch changed.
        Infinite after the first batch, and where too few runs are near.
        """
        surrogate, settings = self.surrogate, self.settings
        previous, self.previous = self.previous, surrogate.snapshot()
        ratio = surrogate.local_error_ratio(self.runs, rng)
        if previous is None or self.off_target or math.isnan(ratio):
            return math.inf
        cost = -2.0 * self.previous(population)
        functions = surrogate.sample_cost(population, settings.n_early_functions, rng)
        variability = function_variability(population, cost, functions, N_BINS_SERIES)
        change = function_variability(
            population, cost, -2.0 * previous(population)[None]
        )
        inflation = max(1.0, ratio / settings.local_random_ratio)
        return max(variability * inflation, 0.5 * change)

    def _images(self, population: Array, spare: int, rng: np.random.Generator) -> Array:
        """Where modes may be: images of the best run, and with runs to spare minima.

        Once, while batches are left to learn from them.
        """
        settings = self.settings
        stable = self._settled
        needed = settings.image_batches * self.batch_size + settings.most_images
        if self.images_tried or not (stable or spare <= needed):
            return np.empty((0, self.problem.n_parameters))
        self.images_tried = True
        known = self.problem, self.surrogate, self.runs, population
        most = min(settings.most_images, spare)
        images = images_of_best(*known, most, rng, settings)
        if stable and spare > len(images) + settings.most_minima:
            minima = further_minima(*known, rng, settings)
            images = np.concatenate([images, minima])
        return images

    def _run_images(self, images: Array, change: float) -> None:
        """Run places of possible modes; one that fits is given more batches."""
        self._run(images, change)
        settings = self.settings
        excess = self.runs.cost[-len(images) :] - self.history["best_cost"][-1]
        if np.any(excess < settings.image_excess * self.problem.n_parameters):
            most = settings.n_stable - settings.image_batches
            self.n_stable = min(self.n_stable, most)
            self.stopped_early = False
            self.early_from = self.n_batches + settings.image_batches

    def _population(
        self,
        n: int,
        n_moves: int,
        rng: np.random.Generator,
        *,
        acquisition: bool = False,
    ) -> Array:
        """Draws of the present posterior, (n, n_parameters)."""
        density = (
            self._density(self.surrogate.acquisition_density, cut=False)
            if acquisition
            else self._density(self.surrogate.log_density, cut=True)
        )
        population = tempered_population(
            density,
            self.problem.n_parameters,
            rng=rng,
            n_particles=n,
            n_moves=n_moves,
            start=allowed_start(self.problem, rng, n),
        )
        if not self.surrogate.reached:
            return population
        lost = runs_off_target(self.runs, population, self.settings)
        return self._with_modes(population, lost, density, rng)

    def _with_modes(
        self,
        population: Array,
        lost: Array,
        density: LogDensity,
        rng: np.random.Generator,
    ) -> Array:
        if not len(lost):
            return population
        return with_missed_modes(
            self.problem, population, lost, density, rng, self.settings
        )

    def _density(
        self, log_density: Callable[[Array], Array], *, cut: bool
    ) -> LogDensity:
        return density_of(
            self.problem,
            log_density,
            self.runs,
            cut=cut,
            settings=self.settings.feasibility,
        )

    def _improve(
        self, population: Array, size: int, change: float, rng: np.random.Generator
    ) -> None:
        """Run the most informative points."""
        points = choose_batch(
            self.problem,
            self.surrogate,
            self.runs,
            population,
            size,
            rng,
            off_target=self.off_target,
            settled=self.n_stable > 0,
            settings=self.settings,
        )
        error = self._run(points, change)
        # The draws among the points represent the posterior.
        drawn = slice(1, 1 + n_drawn(size))
        cost = self.runs.cost[-len(points) :]
        self.off_target = _implausible(
            cost[drawn] - self.history["best_cost"][-1], self.problem
        )
        settings = self.settings
        settled = change < settings.stable_change
        settled = settled and weight_error(error[drawn]) < settings.stable_error
        self.n_stable = self.n_stable + 1 if settled else 0

    def _validate(
        self, population: Array, size: int, change: float, rng: np.random.Generator
    ) -> None:
        """Predict draws of the posterior before they are run."""
        surrogate = self.surrogate
        points, self.weight = weighted_centres(population, size)
        self.predicted = surrogate.predictive_error(
            points, self.settings.n_error_draws, rng
        )
        self.earlier = None if self.predicted is None else surrogate.snapshot()
        self.error = self._run(points, change)
        self.validated = self.runs.latest(len(points))

    def _run(self, points: Array, change: float) -> Array:
        """Run a batch and record it; returns predicted less true cost, (n_points,)."""
        predicted = self.surrogate.cost(points)
        new = self.problem.run(points)
        error = predicted - new.cost
        self._record(new, _rms(error), change)
        return error

    def _record(self, new: Runs, rmse: float, change: float) -> None:
        self.runs = self.runs.append(new)
        self.n_batches += 1
        history = self.history
        history["n_runs"].append(self.runs.n)
        history["best_cost"].append(float(np.nanmin(self.runs.cost)))
        history["shift"].append(change)
        history["rmse"].append(rmse)
        logger.info(
            "batch %d: %d runs, best cost %.5g, posterior moved %.3f, error %.3g",
            self.n_batches,
            self.runs.n,
            history["best_cost"][-1],
            change,
            rmse,
        )

    def conclude(
        self,
        n_chains: int,
        n_draws: int,
        proposals: Proposals = None,
        *,
        earlier_ratio: float = math.nan,
    ) -> tuple[Chains, ErrorEstimate]:
        """Posterior on all runs, and its estimated error.

        ``earlier_ratio`` is that of the validation that asked for these runs.
        """
        key = (_FINAL, self.n_concluded) if self.n_concluded else (_FINAL,)
        self.n_concluded += 1
        rng = np.random.default_rng(seed_sequence(self.seed, *key))
        self.surrogate.refit(self.runs, rng)
        population = self._population(max(512, n_chains), 4, rng)
        self.surrogate.simplify(population)
        density = self._density(self.surrogate.log_density, cut=True)

        def chains_from(starts: Array) -> Chains:
            return final_chains(
                self.surrogate,
                density,
                starts,
                n_chains,
                n_draws,
                rng,
                proposals,
                self.settings,
            )

        chains = chains_from(population)
        lost = runs_off_target(self.runs, chains.pooled, self.settings)
        if len(lost):
            draws = chains.pooled[rng.choice(len(chains.pooled), len(population))]
            chains = chains_from(self._with_modes(draws, lost, density, rng))
            lost = runs_off_target(self.runs, chains.pooled, self.settings)
        estimate = ErrorEstimate.of(
            self.surrogate,
            chains.u,
            self.error,
            self.weight,
            self.before,
            earlier=self.earlier,
            predicted=self.predicted,
            local_ratio=self.surrogate.local_error_ratio(self.runs, rng),
            earlier_ratio=earlier_ratio,
            infeasible=infeasible_mass(
                self.runs, chains.pooled, self.settings.feasibility
            ),
            n_lost=len(lost),
            rng=rng,
            settings=self.settings,
        )
        return chains, estimate

    def outcome(self, chains: Chains, estimate: ErrorEstimate) -> Outcome:
        """Put together what a calibration gives back."""
        integer_inputs = self.surrogate.attributes().get("integer_inputs", ())
        warps = self.surrogate.attributes().get("warp", ())
        warp = [
            f"{name}={value:.6g}"
            for name, value in zip(self.problem.active, warps, strict=False)
        ]
        stepped = [self.problem.active[j] for j in integer_inputs]
        infeasible, local = estimate.infeasible, estimate.local_ratio
        rng = np.random.default_rng(seed_sequence(self.seed, _SCALE))
        return Outcome(
            u=chains.u,
            cost=-2.0 * chains.log_density,
            runs=self.runs,
            surrogate_rmse=_rms(self.error),
            status=estimate.status,
            reason=estimate.reason,
            check=self.validated,
            history={name: np.array(values) for name, values in self.history.items()},
            attrs={
                "n_initial": n_of_prior(self.problem, self.n_initial),
                "n_batches": self.n_batches + 1,
                "error": estimate.error,
                "error_check": estimate.validation,
                "error_spread": estimate.variability,
                "error_shift": estimate.change,
                "error_surprise": estimate.error_ratio,
                **({"error_views": estimate.views} if estimate.views else {}),
                **({} if math.isnan(local) else {"error_local": local}),
                **({"error_border": infeasible} if infeasible else {}),
                **({"whole_units": " ".join(stepped)} if stepped else {}),
                **({"warp": " ".join(warp)} if warp else {}),
            },
            error_scale=self.surrogate.error_scales(chains.u, rng),
            emulated=self.surrogate.emulated(_some(chains.pooled)),
        )


def _some(draws: Array) -> Array:
    """Return draws (draw, parameter), so many of them, evenly spread."""
    kept = np.linspace(0, len(draws) - 1, min(N_EMULATED, len(draws)))
    return draws[kept.round().astype(int)]


def _even(n: int, most: int) -> int:
    """Size of the next of the fewest batches of so many runs, all about as large."""
    return math.ceil(n / math.ceil(n / most))


def _enough(problem: Problem, runs: Runs) -> bool:
    """Whether so many runs did not fail that a surrogate can be fitted."""
    return bool(runs.ok.sum() >= problem.n_parameters + 2)


def _require_enough(problem: Problem, runs: Runs) -> None:
    if not _enough(problem, runs):
        wanted = problem.n_parameters + 2
        failures = getattr(problem.runner, "failures", [])
        raise CalibrationFailed(
            f"{runs.n_failed} of {runs.n} model runs failed; a surrogate needs "
            f"{wanted}. First failure: "
            f"{failures[0] if failures else 'cost is not finite'}",
            reason="model_nan",
        )


def _implausible(excess: Array, problem: Problem) -> bool:
    """Whether draws of the posterior turned out far worse than the best run."""
    limit = 2.0 * special.chdtri(problem.n_parameters, 0.001)
    good = excess[np.isfinite(excess)]
    return len(good) == 0 or float(np.median(good)) > limit


def _rms(error: Array) -> float:
    good = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(good**2))) if len(good) else math.nan
