"""What a run is: the frozen, validated form of ``config.yaml``.

Reading the file, with the line and column of each mistake, is the subject of
``jobs.config.reader``. Every field has a description: ``config.lock.yaml`` holds all
of them with their values, so a finished run says what it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    Tag,
    model_validator,
)

from jobs.config.execution import Execution
from jobs.config.pixels import Place
from jobs.config.region import Screening, Upscaling
from jobs.config.section import Name, Period, Section

EXECUTION_KEYS = ("name", "execution", "screening", "upscaling", "sites")
"""Top-level keys that may change during a run; all others are science.

Screening comes before the calibration of pixels, upscaling and the joint step of sites
after it: what they leave is made anew when their settings change.
"""


class Periods(Section):
    """Which years do what."""

    spinup: Period = Field(description="the year repeated until the states settle")
    calibration: Period = Field(description="years whose observations inform")
    validation: Period = Field(description="years held out, only scored")

    @model_validator(mode="after")
    def _apart(self) -> Periods:
        if self.spinup.first != self.spinup.last:
            raise ValueError("wanted: one spin-up year, such as 2001")
        if self.calibration.first <= self.spinup.last:
            raise ValueError("wanted: the spin-up year before the calibration years")
        if self.validation.first <= self.calibration.last:
            raise ValueError("wanted: validation years after the calibration years")
        return self

    @property
    def observed(self) -> Period:
        """First calibration year to last validation year."""
        return Period(first=self.calibration.first, last=self.validation.last)

    @property
    def whole(self) -> Period:
        """Spin-up year to last validation year."""
        return Period(first=self.spinup.first, last=self.validation.last)


class RelativeVariance(Section):
    """Standard deviation as a fraction of the observation, never under a floor."""

    fraction: PositiveFloat
    floor: PositiveFloat = Field(description="in the unit of the stream")
    sampled: bool = Field(
        default=False, description="times an unknown factor, found with the parameters"
    )


class Stream(Section):
    """One observed series and its error variance."""

    variance: Annotated[
        Annotated[Literal["series", "given", "sampled"], Tag("word")]
        | Annotated[RelativeVariance, Tag("relative")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "relative"),
    ] = Field(
        default="series",
        description=(
            "series: the variance of the observed 8-day series itself, as published; "
            "given: the product's own; sampled: the product's own, or else that of the "
            "series, times an unknown factor found with the parameters; or "
            "{fraction, floor}, with sampled: true times such a factor"
        ),
    )
    interval: (
        Literal[
            "point",
            "day",
            "4-day",
            "8-day",
            "10-day",
            "half-month",
            "16-day",
            "month",
            "year",
        ]
        | None
    ) = Field(
        default=None,
        description="what a value stands for, where neither time_bnds nor the dates "
        "say it; point: the value of its day",
    )


class Noise(Section):
    """Independent Gaussian noise on a twin's 8-day values."""

    fraction: float = Field(ge=0, description="of the true value, 1")
    floor: PositiveFloat = Field(description="smallest sd, in the unit of the stream")


class Twin(Section):
    """Synthetic observations: model output at known parameters, plus noise."""

    truth: Annotated[
        Annotated[Literal["random"], Tag("word")]
        | Annotated[dict[str, float], Tag("values")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "values"),
    ] = Field(
        description="true parameters, the rest default; or random: each pixel its own, "
        "from the middle 80 % of the priors"
    )
    noise: dict[str, Noise] = Field(min_length=1, description="by stream")


class Block(Section):
    """One step of the calibration: these parameters, on these streams."""

    streams: list[str] = Field(min_length=1)
    parameters: list[str] = Field(min_length=1)


class Model(Section):
    """How the process model is run."""

    name: str = Field(default="ibis_dalec", description="the process model")
    spinup_cycles: int = Field(
        default=10, ge=0, description="repeats of the spin-up year"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="of the process model"
    )


class Calibration(Section):
    """The adaptive loop and its size."""

    method: str = Field(default="emulator", description="a method of masm.calibrate")
    options: dict[str, int | float | str | bool] = Field(
        default_factory=dict, description="of the method, such as n_iterations"
    )
    blocks: list[Block] = Field(min_length=1, description="in order")
    proposals: Literal["blocks"] | None = Field(
        default=None,
        description="blocks: no steps, but one joint posterior of all streams, whose "
        "chains move the parameters of one block at a time (method emulator)",
    )
    keep_draws: PositiveInt = Field(
        default=1000,
        description="draws of each of four chains kept in posterior.nc, thinned",
    )
    bounds: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="priors that differ from the parameter table"
    )


class Config(Section):
    """A whole run."""

    name: Name = Field(description="title of tables and figures")
    seed: int = Field(ge=0, lt=2**63, description="every random number comes from here")
    pixels: Place
    periods: Periods
    model: Model = Model()
    streams: dict[str, Stream] = Field(min_length=1)
    twin: Twin | None = None
    screening: Screening = Screening()
    calibration: Calibration
    upscaling: Upscaling = Upscaling()
    sites: Literal["separate", "pooled", "hierarchical"] = Field(
        default="separate",
        description="which parameters count as calibrated: separate: each pixel's own; "
        "pooled: one vector for all; hierarchical: each its own, drawn towards the "
        "group of all (masm sites)",
    )
    execution: Execution = Execution()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Folder of the file; names of files in it are relative to this."""
        return self._folder

    def in_folder(self, folder: Path) -> Config:
        """Return the configuration as read from a file in ``folder``."""
        copy = self.model_copy()
        copy._folder = folder
        return copy
