"""Covariance of the runs, and what its hyper-parameters' gradient sums, compiled.

A fit asks for both some forty times; array expressions would make a dozen arrays of
n x n each time. Only one triangle is filled: element [j, i], j <= i, of arrays in
Fortran order, so that the inner loop runs along memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from masm.gaussian_process.fast_exp import FAST, exp_minus
from masm.types import Array


@dataclass
class Triangles:
    """Upper triangles of one fit, filled again at every step of it.

    Attributes
    ----------
    shape : (n, n), the kernel for unit variance
    slope : (n, n), -2 times its derivative in the squared distance
    covariance : (n, n)
    """

    shape: Array
    slope: Array
    covariance: Array

    @classmethod
    def of(cls, n: int) -> Triangles:
        """For n runs."""
        return cls(*(np.zeros((n, n), order="F") for _ in range(3)))


@njit(cache=True, fastmath=FAST)
def fill(
    scaled, gaussian, signal, first, curvature, second, diagonal,
    shape, slope, covariance,
):  # fmt: skip # pragma: no cover - compiled
    """Fill the triangles.

    Parameters
    ----------
    scaled : (n_parameters, n), inputs in length scales
    gaussian : the kernel; else it is Matern-5/2
    signal, curvature : variances of the process, and of the second-order trend
    first, second : (n, n) of the trend; ``second`` is not looked at where there is
        no ``curvature``
    diagonal : (n,), noise
    shape, slope, covariance : see `Triangles`
    """
    d, n = scaled.shape
    for i in range(n):
        squared = slope[:, i]
        for j in range(i):
            squared[j] = 0.0
        for p in range(d):
            at = scaled[p, i]
            for j in range(i):
                step = scaled[p, j] - at
                squared[j] += step * step
        if gaussian:
            for j in range(i):
                shape[j, i] = exp_minus(0.5 * squared[j])
                slope[j, i] = shape[j, i]
        else:
            for j in range(i):
                root = math.sqrt(5.0 * squared[j])
                decay = exp_minus(root)
                shape[j, i] = (1.0 + root + root * root * (1.0 / 3.0)) * decay
                slope[j, i] = (5.0 / 3.0) * (1.0 + root) * decay
        shape[i, i] = 1.0
        # Of no consequence: a point is at no distance from itself.
        slope[i, i] = 0.0
        for j in range(i + 1):
            covariance[j, i] = signal * shape[j, i] + first[j, i]
        if curvature > 0.0:
            for j in range(i + 1):
                covariance[j, i] += curvature * second[j, i]
        covariance[i, i] += diagonal[i]


@njit(cache=True, fastmath=FAST)
def sums(
    scaled, signal, curvature, second, shape, slope, inverse, alpha, gradient,
):  # fmt: skip # pragma: no cover - compiled
    """Sum tr(inner dK) / 2 for the logarithm of each hyper-parameter.

    ``inner`` is the inverse (upper triangle) less the outer product of ``alpha``.
    ``gradient`` (n_parameters + 3,): length scales, variance of the process, trace
    of ``inner`` / 2 (for the noise), variance of the second-order trend.
    """
    d, n = scaled.shape
    gradient[:] = 0.0
    weight = np.empty(n)
    for i in range(n):
        level = bend = 0.0
        for j in range(i):
            inner = inverse[j, i] - alpha[j] * alpha[i]
            level += inner * shape[j, i]
            weight[j] = signal * inner * slope[j, i]
        for p in range(d):
            at = scaled[p, i]
            total = 0.0
            for j in range(i):
                step = scaled[p, j] - at
                total += weight[j] * step * step
            gradient[p] += total
        own = inverse[i, i] - alpha[i] * alpha[i]
        gradient[d] += signal * (level + 0.5 * own)
        gradient[d + 1] += 0.5 * own
        if curvature > 0.0:
            for j in range(i):
                bend += (inverse[j, i] - alpha[j] * alpha[i]) * second[j, i]
            gradient[d + 2] += curvature * (bend + 0.5 * own * second[i, i])


@njit(cache=True, fastmath=FAST)
def moves(
    scaled, lengths, signal, z, spread, linear, curvature,
    slope, inverse, alpha, moved,
):  # fmt: skip # pragma: no cover - compiled
    """Sum tr(inner dK) / 2 for each input of each run.

    Second-order terms of the trend have the covariance ((z.z')^2 + sum z^2 z'^2) / 2.

    Parameters
    ----------
    scaled, signal, curvature, slope, inverse, alpha : as in `sums`
    lengths, spread : (n_parameters,), by which ``scaled`` and ``z`` are divided
    z : (n_parameters, n), inputs as the trend sees them
    linear : variance of the first-order coefficients
    moved : (n_parameters, n), filled
    """
    d, n = scaled.shape
    moved[:] = 0.0
    inner, weight, product = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        for j in range(i + 1):
            inner[j] = inverse[j, i] - alpha[j] * alpha[i]
            weight[j] = signal * inner[j] * slope[j, i]
            product[j] = 0.0
        for p in range(d):
            at = z[p, i]
            for j in range(i + 1):
                product[j] += z[p, j] * at
        for j in range(i + 1):
            product[j] = inner[j] * (linear + curvature * product[j])
        for p in range(d):
            at, seen, bent = scaled[p, i], z[p, i], curvature * z[p, i]
            by_length, by_spread = 1.0 / lengths[p], 1.0 / spread[p]
            total = by_spread * seen * (product[i] + bent * inner[i] * seen)
            for j in range(i):
                pull = weight[j] * (scaled[p, j] - at) * by_length
                lean = (product[j] + bent * inner[j] * z[p, j]) * by_spread
                total += pull + z[p, j] * lean
                moved[p, j] += seen * lean - pull
            moved[p, i] += total
