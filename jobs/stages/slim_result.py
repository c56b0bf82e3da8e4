"""A calibration as it is kept: no more digits than it has, and no priors of its own.

Draws of a Markov chain are known to a few figures. Single precision keeps seven and
halves their size; where a posterior is so narrow, or a log likelihood so large, that
seven figures would show, both halves are kept. Draws of the prior are the same for all
pixels of a run and are in its ``prior.nc`` once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    import masm

_HALVED = (
    "posterior",
    "sample_stats",
    "posterior_predictive",
    "prior_predictive",
    "log_likelihood",
    "error_scale",
    "prior",
)
_MOST_MOVED = 1e-3
"""Most that rounding may move a number, in standard deviations of its variable."""


def slim(result: masm.Result, *, with_prior: bool = False) -> masm.Result:
    """Return a result with draws of single precision, without draws of the prior.

    Parameters
    ----------
    result : masm.Result
        As the calibration gave it.
    with_prior : bool
        Whether to keep draws of the prior.
    """
    groups = {
        name: group.map(_halved, keep_attrs=True) if name in _HALVED else group
        for name, group in result.groups.items()
        if with_prior or name != "prior"
    }
    return replace(result, groups=groups)


def _halved(variable: xr.DataArray) -> xr.DataArray:
    """Return a variable in single precision, if that moves no number noticeably."""
    values = variable.to_numpy()
    if values.dtype != np.float64:
        return variable
    single = _inside(values.astype(np.float32), variable)
    known = np.isfinite(values)
    if not known.any():
        return variable.copy(data=single)
    moved = np.abs(single[known] - values[known]).max()
    if not moved <= _MOST_MOVED * np.std(values[known]):
        return variable
    return variable.copy(data=single)


def _inside(single: np.ndarray, variable: xr.DataArray) -> np.ndarray:
    """Return draws that rounding has not put outside of their prior."""
    low, high = (variable.attrs.get(f"prior_{end}") for end in ("low", "high"))
    if low is None or high is None:
        return single
    up, down = np.float32(np.inf), np.float32(-np.inf)
    double = single.astype(np.float64)  # the bounds are not to be rounded too
    single = np.where(double < low, np.nextafter(single, up), single)
    return np.where(double > high, np.nextafter(single, down), single)
