"""What the adaptive method asks of a surrogate, and all that it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from masm.design.information_gain import Information
from masm.problem.problem import Runs
from masm.samplers.hamiltonian import ApproximateDensity
from masm.types import Array


class Surrogate(Protocol):
    """A cheap stand-in for -2 log likelihood, learned from model runs.

    Points ``u`` are of the unit cube, (n_points, n_parameters).
    """

    @property
    def reached(self) -> bool:
        """Whether runs have come to where the posterior is."""

    @property
    def mode_search(self) -> float:
        """Part of the usual mode search that is worth its runs on this surrogate."""

    def update(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs, cheaply."""

    def refit(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs as well as can be."""

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""

    def log_density(self, u: Array) -> Array:
        """Log posterior density, up to a constant, (n_points,)."""

    def acquisition_density(self, u: Array) -> Array:
        """Log density in which new runs are sought, (n_points,)."""

    def snapshot(self) -> Callable[[Array], Array]:
        """`log_density` as it is now, whatever is fitted later."""

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the surrogate, (n_draws, n_points)."""

    def alternatives(self, u: Array) -> Array:
        """`log_density` by other views that fit the runs as well, (n_views, n_points).

        No views where the surrogate has one only.
        """

    def predictive_error(
        self, u: Array, n_draws: int, rng: np.random.Generator
    ) -> Array | None:
        """Errors of `cost` to expect at runs yet to be made, (n_draws, n_points).

        None where the surrogate's own uncertainty is no measure of its errors.
        """

    def local_error_ratio(self, runs: Runs, rng: np.random.Generator) -> float:
        """Ratio of observed to predicted error of these runs, about the posterior.

        Each predicted from the others; NaN where it cannot be estimated.
        """

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """Covariances between outputs at pool points and at reference points."""

    def minima(self, n_starts: int, rng: np.random.Generator) -> Array:
        """Distinct local minima of `cost`, lowest first, (n_minima, n_parameters).

        Of a search from so many starts; none where it would say nothing.
        """

    def simplify(self, draws: Array) -> None:
        """Leave out what is negligible at these draws, until the next runs."""

    def approximate(self, draws: Array) -> ApproximateDensity | None:
        """Cheaper log density with a gradient, for the surroundings of these draws.

        None where there is none that is worth having.
        """

    def error_scales(self, u: Array, rng: np.random.Generator) -> Mapping[str, Array]:
        """Draws of each stream's unknown factor on its errors, given parameters.

        ``u`` is (..., n_parameters) and each draw (...). Empty without such factors.
        """

    def emulated(self, u: Array) -> Array | None:
        """Emulated series at points of the cube, (n_points, n_obs).

        None of a surrogate that knows no series.
        """

    def attributes(self) -> Mapping[str, Any]:
        """What was found about the parameters.

        ``integer_inputs``: columns of parameters that act as whole numbers.
        """
