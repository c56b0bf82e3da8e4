"""Markov chains in the unit cube, exact at its bounds and deterministic in the seed.

Samplers of a density on [0, 1]^d that reject proposals outside it (clipping would
pile mass on the edges, redrawing would not be reversible):

`ensemble_chains`
    Many chains in lockstep on any vectorised log density: differential evolution
    and snooker moves from an archive (DE-MC(Z)), and draws from a mixture of
    normals fitted to the archive.
`tempered_population`
    Sequential Monte Carlo from the uniform prior to the density, which finds
    separate modes and gives each its weight (Del Moral et al. 2006).

Others are `masm.methods.published.surrogate_metropolis`, for one Gaussian process, and
`masm.samplers.hamiltonian`, for surrogates with a gradient.

References
----------
ter Braak, C. J. F. and Vrugt, J. A. (2008). Differential evolution Markov chain
with snooker updater and fewer chains. Statistics and Computing 18, 435-446.
Del Moral, P., Doucet, A. and Jasra, A. (2006). Sequential Monte Carlo samplers.
Journal of the Royal Statistical Society B 68, 411-436.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from masm.errors import InputError
from masm.types import Array

LogDensity = Callable[[Array], Array]


@dataclass(frozen=True)
class Chains:
    """States of several chains.

    Attributes
    ----------
    u : (n_chains, n_steps, n_parameters), in the unit cube
    log_density : (n_chains, n_steps), unnormalised
    acceptance : float
        Fraction of proposals accepted, those outside the cube counted as rejected.
    """

    u: Array
    log_density: Array
    acceptance: float

    @property
    def pooled(self) -> Array:
        """All states, (n_chains * n_steps, n_parameters)."""
        return self.u.reshape(-1, self.u.shape[-1])


def values_above(log_density: LogDensity, u: Array, least: Array) -> Array:
    """Log densities, (n_points,), cleaned; where below ``least`` any lower value.

    A density with a method ``above(u, least)`` may spare itself the work there and
    give -inf: its proposals are rejected in any case.
    """
    above = getattr(log_density, "above", None)
    return clean(log_density(u) if above is None else above(u, least))


def clean(value: Array) -> Array:
    """Log densities with -inf in place of NaN, as a copy."""
    value = np.array(value, dtype=float)
    return np.where(np.isnan(value), -np.inf, value)


def checked_starts(starts: ArrayLike, d: int | None = None) -> Array:
    """Return a copy of states that must lie in the cube, of d parameters if given."""
    array = np.array(starts, dtype=float, ndmin=2)
    if d is not None and array.shape[1] != d:
        raise InputError(
            f"chains: starts have {array.shape[1]} parameters", wanted=str(d)
        )
    if not np.all((array >= 0.0) & (array <= 1.0)):
        raise InputError(
            "chains: a start lies outside the unit cube",
            found=f"values from {array.min():g} to {array.max():g}",
            wanted="points between 0 and 1 in every parameter",
        )
    return array
