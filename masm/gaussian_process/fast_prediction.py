"""Compiled predictions of many Gaussian processes that share their points.

Chains ask for the emulator at a few points, thousands of times: array expressions
spend most of that on passing arrays about. Here all processes are evaluated point by
point in one compiled loop, the mean and its gradient, or the mean and the variance.
The squared differences between a point and the runs are the same for all processes,
which only weight them by their length scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import linalg

from masm.gaussian_process.fast_exp import FAST, exp_minus
from masm.gaussian_process.regression import GaussianProcess
from masm.types import Array

# Points in one matrix product.
_BLOCK = 128


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
        self._x = np.ascontiguousarray(first.x.T)
        self._weight = np.empty((k, d))
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
            self._weight[j] = gp.hyper.length_scales**-2.0
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

    def predict(
        self,
        u: Array,
        needed: Callable[[Array, slice], NDArray[np.bool_]] | None = None,
    ) -> tuple[Array, Array]:
        """Means and variances of the noise-free outputs, (n_processes, n_points).

        ``needed`` returns at which points variances are wanted, given the means there
        and which points these are; elsewhere they are zero. By default everywhere.
        """
        mean = np.empty((len(self._weight), len(u)))
        variance = np.zeros_like(mean)
        # New memory for each block would take longer than filling it.
        room = np.empty(len(mean) * min(_BLOCK, len(u)) * self._x.shape[1])
        for start in range(0, len(u), _BLOCK):
            at = slice(start, start + _BLOCK)
            cross, own = self._cross(u[at], mean[:, at], room)
            chosen = np.arange(cross.shape[1])
            if needed is not None:
                chosen = np.flatnonzero(needed(mean[:, at], at))
            if len(chosen):
                self._variances(cross, own, chosen, variance[:, at])
        return mean, variance

    def _cross(self, u: Array, mean: Array, room: Array) -> tuple[Array, Array]:
        """Fill in means; covariances with the runs, and variances without them."""
        shape = (len(mean), len(u), self._x.shape[1])
        cross = room[: math.prod(shape)].reshape(shape)
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
        return cross, own

    def _variances(
        self, cross: Array, own: Array, chosen: NDArray[np.intp], variance: Array
    ) -> None:
        """Fill in variances at the chosen points, given their covariances."""
        every = len(chosen) == cross.shape[1]
        for k in np.flatnonzero(self._uncertain):
            rows = cross[k] if every else cross[k][chosen]
            # The bulk of the work: a product with a triangle, not for a compiled loop.
            solved = linalg.blas.dtrmm(
                1.0, self._inverse[k].T, rows.T, lower=1, overwrite_b=1
            )
            left = own[k, chosen] - np.einsum("ij,ij->j", solved, solved)
            variance[k, chosen] = np.maximum(left, 0.0) * self._scale[k, 1] ** 2

    def mean(self, u: Array) -> Array:
        """Means alone, (n_processes, n_points)."""
        mean = np.empty((len(self._weight), len(u)))
        _mean(*self._arguments(u, mean))
        return mean

    def gradient(self, u: Array) -> tuple[Array, Array]:
        """Means (n_processes, n_points) and gradients, with (n_parameters,) last."""
        mean = np.empty((len(self._weight), len(u)))
        gradient = np.empty((*mean.shape, u.shape[1]))
        _gradient(*self._arguments(u, mean, gradient))
        return mean, gradient

    def _arguments(self, u: Array, *more: Array) -> Any:
        return (
            np.ascontiguousarray(u, dtype=float),
            self._x,
            self._weight,
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
def _differences(point, x, steps, squares):  # pragma: no cover - compiled
    """Differences of the runs from a point, and their squares, (n_parameters, n)."""
    d, n = x.shape
    for j in range(d):
        at = point[j]
        for i in range(n):
            step = x[j, i] - at
            steps[j, i] = step
            squares[j, i] = step * step


@njit(cache=True, fastmath=FAST)
def _weighted(weight, squares, total):  # pragma: no cover - compiled
    """Sum over parameters of the weighted squares, four at a time: fewer reads."""
    d, n = squares.shape
    for i in range(n):
        total[i] = 0.0
    fours = d - d % 4
    for j in range(0, fours, 4):
        a, b, c, e = weight[j], weight[j + 1], weight[j + 2], weight[j + 3]
        for i in range(n):
            first = a * squares[j, i] + b * squares[j + 1, i]
            total[i] += first + (c * squares[j + 2, i] + e * squares[j + 3, i])
    for j in range(fours, d):
        a = weight[j]
        for i in range(n):
            total[i] += a * squares[j, i]


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
def _kernel(weight, squares, signal, gaussian, kernel):  # pragma: no cover - compiled
    """Covariance of a point with the runs."""
    _weighted(weight, squares, kernel)
    if gaussian:
        for i in range(kernel.size):
            kernel[i] = signal * exp_minus(0.5 * kernel[i])
    else:
        for i in range(kernel.size):
            root = math.sqrt(5.0 * kernel[i])
            square = root * root * (1.0 / 3.0)
            kernel[i] = signal * (1.0 + root + square) * exp_minus(root)


@njit(cache=True, fastmath=FAST)
def _mean(
    u, x, weight, alpha, signal, gaussian, coefficients, second, middle, scale,
    mean,
):  # fmt: skip # pragma: no cover - compiled
    d, n = x.shape
    kernel, steps, squares = np.empty(n), np.empty((d, n)), np.empty((d, n))
    for point in range(u.shape[0]):
        z = (u[point] - middle[0]) / middle[1]
        _differences(u[point], x, steps, squares)
        for k in range(weight.shape[0]):
            _kernel(weight[k], squares, signal[k], gaussian[k], kernel)
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
def _with_trend(
    kernel, constant, linear, half, first, second_order, covariance
):  # pragma: no cover - compiled
    """Covariance with the runs, of the process and the trend, from `_products`."""
    for i in range(kernel.size):
        # The sum over pairs z_a z_b x_a x_b, a <= b, without its terms.
        pairs = half * (first[i] * first[i] + second_order[i])
        covariance[i] = kernel[i] + (constant + linear * first[i]) + pairs


@njit(cache=True, fastmath=FAST)
def _cross(
    u, x, weight, alpha, signal, gaussian, coefficients, second, middle, scale,
    centred, degrees, uncertain, mean, own, cross,
):  # fmt: skip # pragma: no cover - compiled
    d, n = x.shape
    kernel, first, second_order = np.empty(n), np.empty(n), np.empty(n)
    steps, squares = np.empty((d, n)), np.empty((d, n))
    for point in range(u.shape[0]):
        z = (u[point] - middle[0]) / middle[1]
        _products(z, centred, first, second_order)
        _differences(u[point], x, steps, squares)
        length = fourth = 0.0
        for j in range(d):
            length += z[j] * z[j]
            fourth += z[j] ** 4
        for k in range(weight.shape[0]):
            _kernel(weight[k], squares, signal[k], gaussian[k], kernel)
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
            _with_trend(
                kernel, constant, linear, half, first, second_order, cross[k, point]
            )


@njit(cache=True, fastmath=FAST)
def _gradient(
    u, x, weight, alpha, signal, gaussian, coefficients, second, middle, scale,
    mean, gradient,
):  # fmt: skip # pragma: no cover - compiled
    d, n = x.shape
    pull, steps, squares = np.empty(n), np.empty((d, n)), np.empty((d, n))
    for point in range(u.shape[0]):
        z = (u[point] - middle[0]) / middle[1]
        _differences(u[point], x, steps, squares)
        for k in range(weight.shape[0]):
            _weighted(weight[k], squares, pull)
            inner = 0.0
            if gaussian[k]:
                for i in range(n):
                    pull[i] = signal[k] * alpha[k, i] * exp_minus(0.5 * pull[i])
                    inner += pull[i]
            else:
                for i in range(n):
                    root = math.sqrt(5.0 * pull[i])
                    decay = signal[k] * alpha[k, i] * exp_minus(root)
                    inner += decay * (1.0 + root + root * root * (1.0 / 3.0))
                    pull[i] = decay * (5.0 / 3.0) * (1.0 + root)
            mean[k, point] = _mean_of_trend(
                z, coefficients[k], second[k], scale[k, 0], scale[k, 1], inner
            )
            for j in range(d):
                total = 0.0
                for i in range(n):
                    total += pull[i] * steps[j, i]
                total = total * weight[k, j]
                slope = coefficients[k, 1 + j] + second[k, j, j] * z[j]
                for i in range(d):
                    slope += (second[k, i, j] if i <= j else second[k, j, i]) * z[i]
                gradient[k, point, j] = scale[k, 1] * (total + slope / middle[1, j])
