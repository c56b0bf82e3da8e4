"""MASM as published: a Gaussian process on the cost, five runs at a time.

The loop of Ma et al. (2022, section 3.1), itself ASMO-PODE (Gong and Duan 2017)
with shorter chains. Its numbers are the defaults: 18 n initial points, 200
iterations (Bayes1) of 10,000 chain steps and five model runs, then long chains on
the last surrogate (Bayes2) until the Gelman-Rubin factor is below 1.2, at most ten
cycles, of which the last 100,000 draws are the posterior.

Where the paper says nothing, or what is done in practice is doubtful, this is what
is done here:

* "10,000 steps" is the whole of an iteration's kept draws, shared by its chains;
  their burn-in comes on top.
* Chains start from a Latin hypercube, not all from the default, in both stages.
  Proposals adapt in the unit cube during burn-in and are then fixed; those outside
  the cube are rejected.
* The four bins hold equal numbers of all pooled draws, sorted by predicted cost.
* Distances, the resolution included, are Euclidean in the unit cube.
* The surrogate has a Matern-5/2 kernel with one length scale for each parameter,
  a fitted noise with a floor and a linear mean, on the raw cost. Its
  hyper-parameters are refitted whenever the runs have grown by a fifth; between,
  runs are appended at fixed hyper-parameters.
* A predicted cost below zero, which no data allow for a sum of squares, counts as
  zero. The chain itself is never altered.
* Failed runs are counted, kept as places already visited, and not fitted.
* A pixel that fails the convergence rules is kept and flagged, not dropped. Besides
  the Gelman-Rubin factor, rank-normalised split R-hat < 1.01 and a bulk effective
  sample size > 400 are asked for.

R-hat says that the chains agree about the surrogate, not that the surrogate agrees
with the model. So the model is also run at some posterior draws, and the result is
flagged when the surrogate is wrong there or when better runs lie elsewhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import scipy
from scipy import special

from masm.design.lattice import initial_points
from masm.errors import CalibrationFailed, InputError
from masm.gaussian_process.regression import GaussianProcess
from masm.methods.published.surrogate_metropolis import surrogate_chains
from masm.problem.problem import Outcome, Problem, Runs
from masm.problem.seeds import PublishedStream, seed_sequence
from masm.samplers.chains import Chains
from masm.samplers.diagnostics import GELMAN_RUBIN_LIMIT, convergence, has_converged
from masm.samplers.ensemble import ensemble_chains
from masm.samplers.latin_hypercube import latin_hypercube
from masm.types import Array

logger = logging.getLogger(__name__)

# Parts of a calibration that draw their own random numbers.

_N_BINS = 4
_N_UNIFORM = 10_000
_REFIT_GROWTH = 1.2
_N_LAST_ITERATIONS = 10


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_initial_per_parameter: int = 18,
    n_iterations: int = 200,
    n_steps: int = 10_000,
    n_chains: int = 4,
    n_cycles: int = 10,
    n_draws: int = 100_000,
    resolution: float = 0.01,
    n_check: int = 32,
    max_surrogate_rmse: float = 1.0,
) -> Outcome:
    """Calibrate a problem by the published loop.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    n_initial_per_parameter : int
        Initial runs are this times the number of parameters.
    n_iterations : int
        Adaptive iterations of five model runs (Bayes1).
    n_steps : int
        Chain steps kept in each iteration.
    n_chains : int
        Chains of both stages.
    n_cycles : int
        At most this many cycles of the long chains (Bayes2).
    n_draws : int
        Draws of a cycle, and of the posterior.
    resolution : float
        Where the farthest draw of a bin is nearer than this to a run already made
        (distance in the unit cube), a space-filling point is run instead.
    n_check : int
        Model runs at posterior draws, to check the surrogate.
    max_surrogate_rmse : float
        Largest error of the surrogate at those draws, in units of -2 log
        likelihood, in a result that is "done".

    Returns
    -------
    Outcome
        ``surrogate_rmse`` is eq. 8 at the posterior draws run after Bayes1. Among
        ``attrs``, ``surrogate_rmse_adaptive`` is the same over the runs of the last
        ten iterations, each predicted before it was made; these reach far out.
    """
    _check_options(locals())
    n_initial = n_initial_per_parameter * problem.n_parameters
    rng = np.random.default_rng(seed_sequence(seed, PublishedStream.DESIGN))
    runs = problem.run(initial_points(problem, n_initial, rng))
    surrogate = _Surrogate.fitted(problem, runs, rng)

    history: dict[str, list[float]] = {"n_runs": [], "rmse": [], "best_cost": []}
    errors: list[Array] = []
    for iteration in range(n_iterations):
        rng = np.random.default_rng(
            seed_sequence(seed, PublishedStream.FIRST_STAGE, iteration)
        )
        chains = surrogate.chains(n_steps // n_chains, n_chains, rng)
        points = representative_points(chains, runs.u, problem, resolution, rng)
        predicted = surrogate.gp.predict_mean(points)
        new = problem.run(points)
        runs = runs.append(new)
        surrogate = surrogate.updated(new, runs)
        errors.append((predicted - new.cost)[new.ok])
        history["n_runs"].append(runs.n)
        history["rmse"].append(surrogate_rmse(errors[-1]))
        history["best_cost"].append(float(np.nanmin(runs.cost)))
        logger.info(
            "iteration %d of %d: %d runs, best cost %.4g, surrogate rmse %.3g",
            iteration + 1,
            n_iterations,
            runs.n,
            history["best_cost"][-1],
            history["rmse"][-1],
        )

    chains, diagnosis, cycles = _long_chains(
        surrogate, seed, n_draws, n_chains, n_cycles
    )
    rng = np.random.default_rng(seed_sequence(seed, PublishedStream.CHECK))
    pick = rng.choice(len(chains.pooled), size=n_check, replace=False)
    check = problem.run(chains.pooled[pick])
    runs = runs.append(check)
    error = surrogate.gp.predict_mean(check.u) - check.cost
    status, reason = _status(
        has_converged(diagnosis), error, check, runs, max_surrogate_rmse
    )
    recent = np.concatenate([np.empty(0), *errors[-_N_LAST_ITERATIONS:]])
    return Outcome(
        u=chains.u,
        cost=-2.0 * chains.log_density,
        runs=runs,
        surrogate_rmse=surrogate_rmse(error[check.ok]),
        status=status,
        reason=reason,
        check=check,
        history={name: np.array(values) for name, values in history.items()},
        attrs={
            "n_initial": n_initial,
            "n_cycles": cycles,
            "paper_converged": int(np.all(diagnosis["r_hat_gr"] < GELMAN_RUBIN_LIMIT)),
            "surrogate_rmse_adaptive": surrogate_rmse(recent),
        },
    )


def surrogate_rmse(error: Array) -> float:
    """Root mean square of surrogate minus model cost, eq. 8; NaN for no runs."""
    return float(np.sqrt(np.mean(error**2))) if len(error) else float("nan")


def representative_points(
    chains: Chains,
    visited: Array,
    problem: Problem,
    resolution: float,
    rng: np.random.Generator,
) -> Array:
    """Five places for the next model runs, as in ASMO-PODE.

    Draws are sorted by predicted cost and cut into four bins of equal number. From
    each, the draw farthest from all points visited (its nearest one as distant as
    can be) is taken; if even that is nearer than ``resolution``, the farthest of
    10,000 uniform points. Each choice is visited from then on. The fifth point is
    the best draw.

    Parameters
    ----------
    chains : Chains
    visited : ndarray, (sample, parameter)
        Where the model has been run, in the unit cube.
    problem : Problem
        Its constraints bound the uniform points.
    resolution : float
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (5, parameter)
    """
    cost = -2.0 * chains.log_density.ravel()
    order = np.argsort(cost, kind="stable")
    draws = chains.pooled[order]
    # A chain that stays put repeats a draw: measure its distance once.
    distinct = np.ones(len(draws), bool)
    distinct[1:] = np.any(draws[1:] != draws[:-1], axis=1)
    owner = np.cumsum(distinct) - 1
    distance = _distance_to_nearest(draws[distinct], visited)
    chosen: list[Array] = []
    for members in np.array_split(owner, _N_BINS):
        candidates = np.unique(members)
        far = candidates[np.argmax(distance[candidates])]
        point = draws[distinct][far]
        if distance[far] < resolution:
            uniform = rng.random((_N_UNIFORM, problem.n_parameters))
            uniform = uniform[problem.allowed(uniform)]
            if len(uniform):
                seen = np.vstack([visited, *chosen])
                point = uniform[np.argmax(_distance_to_nearest(uniform, seen))]
        chosen.append(point)
        step = scipy.spatial.distance.cdist(draws[distinct], point[None, :])[:, 0]
        distance = np.minimum(distance, step)
    return np.vstack([*chosen, draws[0]])


def _distance_to_nearest(points: Array, visited: Array) -> Array:
    return np.asarray(scipy.spatial.distance.cdist(points, visited).min(axis=1))


@dataclass(frozen=True)
class _Surrogate:
    """The Gaussian process on the cost, and when its hyper-parameters were fitted."""

    problem: Problem
    gp: GaussianProcess
    n_fitted: int

    @classmethod
    def fitted(
        cls, problem: Problem, runs: Runs, rng: np.random.Generator
    ) -> _Surrogate:
        ok = runs.ok
        if ok.sum() < problem.n_parameters + 2:
            failures = getattr(problem.runner, "failures", [])
            raise CalibrationFailed(
                f"{runs.n_failed} of {runs.n} initial model runs failed; a surrogate "
                f"needs {problem.n_parameters + 2}. First failure: "
                f"{failures[0] if failures else 'cost is not finite'}",
                reason="model_nan",
            )
        gp = GaussianProcess(mean="linear").fit(runs.u[ok], runs.cost[ok], rng=rng)
        return cls(problem, gp, int(ok.sum()))

    def updated(self, new: Runs, runs: Runs) -> _Surrogate:
        """Take in new runs: append, or refit when there are a fifth more."""
        ok, n_ok = new.ok, int(runs.ok.sum())
        if n_ok >= _REFIT_GROWTH * self.n_fitted:
            gp = self.gp.refit(
                x=runs.u[runs.ok], y=runs.cost[runs.ok], max_iterations=30
            )
            return _Surrogate(self.problem, gp, n_ok)
        gp = self.gp.append(new.u[ok], new.cost[ok]) if ok.any() else self.gp
        return _Surrogate(self.problem, gp, self.n_fitted)

    @property
    def least_cost(self) -> float:
        likelihood = self.problem.likelihood
        return -np.inf if likelihood is None else likelihood.least_cost

    def chains(
        self,
        n_steps: int,
        n_chains: int,
        rng: np.random.Generator,
        n_burn: int | None = None,
    ) -> Chains:
        """Dispersed chains on the surrogate's mean."""
        if not self.problem.priors.constraints:
            return surrogate_chains(
                self.gp,
                rng=rng,
                n_steps=n_steps,
                n_chains=n_chains,
                n_burn=n_burn,
                least_cost=self.least_cost,
            )
        return ensemble_chains(
            self._log_density,
            self._allowed_starts(n_chains, rng),
            rng=rng,
            n_steps=n_steps,
            n_burn=n_steps // 2 if n_burn is None else n_burn,
        )

    def _log_density(self, u: Array) -> Array:
        cost = np.maximum(self.gp.predict_mean(u), self.least_cost)
        return np.where(self.problem.allowed(u), -0.5 * cost, -np.inf)

    def _allowed_starts(self, n: int, rng: np.random.Generator) -> Array:
        visited = self.gp.x[self.problem.allowed(self.gp.x)]
        starts = latin_hypercube(50 * n, self.problem.n_parameters, rng)
        starts = np.vstack([starts[self.problem.allowed(starts)], visited])
        return starts[:n]


def _long_chains(
    surrogate: _Surrogate,
    seed: np.random.SeedSequence,
    n_draws: int,
    n_chains: int,
    n_cycles: int,
) -> tuple[Chains, dict[str, Array], int]:
    """Bayes2: repeat long chains, each cycle with a longer burn-in, to convergence."""
    per_chain = n_draws // n_chains
    for cycle in range(1, n_cycles + 1):
        rng = np.random.default_rng(
            seed_sequence(seed, PublishedStream.SECOND_STAGE, cycle)
        )
        chains = surrogate.chains(
            per_chain, n_chains, rng, n_burn=(per_chain * cycle) // 2
        )
        diagnosis = convergence(chains.u)
        logger.info(
            "chains on the surrogate, cycle %d: largest r_hat %.4f (Gelman-Rubin "
            "%.4f), smallest bulk ess %.0f",
            cycle,
            diagnosis["r_hat"].max(),
            diagnosis["r_hat_gr"].max(),
            diagnosis["ess_bulk"].min(),
        )
        if has_converged(diagnosis):
            break
    return chains, diagnosis, cycle


def _status(
    converged: bool, error: Array, check: Runs, runs: Runs, largest: float
) -> tuple[str, str]:
    """Status and reason, from the chains and from the model at posterior draws."""
    if check.n_failed > 0.2 * check.n:
        return "suspect", "model_nan"
    # -2 log likelihood exceeds its minimum by a chi-squared number over a posterior:
    # half of the draws above its 99th percentile means that better fits were left
    # outside.
    excess = np.nanmedian(check.cost) - np.nanmin(runs.cost)
    if excess > special.chdtri(runs.u.shape[1], 0.01):
        return "suspect", "surrogate_not_fitted"
    if not surrogate_rmse(error[check.ok]) <= largest:
        return "suspect", "surrogate_not_fitted"
    return ("done", "") if converged else ("suspect", "not_converged")


def _check_options(options: dict[str, object]) -> None:
    least = {
        "n_initial_per_parameter": 2,
        "n_iterations": 0,
        "n_steps": 100,
        "n_chains": 2,
        "n_cycles": 1,
        "n_draws": 100,
        "n_check": 1,
    }
    for name, lowest in least.items():
        value = options[name]
        if not isinstance(value, int | np.integer) or value < lowest:
            raise InputError(
                f"option {name}",
                found=repr(value),
                wanted=f"a whole number >= {lowest}",
            )
    if options["n_check"] > options["n_draws"] // 2:  # type: ignore[operator]
        raise InputError(
            "option n_check", found=options["n_check"], wanted="at most half of n_draws"
        )
    for name in ("resolution", "max_surrogate_rmse"):
        number = options[name]
        if not isinstance(number, int | float | np.number) or not number > 0.0:
            raise InputError(f"option {name}", found=repr(number), wanted="above zero")
