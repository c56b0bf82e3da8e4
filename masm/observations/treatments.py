"""What of a stream is compared: a treatment of observations and model alike.

A linear treatment T leaves out some directions of the residuals, such as their mean.
With errors of covariance R the treated residuals have T R T', and the cost is that of R
with those directions free: an unknown of unlimited size along each of them is
integrated out. So a mean that was removed costs its degree of freedom, and correlations
that T makes between errors are kept.

A ratio and a match of distributions are fitted to the data that they then treat. Their
effect on the errors is approximate, and the result says so.

References
----------
Raoult, N. et al. (2025). Parameter estimation in land surface models: challenges and
opportunities with data assimilation and machine learning. Journal of Advances in
Modeling Earth Systems 17 (section on observations and their treatment).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.types import Array

TREATMENTS = {
    "none": "values as they are",
    "remove_mean": "less their mean over the whole series",
    "anomalies": "less the mean of their calendar month over all years",
    "seasonal_cycle": "means of calendar months over all years",
    "annual_means": "means of calendar years",
    "annual_means_and_anomalies": "without the mean seasonal cycle: annual means, and "
    "anomalies of months",
    "divide_mean": "divided by their mean (approximate errors)",
    "cdf_match": "model's values matched to the distribution of the observed ones "
    "(approximate errors)",
}
"""Name of each treatment, and what it leaves."""

NONLINEAR = ("divide_mean", "cdf_match")
"""Treatments fitted to the data, whose effect on the errors is approximate."""

_KEPT = ("seasonal_cycle", "annual_means")  # that say what is kept
_FREE = 1e4
"""Standard deviation of a direction that is left out, in those of the errors."""


def check_treatment(name: str, where: str) -> None:
    """Raise `InputError` for an unknown treatment."""
    if name not in TREATMENTS:
        raise InputError(
            f"{where}: unknown treatment",
            found=repr(name),
            wanted=f"one of {', '.join(TREATMENTS)}",
        )


def free_covariance(
    name: str, time: NDArray[Any], value: Array, sd: Array, where: str
) -> Array:
    """Covariance of what a treatment leaves out, (n_obs, n_obs).

    In units of the errors: that of white residuals, to be added to their correlation.

    Parameters
    ----------
    name : str
        Of `TREATMENTS`.
    time : (n_obs,)
        Dates, for treatments by month or year.
    value, sd : (n_obs,)
        Observations and standard deviations of their errors.
    where : str
        For messages.

    Raises
    ------
    InputError
        If the treatment needs dates and there are none, or leaves nothing to compare,
        or divides by a mean that its errors reach past zero.
    """
    if name == "divide_mean":
        _require_mean(value, sd, where)
    directions = left_out(name, time, value, where)
    # Nearly orthogonal directions of about unit length in units of the errors.
    white = directions * (np.median(sd) / sd)[:, None]
    return np.asarray(_FREE**2 * white @ white.T)


def left_out(name: str, time: NDArray[Any], value: Array, where: str) -> Array:
    """Orthonormal directions that a treatment leaves out, (n_obs, n_directions).

    As many observations count for nothing.

    Parameters
    ----------
    name, time, value, where
        As for `free_covariance`.

    Raises
    ------
    InputError
        If the treatment needs dates and there are none, or leaves nothing to compare.

    Examples
    --------
    >>> month = np.arange("2001-01", "2004-01", dtype="datetime64[M]")
    >>> left_out("annual_means", month, np.ones(36), "gpp").shape
    (36, 33)
    """
    n = len(value)
    if name in ("none", "cdf_match"):
        return np.zeros((n, 0))
    if name == "divide_mean":
        directions = value[:, None]
    elif name == "remove_mean":
        directions = np.ones((n, 1))
    else:
        directions = _by_calendar(name, time, where)
    if name not in _KEPT:
        directions = _basis(directions)
    if directions.shape[1] >= n:
        raise InputError(
            f"{where}: treatment {name} leaves nothing to compare",
            found=f"{n} values",
            wanted="more than one year of them"
            if "anomalies" in name
            else "more values",
        )
    return directions


def treated(name: str, series: Array, value: Array) -> Array:
    """Model series as a nonlinear treatment makes them, (sample, n_obs).

    A linear treatment leaves them as they are: see `free_covariance`.
    """
    if name == "divide_mean":
        with np.errstate(divide="ignore", invalid="ignore"):
            made = series * (value.mean() / series.mean(axis=-1, keepdims=True))
        return np.where(series.mean(axis=-1, keepdims=True) > 0.0, made, np.nan)
    if name == "cdf_match":
        rank = np.argsort(np.argsort(series, axis=-1, kind="stable"), axis=-1)
        matched = np.sort(value)[rank]
        return np.where(
            np.isfinite(series).all(axis=-1, keepdims=True), matched, np.nan
        )
    return series


def _require_mean(value: Array, sd: Array, where: str) -> None:
    mean = float(value.mean())
    error = float(np.sqrt(np.mean(sd**2) / len(value)))
    if not mean > 3.0 * error:
        raise InputError(
            f"{where}: a mean that cannot be divided by",
            found=f"{mean:.3g} with a standard error of {error:.3g}",
            wanted="a mean more than three standard errors above zero",
        )


def _by_calendar(name: str, time: NDArray[Any], where: str) -> Array:
    if np.asarray(time).dtype.kind != "M":
        raise InputError(
            f"{where}: treatment {name} without dates",
            found=f"times of kind {np.asarray(time).dtype}",
            wanted="dates",
        )
    month = np.asarray(time).astype("datetime64[M]").astype(int)
    of_year, year = month % 12, month // 12
    months = (of_year[:, None] == np.unique(of_year)).astype(float)
    if name == "anomalies":
        return months
    if name == "annual_means_and_anomalies":
        return months - months.mean(axis=0)
    kept = months
    if name == "annual_means":
        kept = (year[:, None] == np.unique(year)).astype(float)
    # All but what is kept; quick for thousands of daily values too.
    basis = _basis(kept)
    return np.asarray(np.linalg.qr(basis, mode="complete")[0][:, basis.shape[1] :])


def _basis(directions: Array) -> Array:
    """Orthonormal directions of the same span."""
    left, singular, _ = np.linalg.svd(directions, full_matrices=False)
    return np.asarray(left[:, singular > 1e-9 * max(singular.max(), 1e-300)])
