"""Compiled predictions of many Gaussian processes that share their points.

Chains ask for the emulator at a few points, thousands of times: array expressions
spend most of that on passing arrays about. Here all processes are evaluated point by
point in one compiled loop, the mean and its gradient, or the mean and the variance.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numba import njit
from scipy import linalg

from masm.gaussian_process.fast_exp import FAST, exp_minus
from masm.gaussian_process.regression import GaussianProcess
from masm.types import Array

# Points in one matrix product.
_BLOCK = 256


class CompiledProcesses:
    """Processes at the same points, for fast use.

    Parameters
    ----------
    processes : fitted to the same ``x``
    certain : those whose variance is not wanted and given as zero
    """

    def __init__(self, processes: Sequence[GaussianProcess], certain: Collection[int]):
        first = processes[0]
        n, d = first.x.shape
        k = len(processes)
        self._x = np.empty((k, d, n))
        self._inverse_length = np.empty((k, d))
        self._alpha = np.empty((k, n))
        self._signal = np.empty(k)
        self._gaussian = np.array([gp.kernel_name == "gaussian" for gp in processes])
        # Coefficients of the trends, and their prior variances by degree.
        self._coefficients = np.zeros((k, 1 + d))
        self._second = np.zeros((k, d, d))
        self._degrees = np.zeros((k, 3))
        self._scale = np.array([[gp.y_mean, gp.y_scale] for gp in processes])
        self._inverse = np.zeros((k, n, n))
        self._uncertain = np.array([j not in certain for j in range(k)])
        self._middle = np.stack([first.trend.center, first.trend.spread])
        self._centred = np.ascontiguousarray(
            ((first.x - first.trend.center) / first.trend.spread).T
        )
        upper = np.triu_indices(d)
        for j, gp in enumerate(processes):
            self._inverse_length[j] = 1.0 / gp.hyper.length_scales
            self._x[j] = (gp.x * self._inverse_length[j]).T
            self._alpha[j] = gp.alpha
            self._signal[j] = gp.hyper.signal_variance
            m = gp.trend.n_first
            self._coefficients[j, :m] = gp.coefficients[:m]
            self._degrees[j, :2] = gp._coefficient_variance[[0, m - 1]] * [1, m > 1]
            if gp.trend.curved:
                self._second[j][upper] = gp.coefficients[m:]
                self._degrees[j, 2] = gp.hyper.curvature_variance
            if self._uncertain[j]:
                inverse, _ = linalg.lapack.dtrtri(gp._factor, lower=1)
                self._inverse[j] = np.tril(inverse).T

    def predict(self, u: Array) -> tuple[Array, Array]:
        """Means and variances of the noise-free outputs, (n_processes, n_points)."""
        mean = np.empty((len(self._x), len(u)))
        variance = np.zeros_like(mean)
        for start in range(0, len(u), _BLOCK):
            at = slice(start, start + _BLOCK)
            self._predict(u[at], mean[:, at], variance[:, at])
        return mean, variance

    def _predict(self, u: Array, mean: Array, variance: Array) -> None:
        cross = np.empty((len(self._x), len(u), self._x.shape[2]))
        own = np.empty_like(mean)
        part = np.empty_like(mean)
        _cross(
            *self._arguments(
                u,
                self._centred,
                self._degrees,
                self._uncertain,
                part,
                own,
                cross,
            )
        )
        mean[:] = part
        for k in np.flatnonzero(self._uncertain):
            # The bulk of the work, and a matrix product: not for a compiled loop.
            solved = cross[k] @ self._inverse[k]
            left = own[k] - np.einsum("ij,ij->i", solved, solved)
            variance[k] = np.maximum(left, 0.0) * self._scale[k, 1] ** 2

    def mean(self, u: Array) -> Array:
        """Means alone, (n_processes, n_points)."""
        mean = np.empty((len(self._x), len(u)))
        _mean(*self._arguments(u, mean))
        return mean

    def gradient(self, u: Array) -> tuple[Array, Array]:
        """Means (n_processes, n_points) and gradients, with (n_parameters,) last."""
        mean = np.empty((len(self._x), len(u)))
        gradient = np.empty((*mean.shape, u.shape[1]))
        _gradient(*self._arguments(u, mean, gradient))
        return mean, gradient

    def _arguments(self, u: Array, *more: Array) -> Any:
        return (
            np.ascontiguousarray(u, dtype=float),
            self._x,
            self._inverse_length,
            self._alpha,
            self._signal,
            self._gaussian,
            self._coefficients,
            self._second,
            self._middle,
            self._scale,
            *more,
        )


@njit(cache=True, fastmath=FAST)
def _squared(point, x, inverse_length, squared):  # pragma: no cover - compiled
    d, n = x.shape
    for i in range(n):
        squared[i] = 0.0
    for j in range(d):
        at = point[j] * inverse_length[j]
        for i in range(n):
            step = x[j, i] - at
            squared[i] += step * step


@njit(cache=True, fastmath=FAST)
def _mean_of_trend(
    z, coefficients, second, y_mean, y_scale, inner
):  # pragma: no cover - compiled
    total = inner + coefficients[0]
    for i in range(z.size):
        slope = coefficients[1 + i]
        for j in range(i, z.size):
            slope += second[i, j] * z[j]
        total += slope * z[i]
    return y_mean + y_scale * total


@njit(cache=True, fastmath=FAST)
def _kernel(
    point, x, inverse_length, signal, gaussian, kernel
):  # pragma: no cover - compiled
    _squared(point, x, inverse_length, kernel)
    if gaussian:
        for i in range(kernel.size):
            kernel[i] = signal * exp_minus(0.5 * kernel[i])
    else:
        for i in range(kernel.size):
            root = math.sqrt(5.0 * kernel[i])
            kernel[i] = signal * (1.0 + root + root * root / 3.0) * exp_minus(root)


@njit(cache=True, fastmath=FAST)
def _mean(
    u, x, inverse_length, alpha, signal, gaussian, coefficients, second, middle, scale,
    mean,
):  # fmt: skip # pragma: no cover - compiled
    n_processes, _, n = x.shape
    kernel = np.empty(n)
    for point in range(u.shape[0]):
        z = (u[point] - middle[0]) / middle[1]
        for k in range(n_processes):
            _kernel(u[point], x[k], inverse_length[k], signal[k], gaussian[k], kernel)
            inner = 0.0
            for i in range(n):
                inner += kernel[i] * alpha[k, i]
            mean[k, point] = _mean_of_trend(
                z, coefficients[k], second[k], scale[k, 0], scale[k, 1], inner
            )


@njit(cache=True, fastmath=FAST)
def _products(z, centred, first, squares):  # pragma: no cover - compiled
    """Sums over parameters of z x, and of the squares of that."""
    for i in range(first.size):
        first[i] = squares[i] = 0.0
    for j in range(z.size):
        for i in range(first.size):
            product = z[j] * centred[j, i]
            first[i] += product
            squares[i] += product * product


@njit(cache=True, fastmath=FAST)
def _cross(
    u, x, inverse_length, alpha, signal, gaussian, coefficients, second, middle, scale,
    centred, degrees, uncertain, mean, own, cross,
):  # fmt: skip # pragma: no cover - compiled
    n_processes, d, n = x.shape
    first, squares = np.empty(n), np.empty(n)
    for point in range(u.shape[0]):
        z = (u[point] - middle[0]) / middle[1]
        _products(z, centred, first, squares)
        length = fourth = 0.0
        for j in range(d):
            length += z[j] * z[j]
            fourth += z[j] ** 4
        for k in range(n_processes):
            kernel = cross[k, point]
            _kernel(u[point], x[k], inverse_length[k], signal[k], gaussian[k], kernel)
            inner = 0.0
            for i in range(n):
                inner += kernel[i] * alpha[k, i]
            mean[k, point] = _mean_of_trend(
                z, coefficients[k], second[k], scale[k, 0], scale[k, 1], inner
            )
            if not uncertain[k]:
                continue
            constant, linear, half = degrees[k, 0], degrees[k, 1], 0.5 * degrees[k, 2]
            own[k, point] = signal[k] + constant + linear * length
            own[k, point] += half * (length * length + fourth)
            # The sum over pairs z_a z_b x_a x_b, a <= b, without its terms.
            for i in range(n):
                product = first[i]
                kernel[i] += constant + linear * product
                kernel[i] += half * (product * product + squares[i])


@njit(cache=True, fastmath=FAST)
def _gradient(
    u, x, inverse_length, alpha, signal, gaussian, coefficients, second, middle, scale,
    mean, gradient,
):  # fmt: skip # pragma: no cover - compiled
    n_processes, d, n = x.shape
    pull = np.empty(n)
    for point in range(u.shape[0]):
        z = (u[point] - middle[0]) / middle[1]
        for k in range(n_processes):
            _squared(u[point], x[k], inverse_length[k], pull)
            inner = 0.0
            if gaussian[k]:
                for i in range(n):
                    pull[i] = signal[k] * alpha[k, i] * exp_minus(0.5 * pull[i])
                    inner += pull[i]
            else:
                for i in range(n):
                    root = math.sqrt(5.0 * pull[i])
                    decay = signal[k] * alpha[k, i] * exp_minus(root)
                    inner += decay * (1.0 + root + root * root / 3.0)
                    pull[i] = decay * (5.0 / 3.0) * (1.0 + root)
            mean[k, point] = _mean_of_trend(
                z, coefficients[k], second[k], scale[k, 0], scale[k, 1], inner
            )
            for j in range(d):
                at = u[point, j] * inverse_length[k, j]
                total = 0.0
                for i in range(n):
                    total += pull[i] * (x[k, j, i] - at)
                total = total * inverse_length[k, j]
                slope = coefficients[k, 1 + j] + second[k, j, j] * z[j]
                for i in range(d):
                    slope += (second[k, i, j] if i <= j else second[k, j, i]) * z[i]
                gradient[k, point, j] = scale[k, 1] * (total + slope / middle[1, j])
