"""Where else the posterior might be: a search for modes not yet seen.

The surrogates of a calibration look closely at the posterior they know. This one
looks at everything from afar: a Gaussian process of the logarithm of the cost, which
far runs shape as much as near ones.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from masm.acquisition import Information, most_informative
from masm.gp import GaussianProcess
from masm.problem import Runs

Array = NDArray[np.float64]

_N_CANDIDATES = 3000
_N_POOL = 600
# A mode can be far narrower than the general run of the cost suggests, so lengths
# are cut to this share of the cube, unless the parameter hardly matters at all.
_LONGEST = 0.3
_FLAT = 3.0


class Explorer:
    """Gaussian process of log(1 + excess cost / scale) over the whole cube.

    Parameters
    ----------
    runs : all so far
    rng : numpy.random.Generator
    """

    def __init__(self, runs: Runs, rng: np.random.Generator):
        u, cost = runs.u[runs.ok], runs.cost[runs.ok]
        d = u.shape[1]
        self.d = d
        self.scale = 4.0 * d
        excess = cost - cost.min()
        gp = GaussianProcess(mean="linear", noise_floor=1e-6).fit(
            u, np.log1p(excess / self.scale), rng=rng, n_starts=1, max_iterations=40
        )
        arrays = gp.to_arrays()
        lengths = np.exp(arrays["log_parameters"][:d])
        cut = np.where(lengths < _FLAT, np.minimum(lengths, _LONGEST), lengths)
        parameters = arrays["log_parameters"].copy()
        parameters[:d] = np.log(cut)
        self.gp = GaussianProcess.from_arrays({**arrays, "log_parameters": parameters})
        order = np.argsort(cost, kind="stable")[: 3 * d]
        self.good = u[order]

    def candidates(self, rng: np.random.Generator) -> Array:
        """Uniform points and the surroundings of good runs."""
        uniform = rng.random((_N_CANDIDATES, self.d))
        near = self.good[rng.integers(0, len(self.good), _N_CANDIDATES // 2)]
        near = near + 0.1 * rng.standard_normal(near.shape)
        near = near[np.all((near >= 0.0) & (near <= 1.0), axis=1)]
        return rng.permutation(np.vstack([uniform, near]))

    def plausibility(self, u: Array) -> Array:
        """Log probability that the cost at u is close to the best, (n_points,)."""
        mean, variance = self.gp.predict(u)
        z = (math.log1p(2.0 * self.d / self.scale) - mean) / np.sqrt(variance)
        return np.asarray(stats.norm.logcdf(z))

    def elsewhere(self, candidates: Array, population: Array, n: int) -> Array:
        """Likeliest places of a mode outside the known posterior, (n, n_parameters).

        Parameters
        ----------
        candidates : (n_points, n_parameters), more than n
        population : draws of the posterior as known
        n : places wanted, each chosen as if the ones before had been disappointing
        """
        outside = candidates[_far_out(candidates, population)]
        if len(outside) < n + 10:
            outside = candidates
        outside = outside[:_N_POOL]
        # Not simply the likeliest point: that would be a corner of the cube, about
        # which nothing is known and which is next to nothing.
        _, covariance = self.gp.predict_covariance(outside)
        weight = np.exp(self.plausibility(outside))
        both = np.hstack([covariance, covariance])
        information = Information(both, weight, self.gp.noise_sd**2)
        return outside[most_informative([information], 0, n)]

    def best(self, candidates: Array) -> Array:
        """Where the cost may be lowest, (n_parameters,)."""
        mean, variance = self.gp.predict(candidates)
        return np.asarray(candidates[np.argmin(mean - np.sqrt(variance))])


def _far_out(u: Array, population: Array) -> NDArray[np.bool_]:
    """Which points lie outside all but 0.1 % of a normal fitted to the draws.

    Directions along which the draws fill the cube do not count: nothing is outside.
    """
    d = u.shape[1]
    center = population.mean(axis=0)
    covariance = np.atleast_2d(np.cov(population.T)) + 1e-8 * np.eye(d)
    z = np.linalg.solve(np.linalg.cholesky(covariance), (u - center).T)
    return np.asarray(np.sum(z**2, axis=0) > stats.chi2(d).ppf(0.999))
