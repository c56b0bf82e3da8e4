"""Surrogate of a scalar -2 log L, for models that return no series.

A Gaussian process of the cost itself with a quadratic mean, so that a normal posterior
is learned exactly from as many runs as it has coefficients; inputs are warped so that
others become nearly normal (`masm.surrogates.input_warping`). Far runs, whose cost is
large and of a different shape, count less the worse they are (noise shaping, as in
variational Bayesian Monte Carlo; Acerbi 2020). How much less, the warp, the smoothness
of the kernel, and whether its inputs are rotated to the posterior's own axes, are
chosen by the marginal likelihood, each with the warp that is best for it.

References
----------
Acerbi, L. (2020). Variational Bayesian Monte Carlo with noisy likelihoods. Advances
in Neural Information Processing Systems 33, 8211-8222.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from masm.design.information_gain import Information
from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.gaussian_process.regression import GaussianProcess, KernelName
from masm.problem.problem import Runs
from masm.surrogates.cost_transform import TRANSFORMS, OutputTransform, temperature
from masm.surrogates.input_warping import (
    Coordinates,
    Rotation,
    Warp,
    WarpPrior,
    fit_warping,
    warp_for_quadratic,
)
from masm.types import Array


@dataclass(frozen=True)
class Settings:
    """Tuned numbers of the surrogate of a cost.

    Attributes
    ----------
    kernels : the first is used first, the second tried at the end
    transforms : of the cost; with the middle one rotations are compared
    tempered : whether costs are scaled up until the posterior is reached
    hot : from a temperature above this the posterior has first to be reached
    descent_sd : standard deviations by which a cost is taken to be higher on the way
        down. Fitted to far runs, the surrogate errs by several of its own
    refit_growth, full_refit_growth : runs have to grow by this factor for the
        hyper-parameters to follow, or for all choices to be made again
    warp_inputs : whether the warp that a quadratic asks for is tried
    warp_steps, refit_warp_steps : iterations of fits of the warp with the
        hyper-parameters; 0 for none
    warp_prior : of the warp parameters
    most_bonus : what the surrogate's own uncertainty may add to a log density: it
        flattens the posterior where little is known, without making the unknown likely
    known_sd : where its standard deviation is larger than this it says nothing of the
        posterior, however low its mean; finding other modes is the mode search's work.
        A smaller limit cuts the tails off a wide posterior
    best_missed : the best run lies within so many times the scale of the best there is
    mode_search : part of the usual mode search that is made
    likely : other views of the runs count as possible within so many nats of evidence.
        Most of it comes from far runs, which views treat differently: one that is as
        right about the posterior can be tens of nats behind
    settled_warp, most_refits : all choices are made again at the end, from the last
        ones, until no warp parameter moves by more; so many times at most
    """

    kernels: tuple[KernelName, KernelName] = ("gaussian", "matern52")
    transforms: tuple[OutputTransform, ...] = TRANSFORMS
    tempered: bool = True
    hot: float = 4.0
    descent_sd: float = 4.0
    refit_growth: float = 1.1
    full_refit_growth: float = 1.3
    warp_inputs: bool = True
    warp_steps: int = 80
    refit_warp_steps: int = 15
    warp_prior: WarpPrior = field(default_factory=WarpPrior)
    most_bonus: float = 1.0
    known_sd: float = 15.0
    best_missed: float = 2.0
    mode_search: float = 1.0
    likely: float = 60.0
    settled_warp: float = 0.2
    most_refits: int = 3


@dataclass(frozen=True)
class _Fit:
    """One choice of coordinates, transform and kernel, fitted."""

    evidence: float
    gp: GaussianProcess
    coordinates: Coordinates
    transform: OutputTransform


def _evidence(fit: _Fit) -> float:
    return fit.evidence


class CostSurrogate:
    """Gaussian process on -2 log likelihood.

    Parameters
    ----------
    n_parameters : of the problem
    settings : tuned numbers

    Attributes
    ----------
    reached : bool
        Whether runs have come to where the posterior is.
    """

    def __init__(self, n_parameters: int, settings: Settings | None = None):
        self.settings = settings or Settings()
        self.d = n_parameters
        self.gp = GaussianProcess(mean="quadratic")
        self.coordinates = Coordinates(Warp.identity(self.d), Rotation.identity(self.d))
        self.transform = self.settings.transforms[0]
        self.best = np.inf
        self.temperature = 1.0
        self.reached = True
        self.others: list[_Fit] = []
        self._compiled: CompiledProcesses | None = None
        self.n_fitted = 0
        self.n_full_fit = 0

    @property
    def mode_search(self) -> float:
        """Part of the usual mode search that is worth its runs here."""
        return self.settings.mode_search

    # -- training -----------------------------------------------------------

    def update(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs: append the new ones, or refit when there are many."""
        settings = self.settings
        u, cost = runs.u[runs.ok], runs.cost[runs.ok]
        self._compiled = None
        if len(u) >= settings.full_refit_growth * self.n_full_fit:
            self._choose(u, cost, rng)
        elif len(u) >= settings.refit_growth * self.n_fitted or cost.min() < self.best:
            self._refit(u, cost)
        elif len(u) > len(self.gp.x):
            new = slice(len(self.gp.x), None)
            y, variance = self._transformed(cost[new] - self.best)
            self.gp.append(self.coordinates(u[new]), y, extra_variance=variance)

    def refit(self, runs: Runs, rng: np.random.Generator) -> None:
        """Make all choices again and fit to all runs.

        Evidence has several optima in the warp, and the last choice is where the next
        begins: it is repeated until it stays.
        """
        settings = self.settings
        for _ in range(settings.most_refits):
            before = self.coordinates.warp.parameter
            self._choose(runs.u[runs.ok], runs.cost[runs.ok], rng)
            moved = np.abs(self.coordinates.warp.parameter - before)
            if np.max(moved) <= settings.settled_warp:
                break

    def _choose(self, u: Array, cost: Array, rng: np.random.Generator) -> None:
        """Choose coordinates, transform and kernel, with the best warp for each."""
        excess = self._excess(cost)
        settings = self.settings
        transforms, kernels = settings.transforms, settings.kernels
        middle = transforms[len(transforms) // 2]

        def fit(
            coordinates: Coordinates,
            transform: OutputTransform,
            kernel: KernelName = kernels[0],
        ) -> _Fit:
            return self._fit(u, excess, coordinates, transform, kernel, rng)

        fits = []
        for warp in self._first_warps(u, excess):
            rotations = (
                Rotation.identity(self.d),
                Rotation.principal_axes(warp(u), excess),
            )
            plain = [fit(Coordinates(warp, r), middle) for r in rotations]
            best = max(plain, key=_evidence)
            others = [fit(best.coordinates, t) for t in transforms if t is not middle]
            fits += [self._warped(one, u, excess) for one in [best, *others]]
        chosen = max(fits, key=_evidence)
        warp = chosen.coordinates.warp
        rotated = Coordinates(warp, Rotation.principal_axes(warp(u), excess))
        fits.append(self._warped(fit(rotated, chosen.transform), u, excess))
        chosen = max(fits, key=_evidence)
        other = fit(chosen.coordinates, chosen.transform, kernels[1])
        fits.append(self._warped(other, u, excess))
        chosen = max(fits, key=_evidence)
        least = chosen.evidence - settings.likely
        self.others = [f for f in fits if f is not chosen and f.evidence > least]
        self.gp, self.transform = chosen.gp, chosen.transform
        self._compiled = None
        self.coordinates = chosen.coordinates
        self.n_fitted = self.n_full_fit = len(u)

    def _first_warps(self, u: Array, excess: Array) -> list[Warp]:
        """Where to begin: none, the one that a quadratic asks for, and the last one.

        Evidence has several optima in the warp, and those of few runs, mostly far
        ones, are not those of the runs that come after.
        """
        first = [Warp.identity(self.d)]
        if self.settings.warp_inputs:
            noise = 0.5 * self.temperature + 0.3 * excess
            prior = self.settings.warp_prior
            first.append(warp_for_quadratic(u, excess, noise, prior))
        last = self.coordinates.warp
        return [*first, last] if np.any(last.parameter) else first

    def _excess(self, cost: Array) -> Array:
        self.best = float(cost.min())
        excess = cost - self.best
        if self.settings.tempered:
            self.temperature = temperature(excess, self.d)
        # A cost that spans decades is gone down to the end before anything else.
        self.reached = self.temperature <= (self.settings.hot if self.reached else 1.0)
        return excess

    @property
    def _scale(self) -> float:
        return self.temperature * self.d

    def _fit(
        self,
        u: Array,
        excess: Array,
        coordinates: Coordinates,
        transform: OutputTransform,
        kernel: KernelName,
        rng: np.random.Generator,
    ) -> _Fit:
        y = transform(excess, self._scale)
        gp = GaussianProcess(mean="quadratic", kernel=kernel).fit(
            coordinates(u),
            y,
            rng=rng,
            extra_variance=transform.noise_variance(y, self._scale),
            n_starts=1,
            max_iterations=60,
        )
        evidence = self._log_evidence(gp, coordinates, transform, excess)
        return _Fit(evidence, gp, coordinates, transform)

    def _warped(self, fit: _Fit, u: Array, excess: Array) -> _Fit:
        """Fit the warp, until the evidence of this transform grows no more."""
        settings = self.settings
        coordinates = fit_warping(
            fit.gp, u, fit.coordinates, settings.warp_steps, settings.warp_prior
        )
        evidence = self._log_evidence(fit.gp, coordinates, fit.transform, excess)
        return _Fit(evidence, fit.gp, coordinates, fit.transform)

    def _log_evidence(
        self,
        gp: GaussianProcess,
        coordinates: Coordinates,
        transform: OutputTransform,
        excess: Array,
    ) -> float:
        """Of the costs themselves, so that scales and transforms can be compared."""
        evidence = gp.log_posterior - len(excess) * np.log(gp.y_scale)
        evidence += transform.log_jacobian(excess, self._scale) + coordinates.log_prior(
            self.settings.warp_prior
        )
        return float(evidence)

    def _refit(self, u: Array, cost: Array) -> None:
        settings = self.settings
        y, variance = self._transformed(self._excess(cost))
        self.gp.refit(
            x=self.coordinates(u), y=y, extra_variance=variance, max_iterations=30
        )
        self.coordinates = fit_warping(
            self.gp,
            u,
            self.coordinates,
            settings.refit_warp_steps,
            settings.warp_prior,
        )
        self.n_fitted = len(u)

    def _transformed(self, excess: Array) -> tuple[Array, Array]:
        y = self.transform(excess, self._scale)
        return y, self.transform.noise_variance(y, self._scale)

    # -- use ------------------------------------------------------------------

    def log_density(self, u: Array) -> Array:
        """Log likelihood, a little flattened by the surrogate's uncertainty."""
        return self._flattened(*self._known(u))

    def alternatives(self, u: Array) -> Array:
        """`log_density` by other likely views of the same runs, (n_views, n_points)."""
        found = [
            self._flattened(*self._known_by(f.gp, f.coordinates, u))
            for f in self.others
        ]
        return np.array(found).reshape(len(found), len(u))

    def _flattened(self, mean: Array, sd: Array) -> Array:
        settings = self.settings
        bonus = sd**2 / (4.0 + sd**2 / settings.most_bonus)
        unknown = np.maximum(sd - settings.known_sd, 0.0)
        return -0.5 * (self.best + mean - bonus + unknown)

    def snapshot(self) -> Callable[[Array], Array]:
        """`log_density` as it is now, whatever is fitted later."""
        return copy.deepcopy(self).log_density

    def acquisition_density(self, u: Array) -> Array:
        """Log likelihood in which new runs are sought, tempered until it is known.

        Once the posterior is reached, as if the cost were one standard deviation
        lower, so that its unknown parts are run; before, as if it were several
        higher, so that the search goes down from good runs and not into the unknown,
        where a quadratic may fall without end.
        """
        settings = self.settings
        mean, sd = self._known(u)
        if self.temperature > 1.0:
            return -0.5 * (mean + settings.descent_sd * sd) / self.temperature
        unknown = np.maximum(sd - settings.known_sd, 0.0)
        return -0.5 * (mean - np.minimum(sd, settings.known_sd) + unknown)

    def _known(self, u: Array) -> tuple[Array, Array]:
        """Mean excess and its standard deviation, no better than runs make likely."""
        if self._compiled is None:
            self._compiled = CompiledProcesses([self.gp], ())
        mean, variance = self._compiled.predict(self.coordinates(u))
        return self._no_better(mean[0], variance[0])

    def _known_by(
        self, gp: GaussianProcess, coordinates: Coordinates, u: Array
    ) -> tuple[Array, Array]:
        return self._no_better(*gp.predict(coordinates(u)))

    def _no_better(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        least = -self.settings.best_missed * self._scale
        return np.maximum(mean, least), np.sqrt(variance)

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""
        return self.best + self.gp.predict_mean(self.coordinates(u))

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the surrogate, (n_draws, n_points)."""
        return self.best + self.gp.sample(self.coordinates(u), n_draws, rng)

    def predictive_error(
        self, u: Array, n_draws: int, rng: np.random.Generator
    ) -> None:
        """None: the process is fitted to transformed costs, far ones with noise."""

    def local_error_ratio(self, runs: Runs, rng: np.random.Generator) -> float:
        """NaN: as `predictive_error`."""
        return math.nan

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """Covariances between costs at pool points and at reference points."""
        gp = self.gp
        both = self.coordinates(np.vstack([pool, reference]))
        _, covariance = gp.predict_covariance(both)
        weight = np.ones(len(reference))
        return [Information(covariance[: len(pool)], weight, gp.noise_sd**2)]

    def minima(self, n_starts: int, rng: np.random.Generator) -> Array:
        """None: far from its runs a quadratic falls to minima that do not exist."""
        return np.empty((0, self.d))

    def simplify(self, draws: Array) -> None:
        """Leave out nothing: there is one process, whose variance always counts."""

    def approximate(self, draws: Array) -> None:
        """None: one process is as cheap as an approximation of it."""

    def error_scales(self, u: Array, rng: np.random.Generator) -> dict[str, Array]:
        """None: a cost has no streams."""
        return {}

    def emulated(self, u: Array) -> None:
        """None: a cost has no series."""

    def attributes(self) -> Mapping[str, Any]:
        """Nothing is found about parameters."""
        return {}
