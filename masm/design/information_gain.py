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
    covariances = [part.covariance.copy() for part in information]
    n = len(covariances[0])
    tiny = [1e-12 * float(np.max(np.diag(c[:, :n]))) + 1e-300 for c in covariances]

    def condition(i: int) -> None:
        for c, part, least in zip(covariances, information, tiny, strict=True):
            row = c[i].copy()
            c -= np.outer(row[:n], row / (max(row[i], 0.0) + part.noise + least))

    for i in range(n_given):
        condition(i)
    taken = list(range(n_given))
    for _ in range(min(size, n - n_given)):
        gain = np.zeros(n)
        for c, part, least in zip(covariances, information, tiny, strict=True):
            own = np.maximum(np.diag(c[:, :n]), 0.0) + part.noise + least
            gain += (c[:, n:] ** 2 @ part.weight) / own
        gain[taken] = -1.0
        best = int(np.argmax(gain))
        taken.append(best)
        condition(best)
    return taken[n_given:]
