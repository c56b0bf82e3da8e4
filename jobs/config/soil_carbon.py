"""What a soil-carbon run is: the validated form of a ``config.yaml`` of that kind.

Such a run calibrates monthly CENTURY on stocks and fluxes of many places of an
ecosystem at once, and maps the result; see :mod:`jobs.stages.soil_carbon`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, PrivateAttr, model_validator

from jobs.config.execution import Execution
from jobs.config.executor_names import ExecutorName
from jobs.config.section import Name, Period, Section

KIND = "soil_carbon"
STREAMS = ("soc", "nep")
EXECUTION_KEYS = ("name", "workers", "execution")
"""Keys that may change between one start and the next."""


class Window(Section):
    """Edges of the part of the domain that is mapped, degrees."""

    west: float = Field(ge=-180, le=180)
    east: float = Field(ge=-180, le=180)
    south: float = Field(ge=-90, le=90)
    north: float = Field(ge=-90, le=90)

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if self.west >= self.east or self.south >= self.north:
            raise ValueError("wanted: west below east and south below north")
        return self


class Domain(Section):
    """The cells: weather, soil and ecosystem class of each."""

    source: Literal["plateau", "netcdf"] = Field(
        description="plateau: the synthetic plateau; netcdf: a file of your own"
    )
    file: Path | None = Field(
        default=None, description="monthly weather and site over (cell, time)"
    )
    step: PositiveFloat = Field(default=0.05, description="size of a cell, degrees")
    window: Window | None = Field(default=None, description="part that is mapped")
    soil: str = Field(
        default="as in the domain's file", description="where the soil is from"
    )

    @model_validator(mode="after")
    def _has_file(self) -> Domain:
        if (self.source == "netcdf") != (self.file is not None):
            raise ValueError("wanted: a file with source netcdf, and none with plateau")
        return self


class ErrorRule(Section):
    """Standard deviation of an observation: a fraction of a value, with a floor."""

    fraction: float = Field(ge=0, le=10, description="of the value, 1")
    floor: float = Field(ge=0, description="least sd, in the unit of the stream")
    of: Literal["value", "mean"] = Field(
        default="value",
        description="value: each its own, as published; mean: of all observations of "
        "the ecosystem, which does not favour values that are low at random",
    )


class Stock(Section):
    """Soil organic carbon density: one value for each place, of a period."""

    file: Path
    depth: float = Field(gt=0, le=1000, description="from the surface, cm")
    period: Period = Field(description="years whose mean the samples stand for")
    error: ErrorRule


class Flux(Section):
    """Monthly net ecosystem production."""

    file: Path
    error: ErrorRule


class Observations(Section):
    """What is known, and which part of it is withheld from the calibration."""

    soc: Stock
    nep: Flux | None = None
    fit_share: float = Field(
        default=0.6, gt=0, lt=1, description="fraction that informs; the rest is scored"
    )
    split: Literal["random", "site"] = Field(
        default="random", description="random: single values; site: whole places"
    )


class Model(Section):
    """How CENTURY is run."""

    ecosystems: list[Literal["meadow", "steppe"]] = Field(
        default=["meadow", "steppe"], min_length=1
    )
    parameters: list[str] = Field(
        default=["all"], min_length=1, description="to calibrate: ids, or [all], the 24"
    )
    bounds: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="priors that differ from the parameter table"
    )
    fixed: dict[str, float] = Field(
        default_factory=dict, description="values of other parameters"
    )
    spinup: Literal["equilibrium", "run"] = Field(
        default="equilibrium",
        description="equilibrium: the state that repeats; run: 4,000 years, which is "
        "no equilibrium",
    )
    co2_effect: bool = Field(default=False, description="whether CO2 acts")
    depth_factor: float = Field(
        default=1.0, ge=0.1, le=10, description="what SOC of 0-20 cm is multiplied with"
    )


class Calibration(Section):
    """The method, and how much of the observations it takes."""

    method: str = Field(default="emulator", description="a method of masm.calibrate")
    options: dict[str, int | float | str | bool] = Field(default_factory=dict)
    cells: PositiveInt | None = Field(
        default=None,
        description="at most so many cells with stocks, and as many with fluxes, of "
        "each ecosystem; all by default",
    )


class Prediction(Section):
    """What is mapped, and with how many draws."""

    strategy: str = Field(description="the strategy whose posterior is mapped")
    draws: PositiveInt = Field(default=1000, description="of the posterior, each cell")
    nep_period: Period = Field(description="years whose mean NEP is mapped")


class SoilCarbonConfig(Section):
    """A whole soil-carbon run."""

    kind: Literal["soil_carbon"]
    name: Name
    seed: int = Field(ge=0, lt=2**63, description="all random numbers come from here")
    domain: Domain
    observations: Observations
    model: Model = Model()
    strategies: dict[str, list[Literal["soc", "nep"]]] = Field(
        min_length=1, description="name to the streams that it calibrates on"
    )
    calibration: Calibration
    prediction: Prediction
    workers: PositiveInt = Field(
        default=1,
        description="processes of this machine; short for an execution section with "
        "executor local",
    )
    execution: Execution = Execution()
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _says_once_where(self) -> SoilCarbonConfig:
        if "workers" in self.model_fields_set:
            if "execution" in self.model_fields_set:
                raise ValueError("wanted: workers or execution, and not both")
            if self.workers > 1:
                local = Execution(executor=ExecutorName.LOCAL, workers=self.workers)
                object.__setattr__(self, "execution", local)
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> SoilCarbonConfig:
        for name, streams in self.strategies.items():
            if not name.isidentifier() or not streams:
                raise ValueError("wanted: strategies such as Opt2: [soc, nep]")
            if len(set(streams)) < len(streams):
                raise ValueError(f"wanted: each stream of {name} once")
            if "nep" in streams and self.observations.nep is None:
                raise ValueError("wanted: observations.nep, as a strategy uses it")
        if self.prediction.strategy not in self.strategies:
            raise ValueError(
                f"wanted: prediction.strategy among {', '.join(self.strategies)}"
            )
        return self

    @property
    def folder(self) -> Path:
        """Folder of the file; names of files in it are relative to this."""
        return self._folder

    def in_folder(self, folder: Path) -> SoilCarbonConfig:
        """Return the configuration as read from a file in ``folder``."""
        copy = self.model_copy()
        copy._folder = folder
        return copy

    @property
    def files(self) -> dict[str, Path]:
        """Input files by their key."""
        found = {"observations.soc.file": self.observations.soc.file}
        if self.observations.nep is not None:
            found["observations.nep.file"] = self.observations.nep.file
        if self.domain.file is not None:
            found["domain.file"] = self.domain.file
        return {key: self.folder / path for key, path in found.items()}
