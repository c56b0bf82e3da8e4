"""What the adaptive loop asks of a surrogate."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from masm.design.information_gain import Information
from masm.problem.problem import Runs
from masm.types import Array


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
