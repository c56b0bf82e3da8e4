"""What an adapter of a process model offers to a run.

An adapter is a class that is made from `Settings`; :mod:`jobs.process_models.registry`
knows it by name. Nothing else in ``jobs`` knows a process model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import xarray as xr


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
