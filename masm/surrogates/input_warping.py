"""Input warping and rotation: inputs in which a cost is nearly quadratic.

A parameter that acts through its logarithm, or whose effect saturates, makes a cost
that no quadratic follows; the same cost is often close to one after a monotone map of
each parameter (input warping; Snoek et al. 2014). How much is found from the runs.

References
----------
Snoek, J., Swersky, K., Zemel, R. and Adams, R. P. (2014). Input warping for Bayesian
optimization of non-stationary functions. International Conference on Machine
Learning, 1674-1682.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from masm.gaussian_process.regression import GaussianProcess
from masm.types import Array

# Below this the series of the map is used, to spare the rounding of a difference of
# exponentials.
_STRAIGHT = 1e-3
_FLAT_VARIANCE = 1e3
# A fit ends when the log evidence grows by less than this fraction of itself.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class WarpPrior:
    """Prior of each warp parameter: normal about zero, between bounds.

    Attributes
    ----------
    sd : standard deviation
    bound : largest absolute value
    """

    sd: float = 1.5
    bound: float = 5.0

    def misfit(self, parameter: Array) -> tuple[float, Array]:
        """Minus the log density, up to a constant, and its gradient."""
        half_squares = 0.5 * float(np.sum((parameter / self.sd) ** 2))
        return half_squares, parameter / self.sd**2

    def bounds(self, n_parameters: int) -> list[tuple[float, float]]:
        """Bounds for an optimiser."""
        return [(-self.bound, self.bound)] * n_parameters


@dataclass(frozen=True)
class Warp:
    """Monotone map of the unit cube onto itself, one number for each parameter.

    ``log(1 + (e^b - 1) u) / b``: like a logarithm for b > 0, like an exponential for
    b < 0, the identity at b = 0.

    Attributes
    ----------
    parameter : (n_parameters,)
    """

    parameter: Array

    @classmethod
    def identity(cls, d: int) -> Warp:
        """Leave every axis as it is."""
        return cls(np.zeros(d))

    def __call__(self, u: Array) -> Array:
        """Warped coordinates of points of the cube, (n_points, n_parameters)."""
        b = np.where(np.abs(self.parameter) < _STRAIGHT, 1.0, self.parameter)
        warped = np.log1p(np.expm1(b) * u) / b
        straight = u + 0.5 * self.parameter * u * (1.0 - u)
        return np.where(np.abs(self.parameter) < _STRAIGHT, straight, warped)

    def gradient(self, u: Array) -> Array:
        """Derivative of each coordinate in its parameter, (n_points, n_parameters)."""
        b = np.where(np.abs(self.parameter) < _STRAIGHT, 1.0, self.parameter)
        warped = np.expm1(b) / (b * (1.0 + np.expm1(b) * u))
        straight = 1.0 + self.parameter * (0.5 - u)
        return np.where(np.abs(self.parameter) < _STRAIGHT, straight, warped)

    def parameter_gradient(self, u: Array) -> Array:
        """Derivative of each coordinate in its warp parameter, as `gradient`."""
        b = np.where(np.abs(self.parameter) < _STRAIGHT, 1.0, self.parameter)
        inside = 1.0 + np.expm1(b) * u
        slope = np.exp(b) * u / (inside * b) - np.log(inside) / b**2
        return np.where(np.abs(self.parameter) < _STRAIGHT, 0.5 * u * (1.0 - u), slope)


@dataclass(frozen=True)
class Rotation:
    """Linear map of inputs: none, or to the posterior's principal axes.

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
    def identity(cls, d: int) -> Rotation:
        """Coordinates of the cube itself."""
        return cls(np.full(d, 0.5), np.eye(d))

    @classmethod
    def principal_axes(cls, u: Array, excess: Array) -> Rotation:
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


@dataclass(frozen=True)
class Coordinates:
    """Warped, then rotated."""

    warp: Warp
    rotation: Rotation

    def __call__(self, u: Array) -> Array:
        """Coordinates of points of the cube, (n_points, n_parameters)."""
        return self.rotation(self.warp(u))

    def log_prior(self, prior: WarpPrior | None = None) -> float:
        """Log prior density of the warp parameters, up to a constant."""
        return -(prior or WarpPrior()).misfit(self.warp.parameter)[0]


def warp_for_quadratic(
    u: Array, cost: Array, noise: Array, prior: WarpPrior | None = None
) -> Warp:
    """Warp under which a quadratic follows the cost best.

    It maximises the marginal likelihood of a quadratic regression with noise of
    unknown size, times the prior.

    Parameters
    ----------
    u : (n_samples, n_parameters)
    cost : (n_samples,)
    noise : (n_samples,), relative noise sd of each cost
    prior : of the warp parameters
    """
    prior = prior or WarpPrior()
    d = u.shape[1]
    i, j = np.triu_indices(d)
    weight = noise**-2.0 / np.sum(noise**-2.0)
    scaled = cost / noise

    def misfit(parameter: Array) -> float:
        z = Warp(parameter)(u)
        z = z - weight @ z
        z = z / (np.sqrt(weight @ z**2) + 1e-9)
        basis = np.hstack([np.ones((len(z), 1)), z, z[:, i] * z[:, j]])
        basis /= noise[:, None]
        moments = basis.T @ basis
        moments[np.diag_indices_from(moments)] += 1.0 / _FLAT_VARIANCE
        factor = np.linalg.cholesky(moments)
        half = np.linalg.solve(factor, basis.T @ scaled)
        residual = max(float(scaled @ scaled - half @ half), 1e-9)
        size = 0.5 * len(cost) * np.log(residual)
        log_volume = np.log(np.diag(factor)).sum()
        return float(size + log_volume + prior.misfit(parameter)[0])

    found = scipy.optimize.minimize(
        misfit,
        np.zeros(d),
        method="L-BFGS-B",
        bounds=prior.bounds(d),
        options={"maxiter": 30},
    )
    return Warp(found.x)


def fit_warping(
    gp: GaussianProcess,
    u: Array,
    coordinates: Coordinates,
    max_iterations: int,
    prior: WarpPrior | None = None,
) -> Coordinates:
    """Fit warp and hyper-parameters together, from where both are.

    Parameters
    ----------
    gp : fitted at ``coordinates(u)``; refitted at the new coordinates
    u : (n_samples, n_parameters)
    coordinates : whose rotation is kept
    max_iterations : of L-BFGS-B; 0 leaves everything as it is
    prior : of the warp parameters
    """
    if max_iterations == 0:
        return coordinates
    prior = prior or WarpPrior()
    rotation, d = coordinates.rotation, u.shape[1]
    start = gp.log_parameters

    def objective(values: Array) -> tuple[float, Array]:
        logs, parameter = values[:-d], values[-d:]
        warp = Warp(parameter)
        fit = gp.objective(rotation(warp(u)))
        value, gradient, moved = fit.with_inputs(logs)
        unlikely, pull = prior.misfit(parameter)
        warped = moved @ rotation.matrix.T * warp.parameter_gradient(u)
        return value + unlikely, np.append(gradient, np.sum(warped, axis=0) + pull)

    found = scipy.optimize.minimize(
        objective,
        np.append(start, coordinates.warp.parameter),
        jac=True,
        method="L-BFGS-B",
        bounds=[*gp.bounds(), *prior.bounds(d)],
        options={"maxiter": max_iterations, "ftol": _TOLERANCE},
    )
    best = Coordinates(Warp(found.x[-d:]), rotation)
    gp.refit(
        x=best(u),
        y=gp.y,
        extra_variance=gp.extra_variance,
        start=found.x[:-d],
        max_iterations=10,
    )
    return best


def fit_shared_warping(
    processes: Sequence[GaussianProcess],
    u: Array,
    warp: Warp,
    max_iterations: int,
    prior: WarpPrior | None = None,
) -> Warp:
    """Warp under which several processes at the same points are likeliest.

    Parameters
    ----------
    processes : with hyper-parameters that stay as they are
    u : (n_samples, n_parameters), their points in the unit cube
    warp : where to begin
    max_iterations : of L-BFGS-B; 0 leaves the warp as it is
    prior : of the warp parameters
    """
    if max_iterations == 0:
        return warp
    prior = prior or WarpPrior()

    def objective(parameter: Array) -> tuple[float, Array]:
        trial = Warp(parameter)
        x, slope = trial(u), trial.parameter_gradient(u)
        value, gradient = prior.misfit(parameter)
        for gp in processes:
            part, _, moved = gp.objective(x).with_inputs(gp.log_parameters)
            value += part
            gradient = gradient + np.sum(moved * slope, axis=0)
        return value, gradient

    found = scipy.optimize.minimize(
        objective,
        warp.parameter,
        jac=True,
        method="L-BFGS-B",
        bounds=prior.bounds(u.shape[1]),
        options={"maxiter": max_iterations},
    )
    return Warp(found.x)
