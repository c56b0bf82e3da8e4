"""Surrogate of a bare cost, for models that return no series.

A Gaussian process of the cost itself with a quadratic mean, so that a normal
posterior is learned exactly from as many runs as it has coefficients. Far runs, whose
cost is large and of a different shape, are believed less the worse they are (noise
shaping, as in variational Bayesian Monte Carlo; Acerbi 2020). How much less, the
smoothness of the kernel, and whether it is set along the posterior's own axes, are
chosen by the marginal likelihood.

References
----------
Acerbi, L. (2020). Variational Bayesian Monte Carlo with noisy likelihoods. Advances
in Neural Information Processing Systems 33, 8211-8222.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from masm.acquisition import Information
from masm.gp import GaussianProcess, KernelName
from masm.problem import Runs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """How the process sees far runs, in costs beyond the best.

    Attributes
    ----------
    bend : float
        Times the number of parameters: from here on the logarithm of the cost is
        seen, so that a far run says "bad" but not how bad. Infinite for never.
    start, share : float
        Noise is added to what is seen beyond ``start`` times the number of
        parameters, with this share of it as standard deviation.
    """

    bend: float
    start: float
    share: float

    def seen(self, excess: Array, d: int) -> Array:
        """Costs as the process sees them, (n,); straight and then bent."""
        bend = self.bend * d
        if not np.isfinite(bend):
            return excess
        beyond = np.maximum(excess / bend, 1.0)
        return np.where(excess < bend, excess, bend * (1.0 + np.log(beyond)))

    def variance(self, seen: Array, d: int) -> Array:
        """Noise variance of what is seen, (n,)."""
        return (self.share * np.maximum(seen - self.start * d, 0.0)) ** 2

    def log_slope(self, excess: Array, d: int) -> float:
        """Sum of log d(seen)/d(excess), to compare evidences of different views."""
        return -float(np.sum(np.log(np.maximum(excess / (self.bend * d), 1.0))))


_VIEWS = (View(np.inf, 5.0, 0.1), View(10.0, 2.0, 0.3), View(3.0, 2.0, 0.3))
_KERNELS: tuple[KernelName, ...] = ("gaussian", "matern52")
_REFIT_GROWTH = 1.1
_AFRESH_GROWTH = 1.5
# What the surrogate's own uncertainty may add to a log density: it flattens the
# posterior where little is known, without making the unknown likely.
_MOST_BONUS = 1.0


@dataclass(frozen=True)
class Axes:
    """Straight coordinates for the process: those of the cube, or the posterior's.

    Attributes
    ----------
    center : (n_parameters,)
    matrix : (n_parameters, n_parameters)
    """

    center: Array
    matrix: Array

    def __call__(self, u: Array) -> Array:
        """Coordinates of points of the cube, (n_points, n_parameters)."""
        return (u - self.center) @ self.matrix + 0.5

    @classmethod
    def of_cube(cls, d: int) -> Axes:
        """Coordinates of the cube itself."""
        return cls(np.full(d, 0.5), np.eye(d))

    @classmethod
    def of_posterior(cls, u: Array, excess: Array) -> Axes:
        """Principal axes of the plausible runs, in units of four deviations."""
        d = u.shape[1]
        temperature = 1.0 * d
        while True:
            weight = np.exp(-0.5 * excess / temperature)
            weight /= weight.sum()
            if 1.0 / np.sum(weight**2) >= min(3 * d, 0.5 * len(u)):
                break
            temperature *= 1.5
        center = weight @ u
        centered = (u - center) * np.sqrt(weight)[:, None]
        value, vector = np.linalg.eigh(centered.T @ centered + 1e-5 * np.eye(d))
        return cls(center, 0.25 * vector / np.sqrt(value))


class CostSurrogate:
    """Gaussian process on -2 log likelihood.

    Parameters
    ----------
    n_parameters : of the problem
    """

    def __init__(self, n_parameters: int):
        self.d = n_parameters
        self.gp = GaussianProcess(mean="quadratic")
        self.axes = Axes.of_cube(n_parameters)
        self.view = _VIEWS[0]
        self.best = np.inf
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
            self.gp.append(self.axes(u[new]), seen, extra_variance=variance)

    def refit(self, runs: Runs, rng: np.random.Generator) -> None:
        """Choose and fit afresh on all runs."""
        self._choose(runs.u[runs.ok], runs.cost[runs.ok], rng)

    def _choose(self, u: Array, cost: Array, rng: np.random.Generator) -> None:
        self.best = float(cost.min())
        excess = cost - self.best
        both = (Axes.of_cube(self.d), Axes.of_posterior(u, excess))
        most = -np.inf
        for axes, view, kernel in product(both, _VIEWS, _KERNELS):
            seen = view.seen(excess, self.d)
            gp = GaussianProcess(mean="quadratic", kernel=kernel).fit(
                axes(u),
                seen,
                rng=rng,
                extra_variance=view.variance(seen, self.d),
                n_starts=1,
                max_iterations=60,
            )
            # The density of the costs themselves, whatever the scale and the view.
            likelihood = gp.log_posterior - len(u) * np.log(gp.y_scale)
            likelihood += view.log_slope(excess, self.d)
            if likelihood > most:
                most = likelihood
                self.gp, self.axes, self.view = gp, axes, view
        self.n_fitted = self.n_afresh = len(u)

    def _refit(self, u: Array, cost: Array) -> None:
        self.best = float(cost.min())
        seen, variance = self._seen(cost - self.best)
        self.gp.refit(
            x=self.axes(u), y=seen, extra_variance=variance, max_iterations=30
        )
        self.n_fitted = len(u)

    def _seen(self, excess: Array) -> tuple[Array, Array]:
        seen = self.view.seen(excess, self.d)
        return seen, self.view.variance(seen, self.d)

    # -- use ------------------------------------------------------------------

    def log_density(self, u: Array) -> Array:
        """Log likelihood, a little flattened by the surrogate's uncertainty."""
        mean, variance = self.gp.predict(self.axes(u))
        bonus = variance / (4.0 + variance / _MOST_BONUS)
        return -0.5 * (self.best + mean - bonus)

    def hopeful(self, u: Array) -> Array:
        """Log likelihood if the cost were one standard deviation lower."""
        mean, variance = self.gp.predict(self.axes(u))
        return -0.5 * (self.best + mean - np.sqrt(variance))

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""
        return self.best + self.gp.predict_mean(self.axes(u))

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the surrogate, (n_draws, n_points)."""
        return self.best + self.gp.sample(self.axes(u), n_draws, rng)

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """Covariances that say what a run at a pool point tells of the reference."""
        gp = self.gp
        both = self.axes(np.vstack([pool, reference]))
        _, covariance = gp.predict_covariance(both)
        weight = np.ones(len(reference))
        return [Information(covariance[: len(pool)], weight, gp.noise_sd**2)]
