"""Correlation of a stream's errors: in time, by a bias, a discrepancy, a treatment."""

from __future__ import annotations

import numpy as np

from masm.errors import InputError
from masm.observations.discrepancy import discrepancy_covariance, orthogonal_to
from masm.observations.stream import ObservedSeries
from masm.observations.treatments import free_covariance, left_out
from masm.types import Array


def correlation_of(series: ObservedSeries, *, treated: bool = True) -> Array:
    """Covariance of the errors in units of their variances, (n_obs, n_obs).

    Parameters
    ----------
    series : ObservedSeries
    treated : bool
        Whether what a treatment leaves out is free, as in a likelihood. Errors that
        are drawn have none of it.

    Raises
    ------
    InputError
        If an effect of years or a treatment needs dates and there are none, or a
        treatment leaves nothing to compare.
    """
    errors, sd = series.errors, np.sqrt(series.variance)
    lag = np.abs(series.steps[:, None] - series.steps[None, :])
    bias = errors.bias_sd / sd
    made = errors.correlation**lag + np.outer(bias, bias)
    made += np.diag((errors.representation_sd / sd) ** 2)
    if errors.between_years:
        if series.time.dtype.kind != "M":
            raise InputError(
                f"stream {series.name!r}: errors with between_years without dates",
                found=f"times of kind {series.time.dtype}",
                wanted="dates",
            )
        year = series.time.astype("datetime64[Y]")
        made += errors.between_years**2 * (year[:, None] == year[None, :])
    if errors.discrepancy_sd:
        discrepancy = discrepancy_covariance(
            series.time,
            errors.discrepancy_sd,
            errors.discrepancy_days,
            errors.discrepancy_seasonal,
        )
        if series.slopes is not None:
            known = _slopes_of_treated(series, series.slopes)
            discrepancy = orthogonal_to(discrepancy, known, series.variance)
        made += discrepancy / np.outer(sd, sd)
    if treated:
        where = f"stream {series.name!r}"
        made += free_covariance(errors.treatment, series.time, series.value, sd, where)
    return np.asarray(made)


def _slopes_of_treated(series: ObservedSeries, slopes: Array) -> Array:
    """Slopes, and beside them what a treatment leaves out, (n_obs, n_directions).

    Slopes of treated values are sums of both.
    """
    treatment, where = series.errors.treatment, f"stream {series.name!r}"
    free = left_out(treatment, series.time, series.value, where)
    size = np.linalg.norm(slopes, axis=0).max(initial=0.0) or 1.0
    return np.hstack([slopes, size * free])
