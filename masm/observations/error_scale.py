"""An unknown factor on the errors of a stream, integrated out and drawn again.

The covariance of a stream's errors is known but for a factor k squared, and k has a
log-uniform prior between two bounds. With S the squared length of its n whitened
residuals (n less what a treatment leaves out), -2 log likelihood is

    -2 log of the mean over log k of k^-n exp(-S / (2 k^2)),

a function of S alone. So a calibration runs as with a known variance, on a flatter
cost, and k is drawn afterwards given the parameters of each draw. Both use a grid of
log k that is fine beside the width of what it has to follow, about 1 / sqrt(2 n).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from masm.types import Array

# Steps of the grid in widths of the posterior of log k: a trapezoidal sum over a
# normal is off by 5e-9 at one width. Draws are uniform within a step.
_STEP = 1.0
_STEP_OF_DRAWS = 0.3
_FEWEST, _MOST = 65, 4000
_AT_ONCE = 2000


@dataclass(frozen=True)
class ErrorScale:
    """Factor on the standard deviation of the errors of one stream.

    Attributes
    ----------
    low, high : float
        Bounds of its log-uniform prior; equal where it is known.
    n_obs : int
        Observations of the stream.
    n_left_out : int
        Directions of them that a treatment leaves out, which say nothing of the
        factor.
    """

    low: float
    high: float
    n_obs: int
    n_left_out: int = 0

    @property
    def freedom(self) -> int:
        """Observations less what a treatment leaves out: the n of the formulas."""
        return self.n_obs - self.n_left_out

    @property
    def known(self) -> bool:
        """Whether there is nothing to find."""
        return self.low == self.high

    def grid(self, step: float = _STEP) -> tuple[Array, Array]:
        """Logs of the factor and of their prior weights, (n_grid,) each."""
        if self.known:
            return np.array([math.log(self.low)]), np.zeros(1)
        width = math.log(self.high / self.low)
        n = math.ceil(width * math.sqrt(2.0 * self.n_obs) / step) + 1
        n = min(max(n, _FEWEST), _MOST)
        weight = np.ones(n)
        weight[[0, -1]] = 0.5
        log_scale = np.linspace(math.log(self.low), math.log(self.high), n)
        return log_scale, np.log(weight / weight.sum())

    @cached_property
    def _grid(self) -> tuple[Array, Array]:
        return self.grid()

    def cost(self, squares: ArrayLike) -> Array:
        """-2 log likelihood up to the constant of factor 1, as shaped as squares.

        Parameters
        ----------
        squares : array_like
            Squared lengths S of whitened residuals; NaN stays NaN.
        """
        s = np.asarray(squares, float)
        log_scale, log_weight = self._grid
        log_value = log_weight - self.freedom * log_scale
        log_value = log_value - 0.5 * s[..., None] * np.exp(-2.0 * log_scale)
        return np.asarray(-2.0 * special.logsumexp(log_value, axis=-1))

    def draw(self, squares: Array, rng: np.random.Generator) -> Array:
        """Draw the factor once for each squared length, (n,)."""
        log_scale, _ = self.grid(_STEP_OF_DRAWS)
        precision = np.exp(-2.0 * log_scale)

        def log_density(at: slice) -> Array:
            half = 0.5 * np.outer(precision, squares[at])
            return -self.freedom * log_scale[:, None] - half

        return draw_from_grid(log_scale, log_density, len(squares), rng)


def draw_from_grid(
    log_scale: Array,
    log_density: Callable[[slice], Array],
    n: int,
    rng: np.random.Generator,
) -> Array:
    """Draw factors by their densities over an even grid of their logarithm.

    Parameters
    ----------
    log_scale : (n_grid,), increasing
    log_density : callable
        For a slice of the n draws, logs of unnormalised densities over the
        logarithm, (n_grid, n_of_slice).
    n : draws
    rng : numpy.random.Generator

    Returns
    -------
    (n,)
    """
    factor = np.empty(n)
    for start in range(0, n, _AT_ONCE):
        at = slice(start, min(start + _AT_ONCE, n))
        value = log_density(at)
        density = np.exp(value - value.max(axis=0))
        # Between grid points the density is taken as the mean of its ends.
        fraction = np.cumsum(density[1:] + density[:-1], axis=0)
        wanted = rng.random(at.stop - at.start) * fraction[-1]
        cell = np.minimum((fraction < wanted).sum(axis=0), len(fraction) - 1)
        columns = np.arange(len(wanted))
        before = np.where(cell > 0, fraction[cell - 1, columns], 0.0)
        own = np.maximum(fraction[cell, columns] - before, 1e-300)
        part = np.clip((wanted - before) / own, 0.0, 1.0)
        step = log_scale[1] - log_scale[0]
        factor[at] = np.exp(log_scale[cell] + part * step)
    return factor
