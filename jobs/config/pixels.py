"""Where the pixels of a run are: one tower, a table, a region, or made up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    PositiveFloat,
    Tag,
    field_validator,
    model_validator,
)

from jobs.config.place_checks import place_fault
from jobs.config.section import Name, Period, Section


class _Place(Section):
    name: Name = Field(description="what tables and figures call it")
    latitude: float = Field(ge=-90, le=90, description="degrees_north")
    longitude: float = Field(ge=-180, le=180, description="degrees_east")
    elevation: float = Field(ge=-450, le=9000, description="m")
    sand: float = Field(ge=0, le=100, description="% by weight")
    clay: float = Field(ge=0, le=100, description="% by weight")

    @model_validator(mode="after")
    def _soil_sums(self) -> _Place:
        if self.sand + self.clay > 100:
            raise ValueError("wanted: sand + clay of at most 100 %")
        fault = place_fault(self.latitude, self.longitude, self.sand, self.clay)
        if fault is not None:
            raise ValueError(
                f"wanted: {fault.what}: {fault.wanted}, not {fault.found}. {fault.hint}"
            )
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


class PixelTable(Section):
    """Many places, one row each, with prepared files for each of them."""

    source: Literal["table"]
    table: Path = Field(
        description="CSV: id, latitude, longitude, elevation, sand, clay; optional name"
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


class TowerTable(Section):
    """Many towers, one row each, with a daily table of weather and fluxes each."""

    source: Literal["towers"]
    table: Path = Field(
        description="CSV: id, latitude, longitude, elevation; optional: name, sand, "
        "clay, class, spinup, calibration, validation (years), and any covariates"
    )
    tower: str = Field(
        description="daily table of each tower, such as daily/{id}.csv: date, tmin, "
        "tmax, prec, srad, vpd, pressure, and gpp, er, nee"
    )
    fapar: Path | None = Field(
        default=None, description="composites of all towers: id, date, fapar, good"
    )
    lai: str | None = Field(
        default=None, description="LAI of each tower: date, lai; such as lai/{id}.csv"
    )
    classes: list[str] | None = Field(
        default=None,
        min_length=1,
        description="only towers whose column class is one of these",
    )
    only: list[str] | None = Field(
        default=None, min_length=1, description="only towers with these ids"
    )
    vpd_ratio: float = Field(
        default=1.0,
        ge=0.5,
        le=3.0,
        description="the tables' vpd over its mean of 24 hours, by which it is divided",
    )
    wind: PositiveFloat = Field(
        default=3.0, description="m s-1, where the table has no wind"
    )
    sand: float = Field(default=45.0, ge=0, le=100, description="%, where not known")
    clay: float = Field(default=15.0, ge=0, le=100, description="%, where not known")
    co2: Annotated[
        Annotated[Literal["mauna_loa", "tower"], Tag("word")]
        | Annotated[PositiveFloat, Tag("number")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "number"),
    ] = Field(
        default="mauna_loa",
        description="annual means, the tower's own, or a number in ppm",
    )
    covariates: list[str] | None = Field(
        default=None,
        description="numeric columns of the table that may explain parameters; by "
        "itself every one that is no place and no year",
    )

    @field_validator("tower", "lai")
    @classmethod
    def _names_the_tower(cls, value: str | None) -> str | None:
        if value is not None and "{id}" not in value and "{name}" not in value:
            raise ValueError("wanted: {id} or {name} in the file name")
        return value


class Sample(Section):
    """Which pixels of a region are worked on."""

    choice: Literal["random", "environmental"] = Field(
        default="random",
        description="how calibration pixels are chosen; environmental: from clusters "
        "of climate and land",
    )
    fixed: Path | None = Field(
        default=None,
        description="environmental: CSV of sites to take in any case, such as towers: "
        "a column id, or latitude and longitude",
    )
    ecoregions: Path | None = Field(
        default=None,
        description="environmental: CSV of id and ecoregion (and land_cover); without "
        "it the region is one",
    )
    forest_above: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="mask: cells with a larger fraction of deciduous forest, 1",
    )
    screening: float = Field(
        default=0.1, ge=0, le=1, description="random fraction of the mask to screen, 1"
    )
    calibration: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="another fraction of the mask, to calibrate, 1",
    )
    places: (
        Annotated[
            Annotated[Path, Tag("word")] | Annotated[list[Any], Tag("values")],
            Discriminator(
                lambda value: "values" if isinstance(value, list) else "word"
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="in place of the calibration fraction: pixel ids and [latitude, "
        "longitude] pairs, or a CSV file with a column id, or latitude and longitude",
    )

    @field_validator("places", mode="after")
    @classmethod
    def _are_places(cls, value: Any) -> Any:
        if isinstance(value, list):
            if not value:
                raise ValueError("wanted: at least one place")
            for item in value:
                _require_place(item)
        return value

    @model_validator(mode="after")
    def _apart(self) -> Sample:
        if self.places is None and self.screening + self.calibration > 1:
            raise ValueError("wanted: screening + calibration of at most 1")
        return self

    @model_validator(mode="after")
    def _only_by_environment(self) -> Sample:
        if self.choice == "environmental" and self.places is not None:
            raise ValueError("wanted: places, or choice: environmental, not both")
        if self.choice == "random" and (self.fixed or self.ecoregions):
            raise ValueError(
                "wanted: choice: environmental, where fixed or ecoregions are given"
            )
        return self


def _require_place(item: Any) -> None:
    def number(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    a_pair = isinstance(item, list) and len(item) == 2 and all(map(number, item))
    if not (a_pair or (isinstance(item, int) and number(item))):
        raise ValueError(
            f"wanted: a pixel id or [latitude, longitude], where {item!r} was found"
        )


class RegionPixels(Section):
    """Pixels of a region cube: weather, soil and observations of all of them."""

    source: Literal["region"]
    cube: Path = Field(description="folder of the cube; see masm region --help")
    sample: Sample = Sample()

    @field_validator("sample", mode="before")
    @classmethod
    def _from_a_word(cls, value: Any) -> Any:
        """Take ``sample: environmental`` for ``sample: {choice: environmental}``."""
        if not isinstance(value, str):
            return value
        if value not in ("random", "environmental"):
            raise ValueError("wanted: random, environmental, or a mapping of keys")
        return {"choice": value}


Place = Annotated[
    SitePixel | GeneratedPixel | PixelTable | TowerTable | RegionPixels,
    Field(discriminator="source"),
]
