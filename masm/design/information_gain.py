"""Active learning (ALC): greedy reduction of a weighted predictive variance.

The value of a run is by how much it lowers the variance of the surrogate at reference
points, each with its weight; the next is chosen as if the first had been made (its
output does not matter to the variance; Cohn 1996, "ALC").

References
----------
Cohn, D. A. (1996). Neural network exploration using optimal experiment design.
Neural Networks 9, 1071-1083.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from masm.gaussian_process.fast_exp import FAST
from masm.types import Array


@dataclass(frozen=True)
class Information:
    """How the outputs at candidate points covary with those at reference points.

    Attributes
    ----------
    covariance : (n_pool, n_pool + n_reference)
    weight : (n_reference,), squared slope of the cost in this output
    noise : variance of a new run's output
    """

    covariance: Array
    weight: Array
    noise: float


def most_informative(
    information: list[Information], n_given: int, size: int
) -> list[int]:
    """Rows of the pool that most reduce the weighted variance, one after another.

    Parameters
    ----------
    information : one for each output
    n_given : the first rows of the pool are run in any case
    size : rows wanted

    Returns
    -------
    list of int
    """
    covariance = np.stack([part.covariance for part in information])
    weight = np.stack([part.weight for part in information])
    n = covariance.shape[1]
    most = covariance.diagonal(axis1=1, axis2=2).max(axis=1)
    noise = np.array([part.noise for part in information]) + 1e-12 * most + 1e-300
    gain = np.zeros(n)
    taken: list[int] = []
    _gain(covariance, weight, noise, gain)
    while len(taken) < n_given + min(size, n - n_given):
        gain[taken] = -1.0
        best = len(taken) if len(taken) < n_given else int(np.argmax(gain))
        taken.append(best)
        _condition(covariance, best, noise)
        if len(taken) >= n_given:
            _gain(covariance, weight, noise, gain)
    return taken[n_given:]


@njit(cache=True, fastmath=FAST)
def _condition(covariance, chosen, noise):  # pragma: no cover - compiled
    """Take from each covariance, in place, what a run of the chosen row explains."""
    n_outputs, n, n_all = covariance.shape
    row = np.empty(n_all)
    for k in range(n_outputs):
        row[:] = covariance[k, chosen]
        own = max(row[chosen], 0.0) + noise[k]
        for i in range(n):
            fraction = row[i] / own
            for j in range(n_all):
                covariance[k, i, j] -= fraction * row[j]


@njit(cache=True, fastmath=FAST)
def _gain(covariance, weight, noise, gain):  # pragma: no cover - compiled
    """Weighted variance that a run of each row would take from the reference."""
    n_outputs, n, n_all = covariance.shape
    gain[:] = 0.0
    for k in range(n_outputs):
        for i in range(n):
            total = 0.0
            for j in range(n_all - n):
                shared = covariance[k, i, n + j]
                total += weight[k, j] * shared * shared
            gain[i] += total / (max(covariance[k, i, i], 0.0) + noise[k])
