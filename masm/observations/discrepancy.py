"""Discrepancy between model and nature: a Gaussian process in time.

What the model lacks is taken as a smooth function of time, added to it within the
likelihood (Kennedy and O'Hagan 2001) and integrated out. So that it does not take over
what parameters can explain, its covariance is made orthogonal to the model's slopes by
the parameters (Plumlee 2017), where these are known.

References
----------
Kennedy, M. C. and O'Hagan, A. (2001). Bayesian calibration of computer models. Journal
of the Royal Statistical Society B 63, 425-464.
Plumlee, M. (2017). Bayesian calibration of inexact computer models. Journal of the
American Statistical Association 112, 1274-1285.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from masm.types import Array

YEAR_DAYS = 365.2425


def days_of(time: NDArray[Any]) -> Array:
    """Times as days since the first; plain numbers stay as they are."""
    time = np.asarray(time)
    if time.dtype.kind != "M":
        return np.asarray(time, float)
    since = time.astype("datetime64[s]") - time.astype("datetime64[s]")[0]
    return since.astype(float) / 86400.0


def discrepancy_covariance(
    time: NDArray[Any], sd: float, length_days: float, seasonal: bool
) -> Array:
    """Covariance of the discrepancy at some times, (n, n), in the stream's unit.

    Parameters
    ----------
    time : (n,)
    sd : float
        Standard deviation, in the stream's unit.
    length_days : float
        Time over which it changes: correlation ``exp(-lag^2 / (2 length^2))``.
    seasonal : bool
        Whether it comes back each year: half of its variance repeats, with the same
        length within the year.
    """
    lag = np.subtract.outer(days_of(time), days_of(time))
    smooth = np.exp(-0.5 * (lag / length_days) ** 2)
    if not seasonal:
        return np.asarray(sd**2 * smooth)
    # Periodic kernel: for short lags the same length as the smooth one.
    turn = YEAR_DAYS / np.pi * np.sin(np.pi * lag / YEAR_DAYS)
    return np.asarray(sd**2 * 0.5 * (smooth + np.exp(-0.5 * (turn / length_days) ** 2)))


def orthogonal_to(covariance: Array, slopes: Array, variance: Array) -> Array:
    """Take from a covariance what the model's slopes can explain.

    Parameters
    ----------
    covariance : (n, n)
    slopes : (n, n_parameters)
        Of the model's series by each parameter.
    variance : (n,)
        Of the errors: what counts as explained is weighted by them.

    Returns
    -------
    ndarray, (n, n)
        Of ``(I - P) d``, with P the weighted projection on the slopes.
    """
    weighted = slopes / variance[:, None]
    onto = slopes @ np.linalg.pinv(slopes.T @ weighted, rcond=1e-10) @ weighted.T
    rest = np.eye(len(covariance)) - onto
    made = rest @ covariance @ rest.T
    return np.asarray(0.5 * (made + made.T))
