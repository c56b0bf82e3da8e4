"""Log density of an emulator's outputs, with less work where a chain rejects anyway.

A proposal is rejected where the density is below a level that is known beforehand. The
variance of the outputs takes most of the time of a density, and no variance can raise
the likelihood of known means above a bound: where the bound is below the level, the
variance is not computed. What is accepted is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.surrogates.components import LogLikelihood
from masm.types import Array

# A bound below the level by less than this (and this fraction of it) may be rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class EmulatedDensity:
    """Log likelihood of a point, through means and variances of the outputs there.

    Attributes
    ----------
    processes : of the outputs
    inputs : of the processes, from points of the cube
    nugget : (n_outputs, 1), variance of jumps, added to that of the processes
    log_likelihood : of means and variances
    bound : largest log likelihood of means (n_outputs, n_points) that any variance
        above a least one can give, (n_points,); None where there is no such bound
    """

    processes: CompiledProcesses
    inputs: Callable[[Array], Array]
    nugget: Array
    log_likelihood: LogLikelihood
    bound: LogLikelihood | None

    def __call__(self, u: Array) -> Array:
        """Log likelihood at points of the cube, (n_points,)."""
        mean, variance = self.processes.predict(self.inputs(u))
        return self.log_likelihood(mean, variance + self.nugget)

    def above(self, u: Array, least: Array) -> Array:
        """Log likelihood, (n_points,); -inf where it is surely below ``least``."""
        if self.bound is None:
            return self(u)
        bound, may_pass = self.bound, np.zeros(len(u), bool)
        level = least - _ROUNDING * (1.0 + np.abs(least))

        def needed(mean: Array, at: slice) -> NDArray[np.bool_]:
            # Not "below": a mean of NaN is for the likelihood to judge.
            may_pass[at] = ~(bound(mean, self.nugget) < level[at])
            return may_pass[at]

        mean, variance = self.processes.predict(self.inputs(u), needed)
        value = np.full(len(u), -np.inf)
        value[may_pass] = self.log_likelihood(
            mean[:, may_pass], variance[:, may_pass] + self.nugget
        )
        return value
