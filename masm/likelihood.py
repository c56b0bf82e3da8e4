"""Gaussian misfit between aggregated model series and observations.

The errors of the source paper (Ma et al. 2022, eq. 5) are independent and normal.
Its printed normaliser carries the number of parameters; the number of
observations is meant and used here. With a fixed variance the normaliser is a
constant and is left out of the cost that is calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from masm.observations import ObservedSeries

Array = NDArray[np.float64]


def gaussian_cost(residual: Array, variance: Array, *, normalised: bool) -> Array:
    """-2 log likelihood of independent normal errors.

    Parameters
    ----------
    residual : ndarray, (..., n_observations)
        Model minus observation.
    variance : ndarray, broadcastable to ``residual``
        Error variance, in the units of the residual squared.
    normalised : bool
        Add ``sum(log(2 pi variance))``. Needed when the variance is itself a
        parameter, or when likelihoods of different data are compared; a constant
        otherwise.

    Returns
    -------
    ndarray, (...)
    """
    cost = np.sum(residual**2 / variance, axis=-1)
    if normalised:
        spread = np.broadcast_to(variance, residual.shape)
        cost = cost + np.sum(np.log(2.0 * np.pi * spread), axis=-1)
    return cost


@dataclass(frozen=True)
class GaussianLikelihood:
    """Independent normal errors on one or more observed series.

    The series are laid end to end in one vector of ``n_obs`` numbers, in the
    order of ``observed``; ``slices`` says which part is whose.

    Attributes
    ----------
    observed : tuple of ObservedSeries
        The aggregated observations with their error variances.
    """

    observed: tuple[ObservedSeries, ...]

    @cached_property
    def value(self) -> Array:
        """Observations of all series end to end, (n_obs,)."""
        return np.concatenate([series.value for series in self.observed])

    @cached_property
    def variance(self) -> Array:
        """Error variance of each observation, (n_obs,)."""
        return np.concatenate([series.variance for series in self.observed])

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each stream stands among the ``n_obs`` entries."""
        stops = np.cumsum([series.n_obs for series in self.observed])
        return {
            series.name: slice(int(stop) - series.n_obs, int(stop))
            for series, stop in zip(self.observed, stops, strict=True)
        }

    @property
    def n_obs(self) -> int:
        """Number of observations of all streams together."""
        return int(self.value.size)

    @property
    def normaliser(self) -> float:
        """Add this to a cost to get the complete -2 log likelihood."""
        return float(np.sum(np.log(2.0 * np.pi * self.variance)))

    def whiten(self, series: Array) -> Array:
        """Residuals scaled to unit variance and no correlation.

        Parameters
        ----------
        series : ndarray, (sample, n_obs)
            Aggregated model output.

        Returns
        -------
        ndarray, (sample, n_obs)
            Its squares sum to `cost`.
        """
        return (series - self.value) / np.sqrt(self.variance)

    def cost(self, series: Array) -> Array:
        """-2 log likelihood up to a constant, (sample,); NaN where the run failed."""
        return gaussian_cost(series - self.value, self.variance, normalised=False)
