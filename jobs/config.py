"""What a run is: the frozen, validated form of ``config.yaml``.

Reading the file, with the line and column of each mistake, is the subject of
``jobs.config_file``. Every field has a description: ``config.lock.yaml`` holds all
of them with their values, so a finished run says what it was.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    field_validator,
    model_validator,
)

EXECUTION_KEYS = ("name", "execution")
"""Top-level keys that may change during a run; all others are science."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Period(_Section):
    """Whole calendar years, written ``2002-2005`` or ``2001``."""

    first: int = Field(ge=1850, le=2300)
    last: int = Field(ge=1850, le=2300)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, dict | Period):
            return value
        match = re.fullmatch(r"\s*(\d{4})(?:\s*-\s*(\d{4}))?\s*", str(value))
        if match is None:
            raise ValueError("wanted: years such as 2002-2005, or a single year 2001")
        first, last = match.group(1), match.group(2) or match.group(1)
        return {"first": int(first), "last": int(last)}

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.last < self.first:
            raise ValueError("wanted: the earlier year first, such as 2002-2005")
        return self

    def __str__(self) -> str:
        return (
            str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        )

    @property
    def years(self) -> slice:
        """The period as a label slice over ``time``."""
        return slice(f"{self.first}-01-01", f"{self.last}-12-31")


class Periods(_Section):
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


class _Place(_Section):
    name: str = Field(min_length=1, description="what tables and figures call it")
    latitude: float = Field(ge=-90, le=90, description="degrees_north")
    longitude: float = Field(ge=-180, le=180, description="degrees_east")
    elevation: float = Field(ge=-450, le=9000, description="m")
    sand: float = Field(ge=0, le=100, description="% by weight")
    clay: float = Field(ge=0, le=100, description="% by weight")

    @model_validator(mode="after")
    def _soil_sums(self) -> _Place:
        if self.sand + self.clay > 100:
            raise ValueError("wanted: sand + clay of at most 100 %")
        return self


class SitePixel(_Place):
    """One tower with its files: real weather and real observations."""

    source: Literal["site"]
    tower: Path = Field(description="daily tower CSV: drivers and fluxes")
    station: Path | None = Field(
        default=None, description="daily station CSV: wind, humidity"
    )
    modis_lai: Path | None = Field(
        default=None, description="LAI CSV (date, lai); without it the tower file's lai"
    )
    screen_summer_lai: bool = Field(
        default=False, description="drop cloudy summer values of modis_lai"
    )
    co2: Annotated[
        Annotated[Literal["mauna_loa", "tower"], Tag("word")]
        | Annotated[PositiveFloat, Tag("number")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "number"),
    ] = Field(
        default="mauna_loa",
        description="annual means, the tower's own, or a number in ppm",
    )
    wind: PositiveFloat | None = Field(
        default=None, description="a constant in m s-1 in place of measured wind"
    )
    climatology: list[
        Literal["wind", "specific_humidity", "pressure", "cloud_cover"]
    ] = Field(
        default_factory=list,
        description="drivers whose long gaps take the usual value of the date",
    )

    @model_validator(mode="after")
    def _screen_needs_modis(self) -> SitePixel:
        if self.screen_summer_lai and self.modis_lai is None:
            raise ValueError("wanted: modis_lai, when screen_summer_lai is true")
        return self


class GeneratedPixel(_Place):
    """A place with synthetic weather from monthly normals, observed by a twin."""

    source: Literal["generated"]
    years: Period = Field(description="years of weather to generate")


class PixelTable(_Section):
    """Many places, one row each, with prepared files for each of them."""

    source: Literal["table"]
    table: Path = Field(
        description="CSV: id, name, latitude, longitude, elevation, sand, clay"
    )
    forcing: str = Field(
        description="netCDF of each pixel's daily forcing, such as forcing/{id}.nc"
    )
    observations: str | None = Field(
        default=None,
        description="netCDF of each pixel's streams over time; none with a twin",
    )

    @field_validator("forcing", "observations")
    @classmethod
    def _names_the_pixel(cls, value: str | None) -> str | None:
        if value is not None and "{id}" not in value and "{name}" not in value:
            raise ValueError("wanted: {id} or {name} in the file name")
        return value


class RelativeVariance(_Section):
    """Standard deviation as a fraction of the observation, never under a floor."""

    fraction: PositiveFloat
    floor: PositiveFloat = Field(description="in the unit of the stream")


class Stream(_Section):
    """One observed series and how much it is believed."""

    variance: Annotated[
        Annotated[Literal["series", "given"], Tag("word")]
        | Annotated[RelativeVariance, Tag("relative")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "relative"),
    ] = Field(
        default="series",
        description=(
            "series: the variance of the observed 8-day series itself, as published; "
            "given: the product's own; or {fraction, floor}"
        ),
    )


class Noise(_Section):
    """Independent Gaussian noise on a twin's 8-day values."""

    fraction: float = Field(ge=0, description="of the true value, 1")
    floor: PositiveFloat = Field(description="smallest sd, in the unit of the stream")


class Twin(_Section):
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


class Block(_Section):
    """One step of the calibration: these parameters, on these streams."""

    streams: list[str] = Field(min_length=1)
    parameters: list[str] = Field(min_length=1)


class Model(_Section):
    """How the process model is run."""

    spinup_cycles: int = Field(
        default=10, ge=0, description="repeats of the spin-up year"
    )


class Slurm(_Section):
    """What to ask of Slurm for each task of an array."""

    partition: str | None = Field(default=None, description="--partition")
    account: str | None = Field(default=None, description="--account")
    walltime_minutes: PositiveInt = Field(default=90, description="--time")
    memory_mb: PositiveInt = Field(default=2000, description="--mem")
    task_minutes: PositiveFloat = Field(
        default=45, description="work to give a task, by the pace of finished pixels"
    )
    pixel_minutes_guess: PositiveFloat = Field(
        default=10, description="a pixel's minutes, until some are finished"
    )
    warn_seconds: PositiveInt = Field(
        default=120, description="signal this long before walltime: save and requeue"
    )
    extra: list[str] = Field(
        default_factory=list, description="further options, such as --qos=long"
    )

    @field_validator("extra")
    @classmethod
    def _are_options(cls, value: list[str]) -> list[str]:
        if any(not re.fullmatch(r"--?\w[^\n]*", line) for line in value):
            raise ValueError("wanted: options of sbatch, such as --qos=long")
        return value


class Execution(_Section):
    """Where and how fast; may change between one start and the next."""

    executor: Literal["serial", "local", "slurm"] = Field(default="serial")
    workers: PositiveInt = Field(
        default=2, description="processes of the local executor"
    )
    pixel_minutes: PositiveFloat | None = Field(
        default=None, description="a pixel that takes longer fails: timed_out"
    )
    max_failed_fraction: float = Field(
        default=0.05, ge=0, le=1, description="failed pixels that stop the run"
    )
    slurm: Slurm = Slurm()


class Calibration(_Section):
    """The adaptive loop and its size."""

    method: str = Field(default="emulator", description="a method of masm.calibrate")
    options: dict[str, int | float | str | bool] = Field(
        default_factory=dict, description="of the method, such as n_iterations"
    )
    blocks: list[Block] = Field(min_length=1, description="in order")
    keep_draws: PositiveInt = Field(
        default=1000, description="draws of each chain kept in posterior.nc, thinned"
    )
    bounds: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="priors that differ from the parameter table"
    )


class Config(_Section):
    """A whole run."""

    name: str = Field(min_length=1, description="title of tables and figures")
    seed: int = Field(ge=0, lt=2**63, description="all chance comes from here")
    pixels: Annotated[
        SitePixel | GeneratedPixel | PixelTable, Field(discriminator="source")
    ]
    periods: Periods
    model: Model = Model()
    streams: dict[str, Stream] = Field(min_length=1)
    twin: Twin | None = None
    calibration: Calibration
    execution: Execution = Execution()
