"""Surrogate of a bare cost, for models that return no series.

A Gaussian process of the cost itself with a quadratic mean, so that a normal posterior
is learned exactly from as many runs as it has coefficients; each axis is bent so that
others become nearly normal (`masm.surrogates.input_warping`). Far runs, whose cost is
large and of a different shape, are believed less the worse they are (noise shaping, as
in variational Bayesian Monte Carlo; Acerbi 2020). How much less, the bends, the
smoothness of the kernel, and whether it is set along the posterior's own axes, are
chosen by the marginal likelihood, each with the bends that are best for it.

References
----------
Acerbi, L. (2020). Variational Bayesian Monte Carlo with noisy likelihoods. Advances
in Neural Information Processing Systems 33, 8211-8222.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masm.design.information_gain import Information
from masm.gaussian_process.regression import GaussianProcess, KernelName
from masm.problem.problem import Runs
from masm.surrogates.cost_transform import VIEWS, View, temperature
from masm.surrogates.input_warping import (
    Axes,
    Coordinates,
    Warp,
    bend_further,
    straightening,
)
from masm.types import Array

_KERNELS: tuple[KernelName, ...] = ("gaussian", "matern52")
# By which axes are chosen, before the views are compared.
_MIDDLE = VIEWS[1]
# From a temperature above this the posterior has first to be reached.
_HOT = 4.0
# Standard deviations by which a cost is taken to be higher on the way down. Fitted to
# far runs, the surrogate errs by several of its own.
_CAUTION = 4.0
_REFIT_GROWTH = 1.1
_AFRESH_GROWTH = 1.3
_BEND_ITERATIONS = 80
# What the surrogate's own uncertainty may add to a log density: it flattens the
# posterior where little is known, without making the unknown likely.
_MOST_BONUS = 1.0
# Where its standard deviation is larger than this it says nothing of the posterior,
# however low its mean; finding other modes is the explorer's work. A smaller limit
# cuts the tails off a wide posterior.
_KNOWN = 15.0
# The best run lies within so many times the scale of the best there is.
_BEST_MISSED = 2.0


@dataclass(frozen=True)
class _Fit:
    """One way of looking at the runs, fitted."""

    evidence: float
    gp: GaussianProcess
    coordinates: Coordinates
    view: View


def _evidence(fit: _Fit) -> float:
    return fit.evidence


class CostSurrogate:
    """Gaussian process on -2 log likelihood.

    Parameters
    ----------
    n_parameters : of the problem

    Attributes
    ----------
    reached : bool
        Whether runs have come to where the posterior is.
    """

    def __init__(self, n_parameters: int):
        self.d = n_parameters
        self.gp = GaussianProcess(mean="quadratic")
        self.coordinates = Coordinates(Warp.none(self.d), Axes.of_cube(self.d))
        self.view = VIEWS[0]
        self.best = np.inf
        self.temperature = 1.0
        self.reached = True
        self.n_fitted = 0
        self.n_afresh = 0

    # -- training -----------------------------------------------------------

    def update(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs: append the new ones, or refit when there are many."""
        u, cost = runs.u[runs.ok], runs.cost[runs.ok]
        if len(u) >= _AFRESH_GROWTH * self.n_afresh:
            self._choose(u, cost, rng)
        elif len(u) >= _REFIT_GROWTH * self.n_fitted or cost.min() < self.best:
            self._refit(u, cost)
        elif len(u) > len(self.gp.x):
            new = slice(len(self.gp.x), None)
            seen, variance = self._seen(cost[new] - self.best)
            self.gp.append(self.coordinates(u[new]), seen, extra_variance=variance)

    def refit(self, runs: Runs, rng: np.random.Generator) -> None:
        """Choose and fit afresh on all runs."""
        self._choose(runs.u[runs.ok], runs.cost[runs.ok], rng)

    def _choose(self, u: Array, cost: Array, rng: np.random.Generator) -> None:
        """Choose coordinates, view and kernel, with bends that are best for each."""
        excess = self._excess(cost)

        def fit(
            coordinates: Coordinates, view: View, kernel: KernelName = _KERNELS[0]
        ) -> _Fit:
            return self._fit(u, excess, coordinates, view, kernel, rng)

        fits = []
        for warp in self._first_bends(u, excess):
            axes = Axes.of_cube(self.d), Axes.of_posterior(warp(u), excess)
            straight = [fit(Coordinates(warp, a), _MIDDLE) for a in axes]
            best = max(straight, key=_evidence)
            others = [fit(best.coordinates, v) for v in VIEWS if v is not _MIDDLE]
            fits += [self._bent(view, u, excess) for view in [best, *others]]
        chosen = max(fits, key=_evidence)
        warp = chosen.coordinates.warp
        turned = Coordinates(warp, Axes.of_posterior(warp(u), excess))
        other = self._bent(fit(turned, chosen.view), u, excess)
        chosen = max([chosen, other], key=_evidence)
        other = fit(chosen.coordinates, chosen.view, _KERNELS[1])
        chosen = max([chosen, self._bent(other, u, excess)], key=_evidence)
        self.gp, self.view = chosen.gp, chosen.view
        self.coordinates = chosen.coordinates
        self.n_fitted = self.n_afresh = len(u)

    def _first_bends(self, u: Array, excess: Array) -> list[Warp]:
        """Where to begin: none, those that a quadratic asks for, and the last ones.

        Evidence has several optima in the bends, and those of few runs, mostly far
        ones, are not those of the runs that come after.
        """
        noise = 0.5 * self.temperature + 0.3 * excess
        first = [Warp.none(self.d), straightening(u, excess, noise)]
        last = self.coordinates.warp
        return [*first, last] if np.any(last.bend) else first

    def _excess(self, cost: Array) -> Array:
        self.best = float(cost.min())
        excess = cost - self.best
        self.temperature = temperature(excess, self.d)
        # A cost that spans decades is gone down to the end before anything else.
        self.reached = self.temperature <= (_HOT if self.reached else 1.0)
        return excess

    @property
    def _scale(self) -> float:
        return self.temperature * self.d

    def _fit(
        self,
        u: Array,
        excess: Array,
        coordinates: Coordinates,
        view: View,
        kernel: KernelName,
        rng: np.random.Generator,
    ) -> _Fit:
        seen = view.seen(excess, self._scale)
        gp = GaussianProcess(mean="quadratic", kernel=kernel).fit(
            coordinates(u),
            seen,
            rng=rng,
            extra_variance=view.variance(seen, self._scale),
            n_starts=1,
            max_iterations=60,
        )
        evidence = self._log_evidence(gp, coordinates, view, excess)
        return _Fit(evidence, gp, coordinates, view)

    def _bent(self, fit: _Fit, u: Array, excess: Array) -> _Fit:
        """Bend the axes further, until the evidence of this view grows no more."""
        coordinates = bend_further(fit.gp, u, fit.coordinates, _BEND_ITERATIONS)
        evidence = self._log_evidence(fit.gp, coordinates, fit.view, excess)
        return _Fit(evidence, fit.gp, coordinates, fit.view)

    def _log_evidence(
        self, gp: GaussianProcess, coordinates: Coordinates, view: View, excess: Array
    ) -> float:
        """Of the costs themselves, so that scales and views can be compared."""
        evidence = gp.log_posterior - len(excess) * np.log(gp.y_scale)
        evidence += view.log_slope(excess, self._scale) + coordinates.log_prior()
        return float(evidence)

    def _refit(self, u: Array, cost: Array) -> None:
        seen, variance = self._seen(self._excess(cost))
        self.gp.refit(
            x=self.coordinates(u), y=seen, extra_variance=variance, max_iterations=30
        )
        self.coordinates = bend_further(self.gp, u, self.coordinates, 15)
        self.n_fitted = len(u)

    def _seen(self, excess: Array) -> tuple[Array, Array]:
        seen = self.view.seen(excess, self._scale)
        return seen, self.view.variance(seen, self._scale)

    # -- use ------------------------------------------------------------------

    def log_density(self, u: Array) -> Array:
        """Log likelihood, a little flattened by the surrogate's uncertainty."""
        mean, sd = self._known(u)
        bonus = sd**2 / (4.0 + sd**2 / _MOST_BONUS)
        return -0.5 * (self.best + mean - bonus + np.maximum(sd - _KNOWN, 0.0))

    def hopeful(self, u: Array) -> Array:
        """Log likelihood in which new runs are sought, tempered until it is known.

        Once the posterior is reached, as if the cost were one standard deviation
        lower, so that its unknown parts are run; before, as if it were several
        higher, so that the search goes down from good runs and not into the unknown,
        where a quadratic may fall without end.
        """
        mean, sd = self._known(u)
        if self.temperature > 1.0:
            return -0.5 * (mean + _CAUTION * sd) / self.temperature
        return -0.5 * (mean - np.minimum(sd, _KNOWN) + np.maximum(sd - _KNOWN, 0.0))

    def _known(self, u: Array) -> tuple[Array, Array]:
        """Mean excess and its standard deviation, no better than runs make likely."""
        mean, variance = self.gp.predict(self.coordinates(u))
        return np.maximum(mean, -_BEST_MISSED * self._scale), np.sqrt(variance)

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""
        return self.best + self.gp.predict_mean(self.coordinates(u))

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the surrogate, (n_draws, n_points)."""
        return self.best + self.gp.sample(self.coordinates(u), n_draws, rng)

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """Covariances that say what a run at a pool point tells of the reference."""
        gp = self.gp
        both = self.coordinates(np.vstack([pool, reference]))
        _, covariance = gp.predict_covariance(both)
        weight = np.ones(len(reference))
        return [Information(covariance[: len(pool)], weight, gp.noise_sd**2)]
