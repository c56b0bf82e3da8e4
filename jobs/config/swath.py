"""What a swath run is: a synthetic region seen on satellites' own footprints.

All cells share one window and the parameters of their vegetation types, so that such a
run has no pixels to calibrate one by one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from jobs.config.reader import read_as
from jobs.config.schema import Execution, Model
from jobs.config.section import Name, Period, Section

Hour = Annotated[float, Field(ge=0, lt=24)]


class EllipseShape(Section):
    """The footprint of a microwave radiometer."""

    kind: Literal["ellipse"]
    semi_major_km: PositiveFloat
    semi_minor_km: PositiveFloat
    half_power_km: PositiveFloat | None = Field(
        default=None, description="distance at which the antenna's gain is half"
    )


class QuadrilateralShape(Section):
    """The footprint of a spectrometer's pixel."""

    kind: Literal["quadrilateral"]
    length_km: PositiveFloat
    width_km: PositiveFloat


class CellsShape(Section):
    """A square of whole grid cells, such as a gridded product."""

    kind: Literal["cells"]
    size: PositiveInt = Field(default=1, description="cells along a side")


class SwathStream(Section):
    """One satellite stream: when it passes, what it sees, how well."""

    every_days: PositiveInt = Field(description="days between overpasses")
    utc: Hour = Field(description="hour of the overpass, UTC")
    per_pass: PositiveInt = Field(default=1, description="footprints of an overpass")
    footprint: Annotated[
        EllipseShape | QuadrilateralShape | CellsShape, Field(discriminator="kind")
    ]
    fraction: float = Field(ge=0, description="error as a fraction of the value, 1")
    floor: PositiveFloat = Field(description="smallest error, in the stream's unit")


class Grid(Section):
    """Where the cells are, their plants and years."""

    latitude: float = Field(ge=-85, le=85, description="centre, degrees_north")
    longitude: float = Field(ge=-180, le=180, description="centre, degrees_east")
    rows: PositiveInt
    columns: PositiveInt
    spacing: float = Field(default=0.25, gt=0, le=5, description="degrees")
    elevation: float = Field(default=0.0, ge=-500, le=9000, description="m")
    years: Period = Field(description="one window; the first years see nothing")
    spinup_years: PositiveInt = Field(
        default=1, description="years without observations"
    )
    vegetation: list[str] = Field(
        min_length=1, description="types whose fractions vary over the cells"
    )

    @model_validator(mode="after")
    def _some_years_see(self) -> Grid:
        if self.spinup_years > self.years.last - self.years.first:
            raise ValueError("wanted: fewer spinup_years than years")
        north = abs(self.latitude) + 0.5 * self.rows * self.spacing
        if north > 89.0:
            raise ValueError("wanted: a grid that ends before the pole")
        return self


class Minimiser(Section):
    """The search for the minimum."""

    starts: PositiveInt = Field(default=1, description="the prior, and drawn ones")
    max_evaluations: PositiveInt = Field(default=150, description="of each start")
    cost_tolerance: PositiveFloat = Field(default=1e-8, description="relative")


class Swath(Section):
    """The synthetic region and its observations."""

    grid: Grid
    streams: dict[str, SwathStream] = Field(min_length=1)
    truth_spread: float = Field(
        default=1.0, gt=0, le=3, description="of the truth about the prior, in sd"
    )
    minimiser: Minimiser = Minimiser()
    withhold: bool = Field(
        default=True, description="fit again with each stream left out in turn"
    )

    @field_validator("streams")
    @classmethod
    def _are_seen(cls, value: dict[str, SwathStream]) -> dict[str, SwathStream]:
        from jobs.process_models.dalec_bethy_region import OVERPASS_HOURS

        for name in value:
            if name not in OVERPASS_HOURS:
                raise ValueError(f"wanted: streams among {', '.join(OVERPASS_HOURS)}")
        return value


class SwathConfig(Section):
    """A whole swath run."""

    name: Name = Field(description="title of tables and figures")
    seed: int = Field(ge=0, lt=2**63, description="all random numbers come from here")
    swath: Swath
    execution: Execution = Execution()

    def in_folder(self, folder: Path) -> SwathConfig:
        """Return it as it is: a swath run names no files."""
        return self

    @property
    def model(self) -> Model:
        """The process model, which is compiled before tasks are handed out."""
        return Model(name="dalec_bethy", spinup_cycles=0)

    @property
    def folder(self) -> Path:
        """No file is named in it."""
        return Path()

    @property
    def experiments(self) -> list[str]:
        """``all``, then ``without NAME`` where streams are left out in turn."""
        names = list(self.swath.streams)
        more = names if self.swath.withhold and len(names) > 1 else []
        return ["all", *(f"without {name}" for name in more)]


def read_swath(run: Path) -> SwathConfig:
    """Read the configuration of a swath run.

    Raises
    ------
    ConfigError
        With every mistake found.
    """
    return read_as(SwathConfig, run / "config.yaml")[0]
