"""Global search for modes of the posterior that are not yet known.

The surrogates of a calibration look closely at the posterior they know. This one
looks at everything from afar: a Gaussian process of the logarithm of the cost, which
far runs shape as much as near ones.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from masm.design.information_gain import Information, most_informative
from masm.gaussian_process.regression import GaussianProcess
from masm.methods.adaptive.settings import Settings
from masm.problem.problem import Runs
from masm.types import Array


class ModeSearch:
    """Gaussian process of log(1 + excess cost / scale) over the whole cube.

    Parameters
    ----------
    runs : all so far
    rng : numpy.random.Generator
    settings : tuned numbers
    """

    def __init__(
        self, runs: Runs, rng: np.random.Generator, settings: Settings | None = None
    ):
        self.settings = settings = settings or Settings()
        u, cost = runs.u[runs.ok], runs.cost[runs.ok]
        d = u.shape[1]
        self.d = d
        self.scale = 4.0 * d
        excess = cost - cost.min()
        gp = GaussianProcess(mean="linear", noise_floor=1e-6).fit(
            u, np.log1p(excess / self.scale), rng=rng, n_starts=1, max_iterations=40
        )
        self.smooth = gp
        arrays = gp.to_arrays()
        lengths = np.exp(arrays["log_parameters"][:d])
        cut = np.where(
            lengths < settings.flat, np.minimum(lengths, settings.longest), lengths
        )
        parameters = arrays["log_parameters"].copy()
        parameters[:d] = np.log(cut)
        self.gp = GaussianProcess.from_arrays({**arrays, "log_parameters": parameters})
        order = np.argsort(cost, kind="stable")
        self.sorted, self.excess = u[order], excess[order]
        self.good = self.sorted[: 3 * d]

    def candidates(self, rng: np.random.Generator) -> Array:
        """Uniform points and the surroundings of good runs."""
        n = self.settings.candidates
        uniform = rng.random((n, self.d))
        near = self.good[rng.integers(0, len(self.good), n // 2)]
        near = near + 0.1 * rng.standard_normal(near.shape)
        near = near[np.all((near >= 0.0) & (near <= 1.0), axis=1)]
        return rng.permutation(np.vstack([uniform, near]))

    def plausibility(self, u: Array) -> Array:
        """Log probability that the cost at u is close to the best, (n_points,)."""
        mean, variance = self.gp.predict(u)
        z = (math.log1p(2.0 * self.d / self.scale) - mean) / np.sqrt(variance)
        return np.asarray(special.log_ndtr(z))

    def candidate_modes(
        self, candidates: Array, population: Array, n: int, rng: np.random.Generator
    ) -> Array:
        """Likeliest places of a mode outside the known posterior, (n, n_parameters).

        Parameters
        ----------
        candidates : (n_points, n_parameters), more than n
        population : draws of the posterior as known
        n : places wanted; the first goes downhill from a promising run, if any
        rng : numpy.random.Generator
        """
        outside = candidates[_far_out(candidates, population, self.settings.outside)]
        if len(outside) < n + 10:
            outside = candidates
        descent = self._descend(population, rng) if n > 1 else np.empty((0, self.d))
        n -= len(descent)
        outside = outside[: self.settings.candidate_pool]
        # Not simply the likeliest point: that would be a corner of the cube, about
        # which nothing is known and which is next to nothing.
        _, covariance = self.gp.predict_covariance(outside)
        weight = np.exp(self.plausibility(outside))
        both = np.hstack([covariance, covariance])
        information = Information(both, weight, self.gp.noise_sd**2)
        return np.vstack([descent, outside[most_informative([information], 0, n)]])

    def _descend(self, population: Array, rng: np.random.Generator) -> Array:
        """Go on downhill from the run that least belongs to the known posterior.

        Far from a normal posterior the cost grows as the squared distance in
        standard deviations; a run much better than that lies on another slope.
        """
        distance = _squared_deviations(self.sorted, population)
        promising = distance > special.chdtri(self.d, 1.0 - self.settings.outside)
        promising &= self.excess < self.settings.promising * self.d
        if not promising.any():
            return np.empty((0, self.d))
        reach = self.settings.reach * math.sqrt(self.d)
        near = scipy.spatial.distance.cdist(self.sorted, self.sorted) < reach
        ratio = self.excess / distance * near.sum(axis=1)
        start = self.sorted[np.argmin(np.where(promising, ratio, np.inf))]
        around = start + 0.12 * rng.standard_normal((400, self.d))
        around = np.clip(around, 0.0, 1.0)
        mean, variance = self.gp.predict(around)
        point = around[[np.argmin(mean - np.sqrt(variance))]]
        self.gp.append(point, self.gp.predict_mean(point))
        return point

    def best(self, candidates: Array, n: int) -> Array:
        """Where the cost may be lowest, (n, n_parameters).

        Each by the lower confidence bound, as if the ones before had come out as
        expected.
        """
        found: list[Array] = []
        for _ in range(n):
            mean, variance = self.smooth.predict(candidates)
            at = np.argmin(mean - np.sqrt(variance))
            point = candidates[[at]]
            self.smooth.append(point, mean[[at]])
            found.append(point[0])
        return np.array(found)


def _far_out(u: Array, population: Array, outside: float) -> NDArray[np.bool_]:
    """Which points lie outside this fraction of a normal fitted to the draws.

    Directions along which the draws fill the cube do not count: nothing is outside.
    """
    limit = special.chdtri(u.shape[1], 1.0 - outside)
    return np.asarray(_squared_deviations(u, population) > limit)


def _squared_deviations(u: Array, population: Array) -> Array:
    """Squared Mahalanobis distance from the draws' mean, (n_points,)."""
    covariance = np.atleast_2d(np.cov(population.T)) + 1e-8 * np.eye(u.shape[1])
    factor = np.linalg.cholesky(covariance)
    z = np.linalg.solve(factor, (u - population.mean(axis=0)).T)
    return np.asarray(np.sum(z**2, axis=0))
