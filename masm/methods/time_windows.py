"""Observations of all streams in the order of time, cut into windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from masm.likelihood.gaussian import GaussianLikelihood
from masm.types import Array


def time_order(likelihood: GaussianLikelihood) -> NDArray[np.intp]:
    """Places of the observations of all streams by their time, (n_obs,).

    Streams whose times are of different kinds (dates and plain numbers) are ordered by
    the fraction of their own observations that has gone by. Within a stream the order
    stays, so that whitened residuals of correlated errors are taken one given those
    before.
    """
    times = [np.asarray(series.time) for series in likelihood.observed]
    kinds = {time.dtype.kind for time in times}
    parts: list[Array] = []
    for time in times:
        if len(kinds) == 1 and "M" in kinds:
            parts.append(time.astype("datetime64[ns]").astype(np.int64).astype(float))
        elif len(kinds) == 1:
            parts.append(time.astype(float))
        else:
            parts.append((np.arange(len(time)) + 0.5) / len(time))
    return np.argsort(np.concatenate(parts), kind="stable")


def windows_of(
    likelihood: GaussianLikelihood, n_windows: int
) -> list[NDArray[np.intp]]:
    """Cut the observations into windows of time with about as many each.

    There are no more windows than observations.
    """
    n = min(n_windows, likelihood.n_obs)
    return list(np.array_split(time_order(likelihood), n))
