"""Coordinates in which a cost is nearly a bowl: each axis bent, then all turned.

A parameter that acts through its logarithm, or whose effect saturates, makes a cost
that no quadratic follows; the same cost is often close to one after each axis is
bent a little. How much is found from the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from masm.gaussian_process.regression import GaussianProcess
from masm.types import Array

# Bends near zero are straight; the series is used below the first, to spare the
# rounding of a difference of exponentials.
_STRAIGHT = 1e-3
BEND_PRIOR_SD = 1.5
_MOST_BEND = 5.0
_FLAT_VARIANCE = 1e3
# A fit ends when the log evidence grows by less than this share of itself.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Warp:
    """Monotone map of the unit cube onto itself, one number for each parameter.

    ``log(1 + (e^b - 1) u) / b``: like a logarithm for b > 0, like an exponential for
    b < 0, the identity at b = 0.

    Attributes
    ----------
    bend : (n_parameters,)
    """

    bend: Array

    @classmethod
    def none(cls, d: int) -> Warp:
        """Leave every axis as it is."""
        return cls(np.zeros(d))

    def __call__(self, u: Array) -> Array:
        """Bent coordinates of points of the cube, (n_points, n_parameters)."""
        b = np.where(np.abs(self.bend) < _STRAIGHT, 1.0, self.bend)
        bent = np.log1p(np.expm1(b) * u) / b
        straight = u + 0.5 * self.bend * u * (1.0 - u)
        return np.where(np.abs(self.bend) < _STRAIGHT, straight, bent)

    def gradient(self, u: Array) -> Array:
        """Derivative of each coordinate in its parameter, (n_points, n_parameters)."""
        b = np.where(np.abs(self.bend) < _STRAIGHT, 1.0, self.bend)
        bent = np.expm1(b) / (b * (1.0 + np.expm1(b) * u))
        straight = 1.0 + self.bend * (0.5 - u)
        return np.where(np.abs(self.bend) < _STRAIGHT, straight, bent)

    def slope(self, u: Array) -> Array:
        """Derivative of each coordinate in its bend, (n_points, n_parameters)."""
        b = np.where(np.abs(self.bend) < _STRAIGHT, 1.0, self.bend)
        inside = 1.0 + np.expm1(b) * u
        slope = np.exp(b) * u / (inside * b) - np.log(inside) / b**2
        return np.where(np.abs(self.bend) < _STRAIGHT, 0.5 * u * (1.0 - u), slope)


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


@dataclass(frozen=True)
class Coordinates:
    """Bent, then turned."""

    warp: Warp
    axes: Axes

    def __call__(self, u: Array) -> Array:
        """Coordinates of points of the cube, (n_points, n_parameters)."""
        return self.axes(self.warp(u))

    def log_prior(self) -> float:
        """Log prior density of the bends, up to a constant."""
        return -0.5 * float(np.sum((self.warp.bend / BEND_PRIOR_SD) ** 2))


def straightening(u: Array, cost: Array, noise: Array) -> Warp:
    """Bends under which a quadratic follows the cost best.

    They maximise the marginal likelihood of a quadratic regression with noise of
    unknown size, times a normal prior.

    Parameters
    ----------
    u : (n_samples, n_parameters)
    cost : (n_samples,)
    noise : (n_samples,), relative sd: how little each cost is to be believed
    """
    d = u.shape[1]
    i, j = np.triu_indices(d)
    weight = noise**-2.0 / np.sum(noise**-2.0)
    scaled = cost / noise

    def misfit(bend: Array) -> float:
        z = Warp(bend)(u)
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
        prior = 0.5 * np.sum((bend / BEND_PRIOR_SD) ** 2)
        return float(size + np.log(np.diag(factor)).sum() + prior)

    found = optimize.minimize(
        misfit,
        np.zeros(d),
        method="L-BFGS-B",
        bounds=[(-_MOST_BEND, _MOST_BEND)] * d,
        options={"maxiter": 30},
    )
    return Warp(found.x)


def bend_further(
    gp: GaussianProcess, u: Array, coordinates: Coordinates, max_iterations: int
) -> Coordinates:
    """Fit the bends and the hyper-parameters together, from where both stand.

    Parameters
    ----------
    gp : fitted at ``coordinates(u)``; refitted at the new coordinates
    u : (n_samples, n_parameters)
    coordinates : whose axes are kept
    max_iterations : of L-BFGS-B
    """
    axes, d = coordinates.axes, u.shape[1]
    start = gp.log_parameters

    def objective(values: Array) -> tuple[float, Array]:
        logs, bend = values[:-d], values[-d:]
        warp = Warp(bend)
        fit = gp.objective(axes(warp(u)))
        value, gradient, moved = fit.with_inputs(logs)
        value += 0.5 * float(np.sum((bend / BEND_PRIOR_SD) ** 2))
        bent = np.sum((moved @ axes.matrix.T) * warp.slope(u), axis=0)
        return value, np.append(gradient, bent + bend / BEND_PRIOR_SD**2)

    found = optimize.minimize(
        objective,
        np.append(start, coordinates.warp.bend),
        jac=True,
        method="L-BFGS-B",
        bounds=[*gp.bounds(), *[(-_MOST_BEND, _MOST_BEND)] * d],
        options={"maxiter": max_iterations, "ftol": _TOLERANCE},
    )
    best = Coordinates(Warp(found.x[-d:]), axes)
    gp.refit(
        x=best(u),
        y=gp.y,
        extra_variance=gp.extra_variance,
        start=found.x[:-d],
        max_iterations=10,
    )
    return best


def shared_bends(
    processes: Sequence[GaussianProcess], u: Array, warp: Warp, max_iterations: int
) -> Warp:
    """Bends under which several processes at the same points are likeliest.

    Parameters
    ----------
    processes : with hyper-parameters that stay as they are
    u : (n_samples, n_parameters), their points in the unit cube
    warp : where to begin
    max_iterations : of L-BFGS-B
    """

    def objective(bend: Array) -> tuple[float, Array]:
        trial = Warp(bend)
        x, slope = trial(u), trial.slope(u)
        value = 0.5 * float(np.sum((bend / BEND_PRIOR_SD) ** 2))
        gradient = bend / BEND_PRIOR_SD**2
        for gp in processes:
            part, _, moved = gp.objective(x).with_inputs(gp.log_parameters)
            value += part
            gradient = gradient + np.sum(moved * slope, axis=0)
        return value, gradient

    found = optimize.minimize(
        objective,
        warp.bend,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_MOST_BEND, _MOST_BEND)] * u.shape[1],
        options={"maxiter": max_iterations},
    )
    return Warp(found.x)
