"""Marginal likelihood of a Gaussian process, with weak priors, and its gradient.

References
----------
Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian Processes for Machine
Learning, sections 2.7 and 5.4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from masm.errors import SurrogateNotFitted
from masm.gaussian_process.fast_covariance import Triangles, fill, moves, sums
from masm.gaussian_process.kernels import KernelName
from masm.gaussian_process.linear_algebra import cholesky, inverse_triangle
from masm.gaussian_process.mean_function import Trend
from masm.types import Array

# Weak hyper-priors on the logarithms: (mean, standard deviation). Inputs live in
# the unit cube and outputs are scaled to unit variance.
_LENGTH_PRIOR = (np.log(0.7), 1.2)
_SIGNAL_PRIOR = (0.0, 2.0)
_NOISE_PRIOR = (np.log(1e-5), 3.0)
_CURVATURE_PRIOR = (np.log(0.01), 3.0)
_LENGTH_BOUNDS = (np.log(0.01), np.log(50.0))
_SIGNAL_BOUNDS = (np.log(1e-5), np.log(1e4))
_CURVATURE_BOUNDS = (np.log(1e-6), np.log(1e3))
LARGEST_NOISE = 1.0


@dataclass(frozen=True)
class Hyperparameters:
    """What the marginal likelihood fits, for outputs of unit variance.

    Attributes
    ----------
    length_scales : (n_parameters,) in units of the inputs
    signal_variance, noise_variance : in units of the scaled output, squared
    curvature_variance : prior variance of the second-order coefficients of a
        quadratic trend; 0 for the other trends
    """

    length_scales: Array
    signal_variance: float
    noise_variance: float
    curvature_variance: float = 0.0

    @classmethod
    def from_logs(cls, logs: Array, n_parameters: int, curved: bool) -> Hyperparameters:
        """From their logarithms, in the order of the attributes."""
        d, values = n_parameters, np.exp(logs)
        return cls(
            length_scales=values[:d],
            signal_variance=float(values[d]),
            noise_variance=float(values[d + 1]),
            curvature_variance=float(values[d + 2]) if curved else 0.0,
        )


def default_start(n_parameters: int, curved: bool) -> Array:
    """Logarithms of hyper-parameters from which a fit may start."""
    start = [np.log(0.7)] * n_parameters + [0.0, np.log(1e-4)]
    return np.array(start + [0.0] * curved)


def starts(
    n_parameters: int, curved: bool, n_starts: int, rng: np.random.Generator
) -> list[Array]:
    """Several such starts: the default one, and others about it at random."""
    d = n_parameters
    found = [default_start(d, curved)]
    for _ in range(n_starts - 1):
        start = found[0].copy()
        start[:d] = np.log(0.7) + rng.uniform(-1.5, 1.5, d)
        start[d] = rng.uniform(-2.0, 2.0)
        start[d + 1] = rng.uniform(np.log(1e-6), np.log(1e-2))
        found.append(start)
    return found


def bounds(
    n_parameters: int, curved: bool, noise_floor: float
) -> list[tuple[float, float]]:
    """Bounds of the logarithms of the hyper-parameters."""
    noise = (np.log(noise_floor), np.log(LARGEST_NOISE))
    pairs = [_LENGTH_BOUNDS] * n_parameters + [_SIGNAL_BOUNDS, noise]
    pairs += [_CURVATURE_BOUNDS] * curved
    return [(float(low), float(high)) for low, high in pairs]


class Objective:
    """Negative log posterior of the hyper-parameters, with its gradient.

    Parameters
    ----------
    x : (n_samples, n_parameters)
    y : (n_samples,), scaled to unit variance
    extra_variance : (n_samples,), known noise variance in the same scale
    trend, kernel
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        extra_variance: Array,
        trend: Trend,
        kernel: KernelName,
    ):
        self.x, self.y, self.extra = x, y, extra_variance
        self.d = x.shape[1]
        self.centered = x - x.mean(axis=0)
        self.trend, self.gaussian = trend, kernel == "gaussian"
        self.triangles = Triangles.of(len(x))
        first, second = trend.covariances(x)
        # Symmetric: their transposes are the same in the order that is read.
        self.first, self.second = first.T, second.T
        prior = [_LENGTH_PRIOR] * self.d + [_SIGNAL_PRIOR, _NOISE_PRIOR]
        prior += [_CURVATURE_PRIOR] * trend.curved
        self.prior_mean, self.prior_sd = np.array(prior).T

    def __call__(self, logs: Array) -> tuple[float, Array]:
        """Value and gradient in the logarithms of the hyper-parameters."""
        value, gradient, _ = self._evaluate(logs, inputs=False)
        return value, gradient

    def with_inputs(self, logs: Array) -> tuple[float, Array, Array]:
        """As a call, and the gradient in the inputs, (n_samples, n_parameters)."""
        return self._evaluate(logs, inputs=True)

    def _evaluate(self, logs: Array, inputs: bool) -> tuple[float, Array, Array]:
        hyper = Hyperparameters.from_logs(logs, self.d, self.trend.curved)
        scaled = np.ascontiguousarray((self.centered / hyper.length_scales).T)
        made = self.triangles
        fill(
            scaled,
            self.gaussian,
            hyper.signal_variance,
            self.first,
            hyper.curvature_variance,
            self.second,
            hyper.noise_variance + self.extra,
            made.shape,
            made.slope,
            made.covariance,
        )
        try:
            factor, _ = cholesky(made.covariance, lower=False)
        except SurrogateNotFitted:
            return 1e25, np.zeros_like(logs), np.zeros_like(self.x)
        # Called as it is: checks of shapes would take longer than the solution.
        alpha, _ = linalg.lapack.dpotrs(factor, self.y, lower=0)
        misfit = 0.5 * float(self.y @ alpha) + float(np.log(np.diag(factor)).sum())

        # d(-log L)/dp = tr((K^-1 - alpha alpha') dK/dp) / 2
        triangle = inverse_triangle(factor, lower=False)
        gradient = np.empty(self.d + 3)
        sums(
            scaled,
            hyper.signal_variance,
            hyper.curvature_variance,
            self.second,
            made.shape,
            made.slope,
            triangle,
            alpha,
            gradient,
        )
        gradient[self.d + 1] *= hyper.noise_variance
        z = (logs - self.prior_mean) / self.prior_sd
        moved = np.empty(0)
        if inputs:
            moved = self._moves(hyper, scaled, triangle, alpha)
        value = misfit + 0.5 * float(z @ z)
        return value, gradient[: len(z)] + z / self.prior_sd, moved

    def _moves(
        self, hyper: Hyperparameters, scaled: Array, triangle: Array, alpha: Array
    ) -> Array:
        moved = np.empty_like(scaled)
        moves(
            scaled,
            hyper.length_scales,
            hyper.signal_variance,
            np.ascontiguousarray(self.trend.inputs(self.x).T),
            self.trend.spread,
            self.trend.linear_variance,
            hyper.curvature_variance,
            self.triangles.slope,
            triangle,
            alpha,
            moved,
        )
        return moved.T
