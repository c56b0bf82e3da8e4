"""What an adapter of a process model offers to a run.

An adapter is a class that is made from `Settings`; :mod:`jobs.process_models.registry`
knows it by name. Nothing else in ``jobs`` knows a process model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NormalPrior:
    """A prior that is normal after a transform.

    Attributes
    ----------
    transform : {"linear", "log", "logit"}
    center : float
        Its median, in the parameter's unit.
    scale : float
        Standard deviation of the transformed parameter.
    """

    transform: str
    center: float
    scale: float


@dataclass(frozen=True)
class Parameter:
    """A row of a model's parameter table.

    Attributes
    ----------
    default, low, high : float
        In the parameter's unit.
    unit, description : str
        For labels; the unit of a plain number is "1".
    prior : NormalPrior, optional
        Cut at ``low`` and ``high``; without one, all between them is equally likely.
    """

    default: float
    low: float
    high: float
    unit: str
    description: str
    prior: NormalPrior | None = None


@dataclass(frozen=True)
class Output:
    """A daily output of a model that observations can be compared with.

    Attributes
    ----------
    unit : str
        The unit that observations must have; the unit of a plain number is "1".
    description : str
        For labels.
    """

    unit: str
    description: str = ""


@dataclass(frozen=True)
class Settings:
    """The section ``model`` of a run's configuration.

    Attributes
    ----------
    spinup_cycles : int
        Repeats of the spin-up year before the run.
    options : mapping
        The model's own options.
    folder : pathlib.Path
        Folder of the configuration; file names in the options are relative to it.
    """

    spinup_cycles: int = 10
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()


class ProcessModel(Protocol):
    """One process model, as a run uses it.

    Attributes
    ----------
    name : str
        As ``model.name`` in a configuration.
    title : str
        What people call it.
    spinup_cycles : int
        Repeats of the spin-up year before each run; 0 for a model whose initial pools
        are parameters.
    """

    name: str
    title: str
    spinup_cycles: int

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter by its id, in the order of its table."""

    @property
    def outputs(self) -> Mapping[str, Output]:
        """Every output that can be calibrated on."""

    @property
    def saved(self) -> tuple[str, ...]:
        """Outputs that ``masm simulate`` keeps for a pixel."""

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """Make the model's checked drivers from the weather of one place.

        Raises
        ------
        ValueError
            With ``where``, if the weather lacks a variable that the model needs.
        """

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> Callable[[Any], xr.Dataset]:
        """Return a picklable model: parameter sets to outputs over (sample, time).

        A model that also is a `masm.runners.derivatives.DifferentiableModel` is
        calibrated with its exact derivatives. One with ``collapsed(theta)`` is asked
        what has died out.
        """

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place; the ``saved`` outputs over (time,)."""

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Simulate many places; outputs over (pixel, time), ``chunk`` at a time.

        ``weather`` is over (pixel, time) and has passed the checks of a region cube;
        ``parameters`` are over (pixel,).
        """

    def warm_up(self) -> None:
        """Compile the model into its cache, so that workers need not."""


@dataclass(frozen=True)
class AnalysedState:
    """A quantity of the state that observations correct.

    Attributes
    ----------
    unit : str
        Of observations and of the analysis; "1" of a plain number.
    description : str
        For labels.
    highest : float
        The model takes values from 0 to this.
    """

    unit: str
    description: str
    highest: float


@dataclass(frozen=True)
class MemberRun:
    """What a run of members leaves.

    Attributes
    ----------
    daily : xarray.Dataset
        Outputs over (member, time), in their units.
    state : (member, entry)
        Whole state after the last day, to continue from.
    """

    daily: xr.Dataset
    state: Array


@dataclass(frozen=True)
class UpdatedState:
    """A state that an analysis has changed.

    Attributes
    ----------
    state : (member, entry)
        To continue from.
    carbon_added : (member,)
        Carbon that the analysis put into all pools together, g m-2; negative where it
        took some away. With it the budget of the run closes.
    """

    state: Array
    carbon_added: Array


@runtime_checkable
class Restartable(Protocol):
    """A process model that gives its whole state back and starts again from it.

    Such a model can be a member of an ensemble that observations correct on the way.
    What an analysed quantity means for the model's own pools is its `update_state`.

    Attributes
    ----------
    analysed : mapping of str to AnalysedState
        What an analysis can set, in the order of a filter.
    state_entries : tuple of str
        Names of the entries of a whole state.
    perturbed : tuple of str
        Of temperature, precipitation, shortwave and vpd those that the model takes
        from the weather, so that an error of them acts.
    """

    perturbed: tuple[str, ...]

    @property
    def analysed(self) -> Mapping[str, AnalysedState]:
        """What an analysis can set."""

    @property
    def state_entries(self) -> tuple[str, ...]:
        """Names of the entries of a whole state."""

    def check_members(self, parameters: Mapping[str, Array], where: str) -> None:
        """Refuse parameters that the model cannot run with.

        Raises
        ------
        ValueError
            With ``where``, naming the first member.
        """

    def run_members(
        self,
        drivers: Sequence[xr.Dataset],
        parameters: Mapping[str, Array],
        outputs: Sequence[str],
        *,
        state: Array | None = None,
        pools: Mapping[str, Array] | None = None,
    ) -> MemberRun:
        """Run the members of one place, each with its drivers and parameters.

        Parameters
        ----------
        drivers : sequence of xarray.Dataset, (member,)
            Of the same days. Members that share one object are run together.
        parameters : mapping of str to (member,)
            The rest has its default.
        outputs : sequence of str
            Names of ``outputs``.
        state : (member, entry), optional
            Where to continue. Without it the run begins at the model's own start.
        pools : mapping of str to (member,), optional
            Values of ``analysed`` at the start, where there is no state.
        """

    def analysed_of(self, state: Array, parameters: Mapping[str, Array]) -> Array:
        """Return the values of ``analysed`` in whole states, (member, quantity)."""

    def update_state(
        self,
        state: Array,
        values: Mapping[str, Array],
        parameters: Mapping[str, Array],
    ) -> UpdatedState:
        """Set the analysed quantities, (member,) each, and book the carbon."""
