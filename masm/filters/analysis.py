"""What an analysis by members gives back, and moments of an ensemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """Members after an analysis.

    Attributes
    ----------
    members : (n_members, p)
    mean, covariance : (p,), (p, p)
        Of these members, with divisor n - 1.
    n_observed : int
        Values that were not NaN; with none the members are those of the forecast.

    Examples
    --------
    >>> from masm.filters import ensemble_transform
    >>> found = ensemble_transform([[-1.0], [0.0], [1.0]], [[1.0]], [2.0], [1.0])
    >>> found.mean, found.n_observed
    (array([1.]), 1)
    """

    members: Array
    mean: Array
    covariance: Array
    n_observed: int


def sample_moments(members: Array) -> tuple[Array, Array]:
    """Mean and covariance (divisor n - 1) of an ensemble, (n_members, p)."""
    mean = members.mean(axis=0)
    centred = members - mean
    return mean, np.asarray(centred.T @ centred / (len(members) - 1))


def analysis_of(members: Array, n_observed: int) -> Analysis:
    """Members with their own moments."""
    return Analysis(members, *sample_moments(members), n_observed)
