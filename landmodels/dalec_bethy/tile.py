"""A run of one tile: values, derivatives along a direction, and the reverse sweep.

Only the states at midnight are kept; the reverse sweep computes each day anew from
them (specification of the adjoint: ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmodels.dalec_bethy.compiled import kernel
from landmodels.dalec_bethy.drivers import Drivers
from landmodels.dalec_bethy.equations.day import (
    DAILY_OUTPUTS,
    HOURLY_OUTPUTS,
    PARAMETERS,
    STATES,
)

Array = NDArray[np.float64]

#: Water stores (mm) with which a run starts: canopy, surface, roots, snow.
START_WATER = (0.0, 10.0, 100.0, 0.0)
#: Capacity of the surface and of the root layer (mm).
SURFACE_CAPACITY = 20.0
ROOT_CAPACITY = 150.0


@dataclass(frozen=True)
class Run:
    """What a run of a tile gives.

    Attributes
    ----------
    states : ndarray (day + 1, 10)
        States at midnight, the first one included.
    daily : ndarray (day, 13)
    hourly : ndarray (day, 2, 24)
    """

    states: Array
    daily: Array
    hourly: Array

    @classmethod
    def zeros(cls, n_days: int) -> Run:
        """Arrays of zeros, such as cotangents to be filled in."""
        return cls(
            np.zeros((n_days + 1, len(STATES))),
            np.zeros((n_days, len(DAILY_OUTPUTS))),
            np.zeros((n_days, len(HOURLY_OUTPUTS), 24)),
        )


@dataclass(frozen=True)
class Tile:
    """A vegetation type on the weather of a place.

    Attributes
    ----------
    drivers : Drivers
    electron_ratio : float
        Maximum electron transport relative to carboxylation (1).
    aerodynamic : float
        Aerodynamic conductance (m s-1).
    surface_capacity, root_capacity : float
        Capacity of the soil layers (mm); the second before its multiplier.
    """

    drivers: Drivers
    electron_ratio: float
    aerodynamic: float
    surface_capacity: float = SURFACE_CAPACITY
    root_capacity: float = ROOT_CAPACITY

    @property
    def fixed(self) -> Array:
        """Numbers of the type that are not calibrated."""
        return np.array(
            [
                self.electron_ratio,
                self.aerodynamic,
                self.surface_capacity,
                self.root_capacity,
            ]
        )

    def run(self, parameters: Array, state: Array) -> Run:
        """Run all days.

        Parameters
        ----------
        parameters : ndarray (17,)
            Process parameters in physical units.
        state : ndarray (10,)
            State at the first midnight.
        """
        result = Run.zeros(self.drivers.n_days)
        result.states[0] = state
        kernel("forward")(
            _floats(parameters), self.fixed, result.states, self.drivers.daily,
            self.drivers.hourly, result.daily, result.hourly,
        )  # fmt: skip
        return result

    def tangent(
        self, parameters: Array, state: Array, d_parameters: Array, d_state: Array
    ) -> Run:
        """Derivative of all that :meth:`run` gives along a direction."""
        slope = Run.zeros(self.drivers.n_days)
        slope.states[0] = d_state
        states = np.empty_like(slope.states)
        states[0] = state
        kernel("tangent")(
            _floats(parameters), _floats(d_parameters), self.fixed, states,
            slope.states, self.drivers.daily, self.drivers.hourly, slope.daily,
            slope.hourly,
        )  # fmt: skip
        return slope

    def adjoint(
        self, parameters: Array, states: Array, cotangent: Run
    ) -> tuple[Array, Array]:
        """Cotangents of the parameters and of the first state.

        Parameters
        ----------
        parameters : ndarray (17,)
        states : ndarray (day + 1, 10)
            Of the run about which the derivative is taken.
        cotangent : Run
            Cotangent of each value that :meth:`run` gives.

        Returns
        -------
        parameters : ndarray (17,)
        state : ndarray (10,)
        """
        b_parameters, b_state = np.empty(len(PARAMETERS)), np.empty(len(STATES))
        kernel("adjoint")(
            _floats(parameters), self.fixed, states, self.drivers.daily,
            self.drivers.hourly, cotangent.states, cotangent.daily, cotangent.hourly,
            b_parameters, b_state,
        )  # fmt: skip
        return b_parameters, b_state


def _floats(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)


def start_state(pools: Array) -> Array:
    """State at the start of a run from the six carbon pools (gC m-2)."""
    return np.concatenate([np.asarray(pools, float), START_WATER])
