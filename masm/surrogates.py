"""What the calibration loop needs of a surrogate, and which one a problem gets."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from masm.acquisition import Information
from masm.cost_surrogate import CostSurrogate
from masm.emulator import SeriesEmulator
from masm.problem import Problem, Runs
from masm.scaled_emulator import ScaledEmulator
from masm.whole_units import WholeUnits

Array = NDArray[np.float64]


class Surrogate(Protocol):
    """What the loop needs to know of a surrogate."""

    @property
    def reached(self) -> bool:
        """Whether runs have come to where the posterior is."""

    def update(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs, cheaply."""

    def refit(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs as well as can be."""

    def log_density(self, u: Array) -> Array:
        """Posterior density, up to a constant, (n_points,)."""

    def hopeful(self, u: Array) -> Array:
        """Density in which new runs are sought, (n_points,)."""

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the surrogate, (n_draws, n_points)."""

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """What a run at a pool point would tell of the reference points."""


def surrogate_for(problem: Problem) -> Surrogate:
    """Emulate the series where there are any, else the cost."""
    if problem.likelihood is None:
        return CostSurrogate(problem.n_parameters)
    kind = ScaledEmulator if problem.likelihood.scales else SeriesEmulator
    units = WholeUnits.of(problem)
    return kind(problem.likelihood, problem.n_parameters, units)
