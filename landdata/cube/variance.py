"""Error variance of an observed product: three rules, each named in the cube.

The product's own error; a fraction of the value with a floor; or triple collocation,
which Ma et al. (2022, section 5) name as the next step: with three products of one
quantity whose errors are independent of each other and of the truth, the covariances
of the three give the error variance of each (Stoffelen 1998; the covariance form of
McColl et al. 2014, Geophysical Research Letters 41, 6229-6236).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landdata.errors import InputError

Floats = NDArray[np.float64]

LEAST_TRIPLETS = 100  # Zwieback et al. 2012: fewer leave the variances to chance


def relative_variance(values: ArrayLike, fraction: float, floor: float) -> Floats:
    """Error variance ``max(fraction |value|, floor)^2``, NaN where there is no value.

    Parameters
    ----------
    values : array
        Any unit.
    fraction : float
        Relative standard error, 1.
    floor : float
        Least standard error, in the values' unit; above 0.
    """
    if not (fraction >= 0.0 and floor > 0.0):
        raise InputError(
            "relative variance",
            found=f"fraction {fraction:g}, floor {floor:g}",
            wanted="a fraction of at least 0 and a floor above 0",
            hint="Without a floor, winter zeros would have no error at all.",
        )
    values = np.asarray(values, dtype=np.float64)
    return np.square(np.maximum(fraction * np.abs(values), floor))


@dataclass(frozen=True, eq=False)
class TripleCollocation:
    """What three products say about each other.

    Attributes
    ----------
    variance : numpy.ndarray (3, ...)
        Error variance of each, in its own unit squared. NaN where there are too few
        triplets, or where sampling noise made it negative.
    correlation : numpy.ndarray (3, ...)
        With the unknown truth.
    gain : numpy.ndarray (3, ...)
        Of each against the first: products may differ in scale.
    n : numpy.ndarray (...)
        Times at which all three have a value.
    """

    variance: Floats
    correlation: Floats
    gain: Floats
    n: NDArray[np.int64]


def triple_collocation(
    first: ArrayLike,
    second: ArrayLike,
    third: ArrayLike,
    *,
    least: int = LEAST_TRIPLETS,
) -> TripleCollocation:
    """Error variances of three products of one quantity, along the last axis.

    Parameters
    ----------
    first, second, third : array (..., time)
        NaN where missing; a time counts where all three have a value.
    least : int
        Triplets below which the answer is NaN.

    Returns
    -------
    TripleCollocation
        With Q the covariances of the three, the error variance of the first is
        Q11 - Q12 Q13 / Q23, and so on in turn.
    """
    x = np.stack(
        np.broadcast_arrays(
            *(np.asarray(a, np.float64) for a in (first, second, third))
        )
    )
    there = np.isfinite(x).all(axis=0)
    n = there.sum(axis=-1)
    count = np.maximum(n, 1)
    x = np.where(there, x, 0.0)
    anomaly = np.where(there, x - (x.sum(axis=-1) / count)[..., None], 0.0)
    q = np.einsum("i...t,j...t->ij...", anomaly, anomaly) / np.maximum(n - 1, 1)
    variance, correlation, gain = (np.full(q.shape[1:], np.nan) for _ in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            signal = q[i, j] * q[i, k] / q[j, k]
            good = (n >= least) & (q[j, k] > 0.0) & (signal > 0.0)
            error = q[i, i] - signal
            variance[i] = np.where(good & (error > 0.0), error, np.nan)
            correlation[i] = np.where(good, np.sqrt(signal / q[i, i]), np.nan)
        enough = n >= least
        gain[0] = np.where(enough, 1.0, np.nan)
        gain[1] = np.where(enough, q[1, 2] / q[0, 2], np.nan)
        gain[2] = np.where(enough, q[1, 2] / q[0, 1], np.nan)
    return TripleCollocation(variance, np.minimum(correlation, 1.0), gain, n)
